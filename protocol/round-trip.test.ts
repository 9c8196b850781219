import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decode, encodeToBuffer } from './codec.ts'
import {
  defaultOf,
  type Field,
  type Fields,
  type FieldType,
  isWithin,
  type Message,
  parseVersions,
} from './schema.ts'
import { interpretBytes, interpretValue } from './testing/interpreter.ts'
import { allMessages, versionsOf } from './testing/vectors.ts'

type Value = Record<string, unknown>

const edges = (first: number, last: number) =>
  fc.oneof(fc.integer({ min: first, max: last }), fc.constantFrom(first, -1 < first ? 0 : -1, last))
const bytes = fc.uint8Array({ maxLength: 20 }).map(array => Buffer.from(array))
const texts = fc.oneof(fc.string({ maxLength: 12 }), fc.string({ unit: 'grapheme', maxLength: 40 }))

function anyOf(type: FieldType, version: number): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'bool':
      return fc.boolean()
    case 'int8':
      return edges(-0x80, 0x7f)
    case 'int16':
      return edges(-0x8000, 0x7fff)
    case 'uint16':
      return edges(0, 0xffff)
    case 'int32':
      return edges(-0x80000000, 0x7fffffff)
    case 'uint32':
      return edges(0, 0xffffffff)
    case 'int64':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    case 'float64':
      return fc.double({ noNaN: true })
    case 'uuid':
      return fc.uint8Array({ minLength: 16, maxLength: 16 }).map(id => Buffer.from(id).toString('base64url'))
    case 'string':
      return texts
    case 'bytes':
      return bytes
    case 'array':
      return fc.array(anyOf(type.element, version), { maxLength: 3 })
    case 'struct':
      return structOf(type.fields, version)
  }
}

/** Fields that a version lacks have their default, which is what a decoder returns for them. */
function fieldOf(field: Field, version: number): fc.Arbitrary<unknown> {
  if (!isWithin(parseVersions(field.versions ?? '0+'), version)) return fc.constant(defaultOf(field))
  const choices = [anyOf(field.type, version)]
  if (field.nullable !== undefined && isWithin(parseVersions(field.nullable), version))
    choices.push(fc.constant(null))
  if (field.tag !== undefined) choices.push(fc.constant(defaultOf(field)))
  return fc.oneof(...choices)
}

function structOf(fields: Fields, version: number): fc.Arbitrary<Value> {
  const parts = Object.entries(fields).map(([name, field]) => [name, fieldOf(field, version)] as const)
  return fc.record(Object.fromEntries(parts), { noNullPrototype: true })
}

function checkRoundTrip(definition: Message, version: number, value: Value): void {
  const encoded = encodeToBuffer(definition, version, value)
  const slow = interpretValue(definition, version, value)
  if (!encoded.equals(slow)) expect(encoded.toString('hex')).toBe(slow.toString('hex'))
  const decoded = decode(definition, version, encoded)
  if (!isDeepStrictEqual(decoded, value)) expect(decoded).toEqual(value)
  const { value: slowValue, end } = interpretBytes(definition, version, encoded)
  if (!isDeepStrictEqual(slowValue, value)) expect(slowValue).toEqual(value)
  expect(end).toBe(encoded.length)
}

test('random values of every message and version survive, and the interpreter agrees on every byte', () => {
  for (const definition of allMessages) {
    for (const version of versionsOf(definition)) {
      const property = fc.property(structOf(definition.fields, version), value => {
        checkRoundTrip(definition, version, value)
      })
      fc.assert(property, { numRuns: 8, seed: 1_000 + version })
    }
  }
})
