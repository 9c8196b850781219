/**
 * Walks the records of a v2 batch without making an object of any: the fields of the current record stand
 * in the cursor, keys and values as positions. Input is hostile; every length is checked before it is
 * believed.
 */
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import { COMPRESSION_MASK, type RecordBatch } from './batch.ts'
import { DEFAULT_MAX_DECOMPRESSED_BYTES, decompress } from './compression.ts'

export class RecordCursor {
  readonly buffer: Buffer
  /** Behind the current record. */
  position: number
  readonly end: number

  offsetDelta = 0
  /** Behind the timestamp delta: what comes from here on does not change when the base timestamp does. */
  offsetDeltaAt = 0
  /** Exact unless `isTimestampWide`; then only `readTimestampDelta` is. */
  timestampDelta = 0
  /** The delta does not fit a double exactly. */
  isTimestampWide = false
  keyAt = 0
  /** -1 for null, as for values. */
  keyLength = 0
  valueAt = 0
  valueLength = 0
  headerCount = 0
  headersAt = 0
  /** Why `next` said no; undefined while all is well. */
  problem: string | undefined

  private limit: number
  private timestampAt = 0
  private isBroken = false

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.buffer = buffer
    this.position = start
    this.end = end
    this.limit = end
  }

  /** Moves to the next record; false when there is none that is well formed, for the reason in `problem`. */
  next(): boolean {
    this.limit = this.end
    const size = this.readVarint()
    if (this.isBroken) return this.fail('the batch ends before its last record')
    const recordEnd = this.position + size
    if (size < 1 || recordEnd > this.end) return this.fail(`a record's size of ${size} bytes is not there`)
    this.limit = recordEnd
    // Record attributes: none are in use.
    this.position++
    this.timestampAt = this.position
    this.timestampDelta = this.readVarlong()
    this.offsetDeltaAt = this.position
    this.offsetDelta = this.readVarint()
    this.keyLength = this.readLength()
    this.keyAt = this.position
    this.skip(this.keyLength)
    this.valueLength = this.readLength()
    this.valueAt = this.position
    this.skip(this.valueLength)
    this.headerCount = this.readVarint()
    this.headersAt = this.position
    if (this.headerCount < 0 || this.headerCount > recordEnd - this.position) {
      return this.fail(`a record cannot have ${this.headerCount} headers`)
    }
    for (let i = 0; i < this.headerCount && !this.isBroken; i++) this.skipHeader()
    if (this.isBroken) return this.fail("a record's structure is malformed")
    if (this.position !== recordEnd) {
      return this.fail(`a record declares ${size} bytes and takes ${this.position - recordEnd + size}`)
    }
    return true
  }

  /** Exact for every value. */
  readTimestampDelta(): bigint {
    if (!this.isTimestampWide) return BigInt(this.timestampDelta)
    let value = 0n
    for (let i = 0; ; i++) {
      const byte = this.buffer[this.timestampAt + i]!
      value |= BigInt(byte & 0x7f) << BigInt(7 * i)
      if (byte < 0x80) break
    }
    value = BigInt.asUintN(64, value)
    return (value & 1n) === 0n ? value >> 1n : -(value >> 1n) - 1n
  }

  key(): Buffer | null {
    return this.keyLength < 0 ? null : this.buffer.subarray(this.keyAt, this.keyAt + this.keyLength)
  }

  value(): Buffer | null {
    return this.valueLength < 0 ? null : this.buffer.subarray(this.valueAt, this.valueAt + this.valueLength)
  }

  headers(): { key: string; value: Buffer | null }[] {
    if (this.headerCount === 0) return []
    const end = this.position
    this.position = this.headersAt
    const headers = Array.from({ length: this.headerCount }, () => {
      const keyLength = this.readVarint()
      const key = this.buffer.toString('utf8', this.position, this.position + keyLength)
      this.position += keyLength
      const valueLength = this.readLength()
      const value = valueLength < 0 ? null : this.buffer.subarray(this.position, this.position + valueLength)
      if (valueLength > 0) this.position += valueLength
      return { key, value }
    })
    this.position = end
    return headers
  }

  private skipHeader(): void {
    const keyLength = this.readVarint()
    if (keyLength < 0) this.isBroken = true
    this.skip(keyLength)
    this.skip(this.readLength())
  }

  private skip(length: number): void {
    if (length > this.limit - this.position) this.isBroken = true
    else if (length > 0) this.position += length
  }

  /** Any negative length is null, as Kafka reads it. */
  private readLength(): number {
    const length = this.readVarint()
    return length < 0 ? -1 : length
  }

  private readVarint(): number {
    const { buffer, limit } = this
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.position >= limit) break
      const byte = buffer[this.position++]!
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
    this.isBroken = true
    return 0
  }

  private readVarlong(): number {
    const { buffer, limit } = this
    let low = 0
    let high = 0
    let scale = 1
    this.isTimestampWide = false
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.position >= limit) break
      const byte = buffer[this.position++]!
      if (shift < 28) {
        low |= (byte & 0x7f) << shift
        if (byte < 0x80) return (low >>> 1) ^ -(low & 1)
      } else {
        high += (byte & 0x7f) * scale
        scale *= 128
        if (byte < 0x80) {
          const value = high * 0x1000_0000 + low
          this.isTimestampWide = value > Number.MAX_SAFE_INTEGER
          return value % 2 === 0 ? value / 2 : -(value + 1) / 2
        }
      }
    }
    this.isBroken = true
    return 0
  }

  private fail(problem: string): false {
    this.problem = problem
    return false
  }
}

/**
 * The batch's record bytes, decompressed where they are not plain. The batch is whole and its codec known.
 */
export function openRecords(
  batch: RecordBatch,
  maxDecompressedBytes = DEFAULT_MAX_DECOMPRESSED_BYTES,
): Result<Buffer> {
  const bytes = batch.recordBytes()
  const { compression } = batch
  if (compression === 'none') return ok(bytes)
  // Compaction leaves headers without records, whatever the codec.
  if (batch.recordCount === 0 && bytes.length === 0) return ok(bytes)
  if (compression === undefined) {
    const type = batch.attributes & COMPRESSION_MASK
    return refuse(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, `Unknown compression type id: ${type}`)
  }
  return decompress(compression, bytes, maxDecompressedBytes)
}
