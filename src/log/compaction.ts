/**
 * Compacts one log: notes the latest offset of each key in the part that is not compacted yet, then copies
 * group after group of segments without what is superseded, and puts each copy in the place of its sources.
 * Bytes are looked at by `cleaning-task.ts`, in a thread of its own; here they are only read and written.
 */
import type { ComputeSession } from '../platform/platform.ts'
import { groupSegments } from './cleanable.ts'
import { CleanedFiles } from './cleaned-files.ts'
import type { CleaningReply, CleaningRequest, LastRecords } from './cleaning-task.ts'
import { DamagedSegment } from './damaged-segment.ts'
import type { Log } from './log.ts'
import { ENTRY_BYTES } from './offset-map.ts'
import type { BatchPlace, Segment } from './segment.ts'

/** Somebody needs the log as it is, or what was compacted is gone: nothing was lost, and nothing gained. */
export class CleaningAborted extends Error {
  override readonly name = 'CleaningAborted'
}

export interface CompactionOptions {
  readonly session: ComputeSession<CleaningRequest, CleaningReply>
  /** Random: four words. */
  readonly seed: Uint32Array
  /** Of the log when these were found. */
  readonly truncations: number
  readonly firstDirtyOffset: bigint
  readonly firstUncleanableOffset: bigint
  readonly mapBytes: number
  readonly loadFactor: number
  readonly chunkBytes: number
  readonly maxDecompressedBytes: number
  /** Called for all that is read and written: keeps to a rate, and throws where the work has to stop. */
  readonly pace: (bytes: number) => Promise<void>
}

export interface Compacted {
  /** Everything below it is compacted now. */
  readonly cleanedTo: bigint
  readonly bytesBefore: number
  readonly bytesAfter: number
}

/** Throws `DamagedSegment` where a batch is not what was written; that segment was not touched. */
export async function compactLog(log: Log, options: CompactionOptions): Promise<Compacted> {
  return new Compaction(log, options).run()
}

class Compaction {
  private readonly log: Log
  private readonly options: CompactionOptions
  private bytesBefore = 0
  private bytesAfter = 0

  constructor(log: Log, options: CompactionOptions) {
    this.log = log
    this.options = options
  }

  async run(): Promise<Compacted> {
    const { firstUncleanableOffset } = this.options
    const cleanedTo = (await this.noteKeys()) + 1n
    await this.send({
      type: 'clean',
      nowMs: BigInt(this.log.now()),
      deleteRetentionMs: BigInt(this.log.config.deleteRetentionMs),
      lastRecords: this.lastRecords(),
      endOffset: firstUncleanableOffset,
    })
    const sources = this.segmentsBelow(cleanedTo)
    for (const source of sources) await source.ready()
    await this.settleRecovery()
    for (const group of groupSegments(sources, this.log.config, firstUncleanableOffset)) {
      await this.cleanGroup(group)
    }
    return { cleanedTo, bytesBefore: this.bytesBefore, bytesAfter: this.bytesAfter }
  }

  /**
   * A start after a crash takes what lies behind the recovery point for damaged where it has gaps: nothing
   * that is compacted may lie there. Nor may a power failure take what records are dropped for: the marker of
   * a transaction, or a producer's last batch, which may come long after them.
   */
  private async settleRecovery(): Promise<void> {
    const { log } = this
    if (log.recoveryPoint < log.logEndOffset) await log.flush()
    if (!(await log.home.saveRecoveryPoints())) throw new CleaningAborted()
  }

  private segmentsBelow(offset: bigint): Segment[] {
    return this.log.segments.filter(segment => segment.baseOffset < offset)
  }

  private lastRecords(): LastRecords {
    const { producers } = this.log
    const records = new BigInt64Array(producers.size * 3)
    let at = 0
    for (const { producerId, epoch, batches } of producers.producers()) {
      records[at++] = producerId
      records[at++] = BigInt(epoch)
      records[at++] = batches.at(-1)?.lastOffset ?? -1n
    }
    return records
  }

  // Noting keys.

