import fc from 'fast-check'
import { expect, test } from 'vitest'
import { joined, MalformedMessage, Reader, Writer, ZERO_UUID } from './wire.ts'

test('a varint of 32 bits takes one to five bytes', () => {
  const cases: readonly [number, string][] = [
    [0, '00'],
    [127, '7f'],
    [128, '8001'],
    [16_383, 'ff7f'],
    [16_384, '808001'],
    [0x7fffffff, 'ffffffff07'],
    [0xffffffff, 'ffffffff0f'],
  ]
  for (const [value, hex] of cases) {
    const writer = new Writer()
    writer.uvarint(value)
    expect(joined(writer.finish()).toString('hex')).toBe(hex)
    expect(new Reader(Buffer.from(hex, 'hex')).uvarint()).toBe(value)
  }
})

test('a varint beyond 32 bits, or without an end, is malformed', () => {
  for (const hex of ['ffffffff1f', 'ffffffffff01', '808080808000', '80', '']) {
    expect(() => new Reader(Buffer.from(hex, 'hex')).uvarint(), hex).toThrow(MalformedMessage)
  }
})

test('a reader works on a view into a larger buffer, and on plain bytes', () => {
  const bytes = new Uint8Array([9, 9, 0, 0, 0, 5, 1, 2, 9]).subarray(2, 8)
  const reader = new Reader(bytes)
  expect(reader.int32()).toBe(5)
  expect(reader.remaining).toBe(2)
  expect(() => reader.int32()).toThrow('4 bytes are needed, 2 are left')
  expect(reader.int16()).toBe(0x0102)
})

test('a UUID is 22 characters, and the zero UUID is one constant', () => {
  const id = Buffer.from('00112233445566778899aabbccddeeff', 'hex')
  const reader = new Reader(Buffer.concat([id, Buffer.alloc(16)]))
  const text = reader.uuid()
  expect(text).toBe(id.toString('base64url'))
  expect(text).toHaveLength(22)
  expect(reader.uuid()).toBe(ZERO_UUID)

  const writer = new Writer()
  writer.uuid(text)
  writer.uuid(ZERO_UUID)
  expect(joined(writer.finish())).toEqual(Buffer.concat([id, Buffer.alloc(16)]))
  expect(() => new Writer().uuid('*'.repeat(22))).toThrow('is not a UUID')
})

test('text of any script keeps its bytes', () => {
  const property = fc.property(fc.string({ unit: 'grapheme' }), text => {
    const writer = new Writer(1)
    writer.string(text)
    writer.compactString(text)
    const reader = new Reader(joined(writer.finish()))
    expect(reader.string()).toBe(text)
    expect(reader.compactString()).toBe(text)
  })
  fc.assert(property, { numRuns: 200, seed: 1 })
})

test('a writer that grows, refers to large parts and nests tags loses nothing', () => {
  const small = Buffer.from('small')
  const large = Buffer.alloc(3_000, 3)
  const writer = new Writer(8)
  writer.raw(large)
  writer.int64(-1n)
  writer.raw(small)
  writer.raw(large)
  const outer = writer.openTag(1)
  const inner = writer.openTag(300)
  writer.raw(large)
  writer.closeTag(inner)
  writer.closeTag(outer)
  writer.int16(5)

  const innerTag = Buffer.concat([Buffer.from('ac02' + 'b817', 'hex'), large])
  const expected = Buffer.concat([
    large,
    Buffer.from('ffffffffffffffff', 'hex'),
    small,
    large,
    Buffer.from('01' + 'bc17', 'hex'),
    innerTag,
    Buffer.from('0005', 'hex'),
  ])
  const message = writer.finish()
  expect(message.byteLength).toBe(expected.length)
  expect(joined(message)).toEqual(expected)
  expect(message.chunks.filter(chunk => chunk === large)).toHaveLength(2)
})

test('tagged fields of every size have a length of the right width', () => {
  for (const size of [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152]) {
    const writer = new Writer()
    const tag = writer.openTag(0)
    const content = Buffer.alloc(size, 1)
    writer.raw(content)
    writer.closeTag(tag)
    const reader = new Reader(joined(writer.finish()))
    expect(reader.uvarint()).toBe(0)
    const end = reader.tagEnd()
    expect(end - reader.position).toBe(size)
    expect(end).toBe(reader.end)
    expect(reader.buffer.subarray(reader.position).equals(content)).toBe(true)
  }
})
