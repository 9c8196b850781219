/**
 * The words that definitions of messages are written in. A definition is data: fields with the versions that
 * have them; the TypeScript types of its values are derived from it, and codec.ts turns it into functions.
 *
 * Version ranges are Kafka's: '3' one version, '3-5' both inclusive, '3+' from three on, 'none'.
 */
import { EMPTY_BYTES, type RecordsSource, ZERO_UUID } from './wire.ts'

/** Phantoms: they carry types for the compiler and have no value at run time. */
declare const OUTPUT: unique symbol
declare const INPUT: unique symbol
declare const OMITTABLE: unique symbol

export type ScalarKind =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'float64'
  | 'uuid'
  | 'string'
  | 'bytes'

export type FieldType =
  | { readonly kind: ScalarKind }
  | { readonly kind: 'array'; readonly element: FieldType }
  | { readonly kind: 'struct'; readonly fields: Fields }

/** One field: what it holds, in which versions, and what it is where it is absent. */
export interface Field<V = unknown, I = unknown, O extends boolean = boolean> {
  readonly type: FieldType
  /** Versions that have the field; undefined means every version of the message. */
  readonly versions?: string
  /** Versions in which it may be null. */
  readonly nullable?: string
  /** Its number, where the field is a tagged one. */
  readonly tag?: number
  /**
   * Present when the definition gives one. Without, an absent field is null if nullable, else zero or empty.
   */
  readonly defaultValue?: unknown
  readonly [OUTPUT]: V
  readonly [INPUT]: I
  readonly [OMITTABLE]: O
}

export interface Fields {
  readonly [name: string]: Field
}

type Flat<T> = { [K in keyof T]: T[K] }
type RequiredNames<F extends Fields> = {
  [K in keyof F]: F[K][typeof OMITTABLE] extends true ? never : K
}[keyof F]
type OmittableNames<F extends Fields> = {
  [K in keyof F]: F[K][typeof OMITTABLE] extends true ? K : never
}[keyof F]

/** What a decoder returns: every field, whatever the version. */
export type ValueOf<F extends Fields> = { readonly [K in keyof F]: F[K][typeof OUTPUT] }

/** What an encoder takes: fields with a default may be left out. */
export type InputOf<F extends Fields> = Flat<
  { readonly [K in RequiredNames<F>]: F[K][typeof INPUT] } & {
    readonly [K in OmittableNames<F>]?: F[K][typeof INPUT] | undefined
  }
>

/** A message or record: one definition for all of its versions. */
export interface Message<F extends Fields = Fields> {
  readonly name: string
  /** Of the API, or of the record's type where records have numbers. */
  readonly apiKey: number
  readonly versions: VersionRange
  /** The versions with compact lengths and tagged fields; null if none has them. */
  readonly flexible: VersionRange | null
  readonly fields: F
}

export interface VersionRange {
  readonly first: number
  readonly last: number
}

/** Undefined on 'none'; an open range ends at infinity. */
export function parseVersions(text: string): VersionRange | null {
  if (text === 'none') return null
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text)
  if (!match) throw new Error(`'${text}' is not a range of versions`)
  const first = Number(match[1])
  if (match[2]) return { first, last: Number.POSITIVE_INFINITY }
  return { first, last: match[3] === undefined ? first : Number(match[3]) }
}

export function isWithin(range: VersionRange | null, version: number): boolean {
  return range !== null && range.first <= version && version <= range.last
}

export function message<const F extends Fields>(
  ...[name, apiKey, versions, flexible, fields]: readonly [
    name: string,
    apiKey: number,
    versions: string,
    flexible: string,
    fields: F,
  ]
): Message<F> {
  const range = parseVersions(versions)
  if (!range || range.last === Number.POSITIVE_INFINITY) throw new Error(`${name} has no last version`)
  return { name, apiKey, versions: range, flexible: parseVersions(flexible), fields }
}

/** The phantoms are added here, and only here. */
function field<V, I, O extends boolean>(
  parts: {
    readonly [K in 'type' | 'versions' | 'nullable' | 'tag' | 'defaultValue']?: Field[K]
  },
): Field<V, I, O> {
  return parts as Field<V, I, O>
}

type Scalar<V, I = V> = Field<V, I, false>
type ByteInput = Uint8Array | RecordsSource

