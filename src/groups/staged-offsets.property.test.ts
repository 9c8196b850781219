/**
 * Offsets of transactions among plain commits, deletions, expiry and time: whatever order they come in, a
 * coordinator that loads the log comes to what the one that wrote it had, and to what a model says that reads
 * the log's entries as text.
 */
import { expect, test } from 'vitest'
import type { Result } from '../../protocol/errors.ts'
import { ErrorCode } from '../../protocol/errors.ts'
import { SeededRandom } from '../platform/simulated/seeded-random.ts'
import { MINUTE, RETENTION_MS, ShardDriver } from './testing/shard-driver.ts'

const GROUPS = ['g', 'h']
const TOPICS = ['t', 'u']
const PARTITIONS = 2
const PRODUCERS = 3
const STEPS = 100

interface Value {
  readonly offset: bigint
  readonly at: number
}

/** Kafka's rules in as few words as possible: what is committed and staged, by `group topic-partition`. */
class Model {
  committed = new Map<string, Value>()
  staged = new Map<number, Map<string, Value>>()

  commit(key: string, value: Value, producer: number | undefined): void {
    if (producer === undefined) this.committed.set(key, value)
    else this.staged.set(producer, new Map(this.staged.get(producer)).set(key, value))
  }

  end(producer: number, isCommit: boolean): void {
    for (const [key, value] of this.staged.get(producer) ?? []) {
      const known = this.committed.get(key)
      if (isCommit && (known === undefined || known.at < value.at)) this.committed.set(key, value)
    }
    this.staged.delete(producer)
  }

  remove(isGone: (key: string) => boolean): void {
    for (const map of [this.committed, ...this.staged.values()]) {
      for (const key of map.keys()) if (isGone(key)) map.delete(key)
    }
  }

  isStaged(key: string): boolean {
    return [...this.staged.values()].some(staged => staged.has(key))
  }
}

class Run {
  private readonly driver = new ShardDriver()
  private readonly model = new Model()
  private readonly random: SeededRandom
  private next = 1n

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
  }

  private below(limit: number): number {
    return this.random.bytes(4).readUInt32BE() % limit
  }

  private pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!
  }

  run(): void {
    for (let step = 0; step < STEPS; step++) {
      this.step(this.below(100))
      this.check()
      if (this.below(10) === 0) this.driver.restart()
      this.check()
    }
  }

  private step(dice: number): void {
    const groupId = this.pick(GROUPS)
    const topic = this.pick(TOPICS)
    const partition = this.below(PARTITIONS)
    const producer = this.below(PRODUCERS)
    const key = `${groupId} ${topic}-${partition}`
    if (dice < 25) this.commit({ groupId, topic, partition })
    else if (dice < 60) this.commit({ groupId, topic, partition, producer })
    else if (dice < 85) this.end(producer, dice % 2 === 0)
    else if (dice < 90) this.deleteOffset(groupId, topic, partition, key)
    else if (dice < 93) this.deleteGroup(groupId)
    else if (dice < 95) this.forget(topic)
    else this.expire()
  }

  private commit({
    groupId,
    topic,
    partition,
    producer,
  }: {
    groupId: string
    topic: string
    partition: number
    producer?: number
  }): void {
    const offset = this.next++
    const at = this.driver.log.length
    const by = producer === undefined ? {} : { producer: { producerId: BigInt(producer), producerEpoch: 0 } }
    expect(this.driver.commit(groupId, { topic, partition, offset }, by)).toEqual([ErrorCode.NONE])
    this.model.commit(`${groupId} ${topic}-${partition}`, { offset, at }, producer)
  }

  private end(producer: number, isCommit: boolean): void {
    const marker = { producerId: BigInt(producer), producerEpoch: 0, coordinatorEpoch: 0, isCommit }
    this.driver.run<void>((shard, ticket) => shard.endTransaction(marker, ticket))
    this.model.end(producer, isCommit)
  }

  private deleteOffset(groupId: string, topic: string, partition: number, key: string): void {
    this.driver.run<Result<ErrorCode[]>>((shard, ticket) =>
      shard.deleteOffsets(groupId, [{ topic, partition }], ticket),
    )
    this.model.remove(each => each === key)
  }

  private deleteGroup(groupId: string): void {
    this.driver.run<ErrorCode>((shard, ticket) => shard.deleteGroup(groupId, ticket))
    this.model.remove(each => each.startsWith(`${groupId} `))
  }

  private forget(topic: string): void {
    this.driver.run<void>((shard, ticket) => shard.forgetTopics(new Set([topic]), ticket))
    this.model.remove(each => each.includes(` ${topic}-`))
  }

  /** All that is committed is old enough by then; what is staged keeps its partition's. */
  private expire(): void {
    this.driver.advance(RETENTION_MS + 20 * MINUTE)
    for (const key of [...this.model.committed.keys()]) {
      if (!this.model.isStaged(key)) this.model.committed.delete(key)
    }
  }

  private check(): void {
    const { offsets } = this.driver.shard
    const known: string[] = []
    const expected: string[] = []
    for (const groupId of GROUPS) {
      for (const topic of TOPICS) {
        for (let partition = 0; partition < PARTITIONS; partition++) {
          const key = `${groupId} ${topic}-${partition}`
          const offset = offsets.get(groupId, topic, partition)?.offset
          known.push(`${key} ${offset} ${offsets.hasStaged(groupId, topic, partition)}`)
          expected.push(`${key} ${this.model.committed.get(key)?.offset} ${this.model.isStaged(key)}`)
        }
      }
    }
    expect(known).toEqual(expected)
  }
}

test.each(Array.from({ length: 20 }, (_, seed) => seed))('offsets follow from the log, seed %i', seed => {
  new Run(seed).run()
})
