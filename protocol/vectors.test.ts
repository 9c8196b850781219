import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import { decode, encode, read } from './codec.ts'
import { readRequestHeader, readResponseHeader, writeRequestHeader, writeResponseHeader } from './header.ts'
import { interpretBytes, interpretValue } from './testing/interpreter.ts'
import { definitionOf, loadVectors, type Vector, valueOfJson } from './testing/vectors.ts'
import { joined, Reader, Writer } from './wire.ts'

const vectors = loadVectors()
const bodies = vectors.filter(vector => vector.type !== 'header')

function nameOf({ api, type, version, variant }: Vector): string {
  return `${api} ${type} v${version} ${variant}`
}
function known(vector: Vector) {
  const definition = definitionOf(vector)
  if (!definition) throw new Error(`no definition for ${nameOf(vector)}`)
  const bytes = Buffer.from(vector.hex, 'hex')
  return { definition, bytes, expected: valueOfJson(definition.fields, vector.json) }
}

/** One assertion for each vector would take longer than the codec; a difference is then shown in full. */
function expectSame(vector: Vector, actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual, nameOf(vector)).toEqual(expected)
}

test('there are vectors of every API and record', () => {
  expect(bodies.length).toBe(6759)
})

test('every vector decodes to its JSON and to its last byte', () => {
  for (const vector of bodies) {
    const { definition, bytes, expected } = known(vector)
    const reader = new Reader(bytes)
    expectSame(vector, read(definition, vector.version, reader), expected)
    expectSame(vector, reader.remaining, 0)
  }
})

test('every vector is encoded to its bytes, without tags that no definition knows', () => {
  for (const vector of bodies) {
    const { definition, expected } = known(vector)
    const encoded = encode(definition, vector.version, expected)
    const bytes = joined(encoded)
    expectSame(vector, encoded.byteLength, bytes.length)
    if (vector.variant !== 'utags') expectSame(vector, bytes.toString('hex'), vector.hex)
    else expectSame(vector, decode(definition, vector.version, bytes), expected)
  }
})

test('the interpreter of the tests agrees with every vector', () => {
  for (const vector of bodies) {
    const { definition, bytes, expected } = known(vector)
    const { value, end, unknownTags } = interpretBytes(definition, vector.version, bytes)
    expectSame(vector, value, expected)
    expectSame(vector, end, bytes.length)
    expectSame(vector, unknownTags > 0, vector.variant === 'utags')
    const again = interpretValue(definition, vector.version, expected).toString('hex')
    if (vector.variant !== 'utags') expectSame(vector, again, vector.hex)
  }
})

test('every vector of a header decodes to its JSON and is encoded to its bytes', () => {
  const headers = vectors.filter(vector => vector.type === 'header')
  for (const vector of headers) {
    const reader = new Reader(Buffer.from(vector.hex, 'hex'))
    const writer = new Writer()
    if (vector.api === 'RequestHeader') {
      const version = vector.version as 1 | 2
      const { apiKey, apiVersion, ...rest } = readRequestHeader(reader, version)
      expectSame(vector, { requestApiKey: apiKey, requestApiVersion: apiVersion, ...rest }, vector.json)
      writeRequestHeader(writer, version, { apiKey, apiVersion, ...rest })
    } else {
      const version = vector.version as 0 | 1
      const correlationId = readResponseHeader(reader, version)
      expectSame(vector, { correlationId }, vector.json)
      writeResponseHeader(writer, version, correlationId)
    }
    expectSame(vector, reader.remaining, 0)
    if (vector.variant !== 'utags') expectSame(vector, joined(writer.finish()).toString('hex'), vector.hex)
  }
  expect(headers.length).toBe(18)
})
