/**
 * Bytes on the wire, below messages: Reader and Writer know bounds, varints, strings, counts and tagged
 * fields. A Reader never reads past its end and never allocates for bytes that are not there; it hands out
 * views, not copies. A Writer gathers small parts into one buffer and takes large byte fields by reference.
 */
import assert from 'node:assert'

/**
 * Input that is not what its definition says. `path` names the field, as in
 * `topics[2].partitions[0].records`.
 */
export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage'
  readonly path: string
  readonly reason: string

  constructor(reason: string, path = '') {
    super(path === '' ? reason : `${path}: ${reason}`)
    this.path = path
    this.reason = reason
  }
}

/** A message that is too large to be sent. */
export class OversizedMessage extends Error {
  override readonly name = 'OversizedMessage'
}

/** Bytes that are read only when they are sent, such as a range of a log segment. */
export interface DeferredBytes {
  readonly byteLength: number
  /** Bytes from `position` (relative to this range); at least one and at most `length` of them. */
  read(position: number, length: number): Promise<Uint8Array>
  /** Called exactly once, when the bytes were sent or will never be. */
  release(): void
}

/** A byte field given in parts, none of which is copied to join them. */
export interface RecordsSource {
  readonly byteLength: number
  readonly parts: readonly (Uint8Array | DeferredBytes)[]
}

/** A message ready for a socket: chunks in order, of `byteLength` bytes together. */
export interface EncodedMessage {
  readonly byteLength: number
  readonly chunks: readonly (Uint8Array | DeferredBytes)[]
}

export const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA'
export const EMPTY_BYTES: Buffer = Buffer.alloc(0)

/** The longest string, in UTF-8 bytes, that the protocol allows, in the compact form too. */
const MAX_STRING_BYTES = 0x7fff
/**
 * The most elements, of all arrays together, of a message that is read. Without it a frame of 100 MiB that
 * consists of empty elements would become gigabytes of objects.
 */
const MAX_ELEMENTS = 2_000_000
/** Of a request: each becomes several objects of a broker, and many requests may be waiting at a time. */
export const MAX_REQUEST_ELEMENTS = 100_000
/**
 * The most bytes of a message that are gathered; large byte fields are not. Few bytes can ask for a lot: a
 * hundred thousand times the same, for example.
 */
const MAX_GATHERED_BYTES = 128 * 1024 * 1024
const MAX_FRAME_BYTES = 0x7fffffff
/** Byte fields up to this size are copied: a chunk of its own costs more than the copy. */
const COPY_LIMIT = 1024
/** Up to here a compact length takes one byte. */
const SHORT_TEXT = 64
const FIRST_ALLOCATION = 512

export class Reader {
  readonly buffer: Buffer
  readonly view: DataView
  readonly end: number
  position: number
  readonly mostElements: number
  private elements = 0
  /** Set by `tracing` decoders only: the fields entered so far, so that a failure can be located. */
  readonly trail: string[] = []

  constructor(bytes: Uint8Array, position = 0, mostElements = MAX_ELEMENTS) {
    this.mostElements = mostElements
    this.buffer = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.position = position
    this.end = bytes.byteLength
    if (position > this.end) throw new MalformedMessage(`it begins behind its end`)
  }

  get remaining(): number {
    return this.end - this.position
  }

  /** Claims `length` bytes and returns where they begin. */
  private take(length: number): number {
    const from = this.position
    if (length > this.end - from) this.failShort(length)
    this.position = from + length
    return from
  }

  private failShort(length: number): never {
    throw new MalformedMessage(`${length} bytes are needed, ${this.remaining} are left`)
  }

  bool(): boolean {
    return this.buffer[this.take(1)] !== 0
  }

  int8(): number {
    return this.view.getInt8(this.take(1))
  }

  int16(): number {
    return this.view.getInt16(this.take(2))
  }

  uint16(): number {
    return this.view.getUint16(this.take(2))
  }

  int32(): number {
    return this.view.getInt32(this.take(4))
  }

  uint32(): number {
    return this.view.getUint32(this.take(4))
  }

  int64(): bigint {
    return this.view.getBigInt64(this.take(8))
  }

  float64(): number {
    return this.view.getFloat64(this.take(8))
  }

