// A member of a chain with kafkajs. It sends neither generation nor member with the offsets of a transaction, and does
// not ask for stable offsets, so a member that lost a partition could still commit for it. What keeps it exact is the
// older way: one transactional id for each input partition. Whoever is given a partition initialises its producer,
// which fences the one before and ends what that one left open, and only then asks where to go on.

import kafkajs, { type Admin, type Consumer, type KafkaMessage, type Producer } from 'kafkajs'
import { chance, effectsOf, isLeaving, nextAttempt, option, pause, tell, work } from './worker.ts'

const kafka = new kafkajs.Kafka({
  clientId: option('attempts'),
  brokers: [option('bootstrap')],
  logLevel: kafkajs.logLevel.NOTHING,
  requestTimeout: 10_000,
  retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 40 },
})

/** What a member holds of a partition from one assignment to the next. */
interface Owned {
  readonly producer: Producer
  /** Where the next transaction begins. */
  next: bigint
}

class Member {
  readonly #consumer: Consumer
  readonly #admin: Admin
  readonly #owned = new Map<number, Owned>()

  constructor(consumer: Consumer, admin: Admin) {
    this.#consumer = consumer
    this.#admin = admin
    consumer.on(consumer.events.REBALANCING, () => this.#forget())
    consumer.on(consumer.events.GROUP_JOIN, () => this.#forget())
  }

  /** Partitions that it keeps are initialised again: that asks for nothing but time. */
  #forget(): void {
    for (const { producer } of this.#owned.values()) producer.disconnect().catch(() => undefined)
    this.#owned.clear()
  }

  async process(partition: number, messages: readonly KafkaMessage[], isStale: () => boolean): Promise<void> {
    const owned = this.#owned.get(partition) ?? (await this.#own(partition))
    if (isStale() || isLeaving()) return
    const first = messages.findIndex(each => BigInt(each.offset) >= owned.next)
    const expected = first >= 0 && BigInt(messages[first]!.offset) === owned.next
    if (!expected) return this.#seek(partition, owned.next)
    const batch = messages.slice(first, first + Number(option('batch')))
    try {
      await this.#attempt(owned, partition, batch)
    } catch (error) {
      // Whether it was committed is found out by whoever owns the partition next.
      this.#owned.delete(partition)
      tell(`NOTE gives ${partition} up: ${String(error).replaceAll('\n', ' ')}`)
      await owned.producer.disconnect().catch(() => undefined)
    }
    this.#seek(partition, owned.next)
  }

  async #own(partition: number): Promise<Owned> {
    const transactionalId = `${option('group')}-${partition}`
    const transactionTimeout = Number(option('timeout'))
    const producer = kafka.producer({ transactionalId, transactionTimeout, maxInFlightRequests: 1 })
    await producer.connect()
    // The first transaction initialises the producer.
    await (await producer.transaction()).abort()
    const topic = option('input')
    const [offsets] = await this.#admin.fetchOffsets({ groupId: option('group'), topics: [topic] })
    const committed = offsets!.partitions.find(each => each.partition === partition)
    const next = BigInt(committed?.offset ?? -1)
    const owned = { producer, next: next < 0n ? 0n : next }
    this.#owned.set(partition, owned)
    return owned
  }

  async #attempt(owned: Owned, partition: number, batch: readonly KafkaMessage[]): Promise<void> {
    const attempt = nextAttempt()
    const commits = !chance(Number(option('aborts')))
    const transaction = await owned.producer.transaction()
    const messages = batch.flatMap(each => effectsOf(String(each.value), attempt))
    await transaction.send({ topic: option('output'), messages, acks: -1 })
    const offset = BigInt(batch.at(-1)!.offset) + 1n
    const topics = [{ topic: option('input'), partitions: [{ partition, offset: String(offset) }] }]
    await transaction.sendOffsets({ consumerGroupId: option('group'), topics })
    if (commits) await transaction.commit()
    else await transaction.abort()
    if (commits) owned.next = offset
    tell(`${commits ? 'COMMITTED' : 'ABORTED'} ${attempt} ${batch.length}`)
  }

  #seek(partition: number, offset: bigint): void {
    this.#consumer.seek({ topic: option('input'), partition, offset: String(offset) })
  }
}

async function session(): Promise<void> {
  const consumer = kafka.consumer({
    groupId: option('group'),
    sessionTimeout: Number(option('session')),
    rebalanceTimeout: 10_000,
    heartbeatInterval: 300,
    maxWaitTimeInMs: 100,
    readUncommitted: false,
  })
  const admin = kafka.admin()
  let crash: Error | undefined
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    crash = payload.error
  })
  try {
    await admin.connect()
    await consumer.connect()
    await consumer.subscribe({ topics: [option('input')], fromBeginning: true })
    const member = new Member(consumer, admin)
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, isStale }) => {
        await member.process(batch.partition, batch.messages, isStale)
      },
    })
    while (!isLeaving() && !crash) await pause(50)
    if (crash) throw crash
  } finally {
    await Promise.race([Promise.allSettled([consumer.disconnect(), admin.disconnect()]), pause(5_000)])
  }
}

await work(session)
