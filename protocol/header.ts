/**
 * What stands before a message's body. Request headers v0 (ControlledShutdown v0 only), v1, and v2 (flexible
 * versions: tagged fields behind a client id that keeps its old form); response headers v0 and v1 (flexible).
 * An ApiVersions response always has v0, since its reader may not know yet what the broker speaks.
 */
import { write } from './codec.ts'
import type { Fields, InputOf, Message } from './schema.ts'
import { type EncodedMessage, MalformedMessage, Reader, Writer } from './wire.ts'

export interface RequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  readonly clientId: string | null
}

const CONTROLLED_SHUTDOWN = 7
const API_VERSIONS = 18

const NEVER = Number.POSITIVE_INFINITY

/**
 * The first flexible version of each API, by key. The definitions say the same, and a test that it is the
 * same; here it spares a broker the loading of ninety definitions before it can read its first header.
 */
// biome-ignore format: a table of numbers
const FIRST_FLEXIBLE: readonly number[] = [
  9, 12, 6, 9, NEVER, NEVER, NEVER, NEVER, 8, 6, 3, 6, 4, 4, 4, 5, 3, NEVER, 3, 5,
  4, 2, 2, 4, 3, 3, 3, 1, 3, 2, 2, 2, 4, 2, 2, 2, 2, 2, 2, 2,
  2, 2, 2, 2, 1, 0, 0, NEVER, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]

/** An unknown API has v1, so that its correlation and client id can be told. */
export function requestHeaderVersion(apiKey: number, apiVersion: number): 0 | 1 | 2 {
  if (apiKey === CONTROLLED_SHUTDOWN && apiVersion === 0) return 0
  return isFlexible(apiKey, apiVersion) ? 2 : 1
}

export function responseHeaderVersion(apiKey: number, apiVersion: number): 0 | 1 {
  if (apiKey === API_VERSIONS) return 0
  return isFlexible(apiKey, apiVersion) ? 1 : 0
}

/** Versions that nobody has defined yet are flexible where the last one is. */
function isFlexible(apiKey: number, version: number): boolean {
  return version >= (FIRST_FLEXIBLE[apiKey] ?? NEVER)
}

/** Decodes the header of a request's frame (without the size). The body begins at `bodyPosition`. */
export function decodeRequestHeader(frame: Uint8Array): RequestHeader & { readonly bodyPosition: number } {
  const reader = new Reader(frame)
  if (reader.end < 4) throw new MalformedMessage(`a frame of ${reader.end} bytes names no API`, 'header')
  const version = requestHeaderVersion(reader.view.getInt16(0), reader.view.getInt16(2))
  const { apiKey, apiVersion, correlationId, clientId } = readRequestHeader(reader, version)
  return { apiKey, apiVersion, correlationId, clientId, bodyPosition: reader.position }
}

/** The header's fields in a version that the caller knows. */
export function readRequestHeader(reader: Reader, headerVersion: 0 | 1 | 2): RequestHeader {
  let path = 'header.requestApiKey'
  try {
    const apiKey = reader.int16()
    path = 'header.requestApiVersion'
    const apiVersion = reader.int16()
    path = 'header.correlationId'
    const correlationId = reader.int32()
    path = 'header.clientId'
    const clientId = headerVersion >= 1 ? reader.nullableString() : null
    path = 'header'
    if (headerVersion >= 2) reader.skipTags()
    return { apiKey, apiVersion, correlationId, clientId }
  } catch (error) {
    if (error instanceof MalformedMessage) throw new MalformedMessage(error.reason, path)
    throw error
  }
}

export function writeRequestHeader(writer: Writer, headerVersion: 0 | 1 | 2, header: RequestHeader): void {
  writer.int16(header.apiKey)
  writer.int16(header.apiVersion)
  writer.int32(header.correlationId)
  if (headerVersion >= 1) writer.nullableString(header.clientId)
  if (headerVersion >= 2) writer.uvarint(0)
}

/** A whole frame: its size, the response header and the body. Texts that are too long are cut. */
export function encodeResponseFrame<F extends Fields>(
  response: Message<F>,
  version: number,
  correlationId: number,
  body: InputOf<F>,
): EncodedMessage {
  const writer = new Writer()
  // A message that quotes what the client said, or a name that was no UTF-8, may be longer than that was.
  writer.cutsTexts = true
  writer.int32(0)
  writeResponseHeader(writer, responseHeaderVersion(response.apiKey, version), correlationId)
  write(response, version, writer, body)
  return writer.finishFrame()
}

export interface RequestTo<F extends Fields> {
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
  readonly body: InputOf<F>
}

/** The client's side: a whole frame of a request. */
export function encodeRequestFrame<F extends Fields>(
  request: Message<F>,
  { version, correlationId, clientId, body }: RequestTo<F>,
): EncodedMessage {
  const { apiKey } = request
  const writer = new Writer()
  writer.int32(0)
  const header = { apiKey, apiVersion: version, correlationId, clientId }
  writeRequestHeader(writer, requestHeaderVersion(apiKey, version), header)
  write(request, version, writer, body)
  return writer.finishFrame()
}

/** The client's side: the header of a response's frame (without the size). */
export function decodeResponseHeader(
  apiKey: number,
  apiVersion: number,
  frame: Uint8Array,
): { readonly correlationId: number; readonly bodyPosition: number } {
  const reader = new Reader(frame)
  const correlationId = readResponseHeader(reader, responseHeaderVersion(apiKey, apiVersion))
  return { correlationId, bodyPosition: reader.position }
}

export function readResponseHeader(reader: Reader, headerVersion: 0 | 1): number {
  const correlationId = reader.int32()
  if (headerVersion === 1) reader.skipTags()
  return correlationId
}

export function writeResponseHeader(writer: Writer, headerVersion: 0 | 1, correlationId: number): void {
  writer.int32(correlationId)
  if (headerVersion === 1) writer.uvarint(0)
}