  uuid(): string {
    const from = this.take(16)
    const { view } = this
    if (view.getInt32(from) === 0 && view.getInt32(from + 4) === 0) {
      if (view.getInt32(from + 8) === 0 && view.getInt32(from + 12) === 0) return ZERO_UUID
    }
    return this.buffer.toString('base64url', from, from + 16)
  }

  /** An unsigned 32-bit number in one to five groups of seven bits. */
  uvarint(): number {
    const { buffer, end } = this
    let position = this.position
    let value = 0
    for (let shift = 0; shift <= 28; shift += 7) {
      if (position >= end) this.failShort(1)
      const byte = buffer[position++] as number
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        if (shift === 28 && byte > 0x0f) break
        this.position = position
        return value >>> 0
      }
    }
    throw new MalformedMessage('a varint is longer than 32 bits')
  }

  // Lengths and counts. As in Kafka, every negative length is null, where null is allowed.

  private text(length: number): string {
    if (length > MAX_STRING_BYTES) throw new MalformedMessage(`a string of ${length} bytes is too long`)
    const from = this.take(length)
    const text = this.buffer.toString('utf8', from, from + length)
    // Each byte that is no UTF-8 has become a character of three.
    if (length > MAX_STRING_BYTES / 3 && Buffer.byteLength(text) > MAX_STRING_BYTES)
      throw new MalformedMessage(`a string of ${length} bytes is not UTF-8, and too long to be mended`)
    return text
  }

  private notNull(length: number): number {
    if (length < 0) throw new MalformedMessage(`null (length ${length}) where a value must be`)
    return length
  }

  string(): string {
    return this.text(this.notNull(this.int16()))
  }

  nullableString(): string | null {
    const length = this.int16()
    return length < 0 ? null : this.text(length)
  }

  compactString(): string {
    return this.text(this.notNull(this.uvarint() - 1))
  }

  compactNullableString(): string | null {
    const length = this.uvarint() - 1
    return length < 0 ? null : this.text(length)
  }

  private slice(length: number): Buffer {
    const from = this.take(length)
    return this.buffer.subarray(from, from + length)
  }

  bytes(): Buffer {
    return this.slice(this.notNull(this.int32()))
  }

  nullableBytes(): Buffer | null {
    const length = this.int32()
    return length < 0 ? null : this.slice(length)
  }

  compactBytes(): Buffer {
    return this.slice(this.notNull(this.uvarint() - 1))
  }

  compactNullableBytes(): Buffer | null {
    const length = this.uvarint() - 1
    return length < 0 ? null : this.slice(length)
  }

  /** Refuses a count whose elements, at `minimumSize` bytes each, cannot be in the bytes that are left. */
  private checked(count: number, minimumSize: number): number {
    if (count * minimumSize > this.remaining) {
      throw new MalformedMessage(`${count} elements cannot be in the ${this.remaining} bytes that are left`)
    }
    this.elements += count
    if (this.elements > this.mostElements) {
      throw new MalformedMessage(`a message has no ${this.elements} elements`)
    }
    return count
  }

  count(minimumSize: number): number {
    return this.checked(this.notNull(this.int32()), minimumSize)
  }

  nullableCount(minimumSize: number): number {
    return this.checked(this.int32(), minimumSize)
  }

  compactCount(minimumSize: number): number {
    return this.checked(this.notNull(this.uvarint() - 1), minimumSize)
  }

  compactNullableCount(minimumSize: number): number {
    return this.checked(this.uvarint() - 1, minimumSize)
  }

  /** Whether a nullable struct follows. */
  isPresent(): boolean {
    return this.int8() >= 0
  }

  /** The same within a tagged field, where Kafka writes another prefix. */
  isPresentInTag(): boolean {
    return this.uvarint() > 0
  }

  /** How many tagged fields follow; each is at least two bytes. */
  tagCount(): number {
    return this.checked(this.uvarint(), 2)
  }

  /** Reads a tagged field's size and returns where the field ends. */
  tagEnd(): number {
    const size = this.uvarint()
    if (size > this.remaining) this.failShort(size)
    return this.position + size
  }

  /** A field that a definition knows must fill its tag exactly. */
  closeTag(end: number): void {
    if (this.position !== end) {
      throw new MalformedMessage(
        `a tagged field ends at byte ${this.position} and not, as it says, at ${end}`,
      )
    }
  }

  /** Skips the tagged fields of a structure that has none of its own. */
  skipTags(): void {
    for (let count = this.tagCount(); count > 0; count--) {
      this.uvarint()
      this.position = this.tagEnd()
    }
  }
}

