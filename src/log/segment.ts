/**
 * One segment: a file of batches in order, its indexes, and the running facts that place index entries and
 * decide on rolling. The last segment of a log is appended to; the others never change but to be removed.
 */
import type { Disk, DiskFile } from '../platform/platform.ts'
import { BATCH_HEADER_BYTES, RecordBatch } from '../records/batch.ts'
import { LOOKUP_BYTES, RECOVERY_BYTES, scanBatches } from './batch-scan.ts'
import { DamagedSegment, ifDamaged, refuseOldFormat, unlessDamaged } from './damaged-segment.ts'
import type { FilePool, PinnedFile, PoolMember } from './file-pool.ts'
import type { IndexCache } from './index-file.ts'
import { IndexRepair } from './index-repair.ts'
import type { LogConfig } from './log-config.ts'
import type { OffsetIndex, OffsetPosition } from './offset-index.ts'
import { greatestOffset } from './offsets.ts'
import { scanPastDamage } from './scan-past-damage.ts'
import { SegmentFacts } from './segment-facts.ts'
import { DELETED_SUFFIX, type LogLocation, SegmentFiles } from './segment-files.ts'
import { SegmentIndexes } from './segment-indexes.ts'
import type { TimeEntry, TimeIndex } from './time-index.ts'
import type { TransactionIndex } from './transaction-index.ts'

/** Offsets within a segment are relative int32, positions too. */
const MAX_RELATIVE_OFFSET = 0x7fff_ffffn

export interface SegmentServices {
  readonly disk: Disk
  readonly files: FilePool
  readonly indexes: IndexCache
  readonly location: LogLocation
}

export interface SegmentOptions {
  readonly baseOffset: bigint
  readonly sizeBytes: number
  readonly createdMs: number
  /** Nothing is on disk yet. */
  readonly isNew: boolean
  /** `.swap` for one that is about to take its place; `.deleted` for one that has left it. */
  readonly suffix?: string
  /** The last of its log. */
  readonly isWritable: boolean
  readonly rollJitterMs: number
  /** For indexes that are made anew. */
  readonly indexIntervalBytes: number
}

export interface SegmentScan {
  readonly from: number
  readonly to?: number
  /** Already open; taken from the pool otherwise. */
  readonly file?: DiskFile | undefined
  readonly depth: 'headers' | 'checksums'
  readonly readBytes: number
}

/** A segment as recovery left it. */
export interface RecoveredSegment {
  /** Position of what was not synced for certain. */
  readonly from: number
  readonly cutBytes: number
  readonly reason: string | undefined
  /** Behind its last batch, or the recovery point: nothing below is lost, but compaction may leave a gap. */
  readonly nextOffset: bigint
}

/** Of an append that may come into the next segment. */
export interface RollRequest {
  readonly sizeBytes: number
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  readonly maxTimestamp: bigint
  readonly now: number
  /** Appends that go out in the same write before it. */
  readonly ahead: { readonly bytes: number; readonly count: number }
}

export interface BatchPlace {
  readonly position: number
  readonly sizeBytes: number
  readonly baseOffset: bigint
  readonly leaderEpoch: number
}

export class Segment implements PoolMember {
  readonly baseOffset: bigint
  readonly createdMs: number
  isWritable: boolean
  readonly names: SegmentFiles
  private readonly services: SegmentServices
  private readonly rollJitterMs: number
  readonly indexIntervalBytes: number
  private readonly repair: IndexRepair
  private size: number
  private facts: SegmentFacts
  private isReady: boolean
  /** The batches are known to come to the file's very end. */
  private isEndKnown: boolean
  private readying: Promise<void> | undefined
  private readonly isNew: boolean
  private madeIndexes: SegmentIndexes | undefined

  constructor(services: SegmentServices, options: SegmentOptions) {
    this.services = services
    this.baseOffset = options.baseOffset
    this.size = options.sizeBytes
    this.createdMs = options.createdMs
    this.rollJitterMs = options.rollJitterMs
    this.indexIntervalBytes = options.indexIntervalBytes
    this.isWritable = options.isWritable
    const { disk, location } = services
    const { baseOffset, suffix = '' } = options
    this.names = new SegmentFiles({ disk, location, baseOffset, suffix })
    this.facts = new SegmentFacts(options.baseOffset)
    this.repair = new IndexRepair(this)
    this.isReady = options.isNew
    this.isEndKnown = options.isNew
    this.isNew = options.isNew
  }

