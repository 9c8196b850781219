/**
 * What Kafka writes before a record's own bytes in its internal topics and logs.
 *
 * - Coordinator records (__consumer_offsets, __transaction_state, __share_group_state): the key begins with
 *   the int16 type of the record, the value with its int16 version; a value of null is a tombstone.
 * - Metadata records (the KRaft log, remote log metadata): one value of uvarint frame version (1), uvarint
 *   type, uvarint version, and the record.
 * - Versioned data (consumer protocol, control records, snapshots of producers): an int16 version.
 */
import assert from 'node:assert'
import { read, write } from '../codec.ts'
import { type Fields, type InputOf, isWithin, type Message, type ValueOf } from '../schema.ts'
import { joined, MalformedMessage, Reader, Writer } from '../wire.ts'

export interface Versioned<V> {
  readonly version: number
  readonly value: V
}

export function encodeVersioned<F extends Fields>(
  definition: Message<F>,
  version: number,
  value: InputOf<F>,
): Buffer {
  const writer = new Writer()
  writer.int16(version)
  write(definition, version, writer, value)
  return joined(writer.finish())
}

export function decodeVersioned<F extends Fields>(
  definition: Message<F>,
  bytes: Uint8Array,
): Versioned<ValueOf<F>> {
  const reader = new Reader(bytes)
  const version = readVersion(reader)
  return { version, value: readKnown(definition, version, reader) }
}

function readVersion(reader: Reader): number {
  if (reader.remaining < 2) throw new MalformedMessage('there are no two bytes for it', 'version')
  return reader.int16()
}

function readKnown<F extends Fields>(definition: Message<F>, version: number, reader: Reader): ValueOf<F> {
  if (!isWithin(definition.versions, version)) {
    throw new MalformedMessage(`${definition.name} has no version ${version}`, 'version')
  }
  return read(definition, version, reader)
}

// Coordinator records

/** The type of a coordinator's record; its key's definition has the same number as `apiKey`. */
export function recordType(key: Uint8Array): number {
  if (key.byteLength < 2) throw new MalformedMessage('there are no two bytes for it', 'type')
  return new Reader(key).int16()
}

/** Keys have one version only; the number before them is their type. */
export function encodeKey<F extends Fields>(definition: Message<F>, value: InputOf<F>): Buffer {
  assert(definition.versions.last === 0, `${definition.name} is not a key`)
  const writer = new Writer()
  writer.int16(definition.apiKey)
  write(definition, 0, writer, value)
  return joined(writer.finish())
}

export function decodeKey<F extends Fields>(definition: Message<F>, key: Uint8Array): ValueOf<F> {
  assert(recordType(key) === definition.apiKey, `${definition.name} is of another type`)
  return read(definition, 0, new Reader(key, 2))
}

export interface RecordDefinition {
  readonly key: Message
  readonly value: Message
}

export type RecordTable = ReadonlyMap<number, RecordDefinition>

export function recordTable(...definitions: readonly [key: Message, value: Message][]): RecordTable {
  return new Map(definitions.map(([key, value]) => [key.apiKey, { key, value }]))
}

export interface CoordinatorRecord {
  readonly type: number
  readonly definition: RecordDefinition
  readonly key: ValueOf<Fields>
  /** Null for a tombstone. */
  readonly value: Versioned<ValueOf<Fields>> | null
}

/**
 * Any record of a coordinator's topic; undefined if its type is not in the table, as a later Kafka's may be.
 */
export function decodeCoordinatorRecord(
  table: RecordTable,
  key: Uint8Array,
  value: Uint8Array | null,
): CoordinatorRecord | undefined {
  const type = recordType(key)
  const definition = table.get(type)
  if (!definition) return undefined
  return {
    type,
    definition,
    key: decodeKey(definition.key, key),
    value: value && decodeVersioned(definition.value, value),
  }
}

// Metadata records

const FRAME_VERSION = 1

export interface MetadataRecord {
  readonly definition: Message
  readonly version: number
  readonly value: ValueOf<Fields>
}

export function encodeMetadataRecord<F extends Fields>(
  definition: Message<F>,
  version: number,
  value: InputOf<F>,
): Buffer {
  const writer = new Writer()
  writer.uvarint(FRAME_VERSION)
  writer.uvarint(definition.apiKey)
  writer.uvarint(version)
  write(definition, version, writer, value)
  return joined(writer.finish())
}

/** Kafka refuses bytes behind such a record; so do we. */
export function decodeMetadataRecord(
  definitions: ReadonlyMap<number, Message>,
  bytes: Uint8Array,
): MetadataRecord {
  const reader = new Reader(bytes)
  const [frameVersion, type, version] = [reader.uvarint(), reader.uvarint(), reader.uvarint()]
  if (frameVersion !== FRAME_VERSION)
    throw new MalformedMessage(`${frameVersion} is not known`, 'frameVersion')
  const definition = definitions.get(type)
  if (!definition) throw new MalformedMessage(`${type} is not known`, 'type')
  const value = readKnown(definition, version, reader)
  if (reader.remaining > 0) throw new MalformedMessage(`${reader.remaining} bytes are behind the record`)
  return { definition, version, value }
}

/** Narrows a record of the metadata log to the definition that it was found to have. */
export function isRecordOf<F extends Fields>(
  record: MetadataRecord,
  definition: Message<F>,
): record is MetadataRecord & { readonly definition: Message<F>; readonly value: ValueOf<F> } {
  return record.definition === (definition as Message)
}
