/**
 * Random transactions of several producers in one log, with rolls, restarts, crashes and truncations, against
 * a model that remembers what was appended: the last stable offset, the aborted transactions that readers are
 * told of, and what is known of producers follow from the batches alone.
 */
import { expect, test } from 'vitest'
import { SeededRandom } from '../platform/simulated/seeded-random.ts'
import { buildEndTransactionMarker } from '../records/builder.ts'
import type { Log } from './log.ts'
import { batchOf, must, Rig } from './testing/rig.ts'

const PRODUCERS = 4
const STEPS = 80

interface Appended {
  readonly offset: number
  readonly lastOffset: number
  readonly producer: number
  readonly kind: 'data' | 'plain' | 'COMMIT' | 'ABORT'
}

interface Ended {
  readonly producer: number
  readonly first: number
  readonly last: number
  /** Where the last stable offset could go then. */
  readonly stable: number
}

class Model {
  appended: Appended[] = []
  sequences = new Map<number, number>()

  open(): Map<number, number> {
    const open = new Map<number, number>()
    for (const { producer, kind, offset } of this.appended) {
      if (kind === 'data' && !open.has(producer)) open.set(producer, offset)
      else if (kind === 'COMMIT' || kind === 'ABORT') open.delete(producer)
    }
    return open
  }

  aborted(): Ended[] {
    const open = new Map<number, number>()
    const aborted: Ended[] = []
    for (const { producer, kind, offset } of this.appended) {
      const first = open.get(producer)
      if (kind === 'data' && first === undefined) open.set(producer, offset)
      if (kind !== 'COMMIT' && kind !== 'ABORT') continue
      open.delete(producer)
      if (kind === 'COMMIT' || first === undefined) continue
      const stable = Math.min(offset + 1, ...open.values())
      aborted.push({ producer, first, last: offset, stable })
    }
    return aborted
  }

  get end(): number {
    return (this.appended.at(-1)?.lastOffset ?? -1) + 1
  }

  truncate(offset: number): void {
    this.appended = this.appended.filter(each => each.lastOffset < offset)
  }
}

class Run {
  readonly model = new Model()
  private readonly rig: Rig
  private readonly random: SeededRandom
  private log!: Log

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    this.rig = new Rig({ config: { segmentBytes: 600, indexIntervalBytes: 100 } })
  }

  private below(limit: number): number {
    return this.random.bytes(4).readUInt32BE() % limit
  }

  async run(): Promise<void> {
    this.log = await this.rig.log()
    for (let step = 0; step < STEPS; step++) {
      await this.step(this.below(100))
      this.log.updateHighWatermark(this.log.logEndOffset)
      await this.check()
    }
  }

  private async step(dice: number): Promise<void> {
    const producer = this.below(PRODUCERS)
    if (dice < 45) await this.write(producer, true)
    else if (dice < 55) await this.write(PRODUCERS, false)
    else if (dice < 85) await this.endOf(producer)
    else if (dice < 90) this.log = await this.rig.restart()
    else if (dice < 95) this.log = await this.rig.crash()
    else if (dice < 97) await this.log.flush()
    else await this.truncate(this.model.end - this.below(6))
  }

  private async write(producer: number, isTransactional: boolean): Promise<void> {
    const values = Array.from({ length: 1 + this.below(3) }, (_, i) => `${i}`)
    const batch = isTransactional
      ? batchOf(values, {
          producerId: BigInt(producer),
          producerEpoch: 0,
          baseSequence: this.model.sequences.get(producer) ?? 0,
          isTransactional,
        })
      : batchOf(values)
    const { baseOffset, lastOffset } = must(
      await this.log.append(batch, { leaderEpoch: 0, origin: 'client' }),
    )
    if (isTransactional) {
      this.model.sequences.set(producer, (this.model.sequences.get(producer) ?? 0) + values.length)
    }
    this.note(baseOffset, lastOffset, producer, isTransactional ? 'data' : 'plain')
  }

  private async endOf(producer: number): Promise<void> {
    const type = this.below(2) === 0 ? 'COMMIT' : 'ABORT'
    const marker = buildEndTransactionMarker({
      type,
      coordinatorEpoch: 0,
      timestamp: 1_700_000_000_000n,
      producerId: BigInt(producer),
      producerEpoch: 0,
    })
    const { baseOffset } = must(await this.log.append(marker, { leaderEpoch: 0, origin: 'coordinator' }))
    this.note(baseOffset, baseOffset, producer, type)
  }

  private note(baseOffset: bigint, lastOffset: bigint, producer: number, kind: Appended['kind']): void {
    expect(Number(baseOffset)).toBe(this.model.end)
    this.model.appended.push({ offset: Number(baseOffset), lastOffset: Number(lastOffset), producer, kind })
  }

  /** Sequences go on from what is left. */
  private async truncate(offset: number): Promise<void> {
    if (offset < 0) return
    this.model.truncate(offset)
    await this.log.truncateTo(BigInt(this.model.end))
    this.model.sequences.clear()
    for (const { producerId, lastSequence } of this.log.activeProducers()) {
      this.model.sequences.set(Number(producerId), lastSequence + 1)
    }
  }

  private async check(): Promise<void> {
    const { log, model } = this
    expect(Number(log.logEndOffset)).toBe(model.end)
    const open = model.open()
    expect(Number(log.lastStableOffset)).toBe(Math.min(model.end, ...open.values()))
    const starts = log
      .activeProducers()
      .filter(each => each.currentTransactionStartOffset >= 0n)
      .map(each => [Number(each.producerId), Number(each.currentTransactionStartOffset)] as const)
    expect(new Map(starts)).toEqual(open)
    const aborted = model.aborted()
    for (const from of [0, this.below(model.end + 1)]) {
      const told = await log.abortedTransactions(BigInt(from), log.logEndOffset)
      const expected = aborted.filter(({ last }) => last >= from)
      expect(told.map(each => [Number(each.firstOffset), Number(each.lastOffset)])).toEqual(
        expected.map(({ first, last }) => [first, last]),
      )
    }
    const entries = await log.abortedEntries(0n, log.logEndOffset)
    expect(entries.map(entry => Number(entry.lastStableOffset))).toEqual(aborted.map(({ stable }) => stable))
  }
}

test.each(Array.from({ length: 10 }, (_, seed) => seed))(
  'what follows from the batches, seed %i',
  async seed => {
    await new Run(seed).run()
  },
)
