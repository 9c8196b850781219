/**
 * Definitions become functions here: the text that emit.ts writes is compiled on a message's first use, so
 * start-up does not pay for ninety APIs. The text is made of definitions only, never of input.
 */
import assert from 'node:assert'
import { EMITTED_PARAMETERS, emitReader, emitWriter } from './emit.ts'
import { type Fields, type InputOf, isWithin, type Message, type ValueOf } from './schema.ts'
import {
  EMPTY_BYTES,
  type EncodedMessage,
  joined,
  MalformedMessage,
  OversizedMessage,
  Reader,
  Writer,
} from './wire.ts'

type ReadFunction = (reader: Reader, version: number) => unknown
type WriteFunction = (writer: Writer, version: number, value: unknown) => void

/** Decodes the message that begins at `position`. Bytes behind it are tolerated, as in Kafka. */
export function decode<F extends Fields>(
  definition: Message<F>,
  version: number,
  bytes: Uint8Array,
  position = 0,
): ValueOf<F> {
  return read(definition, version, new Reader(bytes, position))
}

/** The caller keeps the duty to release deferred parts when this throws. */
export function encode<F extends Fields>(
  definition: Message<F>,
  version: number,
  value: InputOf<F>,
): EncodedMessage {
  const writer = new Writer()
  write(definition, version, writer, value)
  return writer.finish()
}

/** Encodes into one buffer: for records, whose bytes are all at hand. */
export function encodeToBuffer<F extends Fields>(
  definition: Message<F>,
  version: number,
  value: InputOf<F>,
): Buffer {
  return joined(encode(definition, version, value))
}

/**
 * Decodes a message out of a reader, which is left behind it. Throws MalformedMessage with the field's path.
 */
export function read<F extends Fields>(definition: Message<F>, version: number, reader: Reader): ValueOf<F> {
  assertVersion(definition, version)
  const begin = reader.position
  try {
    return readers.of(definition)(reader, version) as ValueOf<F>
  } catch (error) {
    if (error instanceof MalformedMessage) throw locateMalformed(definition, version, reader, begin)
    throw error
  }
}

/** Encodes a message behind what a writer has already. */
export function write<F extends Fields>(
  definition: Message<F>,
  version: number,
  writer: Writer,
  value: InputOf<F>,
): void {
  assertVersion(definition, version)
  try {
    writers.of(definition)(writer, version, value)
  } catch (error) {
    if (error instanceof OversizedMessage) throw error
    throw locateUnwritable(definition, version, value, error)
  }
}

function assertVersion(definition: Message, version: number): void {
  if (!isWithin(definition.versions, version)) assert.fail(`${definition.name} has no version ${version}`)
}

/** Compiled on first use; the traced forms on the first failure. */
class Compiled<T> {
  private readonly functions = new WeakMap<Message, T>()
  private readonly emit: (definition: Message) => string

  constructor(emit: (definition: Message) => string) {
    this.emit = emit
  }

  of(definition: Message): T {
    const known = this.functions.get(definition)
    if (known) return known
    const made = new Function(...EMITTED_PARAMETERS, this.emit(definition))(EMPTY_BYTES) as T
    this.functions.set(definition, made)
    return made
  }
}

const readers = new Compiled<ReadFunction>(definition => emitReader(definition))
const writers = new Compiled<WriteFunction>(definition => emitWriter(definition))
const tracedReaders = new Compiled<ReadFunction>(definition => emitReader(definition, true))
const tracedWriters = new Compiled<WriteFunction>(definition => emitWriter(definition, true))

/** Reads once more, this time keeping the path, and tells where it fails. */
function locateMalformed(definition: Message, version: number, first: Reader, begin: number): Error {
  const reader = new Reader(first.buffer, begin, first.mostElements)
  try {
    tracedReaders.of(definition)(reader, version)
  } catch (error) {
    if (error instanceof MalformedMessage) return new MalformedMessage(error.reason, pathOf(reader.trail))
    throw error
  }
  return assert.fail(`${definition.name} v${version} is malformed only at first sight`)
}

/** A value that its definition does not allow is our mistake; the path tells which. */
function locateUnwritable(definition: Message, version: number, value: unknown, cause: unknown): unknown {
  const writer = new Writer()
  try {
    tracedWriters.of(definition)(writer, version, value)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return new Error(`${definition.name} v${version}, ${pathOf(writer.trail)}: ${reason}`, { cause })
  }
  return cause
}

function pathOf(trail: readonly string[]): string {
  return trail.join('.').replaceAll('.[', '[')
}
