// The two brokers that a suite runs against, with equal settings: Apache Kafka, which says what is right, and
// Klamm. SIDES=kafka (or klamm) leaves the other out, to prove new cases.

import { type Broker, type BrokerKind, startBroker } from '../harness/broker.ts'

export type Sides = Readonly<Record<BrokerKind, Broker | undefined>>

const wanted = (process.env.SIDES ?? 'kafka,klamm').split(',')

/** What a case needs shorter or wider than a single node's defaults; everything else is as it comes. */
const settings = {
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '1000',
  'group.consumer.min.heartbeat.interval.ms': '100',
  'group.consumer.heartbeat.interval.ms': '200',
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '1000',
  // Records with old timestamps have to outlive their case.
  'log.retention.ms': '-1',
  'log.message.timestamp.after.max.ms': '9223372036854775807',
}

export async function startSides(): Promise<Sides> {
  const start = (kind: BrokerKind) => (wanted.includes(kind) ? startBroker(settings, kind) : undefined)
  // Klamm first: it is up before the other's JVM has loaded its classes.
  const klamm = await start('klamm')
  const kafka = await start('kafka')
  return { kafka, klamm }
}

export async function disposeSides({ kafka, klamm }: Sides): Promise<void> {
  await Promise.all([kafka?.dispose(), klamm?.dispose()])
}