  get offsetIndex(): OffsetIndex {
    return this.indexes.offsets
  }

  get timeIndex(): TimeIndex {
    return this.indexes.times
  }

  get transactionIndex(): TransactionIndex {
    return this.indexes.transactions
  }

  /** Made at the first need: a segment that nobody looks into costs little more than its name. */
  get indexes(): SegmentIndexes {
    if (this.madeIndexes === undefined) {
      const { disk, indexes: cache } = this.services
      const { names: files, isNew } = this
      const segmentBytes = () => this.size
      this.madeIndexes = new SegmentIndexes(this.baseOffset, { disk, cache, files, isNew, segmentBytes })
    }
    return this.madeIndexes
  }

  get sizeBytes(): number {
    return this.size
  }

  get path(): string {
    return this.names.pathOf('.log')
  }

  /**
   * Before the first append or look-up in a segment found on disk: learns what they need from its files.
   * Index files that are missing or make no sense are made anew.
   */
  async ready(): Promise<void> {
    if (this.isReady) return
    this.readying ??= this.readState()
    try {
      await this.readying
    } finally {
      this.readying = undefined
    }
  }

  private async readState(): Promise<void> {
    const first = { from: 0, depth: 'headers', readBytes: BATCH_HEADER_BYTES } as const
    const note = (batch: RecordBatch) => {
      this.facts.firstTimestamp = batch.maxTimestamp
      return true
    }
    await this.scan(first, note).catch(unlessDamaged)
    // Retention goes by the last time entry: it has to be what the batches say. Where it is those that are
    // damaged, what is before them is found all the same.
    const isWhole = await this.openIndexes()
    if (isWhole && (await this.isTrue(this.timeIndex.lastEntry).catch(ifDamaged(true))))
      this.facts.adopt(this.timeIndex.lastEntry)
    else await this.repair.rebuild()
    this.isReady = true
  }

  private async openIndexes(): Promise<boolean> {
    const areWhole = await Promise.all([this.offsetIndex.file.open(), this.timeIndex.open()])
    if (areWhole.includes(false)) return false
    return (await this.offsetIndex.isSound(this.size)) && (await this.timeIndex.isSound())
  }

  // Appending.

  /**
   * Everything that `noteAppended` changes is in memory, and the file ends where the log does: a clean start
   * takes that from the checkpoints, and it is made sure of here, before anything is written behind it.
   */
  async readyToAppend(logEndOffset: bigint): Promise<void> {
    await this.ready()
    await this.transactionIndex.entries()
    if (this.isEndKnown) return
    const end = await this.readNextOffset()
    if (end === logEndOffset) return
    throw new DamagedSegment(`${this.path} ends at offset ${end}, and the log at ${logEndOffset}`)
  }

  /** The file of a new segment; what an earlier, failed attempt may have left there is cut off. */
  async create(): Promise<void> {
    await this.setSize(0)
  }

  shouldRoll(request: RollRequest, config: LogConfig): boolean {
    const { segmentBytes, segmentMs, segmentIndexBytes } = config
    const { bytes, count } = request.ahead
    const size = this.size + bytes
    // One that is larger than a segment may be gets one to itself.
    if (size === 0 && request.baseOffset === this.baseOffset) return false
    if (size > segmentBytes - request.sizeBytes) return true
    if (size > 0 && this.ageAt(request) > segmentMs - this.rollJitterMs) return true
    if (this.offsetIndex.isFull(segmentIndexBytes, count)) return true
    if (this.timeIndex.isFull(segmentIndexBytes, count)) return true
    return request.lastOffset - this.baseOffset > MAX_RELATIVE_OFFSET
  }

  /** By record time, from the first batch on, where records have times; by its own age otherwise. */
  private ageAt(request: RollRequest): number {
    const first = this.facts.firstTimestamp
    if (first !== undefined && first >= 0n) return Number(request.maxTimestamp - first)
    return request.now - this.createdMs
  }

  noteAppended(batch: RecordBatch, indexIntervalBytes: number): void {
    this.noteBatch(batch, this.size, indexIntervalBytes)
    this.size += batch.sizeInBytes
  }

  private noteBatch(batch: RecordBatch, position: number, indexIntervalBytes: number): void {
    if (!this.facts.note(batch, indexIntervalBytes)) return
    this.offsetIndex.append(batch.lastOffset, position)
    this.noteMaxTimestamp()
  }

  private noteMaxTimestamp(): void {
    this.timeIndex.maybeAppend(this.facts.maxTimestamp, this.facts.offsetOfMaxTimestamp)
  }

