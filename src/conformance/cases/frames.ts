/** Requests as bytes, also such as no client would send. */
import { encodeToBuffer } from '../../../protocol/codec.ts'
import { requestHeaderVersion } from '../../../protocol/header.ts'
import type { Fields, InputOf, Message } from '../../../protocol/schema.ts'

export interface FrameWords {
  readonly apiKey: number
  readonly version: number
  readonly correlationId?: number
  /** Null for none; undefined for one that is as good as any. */
  readonly clientId?: Buffer | string | null
  readonly body?: Buffer
  /** That of the API's version, unless told. */
  readonly headerVersion?: 0 | 1 | 2
  /** The tagged fields of the header, with their count. */
  readonly tags?: Buffer
}

const NO_TAGS = Buffer.of(0)

/** A frame with its size. */
export function frame(words: FrameWords): Buffer {
  const {
    apiKey,
    version,
    correlationId = 7,
    clientId = 'raw',
    body = Buffer.alloc(0),
    tags = NO_TAGS,
  } = words
  const headerVersion = words.headerVersion ?? requestHeaderVersion(apiKey, version)
  const fixed = Buffer.alloc(8)
  fixed.writeInt16BE(apiKey, 0)
  fixed.writeInt16BE(version, 2)
  fixed.writeInt32BE(correlationId, 4)
  const parts = [
    fixed,
    ...(headerVersion > 0 ? [shortString(clientId)] : []),
    ...(headerVersion > 1 ? [tags] : []),
  ]
  return sized(Buffer.concat([...parts, body]))
}

export function sized(bytes: Buffer, size = bytes.length): Buffer {
  const prefix = Buffer.alloc(4)
  prefix.writeInt32BE(size)
  return Buffer.concat([prefix, bytes])
}

/** A whole request, as a client would send it. */
export function requestFrame<F extends Fields>(
  {
    request,
    version,
    body,
  }: { readonly request: Message<F>; readonly version: number; readonly body: InputOf<F> },
  words: Partial<FrameWords> = {},
): Buffer {
  return frame({ apiKey: request.apiKey, version, body: encodeToBuffer(request, version, body), ...words })
}

/** Tagged fields as they stand at the end of a header or a structure. */
export function tagged(fields: Readonly<Record<number, string>>): Buffer {
  const entries = Object.entries(fields)
  const parts = entries.flatMap(([tag, value]) => [
    varint(Number(tag)),
    varint(Buffer.byteLength(value)),
    Buffer.from(value),
  ])
  return Buffer.concat([varint(entries.length), ...parts])
}

/** Unsigned, as in flexible versions. */
export function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value >>> 0
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  return Buffer.from([...bytes, rest])
}

export function shortString(value: Buffer | string | null): Buffer {
  if (value === null) return Buffer.of(0xff, 0xff)
  const bytes = Buffer.from(value)
  const size = Buffer.alloc(2)
  size.writeInt16BE(bytes.length)
  return Buffer.concat([size, bytes])
}
