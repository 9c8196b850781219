/**
 * A second reading of the definitions, slow and plain, that shares no code with the codec: one walk over the
 * fields for each value, nothing emitted, no Reader and no Writer. Tests hold the codec against it.
 */
import { defaultOf, type Field, type Fields, type FieldType, type Message } from '../schema.ts'

type Struct = Readonly<Record<string, unknown>>

/** Where a length or a count stands in a message, for tests that spoil it. */
export interface LengthAt {
  readonly position: number
  readonly isCompact: boolean
  readonly width: number
}

function has(versions: string | undefined, version: number): boolean {
  if (versions === undefined) return true
  if (versions === 'none') return false
  if (versions.endsWith('+')) return version >= Number(versions.slice(0, -1))
  const [first, last = first] = versions.split('-').map(Number)
  return first !== undefined && last !== undefined && version >= first && version <= last
}

function isFlexible(message: Message, version: number): boolean {
  return message.flexible !== null && version >= message.flexible.first
}

export function interpretBytes(
  message: Message,
  version: number,
  bytes: Buffer,
): { value: Struct; end: number; lengths: LengthAt[]; unknownTags: number } {
  const interpretation = new Interpretation(message, version, bytes)
  const value = interpretation.struct(message.fields)
  const { position: end, lengths, unknownTags } = interpretation
  return { value, end, lengths, unknownTags }
}

class Interpretation {
  readonly lengths: LengthAt[] = []
  position = 0
  unknownTags = 0
  private readonly flexible: boolean
  private readonly version: number
  private readonly bytes: Buffer

  constructor(message: Message, version: number, bytes: Buffer) {
    this.flexible = isFlexible(message, version)
    this.version = version
    this.bytes = bytes
  }

  private take(length: number): Buffer {
    if (length < 0 || this.position + length > this.bytes.length) throw new Error('truncated')
    this.position += length
    return this.bytes.subarray(this.position - length, this.position)
  }

  private uvarint(): number {
    let value = 0
    for (let group = 0; ; group++) {
      const byte = this.take(1).readUInt8()
      value += (byte % 128) * 128 ** group
      if (byte < 128) return value
    }
  }

  private length(width: 2 | 4): number {
    const position = this.position
    let length: number
    if (this.flexible) length = this.uvarint() - 1
    else length = width === 2 ? this.take(2).readInt16BE() : this.take(4).readInt32BE()
    this.lengths.push({ position, isCompact: this.flexible, width: this.position - position })
    return length
  }

  struct(fields: Fields): Struct {
    const value: Record<string, unknown> = {}
    const tagged = new Map<number, [string, Field]>()
    for (const [name, field] of Object.entries(fields)) {
      value[name] = defaultOf(field)
      if (!has(field.versions, this.version)) continue
      if (field.tag === undefined) value[name] = this.field(field)
      else tagged.set(field.tag, [name, field])
    }
    if (!this.flexible) return value
    for (let left = this.uvarint(); left > 0; left--) {
      const known = tagged.get(this.uvarint())
      const size = this.uvarint()
      const end = this.position + size
      if (known) value[known[0]] = this.field(known[1])
      else {
        this.take(size)
        this.unknownTags++
      }
      if (this.position !== end) throw new Error('a tagged field of another size')
    }
    return value
  }

  private field(field: Field): unknown {
    const { type } = field
    const isNullable = field.nullable !== undefined && has(field.nullable, this.version)
    if (type.kind === 'struct' && isNullable) {
      const isNull = field.tag === undefined ? this.take(1).readInt8() < 0 : this.uvarint() === 0
      return isNull ? null : this.struct(type.fields)
    }
    const value = this.value(type)
    if (value === null && !isNullable) throw new Error('null')
    return value
  }

  private value(type: FieldType): unknown {
    switch (type.kind) {
      case 'bool':
        return this.take(1).readInt8() !== 0
      case 'int8':
        return this.take(1).readInt8()
      case 'int16':
        return this.take(2).readInt16BE()
      case 'uint16':
        return this.take(2).readUInt16BE()
      case 'int32':
        return this.take(4).readInt32BE()
      case 'uint32':
        return this.take(4).readUInt32BE()
      case 'int64':
        return this.take(8).readBigInt64BE()
      case 'float64':
        return this.take(8).readDoubleBE()
      case 'uuid':
        return this.take(16).toString('base64url')
      case 'struct':
        return this.struct(type.fields)
      case 'string': {
        const length = this.length(2)
        return length < 0 ? null : this.take(length).toString()
      }
      case 'bytes': {
        const length = this.length(4)
        return length < 0 ? null : this.take(length)
      }
      case 'array': {
        const count = this.length(4)
        return count < 0 ? null : Array.from({ length: count }, () => this.value(type.element))
      }
    }
  }
}

