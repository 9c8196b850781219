/** Conversations with a broker that runs, and their transcripts as text. */
import type { Clock, Network } from '../platform/platform.ts'
import type { Entry, Side } from './talk.ts'

/** What a request takes to reach another process and have its effect there. */
const SETTLE_MS = 120

/** JSON with one line for each entry, so that differences are lines. */
export function asText(transcripts: Record<string, readonly Entry[]>): string {
  const blocks = Object.entries(transcripts).map(([name, entries]) => {
    const lines = entries.map(({ said, heard }) => `    ${JSON.stringify({ said, heard })}`)
    return `  ${JSON.stringify(name)}: [\n${lines.join(',\n')}\n  ]`
  })
  return `{\n${blocks.join(',\n')}\n}\n`
}

export function realSide(network: Network, clock: Clock, address: string): Side {
  const [host = '', port = ''] = address.split(':')
  const wait = (ms: number) => new Promise<void>(resolve => clock.after(ms, resolve))
  const now = () => clock.now()
  return { network, host, port: Number(port), now, wait, settle: () => wait(SETTLE_MS) }
}