  get hasLongIndexTail(): boolean {
    return this.offsetIndex.file.hasLongTail || this.timeIndex.file.hasLongTail
  }

  async persistIndexes(sync: boolean): Promise<void> {
    if (this.isReady) await this.indexes.persist(sync)
  }

  /**
   * The segment is complete, or the log is being closed: the last time entry makes its greatest timestamp
   * known.
   */
  async seal(sync: boolean): Promise<void> {
    if (!this.isReady) return
    this.noteMaxTimestamp()
    await this.persistIndexes(sync)
  }

  // Cutting and repairing.

  async makeWritable(): Promise<void> {
    if (this.isWritable) return
    this.isWritable = true
    await this.services.files.forget(this)
  }

  /** Drops every batch that reaches an offset. Where it fails, it can be tried again. */
  async truncateTo(offset: bigint): Promise<void> {
    await this.ready()
    const place = await this.repairing(() => this.find(offset))
    await this.cutIndexes(offset)
    this.isEndKnown = true
    if (place !== undefined) await this.setSize(place.position)
    this.repair.noteCut()
    await this.repairing(() => this.noteBehindIndex(this.size)).catch(ifDamaged(true))
  }

  async cutIndexes(offset: bigint): Promise<void> {
    await this.offsetIndex.truncateToOffset(offset)
    await this.timeIndex.truncateToOffset(offset)
    await this.transactionIndex.truncateToOffset(offset)
  }

  /** Of the batches after the last index entries, up to a position. */
  private async noteBehindIndex(to: number): Promise<void> {
    const { facts } = this
    const { position } = await this.offsetIndex.lastEntry()
    const { lastEntry } = this.timeIndex
    facts.adopt(lastEntry)
    if (to === 0) facts.firstTimestamp = undefined
    facts.bytesSinceEntry = to - position
    const note = (batch: RecordBatch) => facts.noteTime(batch)
    // A damaged entry may have been cut off, now or in an earlier life, that told of a batch in between.
    const { position: from } = await this.offsetIndex.lookup(lastEntry.offset)
    await scanPastDamage(this, { from, to: position, onDamage: unlessDamaged }, note)
    await this.scan({ from: position, to, depth: 'headers', readBytes: LOOKUP_BYTES }, note)
  }

  async setSize(sizeBytes: number): Promise<void> {
    await this.withFile(file => file.truncate(sizeBytes))
    this.size = sizeBytes
  }

  /**
   * Looks once more where the indexes led astray, and have been made anew. By default for whoever has the
   * segment to itself.
   */
  repairing<T>(
    look: () => Promise<T>,
    alone: (repair: () => Promise<boolean>, reason: DamagedSegment) => Promise<unknown> = repair => repair(),
  ): Promise<T> {
    return this.repair.repairing(look, alone)
  }

  async visitAll(visit: (batch: RecordBatch, position: number) => void): Promise<void> {
    await this.scan({ from: 0, depth: 'headers', readBytes: RECOVERY_BYTES }, visit)
  }

  adopt(facts: SegmentFacts): void {
    this.facts = facts
  }

  /**
   * After an unclean stop: the batches from an offset on are checked and indexed anew, and the file is cut
   * before the first that is not intact, or does not follow. Those below were synced, as were their entries.
   */
  async recover(recoveryPoint: bigint, visit: (batch: RecordBatch) => void): Promise<RecoveredSegment> {
    // Before anything is touched.
    await this.withFile(file => refuseOldFormat(file, this.path, { from: 0, to: this.size }))
    const from = (await this.openIndexes()) ? await this.positionToRecover(recoveryPoint) : undefined
    if (from !== undefined) await this.noteBehindIndex(from).catch(ifDamaged(true))
    else {
      await this.indexes.reset()
      this.facts = new SegmentFacts(this.baseOffset)
      await this.transactionIndex.truncateToOffset(recoveryPoint)
      // Neither may come back without the other.
      if (recoveryPoint > this.baseOffset) await this.indexes.persist(true)
    }
    let end = { position: from ?? 0, problem: undefined as string | undefined }
    let lastOffset = this.baseOffset - 1n
    await this.withFile(async file => {
      const options = { from: end.position, to: this.size, readBytes: RECOVERY_BYTES }
      end = await scanBatches(file, { ...options, depth: 'checksums' }, (batch, position) => {
        const isBelow = from !== undefined && batch.lastOffset < recoveryPoint
        const isOutOfPlace = isBelow || batch.baseOffset <= lastOffset
        if (isOutOfPlace || batch.lastOffset - this.baseOffset > MAX_RELATIVE_OFFSET) return true
        lastOffset = batch.lastOffset
        this.noteBatch(batch, position, this.indexIntervalBytes)
        visit(batch)
        return undefined
      })
      await refuseOldFormat(file, this.path, { from: end.position, to: this.size })
    })
    const cutBytes = this.size - end.position
    if (cutBytes > 0) await this.setSize(end.position)
    this.offsetIndex.file.distrust()
    this.timeIndex.file.distrust()
    this.transactionIndex.distrust()
    this.isReady = true
    this.isEndKnown = true
    const reason = end.problem ?? (cutBytes > 0 ? 'its offset does not follow' : undefined)
    const least = from === undefined && cutBytes > 0 ? 0n : recoveryPoint
    return { from: from ?? 0, cutBytes, reason, nextOffset: greatestOffset(lastOffset + 1n, least) }
  }

