// What a demonstration of a fault is, and the stage that it plays on: a Klamm in this process with its trace on, so that
// what the client did can be told by what it said.

import type { FaultDefinition, Klamm } from '../../src/embedded.ts'

export type Client = 'kafkajs' | 'librdkafka' | 'Java' | 'franz-go'

export interface Scenario {
  readonly client: Client
  /** What goes wrong, for a person. */
  readonly fault: string
  readonly rules: readonly FaultDefinition[]
  /** What the client does about it, for a person; the test asserts it. */
  readonly does: string
  /** The table tells what the trace has of these APIs, in the order of requests; with `!`, only their errors. */
  readonly story: readonly string[]
  readonly play: (stage: Stage) => Promise<void>
}

export interface Stage {
  readonly klamm: Klamm
  readonly bootstrap: string
  /** There are as many partitions as records are to be told apart by. */
  readonly topic: string
  /** Puts the scenario's rules in force. */
  disturb(): void
  /** The values that a topic holds in the end, in order of partition and offset; aborted ones are left out. */
  stored(topic?: string): Promise<(string | null)[]>
}

export const TOPIC = 'orders'

/** `Produce NOT_LEADER_OR_FOLLOWER, Metadata, Produce`: what was asked, and what went wrong with it. */
export function storyOf(klamm: Klamm, apis: readonly string[]): string {
  const told: string[] = []
  for (const exchange of klamm.trace.exchanges()) {
    const isTold = apis.includes(exchange.api)
    if (!isTold && !apis.includes(`${exchange.api}!`)) continue
    const errors = [...new Set(/[A-Z]{2,}(?:_[A-Z]+)+/g[Symbol.match](outcomeText(exchange.text())) ?? [])]
    // Whoever ends may leave a fetch behind.
    const lost = exchange.outcome === 'lost' && exchange.faults.length > 0 ? ['(lost)'] : []
    if (!isTold && errors.length === 0) continue
    const words = [exchange.api, ...errors, ...lost].join(' ')
    if (told.at(-1) !== words) told.push(words)
  }
  return told.join(', ')
}

/** What stands between the arrow and what faults are told. */
function outcomeText(text: string): string {
  const [, outcome = ''] = text.split(' => ')
  return outcome.split('  [fault')[0]!
}
