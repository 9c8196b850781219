/**
 * A compacted log's past, from a seed: keyed records of all codecs and time types, tombstones, headers,
 * idempotent producers and transactions that are committed, aborted or left open. Remembers by offset what a
 * reader of committed records may see.
 */

import type { Random } from '../../platform/platform.ts'
import type { CompressionType } from '../../records/batch.ts'
import { RecordBatch } from '../../records/batch.ts'
import { buildBatch, buildEndTransactionMarker, type NewRecord } from '../../records/builder.ts'
import type { Log } from '../log.ts'
import { entriesOf, type Found } from './keyed.ts'
import { CLIENT, must, type Rig } from './rig.ts'

const CODECS = ['none', 'none', 'none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const COORDINATOR = { leaderEpoch: 0, origin: 'coordinator' } as const

export interface HistoryOptions {
  readonly random: Random
  readonly keys: number
  /** Only plain bytes, where what a codec makes of them must not differ. */
  readonly isPlain?: boolean
}

interface Producer {
  readonly producerId: bigint
  epoch: number
  sequence: number
  /** Undefined outside a transaction. */
  pending: Told[] | undefined
  firstOffset?: bigint
}

export interface Told {
  readonly offset: bigint
  readonly key: string
  readonly value: string | null
}

export class History {
  /** By offset: every record that is committed. */
  readonly committed = new Map<bigint, Told>()
  /** By offset: when the log was told of it. */
  readonly times = new Map<bigint, number>()
  private readonly options: HistoryOptions
  private readonly producers: Producer[]
  private count = 0

  constructor(options: HistoryOptions) {
    this.options = options
    this.producers = Array.from({ length: 6 }, (_, i) => ({
      producerId: BigInt(i + 1),
      epoch: 0,
      sequence: 0,
      pending: undefined,
    }))
  }

  /** Some appends, with time going on in between. */
  async go(rig: Rig, log: Log, steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      rig.clock.advance(this.below(50))
      await this.step(log)
      log.updateHighWatermark(log.logEndOffset)
    }
  }

  /** Every transaction comes to its end. */
  async settle(log: Log): Promise<void> {
    for (const producer of this.producers) {
      if (producer.pending !== undefined) await this.end(log, producer, 'ABORT')
    }
    log.updateHighWatermark(log.logEndOffset)
  }

  /** What a reader of committed records knows below an offset. */
  stateBelow(offset: bigint): Map<string, string> {
    const state = new Map<string, string>()
    for (const told of [...this.committed.values()].sort((a, b) => (a.offset < b.offset ? -1 : 1))) {
      if (told.offset >= offset) break
      if (told.value === null) state.delete(told.key)
      else state.set(told.key, told.value)
    }
    return state
  }

  /** Where the oldest transaction begins that is open. */
  get firstOpenOffset(): bigint | undefined {
    const open = this.producers.filter(({ pending }) => pending !== undefined && pending.length > 0)
    return open.map(({ firstOffset }) => firstOffset!).sort((a, b) => (a < b ? -1 : 1))[0]
  }

  private async step(log: Log): Promise<void> {
    const dice = this.below(10)
    if (dice < 4) await this.append(log, undefined)
    else if (dice < 6) await this.append(log, this.producers[this.below(3)])
    else {
      const producer = this.producers[3 + this.below(3)]!
      if (producer.pending === undefined) producer.pending = []
      else if (this.below(3) === 0) {
        await this.end(log, producer, this.below(2) === 0 ? 'COMMIT' : 'ABORT')
        return
      }
      await this.append(log, producer)
    }
  }

  private async append(log: Log, producer: Producer | undefined): Promise<void> {
    const { random, isPlain } = this.options
    const told: Omit<Told, 'offset'>[] = []
    const records: NewRecord[] = Array.from({ length: 1 + this.below(4) }, () => {
      const key = `key-${this.below(this.options.keys)}`
      const value = this.below(5) === 0 ? null : `value-${this.count++} ${'x'.repeat(this.below(40))}`
      told.push({ key, value })
      return {
        timestamp: BigInt(log.now() - this.below(1_000)),
        key: Buffer.from(key),
        value: value === null ? null : Buffer.from(value),
        headers: this.below(8) === 0 ? [{ key: 'h', value: random.bytes(3) }] : [],
      }
    })
    const compression: CompressionType = isPlain ? 'none' : CODECS[this.below(CODECS.length)]!
    const isTransactional = producer?.pending !== undefined
    const origin = producer && {
      producerId: producer.producerId,
      producerEpoch: producer.epoch,
      baseSequence: producer.sequence,
      isTransactional,
    }
    const bytes = Buffer.from(buildBatch({ records, compression, ...origin }))
    if (this.below(6) === 0) new RecordBatch(bytes).setLogAppendTime(BigInt(log.now()))
    const { baseOffset } = must(await log.append(bytes, CLIENT))
    if (producer) producer.sequence += records.length
    for (const i of told.keys()) this.times.set(baseOffset + BigInt(i), log.now())
    if (producer && producer.pending?.length === 0) producer.firstOffset = baseOffset
    for (const [i, record] of told.entries())
      this.note({ ...record, offset: baseOffset + BigInt(i) }, producer)
  }

  private note(told: Told, producer: Producer | undefined): void {
    if (producer?.pending) producer.pending.push(told)
    else this.committed.set(told.offset, told)
  }

  private async end(log: Log, producer: Producer, type: 'COMMIT' | 'ABORT'): Promise<void> {
    const { producerId, epoch: producerEpoch } = producer
    const timestamp = BigInt(log.now())
    const marker = buildEndTransactionMarker({
      type,
      coordinatorEpoch: 0,
      timestamp,
      producerId,
      producerEpoch,
    })
    must(await log.append(Buffer.from(marker), COORDINATOR))
    for (const told of type === 'COMMIT' ? producer.pending! : []) this.committed.set(told.offset, told)
    producer.pending = undefined
    if (this.below(4) === 0) {
      producer.epoch++
      producer.sequence = 0
    }
  }

  private below(bound: number): number {
    return this.options.random.below(bound)
  }
}

/** As a consumer with read_committed sees them. */
export async function committedEntries(log: Log): Promise<Found[]> {
  const end = log.lastStableOffset
  const aborted = await log.abortedTransactions(0n, end)
  const found = await entriesOf(log, batch => {
    if (!batch.isTransactional) return true
    const { producerId, baseOffset } = batch
    return !aborted.some(
      entry =>
        entry.producerId === producerId && entry.firstOffset <= baseOffset && baseOffset < entry.lastOffset,
    )
  })
  return found.filter(({ offset }) => offset < end)
}
