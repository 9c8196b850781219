/**
 * Walks the batches of a segment file from a position, in reads of a reasonable size. Either header by
 * header, which skips over records, or whole batches with their checksums, as recovery needs it.
 */
import type { DiskFile } from '../platform/platform.ts'
import { BATCH_HEADER_BYTES, LENGTH_AT, LOG_OVERHEAD_BYTES, MAGIC_AT, RecordBatch } from '../records/batch.ts'

export interface ScanOptions {
  readonly from: number
  /** Where the segment ends: nothing is read beyond. */
  readonly to: number
  /**
   * `headers`: only the 61 bytes are sure to be in the buffer (and the whole batch, if it is a control
   * batch).
   */
  readonly depth: 'headers' | 'checksums'
  readonly readBytes: number
}

/** Where the walk stopped, and why if it was not because of `to` or the visitor. */
export interface ScanEnd {
  readonly position: number
  readonly problem: string | undefined
}

/** Return true to stop before the next batch. The batch is a view that holds until the visitor returns. */
export type BatchVisitor = (batch: RecordBatch, position: number) => boolean | undefined

/** What fits a read that looks for one batch near an index entry. */
export const LOOKUP_BYTES = 8_192
export const RECOVERY_BYTES = 262_144

export async function scanBatches(
  file: DiskFile,
  options: ScanOptions,
  visit: BatchVisitor,
): Promise<ScanEnd> {
  const window = new Window(file, options)
  let position = options.from
  while (position < options.to) {
    const left = options.to - position
    if (left < BATCH_HEADER_BYTES) return { position, problem: `${left} bytes are left over` }
    await window.ensure(position, BATCH_HEADER_BYTES)
    const problem = window.headerProblem(position, left)
    if (problem !== undefined) return { position, problem }

    let batch = window.batch(position)
    const { sizeInBytes } = batch
    if (options.depth === 'checksums' || batch.isControl) {
      await window.ensure(position, sizeInBytes)
      batch = window.batch(position)
    }
    if (options.depth === 'checksums' && !batch.isChecksumValid()) {
      return { position, problem: 'the checksum does not match' }
    }
    if (visit(batch, position) === true) return { position, problem: undefined }
    position += sizeInBytes
  }
  return { position, problem: undefined }
}

/** The part of the file that is in memory. */
class Window {
  private readonly file: DiskFile
  private readonly options: ScanOptions
  private bytes = Buffer.alloc(0)
  private start = 0

  constructor(file: DiskFile, options: ScanOptions) {
    this.file = file
    this.options = options
  }

  batch(position: number): RecordBatch {
    return new RecordBatch(this.bytes, position - this.start)
  }

  headerProblem(position: number, left: number): string | undefined {
    const at = position - this.start
    const size = LOG_OVERHEAD_BYTES + this.bytes.readInt32BE(at + LENGTH_AT)
    const magic = this.bytes.readInt8(at + MAGIC_AT)
    if (magic !== 2) return `magic ${magic} is not 2`
    if (size < BATCH_HEADER_BYTES) return `a size of ${size} bytes is less than a batch header's`
    if (size > left) return `the batch takes ${size} bytes, ${left} are left`
    const batch = this.batch(position)
    if (batch.lastOffsetDelta < 0) return `the last offset delta is ${batch.lastOffsetDelta}`
    if (batch.baseOffset < 0n) return `the base offset is ${batch.baseOffset}`
    return undefined
  }

  async ensure(position: number, length: number): Promise<void> {
    const at = position - this.start
    if (at >= 0 && at + length <= this.bytes.length) return
    const wanted = Math.min(Math.max(length, this.options.readBytes), this.options.to - position)
    const bytes = Buffer.allocUnsafeSlow(wanted)
    const read = await this.file.read(bytes, position)
    if (read < length) throw new Error(`a segment ends at ${position + read}, not at ${this.options.to}`)
    this.bytes = bytes.subarray(0, read)
    this.start = position
  }
}
