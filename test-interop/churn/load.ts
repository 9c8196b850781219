// A steady load: so many records a second to every partition, each holding its number, with an idempotent producer that
// never gives up. Since nothing else writes, a record's number is its offset.

import { eventually } from '../harness/processes.ts'
import { connectProducer, disconnect } from '../harness/rdkafka.ts'

const TICK_MS = 50

export interface Load {
  /** Records that the broker has acknowledged. */
  readonly acknowledged: number
  /** Sends no more; resolves with the number of records of each partition when all are acknowledged. */
  finish(): Promise<ReadonlyMap<number, number>>
}

export async function startLoad(
  bootstrap: string,
  { topic, partitions, ratePerSecond }: { topic: string; partitions: number; ratePerSecond: number },
): Promise<Load> {
  const { producer } = await connectProducer(bootstrap, {
    'client.id': 'load',
    'enable.idempotence': true,
    'message.timeout.ms': 0,
    'reconnect.backoff.ms': 20,
    'reconnect.backoff.max.ms': 100,
    'linger.ms': 5,
  })
  const counts = new Array<number>(partitions).fill(0)
  let sent = 0
  let acknowledged = 0
  const errors: string[] = []
  producer.on('delivery-report', error => {
    acknowledged += 1
    if (error) errors.push(String(error))
  })
  const began = Date.now()
  const timer = setInterval(() => {
    const due = ((Date.now() - began) / 1_000) * ratePerSecond
    // A broker that is away leaves a backlog, which the client's own queue has to hold.
    for (; sent < due && sent - acknowledged < 50_000; sent += 1) {
      const partition = sent % partitions
      producer.produce(topic, partition, Buffer.from(String(counts[partition]!++)), null, null)
    }
  }, TICK_MS)
  return {
    get acknowledged() {
      return acknowledged
    },
    finish: async () => {
      clearInterval(timer)
      await eventually('the last acknowledgement', () => acknowledged === sent || undefined)
      await disconnect(producer)
      if (errors.length > 0) throw new Error(`the producer failed: ${errors[0]}`)
      return new Map(counts.entries())
    },
  }
}