export class Writer {
  private buffer: Buffer
  private view: DataView
  private limit: number
  /** Where the part of `buffer` begins that is in no chunk yet. */
  private start = 0
  private position = 0
  private chunkBytes = 0
  private openTags = 0
  private readonly chunks: (Uint8Array | DeferredBytes)[] = []
  /** Whether a text that is too long for the protocol is cut; a bug otherwise. */
  cutsTexts = false
  /** Set by `tracing` encoders only, as in Reader. */
  readonly trail: string[] = []

  constructor(firstAllocation = FIRST_ALLOCATION) {
    this.buffer = Buffer.allocUnsafe(firstAllocation)
    this.view = new DataView(this.buffer.buffer, this.buffer.byteOffset, firstAllocation)
    this.limit = firstAllocation
  }

  get byteLength(): number {
    return this.chunkBytes + this.position - this.start
  }

  /**
   * Claims `length` bytes and returns where they begin. Growing replaces `buffer` and `view`: claim first.
   */
  private claim(length: number): number {
    const from = this.position
    if (length > this.limit - from) return this.grow(length)
    this.position = from + length
    return from
  }

  private grow(length: number): number {
    const pending = this.position - this.start
    if (pending + length > MAX_GATHERED_BYTES) {
      throw new OversizedMessage(`a message of more than ${MAX_GATHERED_BYTES} bytes`)
    }
    const wanted = Math.max(FIRST_ALLOCATION, 2 * (pending + length))
    const larger = Buffer.allocUnsafe(Math.min(wanted, MAX_GATHERED_BYTES))
    this.buffer.copy(larger, 0, this.start, this.position)
    this.buffer = larger
    this.view = new DataView(larger.buffer, larger.byteOffset, larger.byteLength)
    this.limit = larger.byteLength
    this.start = 0
    this.position = pending + length
    return pending
  }

  bool(value: boolean): void {
    const from = this.claim(1)
    this.buffer[from] = value ? 1 : 0
  }

  int8(value: number): void {
    const from = this.claim(1)
    this.view.setInt8(from, value)
  }

  int16(value: number): void {
    const from = this.claim(2)
    this.view.setInt16(from, value)
  }

  uint16(value: number): void {
    const from = this.claim(2)
    this.view.setUint16(from, value)
  }

  int32(value: number): void {
    const from = this.claim(4)
    this.view.setInt32(from, value)
  }

  uint32(value: number): void {
    const from = this.claim(4)
    this.view.setUint32(from, value)
  }

  int64(value: bigint): void {
    const from = this.claim(8)
    this.view.setBigInt64(from, value)
  }

  float64(value: number): void {
    const from = this.claim(8)
    this.view.setFloat64(from, value)
  }

  uuid(value: string): void {
    if (value.length !== 22) assert.fail(`'${value}' is not a UUID of 22 characters`)
    const from = this.claim(16)
    const written = this.buffer.write(value, from, 16, 'base64url')
    if (written !== 16) assert.fail(`'${value}' is not a UUID in URL-safe base64`)
  }