  /** The same bytes and the same end, for the next sync. */
  async rewrite(from: number): Promise<void> {
    await this.withFile(async file => {
      await file.truncate(this.size)
      for (let at = from; at < this.size; at += RECOVERY_BYTES) {
        const bytes = Buffer.allocUnsafeSlow(Math.min(RECOVERY_BYTES, this.size - at))
        await file.write([bytes.subarray(0, await file.read(bytes, at))], at)
      }
    })
  }

  private async positionToRecover(recoveryPoint: bigint): Promise<number | undefined> {
    if (recoveryPoint <= this.baseOffset) return undefined
    try {
      let next = this.baseOffset
      const entry = await this.offsetIndex.lookup(recoveryPoint - 1n)
      let end = entry.position
      await this.scan({ from: end, depth: 'headers', readBytes: LOOKUP_BYTES }, (batch, position) => {
        this.checkEntry(entry, batch, position)
        // No checksum covers the offset itself, which may be torn.
        if (batch.lastOffset >= recoveryPoint || batch.baseOffset < next) return true
        next = batch.nextOffset
        end = position + batch.sizeInBytes
        // What comes behind may be torn all through.
        return next >= recoveryPoint
      })
      await this.cutIndexes(recoveryPoint)
      return (await this.doIndexesEndTruly()) ? end : undefined
    } catch (error) {
      return ifDamaged(undefined)(error)
    }
  }

  /**
   * Entries that were on their way to the disk when the power failed may read as zeros, and so seem to be of
   * batches long before. What was synced before them is as it was.
   */
  private async doIndexesEndTruly(): Promise<boolean> {
    if (this.offsetIndex.file.count > 0) {
      const { offset, position } = await this.offsetIndex.lastEntry()
      if (!(await this.holds(position, offset, batch => batch.lastOffset === offset))) return false
    }
    return this.isTrue(this.timeIndex.lastEntry).catch(ifDamaged(true))
  }

  /** Whether a time entry says what its batch says. Kafka of old named a record within the batch. */
  async isTrue({ offset, timestamp }: TimeEntry): Promise<boolean> {
    if (timestamp < 0n) return true
    const { position } = await this.offsetIndex.lookup(offset)
    const isIn = ({ baseOffset, lastOffset }: RecordBatch) => baseOffset <= offset && offset <= lastOffset
    return this.holds(position, offset, it => isIn(it) && it.maxTimestamp === timestamp)
  }

  private async holds(from: number, offset: bigint, isIt: (batch: RecordBatch) => boolean): Promise<boolean> {
    let isThere = false
    await this.firstWhere({ from }, batch => {
      isThere = isIt(batch)
      return batch.lastOffset >= offset
    })
    return isThere
  }

  /** No batch before the one that an entry leads to is behind its offset. */
  private checkEntry(entry: OffsetPosition, batch: RecordBatch, position: number): void {
    if (position === 0 || position !== entry.position || batch.lastOffset <= entry.offset) return
    throw new DamagedSegment(`${this.path}: its index leads astray at offset ${entry.offset}`)
  }

  // Looking up.

  /**
   * The greatest timestamp of the segment's records (-1 where they have none), and the last offset of its
   * batch.
   */
  async largestTimestamp(): Promise<{ readonly timestamp: bigint; readonly lastOffset: bigint }> {
    await this.ready()
    return { timestamp: this.facts.maxTimestamp, lastOffset: this.facts.offsetOfMaxTimestamp }
  }

