// A member of a chain with node-rdkafka: one transactional id for each process, and the group's metadata in each
// transaction, so that the group coordinator fences whoever lost its partitions (KIP-447). The client sends the
// metadata of the moment, not that under which records were consumed: a rebalance in the middle of a transaction would
// let it commit for partitions that it has lost. So rebalances wait until a transaction is over. And once a member was
// expelled its metadata is empty, and an empty one is not checked by any broker, unless the member is a static one.

import type { Assignment, KafkaConsumer, LibrdKafkaError, Message, Metadata, Producer } from 'node-rdkafka'
import { disconnect, rdkafka } from '../../harness/rdkafka.ts'
import { chance, effectsOf, isLeaving, nextAttempt, option, pause, tell, work } from './worker.ts'

const TIMEOUT_MS = 8_000
/** Longer than any call is allowed to take. */
const HANGS_AFTER_MS = 15_000

let guard: NodeJS.Timeout | undefined

/** The client can wait for ever for a coordinator that is back: that ends like a crash. */
function stillAlive(): void {
  clearTimeout(guard)
  guard = setTimeout(() => {
    tell('NOTE hangs, and is ended')
    process.exit(3)
  }, HANGS_AFTER_MS)
}

function answer<T>(
  ask: (callback: (error: LibrdKafkaError | null, value: T) => void) => unknown,
): Promise<T> {
  return new Promise((resolve, reject) => ask((error, value) => (error ? reject(error) : resolve(value))))
}

/** What can be asked for again has to be: it may have happened. */
async function again(ask: (callback: (error: LibrdKafkaError) => void) => unknown): Promise<void> {
  for (;;) {
    stillAlive()
    try {
      await answer<undefined>(callback => ask(error => callback(error ?? null, undefined)))
      return
    } catch (error) {
      if (!(error as LibrdKafkaError).isRetriable) throw error
      tell(`NOTE asks again: ${error}`)
    }
  }
}

/** Rebalances that wait until the transaction of the moment is over; on leaving there is none any more. */
class Rebalances {
  isLeaving = false
  readonly #waiting: { readonly code: number; readonly partitions: Assignment[] }[] = []

  add(consumer: KafkaConsumer, code: number, partitions: Assignment[]): void {
    this.#waiting.push({ code, partitions })
    if (this.isLeaving) this.settle(consumer)
  }

  settle(consumer: KafkaConsumer): void {
    for (const { code, partitions } of this.#waiting.splice(0)) {
      if (code === rdkafka().CODES.ERRORS.ERR__ASSIGN_PARTITIONS) consumer.assign(partitions)
      else consumer.unassign()
    }
  }
}

async function connectedConsumer(rebalances: Rebalances): Promise<KafkaConsumer> {
  const consumer: KafkaConsumer = new (rdkafka().KafkaConsumer)(
    {
      'bootstrap.servers': option('bootstrap'),
      'group.id': option('group'),
      'group.instance.id': option('transactional'),
      rebalance_cb(error: LibrdKafkaError, partitions: Assignment[]) {
        rebalances.add(consumer, error.code, partitions)
      },
      'isolation.level': 'read_committed',
      'enable.auto.commit': false,
      'session.timeout.ms': Number(option('session')),
      'heartbeat.interval.ms': 300,
      'reconnect.backoff.max.ms': 200,
      'fetch.wait.max.ms': 100,
    } as object,
    { 'auto.offset.reset': 'earliest' },
  )
  await answer<Metadata>(callback => consumer.connect({ timeout: TIMEOUT_MS }, callback))
  consumer.setDefaultConsumeTimeout(100)
  return consumer
}

async function connectedProducer(): Promise<Producer> {
  const producer = new (rdkafka().Producer)({
    'bootstrap.servers': option('bootstrap'),
    'transactional.id': option('transactional'),
    'transaction.timeout.ms': Number(option('timeout')),
    'reconnect.backoff.max.ms': 200,
    'linger.ms': 1,
  })
  await answer<Metadata>(callback => producer.connect({ timeout: TIMEOUT_MS }, callback))
  producer.setPollInterval(20)
  return producer
}

async function session(): Promise<void> {
  const rebalances = new Rebalances()
  let consumer: KafkaConsumer | undefined
  let producer: Producer | undefined
  try {
    consumer = await connectedConsumer(rebalances)
    producer = await connectedProducer()
    const initialised = producer
    await again(callback => initialised.initTransactions(TIMEOUT_MS, callback))
    consumer.subscribe([option('input')])
    while (!isLeaving()) {
      rebalances.settle(consumer)
      stillAlive()
      const messages = await consume(consumer)
      if (messages.length > 0) await attemptOne(consumer, producer, messages)
    }
  } finally {
    rebalances.isLeaving = true
    if (consumer) rebalances.settle(consumer)
    const clients = [consumer, producer].filter(each => each !== undefined)
    const late = pause(5_000).then(() => 'late')
    // A consumer that does not close goes on as a member of its group, with partitions of its own, and reads nothing.
    if ((await Promise.race([Promise.all(clients.map(each => disconnect(each))), late])) === 'late')
      process.exit(3)
  }
}

function consume(consumer: KafkaConsumer): Promise<Message[]> {
  return answer<Message[]>(callback => consumer.consume(Number(option('batch')), callback as never))
}

async function attemptOne(consumer: KafkaConsumer, producer: Producer, messages: Message[]): Promise<void> {
  const attempt = nextAttempt()
  let commits = !chance(Number(option('aborts')))
  await again(callback => producer.beginTransaction(callback))
  try {
    const offsets = new Map<number, number>()
    for (const { partition, offset, value } of messages) {
      for (const each of effectsOf(String(value), attempt)) {
        producer.produce(option('output'), each.partition, Buffer.from(each.value))
      }
      offsets.set(partition, offset + 1)
    }
    const positions = [...offsets].map(([partition, offset]) => ({
      topic: option('input'),
      partition,
      offset,
    }))
    await again(callback => producer.sendOffsetsToTransaction(positions, consumer, TIMEOUT_MS, callback))
    if (commits) await again(callback => producer.commitTransaction(TIMEOUT_MS, callback))
  } catch (error) {
    if (!(error as LibrdKafkaError).isTxnRequiresAbort) throw error
    tell(`NOTE aborts ${attempt}: ${error}`)
    commits = false
  }
  if (!commits) {
    await again(callback => producer.abortTransaction(TIMEOUT_MS, callback))
    await rewind(consumer)
  }
  tell(`${commits ? 'COMMITTED' : 'ABORTED'} ${attempt} ${messages.length}`)
}

/** Where it fails, the session ends: to go on at another offset would leave inputs out, or take them twice. */
async function rewind(consumer: KafkaConsumer): Promise<void> {
  const assigned = consumer.assignments()
  if (assigned.length === 0) return
  const committed = await answer<({ topic: string; partition: number; offset?: number } | Error)[]>(
    callback => consumer.committed(assigned, TIMEOUT_MS, callback as never),
  )
  for (const each of committed) {
    if (each instanceof Error) throw each
    const { topic, partition, offset = 0 } = each
    await answer<undefined>(callback =>
      consumer.seek({ topic, partition, offset }, 2_000, error => callback(error, undefined)),
    )
  }
}

await work(session)