  uvarint(value: number): void {
    let rest = value >>> 0
    while (rest > 0x7f) {
      const from = this.claim(1)
      this.buffer[from] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    const from = this.claim(1)
    this.buffer[from] = rest
  }

  /**
   * Writes text of `from` on if it is all ASCII; names mostly are, and this beats a call out of JavaScript.
   */
  private ascii(value: string, from: number): boolean {
    const { buffer } = this
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i)
      if (unit > 0x7f) return false
      buffer[from + i] = unit
    }
    return true
  }

  private utf8(value: string, length: number): void {
    const from = this.claim(length)
    this.buffer.write(value, from, length)
  }

  private fitting(value: string): string {
    const length = Buffer.byteLength(value)
    if (length <= MAX_STRING_BYTES) return value
    if (!this.cutsTexts) assert.fail(`a string of ${length} bytes is too long for the protocol`)
    const bytes = Buffer.from(value)
    let end = MAX_STRING_BYTES
    // Not in the middle of a character.
    while ((bytes[end]! & 0xc0) === 0x80) end--
    return bytes.toString('utf8', 0, end)
  }

  string(value: string): void {
    if (value.length <= SHORT_TEXT) {
      const from = this.claim(2 + value.length)
      this.view.setInt16(from, value.length)
      if (this.ascii(value, from + 2)) return
      this.position = from
    }
    const text = this.fitting(value)
    const length = Buffer.byteLength(text)
    this.int16(length)
    this.utf8(text, length)
  }

  nullableString(value: string | null): void {
    if (value === null) this.int16(-1)
    else this.string(value)
  }

  compactString(value: string): void {
    if (value.length <= SHORT_TEXT) {
      const from = this.claim(1 + value.length)
      this.buffer[from] = value.length + 1
      if (this.ascii(value, from + 1)) return
      this.position = from
    }
    const text = this.fitting(value)
    const length = Buffer.byteLength(text)
    this.uvarint(length + 1)
    this.utf8(text, length)
  }

  compactNullableString(value: string | null): void {
    if (value === null) this.uvarint(0)
    else this.compactString(value)
  }

  bytes(value: Uint8Array | RecordsSource): void {
    this.int32(value.byteLength)
    this.parts(value)
  }

  nullableBytes(value: Uint8Array | RecordsSource | null): void {
    if (value === null) this.int32(-1)
    else this.bytes(value)
  }

  compactBytes(value: Uint8Array | RecordsSource): void {
    this.uvarint(value.byteLength + 1)
    this.parts(value)
  }

  compactNullableBytes(value: Uint8Array | RecordsSource | null): void {
    if (value === null) this.uvarint(0)
    else this.compactBytes(value)
  }

  private parts(value: Uint8Array | RecordsSource): void {
    if (value instanceof Uint8Array) {
      this.raw(value)
      return
    }
    const before = this.byteLength
    for (const part of value.parts) this.raw(part)
    assert(this.byteLength - before === value.byteLength, 'a source has other bytes than it says')
  }

  /** Bytes without a length before them; small ones are copied, others become chunks of their own. */
  raw(part: Uint8Array | DeferredBytes): void {
    if (part instanceof Uint8Array && (part.byteLength <= COPY_LIMIT || this.openTags > 0)) {
      const from = this.claim(part.byteLength)
      this.buffer.set(part, from)
      return
    }
    assert(this.openTags === 0, 'a tagged field cannot be read while it is sent')
    this.closeChunk()
    this.chunks.push(part)
    this.chunkBytes += part.byteLength
  }

  private closeChunk(): void {
    if (this.position === this.start) return
    this.chunks.push(this.buffer.subarray(this.start, this.position))
    this.chunkBytes += this.position - this.start
    this.start = this.position
  }

  count(value: number): void {
    this.int32(value)
  }

  compactCount(value: number): void {
    this.uvarint(value + 1)
  }

  /** Opens a tagged field; its size is known only when `closeTag` is given what this returned. */
  openTag(tag: number): number {
    this.uvarint(tag)
    this.openTags++
    this.claim(1)
    return this.position - this.start
  }

  closeTag(opened: number): void {
    const from = this.start + opened
    const size = this.position - from
    if (size > 0x7f) {
      const extra = size < 1 << 14 ? 1 : size < 1 << 21 ? 2 : size < 1 << 28 ? 3 : 4
      this.claim(extra)
      const moved = this.start + opened
      this.buffer.copyWithin(moved + extra, moved, moved + size)
    }
    const end = this.position
    this.position = this.start + opened - 1
    this.uvarint(size)
    this.position = end
    this.openTags--
  }

  /** Ends the message. The writer must not be used again. */
  finish(): EncodedMessage {
    this.closeChunk()
    return { byteLength: this.chunkBytes, chunks: this.chunks }
  }

  /** Ends the message and puts its size before it, in the four bytes that it must have begun with. */
  finishFrame(): EncodedMessage {
    const message = this.finish()
    if (message.byteLength > MAX_FRAME_BYTES) {
      throw new OversizedMessage(`a message of ${message.byteLength} bytes`)
    }
    const first = message.chunks[0]
    assert(first instanceof Buffer && first.byteLength >= 4, 'a frame begins with its size')
    first.writeInt32BE(message.byteLength - 4)
    return message
  }
}

/** One buffer of a message that has nothing to be read while it is sent. */
export function joined(message: EncodedMessage): Buffer {
  const chunks = message.chunks.map(chunk => {
    assert(chunk instanceof Uint8Array, 'this message can only be sent')
    return chunk
  })
  const [only] = chunks
  return chunks.length === 1 && only instanceof Buffer ? only : Buffer.concat(chunks, message.byteLength)
}
