/** Definitions become functions here, on first use. */
import type { Fields, InputOf, Message, ValueOf } from './schema.ts'
import { type EncodedMessage, Reader, Writer } from './wire.ts'

/** Decodes the message that begins at `position`. Bytes behind it are tolerated, as in Kafka. */
export function decode<F extends Fields>(
  definition: Message<F>,
  version: number,
  bytes: Uint8Array,
  position = 0,
): ValueOf<F> {
  return read(definition, version, new Reader(bytes, position))
}

/** Decodes a message out of a reader, which is left behind it. */
export function read<F extends Fields>(definition: Message<F>, version: number, reader: Reader): ValueOf<F> {
  throw new Error(`${definition.name} ${version} ${reader.position}`)
}

/** The caller keeps the right to release deferred parts when this throws. */
export function encode<F extends Fields>(
  definition: Message<F>,
  version: number,
  value: InputOf<F>,
): EncodedMessage {
  const writer = new Writer()
  write(definition, version, writer, value)
  return writer.finish()
}

/** Encodes a message behind what a writer has already. */
export function write<F extends Fields>(
  definition: Message<F>,
  version: number,
  writer: Writer,
  value: InputOf<F>,
): void {
  throw new Error(`${definition.name} ${version} ${writer.byteLength} ${typeof value}`)
}
