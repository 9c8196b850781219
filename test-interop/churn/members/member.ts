// What the members share: their options, and the lines that they print. SIGTERM asks a member to leave.

import { writeSync } from 'node:fs'

export interface MemberOptions {
  readonly bootstrap: string
  readonly client: string
  readonly group: string
  readonly topic: string
  /** `group.protocol`: with `consumer` (KIP-848) the broker says how long sessions are. */
  readonly protocol: 'classic' | 'consumer'
  readonly sessionTimeoutMs: number
  readonly heartbeatMs: number
}

export const options = JSON.parse(process.argv[2]!) as MemberOptions

/** Written before anything is committed, so that nothing is committed that was not told. */
export function tellProcessed(partition: number, from: number, to: number): void {
  tell({ kind: 'processed', partition, from, to })
}

export function complain(text: string): void {
  tell({ kind: 'complaint', text })
}

/** Each record holds the number that its offset is. */
export function checkContent(partition: number, offset: number, value: Uint8Array | null): void {
  const text = value && Buffer.from(value).toString()
  if (text !== String(offset))
    complain(`offset ${offset} of partition ${partition} holds ${JSON.stringify(text)}`)
}

function tell(line: Record<string, unknown>): void {
  const bytes = Buffer.from(`${JSON.stringify({ at: Date.now(), client: options.client, ...line })}\n`)
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(1, bytes, written)
    } catch (error) {
      // The reader is behind, and the pipe does not block.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}
