// What a partition shows to readers of either isolation level, up to where a transaction that hangs lets them.

import type { Message } from 'node-rdkafka'
import { eventually, pause } from '../harness/processes.ts'
import { assignedConsumer, consume, disconnect, type Partition, watermarks } from '../harness/rdkafka.ts'

const DEADLINE_MS = 40_000

export interface Reading {
  readonly messages: readonly Message[]
  /** The high watermark, and how far reading came. */
  readonly end: number
  readonly reached: number
}

export type Isolation = 'read_committed' | 'read_uncommitted'

export async function readAs(bootstrap: string, place: Partition, isolation: Isolation): Promise<Reading> {
  const consumer = await assignedConsumer(bootstrap, [], { 'isolation.level': isolation })
  try {
    // A broker that has just come back does not lead yet.
    const marks = () => watermarks(consumer, place).catch(() => undefined)
    const { low, high: end } = await eventually(`${place.topic}-${place.partition}`, marks)
    const messages: Message[] = []
    let reached = low
    consumer.on('partition.eof', eof => {
      reached = Math.max(reached, eof.offset)
    })
    consumer.assign([{ topic: place.topic, partition: place.partition, offset: low }])
    const late = Date.now() + DEADLINE_MS
    while (reached < end && Date.now() < late) {
      messages.push(...(await consume(consumer, 10_000)))
      await pause(1)
    }
    return { messages, end, reached }
  } finally {
    await disconnect(consumer)
  }
}