class Notation {
  private readonly flexible: boolean
  private readonly version: number

  constructor(message: Message, version: number) {
    this.flexible = isFlexible(message, version)
    this.version = version
  }

  private uvarint(value: number): Buffer {
    if (value < 128) return Buffer.of(value)
    return Buffer.concat([Buffer.of((value % 128) + 128), this.uvarint(Math.floor(value / 128))])
  }

  private length(value: number, width: 2 | 4): Buffer {
    if (this.flexible) return this.uvarint(value + 1)
    const bytes = Buffer.alloc(width)
    bytes.writeIntBE(value, 0, width)
    return bytes
  }

  struct(fields: Fields, value: Struct): Buffer {
    const parts: Buffer[] = []
    const tagged: [number, Buffer][] = []
    for (const [name, field] of Object.entries(fields)) {
      if (!has(field.versions, this.version)) continue
      if (field.tag === undefined) parts.push(this.field(field, value[name]))
      else if (!isSame(value[name], defaultOf(field)))
        tagged.push([field.tag, this.field(field, value[name])])
    }
    if (!this.flexible) return Buffer.concat(parts)
    tagged.sort(([a], [b]) => a - b)
    parts.push(this.uvarint(tagged.length))
    for (const [tag, bytes] of tagged) parts.push(this.uvarint(tag), this.uvarint(bytes.length), bytes)
    return Buffer.concat(parts)
  }

  private field(field: Field, value: unknown): Buffer {
    const { type } = field
    const isNullable = field.nullable !== undefined && has(field.nullable, this.version)
    if (type.kind === 'struct' && isNullable) {
      if (value === null) return field.tag === undefined ? Buffer.of(0xff) : Buffer.of(0)
      return Buffer.concat([Buffer.of(1), this.value(type, value)])
    }
    if (value === null && !isNullable) return this.value(type, type.kind === 'array' ? [] : '')
    return this.value(type, value)
  }

  private value(type: FieldType, value: unknown): Buffer {
    switch (type.kind) {
      case 'struct':
        return this.struct(type.fields, value as Struct)
      case 'string':
        return this.content(value === null ? null : Buffer.from(value as string), 2)
      case 'bytes':
        return this.content(value === null ? null : Buffer.from(value as Buffer), 4)
      case 'array': {
        const elements = (value as unknown[] | null)?.map(element => this.value(type.element, element))
        return Buffer.concat([this.length(elements?.length ?? -1, 4), ...(elements ?? [])])
      }
      default:
        return fixedWidth(type.kind, value)
    }
  }

  private content(bytes: Buffer | null, width: 2 | 4): Buffer {
    return Buffer.concat([this.length(bytes?.length ?? -1, width), bytes ?? Buffer.alloc(0)])
  }
}

/** The bytes of a value whose fields are all given. */
export function interpretValue(message: Message, version: number, value: Struct): Buffer {
  return new Notation(message, version).struct(message.fields, value)
}

function fixedWidth(kind: FieldType['kind'], value: unknown): Buffer {
  const bytes = Buffer.alloc(8)
  switch (kind) {
    case 'bool':
      return Buffer.of(value ? 1 : 0)
    case 'int8':
      return bytes.subarray(0, bytes.writeInt8(value as number))
    case 'int16':
      return bytes.subarray(0, bytes.writeInt16BE(value as number))
    case 'uint16':
      return bytes.subarray(0, bytes.writeUInt16BE(value as number))
    case 'int32':
      return bytes.subarray(0, bytes.writeInt32BE(value as number))
    case 'uint32':
      return bytes.subarray(0, bytes.writeUInt32BE(value as number))
    case 'int64':
      return bytes.subarray(0, bytes.writeBigInt64BE(value as bigint))
    case 'float64':
      return bytes.subarray(0, bytes.writeDoubleBE(value as number))
    case 'uuid':
      return Buffer.from(value as string, 'base64url')
    default:
      throw new Error(`${kind} has no fixed width`)
  }
}

function isSame(a: unknown, b: unknown): boolean {
  if (Buffer.isBuffer(a) && Buffer.isBuffer(b)) return a.equals(b)
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b)
  const [first, second] = [Object.entries(a), Object.entries(b)]
  if (first.length !== second.length) return false
  return first.every(([key, value]) => isSame(value, (b as Struct)[key]))
}
