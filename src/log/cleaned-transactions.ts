/**
 * What compaction has to know of transactions while it walks over a log from its beginning: whether a batch
 * belongs to an aborted one, and whether the marker that ends one is still needed. A marker stays for as
 * long as any batch of its transaction is there, be it empty.
 */
import type { RecordBatch } from '../records/batch.ts'
import { readControlMarker } from '../records/lookup.ts'
import type { AbortedEntry } from './transaction-index.ts'

interface OngoingAbort {
  readonly entry: AbortedEntry
  hasBatches: boolean
}

export class CleanedTransactions {
  /** By first offset, not begun yet where the walk has come to. */
  private upcoming: AbortedEntry[] = []
  /** By producer. */
  private readonly aborted = new Map<bigint, OngoingAbort>()
  /** Producers with batches of a transaction that is not known to be aborted. */
  private readonly committed = new Set<bigint>()
  private retained: AbortedEntry[] = []

  /** Those that overlap what is walked over next; some of them may have been told before. */
  addAborted(entries: readonly AbortedEntry[]): void {
    const all = [...this.upcoming, ...entries]
    this.upcoming = all.sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1))
  }

  /** Whether the batch is of an aborted transaction. */
  onBatch(batch: RecordBatch): boolean {
    this.begin(batch.lastOffset)
    if (!batch.isTransactional) return false
    const ongoing = this.aborted.get(batch.producerId)
    if (ongoing === undefined) {
      this.committed.add(batch.producerId)
      return false
    }
    ongoing.hasBatches = true
    return true
  }

  /** Whether the marker may go: nothing of its transaction was met. */
  onControlBatch(batch: RecordBatch): boolean {
    this.begin(batch.lastOffset)
    if (batch.recordCount === 0) return true
    const marker = readControlMarker(batch)
    if (marker === undefined) return false
    const { producerId } = batch
    if (marker.type === 'COMMIT') return !this.committed.delete(producerId)
    const ongoing = this.aborted.get(producerId)
    this.aborted.delete(producerId)
    if (!ongoing?.hasBatches) return true
    this.retained.push(ongoing.entry)
    return false
  }

  /** Aborted transactions of which batches were met, since the last call: what the new index has to say. */
  takeRetained(): readonly AbortedEntry[] {
    const { retained } = this
    this.retained = []
    return retained
  }

  private begin(offset: bigint): void {
    let count = 0
    for (const entry of this.upcoming) {
      if (entry.firstOffset > offset) break
      count++
      if (!this.aborted.has(entry.producerId)) {
        this.aborted.set(entry.producerId, { entry, hasBatches: false })
      }
    }
    if (count > 0) this.upcoming.splice(0, count)
  }
}