  /** Returns the last offset that is covered. */
  private async noteKeys(): Promise<bigint> {
    const { seed, firstDirtyOffset, firstUncleanableOffset, mapBytes, loadFactor } = this.options
    const room = Math.floor(mapBytes / ENTRY_BYTES)
    // As many keys as there are offsets, at most.
    const wanted = Math.ceil(Number(firstUncleanableOffset - firstDirtyOffset) / loadFactor) + 2
    const slots = Math.min(room, wanted)
    await this.send({
      type: 'map',
      slots,
      maxKeys: Math.max(1, Math.floor(slots * loadFactor)),
      seed,
      startOffset: firstDirtyOffset,
      maxDecompressedBytes: this.options.maxDecompressedBytes,
    })
    const entries = await this.log.abortedEntries(firstDirtyOffset, firstUncleanableOffset)
    await this.send({ type: 'aborted', entries })
    const sources = this.segmentsBelow(firstUncleanableOffset)
    let latest = firstDirtyOffset - 1n
    for (const [i, segment] of sources.entries()) {
      const nextOffset = sources[i + 1]?.baseOffset ?? firstUncleanableOffset
      if (nextOffset <= firstDirtyOffset) continue
      const from = (await this.findFirstDirty(segment))?.position ?? segment.sizeBytes
      const last = await this.feed(segment, from, bytes => this.send({ type: 'index', bytes }))
      if (last?.isFull) return last.latestOffset!
      latest = (await this.send({ type: 'indexed', nextOffset })).latestOffset!
    }
    return latest
  }

  private findFirstDirty(segment: Segment): Promise<BatchPlace | undefined> {
    return this.log.repairing(segment, () => segment.find(this.options.firstDirtyOffset))
  }

  // Copying.

  private async cleanGroup(sources: readonly Segment[]): Promise<void> {
    const { log } = this
    const first = sources[0]!
    const last = sources.at(-1)!
    const files = new CleanedFiles(log, { baseOffset: first.baseOffset, createdMs: last.createdMs })
    try {
      await this.send({
        type: 'segment',
        baseOffset: first.baseOffset,
        indexIntervalBytes: log.config.indexIntervalBytes,
      })
      await files.create()
      for (const source of sources) await this.copy(source, files)
      await files.add(await this.send({ type: 'finish' }))
      const cleaned = await files.finish()
      await this.options.pace(0)
      const replacement = { cleaned, sources, truncations: this.options.truncations }
      if (!(await log.replaceSegments(replacement))) throw new CleaningAborted()
    } catch (error) {
      await files.discard()
      throw error
    }
    for (const source of sources) this.bytesBefore += source.sizeBytes
    this.bytesAfter += files.sizeBytes
  }

  private async copy(source: Segment, files: CleanedFiles): Promise<void> {
    const { segments } = this.log
    const end = segments[segments.indexOf(source) + 1]?.baseOffset
    if (end === undefined) throw new CleaningAborted()
    await this.send({ type: 'aborted', entries: await this.log.abortedEntries(source.baseOffset, end) })
    await this.feed(source, 0, async bytes => {
      const reply = await this.send({ type: 'filter', bytes })
      if (reply.damage === undefined) await files.add(reply)
      await this.options.pace(reply.records?.byteLength ?? 0)
      return reply
    })
  }

  /** Sends a segment in chunks; returns the last reply, which may be that no more is wanted. */
  private async feed(
    segment: Segment,
    from: number,
    send: (bytes: Uint8Array) => Promise<CleaningReply>,
  ): Promise<CleaningReply | undefined> {
    const { chunkBytes, pace } = this.options
    const { sizeBytes } = segment
    return segment.withFile(async file => {
      let reply: CleaningReply | undefined
      let wanted = chunkBytes
      for (let position = from; position < sizeBytes; ) {
        const bytes = Buffer.allocUnsafeSlow(Math.min(wanted, sizeBytes - position))
        const { length } = bytes
        await pace(length)
        if ((await file.read(bytes, position)) < length) throw new CleaningAborted()
        reply = await send(bytes)
        const { damage, consumed = 0, needed = 0 } = reply
        if (damage !== undefined) {
          throw new DamagedSegment(`${segment.path} is damaged, from position ${position} on ${damage}`)
        }
        if (reply.isFull) return reply
        if (consumed === 0 && (needed <= length || needed > sizeBytes - position)) {
          throw new DamagedSegment(`${segment.path} is damaged at position ${position}: its end is cut off`)
        }
        position += consumed
        wanted = consumed === 0 ? needed : chunkBytes
      }
      return reply
    })
  }

  private send(request: CleaningRequest): Promise<CleaningReply> {
    return this.options.session.run(request)
  }
}
