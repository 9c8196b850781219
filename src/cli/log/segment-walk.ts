/**
 * Goes through a segment file from end to end, whatever is in it: whole batches, batches with a wrong
 * checksum, messages of the old formats, and stretches that are none of these. Where recovery stops at the
 * first damage, this looks for the next batch behind it. Memory is bounded by the largest batch.
 */
import type { DiskFile } from '../../platform/platform.ts'
import {
  BATCH_HEADER_BYTES,
  inspectBatch,
  LENGTH_AT,
  LOG_OVERHEAD_BYTES,
  MAGIC_AT,
  type RecordBatch,
} from '../../records/batch.ts'
import { type Message, readMessage } from '../../records/legacy.ts'

export type SegmentItem = BatchItem | MessageItem | DamageItem

export interface BatchItem {
  readonly kind: 'batch'
  readonly position: number
  readonly sizeBytes: number
  /** A view that holds until the next item is asked for. */
  readonly batch: RecordBatch
  readonly isChecksumValid: boolean
}

/** Of format 0 or 1. */
export interface MessageItem {
  readonly kind: 'message'
  readonly position: number
  readonly sizeBytes: number
  readonly message: Message
}

/** Bytes that are no batch. */
export interface DamageItem {
  readonly kind: 'damage'
  readonly position: number
  readonly sizeBytes: number
  readonly reason: string
  /** Nothing follows: what a crash in the middle of a write leaves looks like this. */
  readonly isAtEnd: boolean
}

export interface WalkOptions {
  readonly from?: number
  /** Where the file ended when it was looked at; it may grow meanwhile. */
  readonly to: number
}

const READ_BYTES = 1_048_576
/** Of the header of a message of the old formats, which is shorter than a batch's. */
const LEAST_ENTRY_BYTES = MAGIC_AT + 1
/** Far beyond what brokers accept. A damaged length is not to cost as much memory as it says. */
const MOST_ENTRY_BYTES = 536_870_912
/** Two batches that follow one another are not further apart than a segment reaches. */
const FARTHEST_OFFSET = 0x8000_0000n

export async function* walkSegment(
  file: DiskFile,
  { from = 0, to }: WalkOptions,
): AsyncGenerator<SegmentItem> {
  const window = new FileWindow(file, to)
  let position = from
  let nextOffset = 0n
  while (position < to) {
    const found = await itemAt(window, position, nextOffset)
    const item = found.kind === 'damage' ? await stretchOfDamage(window, found, nextOffset) : found
    yield item
    position = item.position + item.sizeBytes
    if (item.kind === 'batch' && item.isChecksumValid) nextOffset = item.batch.nextOffset
    else if (item.kind === 'message') nextOffset = item.message.offset + 1n
  }
}

/** What begins at a position. Damage is one byte long until its end is looked for. */
async function itemAt(window: FileWindow, position: number, nextOffset: bigint): Promise<SegmentItem> {
  const damage = (reason: string): DamageItem => ({
    kind: 'damage',
    position,
    sizeBytes: 1,
    reason,
    isAtEnd: false,
  })
  const left = window.end - position
  if (left < LEAST_ENTRY_BYTES) return damage(`${left} bytes are left over`)
  const size = await window.entrySize(position)
  if (typeof size === 'string') return damage(size)
  if (size > left) return damage(`the batch takes ${size} bytes, ${left} are left`)
  const { buffer, at } = await window.view(position, size)
  if (buffer.readInt8(at + MAGIC_AT) < 2) return messageAt(buffer, at, { position, damage })

  const batch = inspectBatch(buffer, at)
  if ('problem' in batch) return damage(batch.message)
  const isChecksumValid = batch.isChecksumValid()
  // The length is not under the checksum: it is to be trusted where a batch follows on it.
  if (!isChecksumValid && !(await beginsEntry(window, position + size, nextOffset))) {
    return damage('the checksum of the batch does not match')
  }
  const view = await window.view(position, size)
  const whole = inspectBatch(view.buffer, view.at) as RecordBatch
  return { kind: 'batch', position, sizeBytes: size, batch: whole, isChecksumValid }
}

function messageAt(
  buffer: Buffer,
  at: number,
  { position, damage }: { readonly position: number; readonly damage: (reason: string) => DamageItem },
): SegmentItem {
  const read = readMessage(buffer, at)
  if (read.error) return damage(read.message ?? 'it is no message of the old formats')
  if (read.value === undefined) return damage('a message of the old formats is cut off')
  if (!read.value.isChecksumValid) return damage('the checksum of a message of an old format does not match')
  return { kind: 'message', position, sizeBytes: read.value.sizeInBytes, message: read.value }
}