  /** When the youngest record was made; when the file was last written, where it does not tell. */
  async youngestMs(): Promise<number> {
    const largest = await this.largestTimestamp().catch(ifDamaged(undefined))
    if (largest && largest.timestamp >= 0n) return Number(largest.timestamp)
    return (await this.services.disk.status(this.path))?.modifiedMs ?? this.createdMs
  }

  /** The offset behind the last batch. */
  async readNextOffset(): Promise<bigint> {
    await this.ready()
    const scan = async () => this.scanNextOffset((await this.offsetIndex.lastEntry()).position)
    const next = await this.repairing(scan)
    this.isEndKnown = true
    return next
  }

  /** The same without its indexes. */
  async scanNextOffset(from = 0, to = this.size): Promise<bigint> {
    let next = this.baseOffset
    await this.scan({ from, to, depth: 'headers', readBytes: LOOKUP_BYTES }, batch => {
      next = batch.nextOffset
    })
    return next
  }

  /**
   * The first batch that ends at or after an offset, which is the one that holds it unless there is a gap.
   */
  async find(offset: bigint, file?: DiskFile): Promise<BatchPlace | undefined> {
    await this.ready()
    const entry = await this.offsetIndex.lookup(offset)
    return this.firstWhere({ from: entry.position, file }, (batch, position) => {
      this.checkEntry(entry, batch, position)
      return batch.lastOffset >= offset
    })
  }

  /** The first batch from a position on of which the claim is true. */
  async firstWhere(
    range: { readonly from: number; readonly to?: number; readonly file?: DiskFile | undefined },
    isIt: (batch: RecordBatch, position: number) => boolean,
  ): Promise<BatchPlace | undefined> {
    let found: BatchPlace | undefined
    await this.scan({ ...range, depth: 'headers', readBytes: LOOKUP_BYTES }, (batch, position) => {
      if (!isIt(batch, position)) return false
      const { sizeInBytes: sizeBytes, baseOffset, partitionLeaderEpoch: leaderEpoch } = batch
      found = { position, sizeBytes, baseOffset, leaderEpoch }
      return true
    })
    return found
  }

  async readBatch(place: BatchPlace): Promise<RecordBatch> {
    const bytes = Buffer.allocUnsafeSlow(place.sizeBytes)
    await this.withFile(async file => {
      const read = await file.read(bytes, place.position)
      if (read < bytes.length) throw new DamagedSegment(`${this.path} is shorter than it was`)
    })
    return new RecordBatch(bytes, 0)
  }

  /** Throws where what is written is not a row of batches. */
  async scan(options: SegmentScan, visit: (batch: RecordBatch, position: number) => unknown): Promise<void> {
    const to = options.to ?? this.size
    if (options.from >= to) return
    const walk = async (file: DiskFile) => {
      const end = await scanBatches(file, { ...options, to }, (batch, at) => visit(batch, at) === true)
      if (end.problem === undefined) return
      await refuseOldFormat(file, this.path, { from: end.position, to })
      throw new DamagedSegment(`${this.path} is damaged at position ${end.position}: ${end.problem}`)
    }
    if (options.file !== undefined) await walk(options.file)
    else await this.withFile(walk)
  }

  pin(): Promise<PinnedFile> {
    return this.services.files.acquire(this)
  }

  async withFile<T>(use: (file: DiskFile) => Promise<T>): Promise<T> {
    const pinned = await this.pin()
    try {
      return await use(pinned.file)
    } finally {
      pinned.release()
    }
  }

  // Leaving.

  /** Renames the files out of the log's sight; who reads from them goes on. */
  async setAside(): Promise<void> {
    await this.changeSuffix(DELETED_SUFFIX, 'batches first')
    this.unload()
  }

  changeSuffix(suffix: string, order: 'batches first' | 'batches last'): Promise<void> {
    return this.names.changeSuffix(suffix, order)
  }

  /** The greatest timestamp of the first batch; undefined where there is none. */
  async firstTimestamp(): Promise<bigint | undefined> {
    await this.ready()
    return this.facts.firstTimestamp
  }

  async remove(): Promise<void> {
    await this.names.remove()
    await this.close()
  }

  /** Gives the handle back, once nobody reads from it. */
  async close(): Promise<void> {
    this.unload()
    await this.services.files.forget(this)
  }

  private unload(): void {
    this.madeIndexes?.offsets.file.unload()
    this.madeIndexes?.times.file.unload()
  }
}
