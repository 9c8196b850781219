import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import { apis } from './apis.ts'
import { encode, read } from './codec.ts'
import {
  decodeRequestHeader,
  decodeResponseHeader,
  encodeRequestFrame,
  encodeResponseFrame,
} from './header.ts'
import { interpretBytes } from './testing/interpreter.ts'
import { type Frame, loadExchange } from './testing/vectors.ts'
import { joined, Reader } from './wire.ts'

const frames = loadExchange()

function open(frame: Frame) {
  const { apiKey, version, dir } = frame
  const bytes = Buffer.from(frame.hex, 'hex')
  const api = apis.get(apiKey)
  if (!api) throw new Error(`no API ${apiKey}`)
  const header: { correlationId: number; bodyPosition: number; clientId?: string | null } =
    dir === 'request' ? decodeRequestHeader(bytes) : decodeResponseHeader(apiKey, version, bytes)
  expect(header.correlationId).toBe(frame.correlationId)
  const definition = dir === 'request' ? api.request : api.response
  const reader = new Reader(bytes, header.bodyPosition)
  return { bytes, header, definition, body: read(definition, version, reader), surplus: reader.remaining }
}

test('every frame between real clients and Kafka is decoded to its last byte, but for known surplus', () => {
  const surplus = frames.flatMap(frame => {
    const { surplus } = open(frame)
    return surplus > 0
      ? [{ client: frame.client, apiKey: frame.apiKey, version: frame.version, surplus }]
      : []
  })
  // librdkafka 2.16 sends three zero bytes behind a Metadata request for all topics, and Kafka answers it.
  expect(frames.length).toBe(4999)
  expect(surplus.length).toBe(2)
  for (const frame of surplus) expect(frame).toMatchObject({ apiKey: 3, version: 13, surplus: 3 })
})

test('the interpreter of the tests reads the same in every frame', () => {
  for (const frame of frames) {
    const { bytes, header, definition, body } = open(frame)
    const { value } = interpretBytes(definition, frame.version, bytes.subarray(header.bodyPosition))
    if (!isDeepStrictEqual(body, value)) expect(body).toEqual(value)
  }
})

test('every frame without surplus is encoded again to the same bytes', () => {
  let count = 0
  for (const frame of frames) {
    const { bytes, header, definition, body, surplus } = open(frame)
    if (surplus > 0) continue
    const { version, correlationId } = frame
    const { clientId } = header
    const again =
      clientId !== undefined
        ? encodeRequestFrame(definition, { version, correlationId, clientId, body })
        : encodeResponseFrame(definition, version, correlationId, body)
    if (!joined(again).subarray(4).equals(bytes)) {
      expect(joined(encode(definition, version, body)).toString('hex'), JSON.stringify(frame)).toBe(
        bytes.subarray(header.bodyPosition).toString('hex'),
      )
      expect(joined(again).subarray(4).toString('hex')).toBe(frame.hex)
    }
    count++
  }
  expect(count).toBe(4997)
})
