/** The three index files that belong to a segment. */
import type { Disk } from '../platform/platform.ts'
import type { IndexBytes } from './index-builder.ts'
import type { IndexCache } from './index-file.ts'
import { OffsetIndex } from './offset-index.ts'
import type { SegmentFiles } from './segment-files.ts'
import { TimeIndex } from './time-index.ts'
import { TransactionIndex } from './transaction-index.ts'

export class SegmentIndexes {
  readonly offsets: OffsetIndex
  readonly times: TimeIndex
  readonly transactions: TransactionIndex

  constructor(
    baseOffset: bigint,
    options: {
      readonly disk: Disk
      readonly cache: IndexCache
      readonly files: SegmentFiles
      readonly isNew: boolean
      readonly segmentBytes: () => number
    },
  ) {
    const { disk, cache, files, isNew, segmentBytes } = options
    const path = () => files.pathOf('.index')
    this.offsets = new OffsetIndex(baseOffset, { disk, cache, path, segmentBytes })
    this.times = new TimeIndex(baseOffset, { disk, cache, path: () => files.pathOf('.timeindex') })
    this.transactions = new TransactionIndex(disk, () => files.pathOf('.txnindex'), isNew)
  }

  async persist(sync: boolean): Promise<void> {
    await this.offsets.file.persist(sync)
    await this.times.file.persist(sync)
    await this.transactions.persist(sync)
  }

  /** Entries of offsets and times are to be made again, in the files. */
  async reset(): Promise<void> {
    await this.offsets.file.truncate(0)
    await this.times.reset()
  }

  /** Others take the place of all entries of offsets and times. */
  async beginAnew(entries: IndexBytes): Promise<void> {
    await this.offsets.file.beginAnew(entries.offsets)
    await this.times.beginAnew(entries.times)
  }
}