/** Whether a whole batch or message is at a position, or the end of the file. */
async function beginsEntry(window: FileWindow, position: number, nextOffset: bigint): Promise<boolean> {
  if (position === window.end) return true
  if (window.end - position < LEAST_ENTRY_BYTES) return false
  const size = await window.entrySize(position)
  if (typeof size === 'string' || size > window.end - position) return false
  const { buffer, at } = await window.view(position, size)
  const offset = buffer.readBigInt64BE(at)
  if (offset < nextOffset || offset >= nextOffset + FARTHEST_OFFSET) return false
  if (buffer.readInt8(at + MAGIC_AT) === 2) return !('problem' in inspectBatch(buffer, at))
  const message = readMessage(buffer, at)
  return !message.error && message.value?.isChecksumValid === true
}

/** Up to the next intact batch. */
async function stretchOfDamage(
  window: FileWindow,
  damage: DamageItem,
  nextOffset: bigint,
): Promise<DamageItem> {
  let position: number | undefined = damage.position + 1
  for (; position !== undefined; position++) {
    position = await window.nextCandidate(position, nextOffset)
    if (position === undefined) break
    if (await isIntact(window, position)) return { ...damage, sizeBytes: position - damage.position }
  }
  return { ...damage, sizeBytes: window.end - damage.position, isAtEnd: true }
}

async function isIntact(window: FileWindow, position: number): Promise<boolean> {
  const size = await window.entrySize(position)
  if (typeof size === 'string' || size > window.end - position) return false
  const { buffer, at } = await window.view(position, size)
  if (buffer.readInt8(at + MAGIC_AT) === 2)
    return !('problem' in inspectBatch(buffer, at, { checksum: true }))
  const message = readMessage(buffer, at)
  return !message.error && message.value?.isChecksumValid === true
}

/** The part of a file that is in memory. */
class FileWindow {
  readonly end: number
  private readonly file: DiskFile
  private bytes = Buffer.alloc(0)
  private start = 0

  constructor(file: DiskFile, end: number) {
    this.file = file
    this.end = end
  }

  /** Of the batch or message at a position, by its own word; a text where that cannot be. */
  async entrySize(position: number): Promise<number | string> {
    const { buffer, at } = await this.view(position, LEAST_ENTRY_BYTES)
    const magic = buffer.readInt8(at + MAGIC_AT)
    if (magic < 0 || magic > 2) return `magic ${magic} is not 2`
    const size = LOG_OVERHEAD_BYTES + buffer.readInt32BE(at + LENGTH_AT)
    const least = magic === 2 ? BATCH_HEADER_BYTES : LEAST_ENTRY_BYTES
    if (size < least) return `a size of ${size} bytes is less than a batch header's`
    return size > MOST_ENTRY_BYTES ? `a size of ${size} bytes is more than any batch's` : size
  }

  /** The first position from one on where an entry could begin, by its format, length and offset. */
  async nextCandidate(from: number, nextOffset: bigint): Promise<number | undefined> {
    for (let position = from; this.end - position >= LEAST_ENTRY_BYTES; ) {
      const { buffer, at } = await this.view(position, LEAST_ENTRY_BYTES)
      const last = buffer.length - LEAST_ENTRY_BYTES
      for (let here = at; here <= last; here++) {
        if (buffer[here + MAGIC_AT]! > 2) continue
        const size = LOG_OVERHEAD_BYTES + buffer.readInt32BE(here + LENGTH_AT)
        if (size < LEAST_ENTRY_BYTES || size > this.end - position - (here - at)) continue
        const ahead = buffer.readBigInt64BE(here) - nextOffset
        if (ahead >= 0n && ahead < FARTHEST_OFFSET) return position + here - at
      }
      position += last - at + 1
    }
    return undefined
  }

  /** Bytes of the file that hold until the next call. */
  async view(position: number, length: number): Promise<{ readonly buffer: Buffer; readonly at: number }> {
    const at = position - this.start
    if (at >= 0 && at + length <= this.bytes.length) return { buffer: this.bytes, at }
    const wanted = Math.min(Math.max(length, READ_BYTES), this.end - position)
    const bytes = Buffer.allocUnsafeSlow(wanted)
    const read = await this.file.read(bytes, position)
    if (read < length) throw new Error(`the file ends at byte ${position + read}, and not at ${this.end}`)
    this.bytes = bytes.subarray(0, read)
    this.start = position
    return { buffer: this.bytes, at: 0 }
  }
}
