/** Random producers, of both protocols, zombies among them, with crashes and time. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { ShardDriver } from './testing/shard-driver.ts'
import { LAST_EPOCH, type ProducerIdAndEpoch, type TransactionSnapshot } from './transaction.ts'
import { readTransactionRecord, transactionRecord } from './transaction-records.ts'

const IDS = ['one', 'two'] as const
const transactionalId = fc.constantFrom(...IDS)
/** Which of those that were ever told to a producer of this id it takes itself for; 0 is the latest. */
const age = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat({ max: 4 }))
const version = fc.constantFrom(0, 2)

const step = fc.oneof(
  fc.record({ kind: fc.constant('begin' as const), transactionalId, age, isAgain: fc.boolean() }),
  fc.record({ kind: fc.constant('add' as const), transactionalId, age, index: fc.nat({ max: 2 }), version }),
  fc.record({ kind: fc.constant('end' as const), transactionalId, age, isCommit: fc.boolean(), version }),
  fc.record({ kind: fc.constant('complete' as const), transactionalId }),
  fc.record({ kind: fc.constant('advance' as const), ms: fc.constantFrom(10, 1_500, 70_000) }),
  fc.record({ kind: fc.constant('restart' as const) }),
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** One run: the shard, and what producers were told. */
class Run {
  readonly driver = new ShardDriver()
  readonly told = new Map<string, ProducerIdAndEpoch[]>(IDS.map(id => [id, []]))

  constructor(featureVersion: number, firstEpoch: number) {
    this.driver.featureVersion = featureVersion
    for (const id of IDS) {
      const { producerId } = this.driver.begin(id).value!
      // As if its producers had begun so often before.
      const snapshot = { ...this.driver.state(id)!, producerEpoch: firstEpoch }
      const record = transactionRecord({ transactionalId: id, value: snapshot }, featureVersion > 0 ? 1 : 0)
      this.driver.log.push({ ...record, offset: 0n, producerId: -1n, producerEpoch: -1 })
      this.told.get(id)!.push({ producerId, producerEpoch: firstEpoch })
    }
    this.driver.restart()
  }

  who(id: string, age: number): ProducerIdAndEpoch {
    const told = this.told.get(id)!
    return told[Math.max(0, told.length - 1 - age)]!
  }

  do(step: Step): void {
    const { driver } = this
    switch (step.kind) {
      case 'begin': {
        const expected = step.isAgain ? this.who(step.transactionalId, step.age) : undefined
        this.hear(step.transactionalId, driver.begin(step.transactionalId, expected).value)
        return
      }
      case 'add':
        driver.add(step.transactionalId, this.who(step.transactionalId, step.age), step.index, step.version)
        return
      case 'end': {
        const { transactionalId, isCommit, version } = step
        const { value } = driver.end(transactionalId, this.who(transactionalId, step.age), isCommit, version)
        this.hear(transactionalId, value)
        return
      }
      case 'complete':
        driver.complete(step.transactionalId)
        return
      case 'advance':
        driver.advance(step.ms)
        return
      case 'restart':
        driver.restart()
    }
  }

  private hear(id: string, told: ProducerIdAndEpoch | undefined): void {
    if (told) this.told.get(id)!.push(told)
  }
}

const runs = fc.record({
  featureVersion: fc.constantFrom(0, 1, 2),
  firstEpoch: fc.constantFrom(0, LAST_EPOCH - 3),
  steps: fc.array(step, { minLength: 1, maxLength: 60 }),
})

function play({
  featureVersion,
  firstEpoch,
  steps,
}: {
  featureVersion: number
  firstEpoch: number
  steps: Step[]
}): Run {
  const run = new Run(featureVersion, firstEpoch)
  for (const step of steps) run.do(step)
  return run
}

function historyOf(run: Run): { readonly id: string; readonly value: TransactionSnapshot | null }[] {
  return run.driver.log.map(record => {
    const { transactionalId, value } = readTransactionRecord(record)!
    return { id: transactionalId, value }
  })
}

test('the state is what the log replays to', () => {
  fc.assert(
    fc.property(runs, each => {
      const run = play(each)
      const before = run.driver.states()
      run.driver.restart()
      expect(run.driver.states()).toEqual(before)
    }),
    { numRuns: 150 },
  )
})

test('T106 epochs of a producer id only grow, and an id once given belongs to one transactional id', () => {
  fc.assert(
    fc.property(runs, each => {
      const owners = new Map<bigint, string>()
      const epochs = new Map<bigint, number>()
      const current = new Map<string, bigint>()
      const retired = new Set<bigint>()
      for (const { id, value } of historyOf(play(each))) {
        if (!value) continue
        const { producerId, producerEpoch } = value
        expect(owners.get(producerId) ?? id).toBe(id)
        expect(retired.has(producerId)).toBe(false)
        expect(producerEpoch).toBeGreaterThanOrEqual(epochs.get(producerId) ?? 0)
        const previous = current.get(id)
        if (previous !== undefined && previous !== producerId) retired.add(previous)
        owners.set(producerId, id)
        epochs.set(producerId, producerEpoch)
        current.set(id, producerId)
      }
    }),
    { numRuns: 150 },
  )
})

const FOLLOWS: Readonly<Record<string, readonly string[]>> = {
  Empty: ['Empty', 'Ongoing', 'PrepareAbort'],
  Ongoing: ['Ongoing', 'PrepareCommit', 'PrepareAbort'],
  PrepareCommit: ['CompleteCommit'],
  PrepareAbort: ['CompleteAbort'],
  CompleteCommit: ['Empty', 'Ongoing', 'PrepareAbort'],
  CompleteAbort: ['Empty', 'Ongoing', 'PrepareAbort'],
}

test('a verdict is carried out as it fell, and nothing comes between', () => {
  fc.assert(
    fc.property(runs, each => {
      const last = new Map<string, TransactionSnapshot>()
      for (const { id, value } of historyOf(play(each))) {
        const before = last.get(id)
        if (!value) {
          last.delete(id)
          continue
        }
        if (before) expect(FOLLOWS[before.state]).toContain(value.state)
        const isEnded = value.state.startsWith('Complete')
        if (before?.state === 'Ongoing' && !isEnded) {
          for (const [topic, indexes] of before.partitions) {
            for (const index of indexes) expect(value.partitions.get(topic)?.has(index)).toBe(true)
          }
        }
        last.set(id, value)
      }
    }),
    { numRuns: 150 },
  )
})

test('T113 a zombie changes nothing: neither an earlier epoch nor an earlier id writes to the log', () => {
  const zombie = fc.record({
    isCommit: fc.boolean(),
    version,
    transactionalId,
    age: fc.integer({ min: 1, max: 6 }),
  })
  fc.assert(
    fc.property(runs, zombie, (each, { isCommit, version, transactionalId, age }) => {
      const run = play(each)
      const { driver } = run
      const state = driver.state(transactionalId)
      const stale = run.who(transactionalId, age)
      const isStale = stale.producerId !== state?.producerId || stale.producerEpoch < state.producerEpoch
      if (!isStale) return
      const written = driver.log.length
      expect(driver.add(transactionalId, stale, 0, version)).not.toBe(ErrorCode.NONE)
      driver.end(transactionalId, stale, isCommit, version)
      expect(driver.log).toHaveLength(written)
    }),
    { numRuns: 150 },
  )
})

test('whatever was decided is carried out in the end, also after a crash at any moment', () => {
  fc.assert(
    fc.property(runs, fc.boolean(), (each, isCrashed) => {
      const { driver } = play(each)
      if (isCrashed) driver.restart()
      driver.complete()
      for (const { state } of driver.states().values()) expect(state).not.toMatch(/^Prepare/)
    }),
    { numRuns: 150 },
  )
})
