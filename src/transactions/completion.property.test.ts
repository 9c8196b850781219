/** Verdicts of both protocols while commits are late, appends fail, leaders change, markers are refused. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { SeededRandom } from '../platform/simulated/seeded-random.ts'
import { LOCAL_BROKER } from '../replication/testing/replica-host.ts'
import { CoordinatorDriver } from './testing/coordinator-driver.ts'
import type { ProducerIdAndEpoch } from './transaction.ts'
import { TRANSACTION_TOPIC } from './transaction-coordinator.ts'

const FOLLOWER = 2
/** One partition for each transaction, so that a marker says whose it is. */
const TOPIC = 'effects'
const PARTITIONS = 30
const TICKS = 40
const RETRY_MS = 50

const AGAIN: readonly ErrorCode[] = [
  ErrorCode.CONCURRENT_TRANSACTIONS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.UNKNOWN_SERVER_ERROR,
]

class Run {
  readonly driver: CoordinatorDriver
  readonly random: SeededRandom
  /** Partitions that were added, and what their producer was told of the end, if anything. */
  readonly promised = new Map<number, 'COMMIT' | 'ABORT' | undefined>()
  isOver = false
  private isHeld = false
  private isRefusing = false
  private leaderEpoch = 0
  private nextIndex = 0

  constructor(driver: CoordinatorDriver, seed: number) {
    this.driver = driver
    this.random = new SeededRandom(seed)
  }

  async live(transactionalId: string, version: 0 | 2): Promise<void> {
    while (!this.isOver) {
      const begun = await this.insist(() =>
        this.driver.coordinator.initProducerId({ transactionalId, timeoutMs: 60_000, expected: undefined }),
      )
      let producer = begun.error ? undefined : begun.value
      while (producer && !this.isOver) producer = await this.transact(transactionalId, producer, version)
    }
  }

  /** The producer of the next transaction; undefined where it has to begin anew. */
  private async transact(
    transactionalId: string,
    producer: ProducerIdAndEpoch,
    clientTransactionVersion: 0 | 2,
  ): Promise<ProducerIdAndEpoch | undefined> {
    const { coordinator } = this.driver
    const who = { transactionalId, ...producer, clientTransactionVersion }
    if (this.nextIndex === PARTITIONS) {
      this.isOver = true
      return undefined
    }
    const index = this.nextIndex++
    const partitions = [{ topic: TOPIC, index }]
    const added = await this.insist(async () => {
      return { error: await coordinator.addPartitions({ ...who, partitions }) }
    })
    if (added.error) return undefined
    this.promised.set(index, undefined)
    const isCommit = this.random.below(2) === 0
    const ended = await this.insist(() => coordinator.endTransaction({ ...who, isCommit }))
    if (ended.error) return undefined
    this.promised.set(index, isCommit ? 'COMMIT' : 'ABORT')
    return ended.value
  }

  private async insist<T extends { readonly error: ErrorCode }>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      const answer = await ask()
      if (this.isOver || !AGAIN.includes(answer.error)) return answer
      await new Promise<void>(resolve => this.driver.host.clock.after(RETRY_MS, resolve))
    }
  }

  async tick(): Promise<void> {
    const { driver, random } = this
    switch (random.below(10)) {
      case 0:
      case 1:
        this.isHeld = !this.isHeld
        break
      case 2:
        this.isRefusing = !this.isRefusing
        await this.tellOfPartition()
        break
      case 3:
        if (random.below(4) === 0) this.leaderEpoch += 1
        await this.tellOfPartition()
        break
      case 4:
        driver.markers.codes.set(`${TOPIC}-${this.nextIndex}`, [
          ErrorCode.NOT_LEADER_OR_FOLLOWER,
          ErrorCode.REQUEST_TIMED_OUT,
        ])
        break
      case 5:
        await this.pass(30_000)
        break
    }
    await this.pass(random.below(120))
  }

  async calm(): Promise<void> {
    this.isHeld = false
    this.isRefusing = false
    await this.tellOfPartition()
    for (let seconds = 0; seconds < 80; seconds += 8) await this.pass(8_000)
  }

  async tellOfPartition(): Promise<void> {
    const isr = this.isRefusing ? [LOCAL_BROKER] : [LOCAL_BROKER, FOLLOWER]
    const replicas = [LOCAL_BROKER, FOLLOWER]
    const { leaderEpoch } = this
    await this.driver.host.changePartition(TRANSACTION_TOPIC, 0, { replicas, isr, leaderEpoch })
    this.driver.apply()
  }

  private async pass(ms: number): Promise<void> {
    const { host } = this.driver
    for (let turns = 0; turns < 3; turns++) {
      await host.clock.run(turns === 0 ? ms : 0)
      const partition = host.partition(TRANSACTION_TOPIC)
      if (!this.isHeld) partition.recordFollowerFetch(FOLLOWER, partition.logEndOffset)
    }
  }

  /** By partition, the verdicts of its markers. */
  verdicts(): Map<number, Set<string>> {
    const found = new Map<number, Set<string>>()
    for (const attempt of this.driver.markers.written) {
      const [verdict = '', , ...names] = attempt.split(' ')
      for (const name of names) {
        const index = Number(name.slice(TOPIC.length + 1))
        found.set(index, (found.get(index) ?? new Set()).add(verdict))
      }
    }
    return found
  }
}

test('every transaction has the markers of its own verdict, and none is left undecided', async () => {
  await fc.assert(
    fc.asyncProperty(fc.noShrink(fc.nat()), async seed => {
      const driver = await CoordinatorDriver.start()
      await driver.host.createTopic(TOPIC, { partitions: PARTITIONS })
      await driver.host.configureTopic(TRANSACTION_TOPIC, { 'min.insync.replicas': '2' })
      const run = new Run(driver, seed)
      await run.tellOfPartition()
      const lives = [run.live('classic', 0), run.live('bumping', 2)]
      for (let tick = 0; tick < TICKS && !run.isOver; tick++) await run.tick()
      run.isOver = true
      await run.calm()
      await Promise.all(lives)
      const verdicts = run.verdicts()
      for (const [index, promised] of run.promised) {
        const found = [...(verdicts.get(index) ?? [])]
        expect([index, found]).toEqual([index, [promised ?? found[0] ?? 'some marker']])
      }
      await driver.stop()
    }),
    { numRuns: 5, seed: 5 },
  )
})
