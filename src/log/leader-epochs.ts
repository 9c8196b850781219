/**
 * Which leader epoch began at which offset, in rising order of both. It answers how far an epoch reached,
 * which is how followers and consumers find where histories part (KIP-101), and lives in
 * `leader-epoch-checkpoint`.
 */
import type { EpochEntry } from './checkpoint.ts'

export class LeaderEpochs {
  private entries: EpochEntry[]
  /** Counts changes, so that the owner knows when the file is behind. */
  private changes = 0

  constructor(entries: readonly EpochEntry[] = []) {
    this.entries = []
    for (const entry of entries) this.assign(entry.epoch, entry.startOffset)
    this.changes = 0
  }

  get version(): number {
    return this.changes
  }

  get latest(): EpochEntry | undefined {
    return this.entries.at(-1)
  }

  get earliest(): EpochEntry | undefined {
    return this.entries[0]
  }

  list(): readonly EpochEntry[] {
    return this.entries
  }

  /**
   * An epoch begins at an offset. Nothing changes when it is known already from there on; entries that
   * contradict it (a later epoch, or one that begins at or after the same offset) were never in force and
   * go.
   */
  assign(epoch: number, startOffset: bigint): void {
    const latest = this.latest
    if (latest !== undefined && latest.epoch === epoch && startOffset >= latest.startOffset) return
    if (epoch < 0 || startOffset < 0n) return
    while (this.entries.length > 0) {
      const last = this.entries.at(-1)!
      if (last.epoch < epoch && last.startOffset < startOffset) break
      this.entries.pop()
    }
    this.entries.push({ epoch, startOffset })
    this.changes++
  }

  /**
   * The largest epoch up to the one asked for and the offset at which the next one begins. An epoch later
   * than all known ones is not known; for one earlier than all, the epoch itself is given back, with no data
   * (KIP-279).
   */
  endOffsetFor(epoch: number, logEndOffset: bigint): { leaderEpoch: number; endOffset: bigint } {
    const latest = this.latest
    if (epoch < 0 || latest === undefined || epoch > latest.epoch) return { leaderEpoch: -1, endOffset: -1n }
    if (epoch === latest.epoch) return { leaderEpoch: epoch, endOffset: logEndOffset }
    const next = this.entries.findIndex(entry => entry.epoch > epoch)
    const floor = this.entries[next - 1]
    return { leaderEpoch: floor?.epoch ?? epoch, endOffset: this.entries[next]!.startOffset }
  }

  epochForOffset(offset: bigint): number | undefined {
    for (let i = this.entries.length - 1; i >= 0; i--) {
      if (this.entries[i]!.startOffset <= offset) return this.entries[i]!.epoch
    }
    return undefined
  }

  /** Nothing at or above an offset is in the log any more. */
  truncateFromEnd(offset: bigint): void {
    const kept = this.entries.filter(entry => entry.startOffset < offset)
    if (kept.length === this.entries.length) return
    this.entries = kept
    this.changes++
  }

  /** Nothing below an offset is in the log any more; the epoch in force there begins there. */
  truncateFromStart(offset: bigint): void {
    const floor = this.entries.findLastIndex(entry => entry.startOffset <= offset)
    if (floor < 0 || (this.entries[floor]!.startOffset === offset && floor === 0)) return
    this.entries = this.entries.slice(floor)
    this.entries[0] = { epoch: this.entries[0]!.epoch, startOffset: offset }
    this.changes++
  }

  clear(): void {
    if (this.entries.length === 0) return
    this.entries = []
    this.changes++
  }
}