function scalar<V, I = V>(kind: ScalarKind): Scalar<V, I> {
  return field({ type: { kind } })
}

export const bool = scalar<boolean>('bool')
export const int8 = scalar<number>('int8')
export const int16 = scalar<number>('int16')
export const uint16 = scalar<number>('uint16')
export const int32 = scalar<number>('int32')
export const uint32 = scalar<number>('uint32')
export const int64 = scalar<bigint>('int64')
export const float64 = scalar<number>('float64')
/** 22 characters of URL-safe base64, as Kafka prints it. */
export const uuid = scalar<string>('uuid')
export const string = scalar<string>('string')
/** Decoded as a view on the frame, never as a copy. */
export const bytes = scalar<Buffer, ByteInput>('bytes')
/** Record batches: bytes to this layer. */
export const records = bytes

export function struct<const F extends Fields>(fields: F): Field<ValueOf<F>, InputOf<F>, false> {
  return field({ type: { kind: 'struct', fields } })
}

/** Elements are scalars, or structures given by their fields. */
export function array<V, I>(element: Field<V, I>): Field<readonly V[], readonly I[], false>
export function array<const F extends Fields>(
  fields: F,
): Field<readonly ValueOf<F>[], readonly InputOf<F>[], false>
export function array(element: Field | Fields): Field<readonly unknown[], readonly unknown[], false> {
  return field({
    type: {
      kind: 'array',
      element: isField(element) ? element.type : { kind: 'struct', fields: element },
    },
  })
}

function isField(element: Field | Fields): element is Field {
  return 'type' in element && 'kind' in element.type
}

type Nullable<F> = F extends Field<infer V, infer I, infer O> ? Field<V | null, I | null, O> : never
type Omittable<F> = F extends Field<infer V, infer I> ? Field<V, I, true> : never
type ValueIn<F> = F extends Field<unknown, infer I> ? I : never

/** The field may be null, in `versions` or in all. Where it may not, an encoder writes null as empty. */
export function nullable<F extends Field>(type: F): Nullable<F>
export function nullable<F extends Field>(versions: string, type: F): Nullable<F>
export function nullable(...words: [Field] | [string, Field]): Field {
  const [versions, type] = words.length === 1 ? ['0+', words[0]] : words
  return field({ ...type, nullable: versions })
}

/**
 * A field that only some versions have, and what it is in the others and where an encoder's caller omits it.
 */
export function at<F extends Field>(versions: string, type: F): F
export function at<F extends Field>(versions: string, type: F, defaultValue: ValueIn<F>): Omittable<F>
export function at(versions: string, type: Field, ...defaults: unknown[]): Field {
  return field({ ...type, versions, ...(defaults.length > 0 && { defaultValue: defaults[0] }) })
}

/** A field of all versions that encoders' callers may omit. */
export function defaulted<F extends Field>(type: F, defaultValue: ValueIn<F>): Omittable<F>
export function defaulted(type: Field, defaultValue: unknown): Field {
  return field({ ...type, defaultValue })
}

/** A tagged field: on the wire only where it differs from its default. */
export function tagged<F extends Field>(
  tag: number,
  versions: string,
  type: F,
  defaultValue?: ValueIn<F>,
): Omittable<F>
export function tagged(tag: number, versions: string, type: Field, defaultValue?: unknown): Field {
  return field({ ...type, tag, versions, ...(defaultValue !== undefined && { defaultValue }) })
}

/** The value of a field in versions that lack it, and of a field that an encoder's caller left out. */
export function defaultOf(field: Field): unknown {
  if (field.defaultValue !== undefined) return field.defaultValue
  if (field.nullable !== undefined) return null
  return emptyOf(field.type)
}

/** Zero, false, or nothing, of a type. */
export function emptyOf(type: FieldType): unknown {
  switch (type.kind) {
    case 'bool':
      return false
    case 'int64':
      return 0n
    case 'uuid':
      return ZERO_UUID
    case 'string':
      return ''
    case 'bytes':
      return EMPTY_BYTES
    case 'array':
      return []
    case 'struct':
      return Object.fromEntries(Object.entries(type.fields).map(([name, field]) => [name, defaultOf(field)]))
    default:
      return 0
  }
}
