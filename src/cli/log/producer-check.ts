/**
 * Replays the producers of a log, batch by batch, and holds its snapshots and transaction indexes against
 * that. Where part of the log is missing (deleted, compacted, damaged) nothing can be said until the next
 * snapshot, which is then taken for right.
 */

import type { ProducerEntry } from '../../log/producer-state.ts'
import { lastSequenceOf, ProducerState } from '../../log/producer-state.ts'
import type { AbortedEntry } from '../../log/transaction-index.ts'
import type { RecordBatch } from '../../records/batch.ts'

export interface SnapshotFile {
  readonly offset: bigint
  /** Undefined for one that is damaged. */
  readonly entries: readonly ProducerEntry[] | undefined
  /** What is wrong with it. */
  readonly complain: (message: string) => void
}

export class ProducerCheck {
  private state = new ProducerState()
  /** All that was written before is known. */
  private isWhole: boolean
  private expectedOffset: bigint | undefined
  private readonly snapshots: SnapshotFile[]

  /** Rising snapshots. A log that begins at 0 is known from its beginning. */
  constructor(snapshots: readonly SnapshotFile[], logStartOffset: bigint) {
    this.snapshots = [...snapshots]
    this.isWhole = logStartOffset === 0n
  }

  get isKnown(): boolean {
    return this.isWhole
  }

  /** Returns the transaction that the batch ended by aborting it, as the index has to have it. */
  pass(batch: RecordBatch): AbortedEntry | undefined {
    const hasHole = batch.recordCount !== batch.lastOffsetDelta + 1
    const isNext = this.expectedOffset === undefined || batch.baseOffset === this.expectedOffset
    if (!isNext) this.isWhole = false
    this.settleSnapshots(batch.baseOffset)
    if (hasHole) this.isWhole = false
    this.expectedOffset = batch.nextOffset
    const completed = this.state.replay(batch, 0)
    if (!completed?.isAborted) return undefined
    const { producerId, firstOffset, lastOffset } = completed
    const lastStableOffset = this.state.lastStableOffsetAfter(completed)
    this.state.onHighWatermark(batch.nextOffset)
    return { producerId, firstOffset, lastOffset, lastStableOffset }
  }

  /** Something that could not be read. */
  lose(): void {
    this.isWhole = false
  }

  finish(logEndOffset: bigint): void {
    this.settleSnapshots(logEndOffset)
    for (const { complain, offset } of this.snapshots) {
      complain(`it is of offset ${offset}, and the log ends at ${logEndOffset}`)
    }
  }

  private settleSnapshots(upTo: bigint): void {
    while (this.snapshots[0] !== undefined && this.snapshots[0].offset <= upTo) {
      const { entries, complain } = this.snapshots.shift()!
      if (entries === undefined) continue
      const difference = this.isWhole ? this.differenceFrom(entries) : undefined
      if (difference !== undefined) complain(difference)
      if (this.isWhole) continue
      this.state = new ProducerState()
      this.state.load(structuredClone(entries))
      this.isWhole = true
    }
  }

  /** The producers that a snapshot has forgotten may be ones that had been silent for long. */
  private differenceFrom(entries: readonly ProducerEntry[]): string | undefined {
    const replayed = new Map([...this.state.producers()].map(entry => [entry.producerId, entry]))
    for (const entry of entries) {
      const own = replayed.get(entry.producerId)
      const who = `producer ${entry.producerId}`
      if (own === undefined) return `it has ${who}, of which the log before it has nothing`
      const difference = firstDifference(factsOf(entry), factsOf(own), entry.batches.length > 0)
      if (difference !== undefined) return `of ${who}, it says ${difference}`
      replayed.delete(entry.producerId)
    }
    for (const { producerId, currentTxnFirstOffset } of replayed.values()) {
      if (currentTxnFirstOffset < 0n) continue
      return `it lacks producer ${producerId}, with a transaction open since offset ${currentTxnFirstOffset}`
    }
    return undefined
  }
}

function factsOf(entry: ProducerEntry): Readonly<Record<string, number | bigint>> {
  return {
    producerEpoch: entry.epoch,
    currentTxnFirstOffset: entry.currentTxnFirstOffset,
    lastSequence: lastSequenceOf(entry),
    lastOffset: entry.batches.at(-1)?.lastOffset ?? -1n,
  }
}

/** A producer that was forgotten and came back has no batches for a while. */
function firstDifference(
  said: Readonly<Record<string, number | bigint>>,
  replayed: Readonly<Record<string, number | bigint>>,
  hasBatches: boolean,
): string | undefined {
  for (const [name, value] of Object.entries(said)) {
    if (!hasBatches && name.startsWith('last')) continue
    if (value !== replayed[name]) return `${name} ${value}, where the log says ${replayed[name]}`
  }
  return undefined
}
