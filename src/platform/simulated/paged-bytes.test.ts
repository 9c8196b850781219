import { expect, test } from 'vitest'
import { PagedBytes } from './paged-bytes.ts'

const PAGE_BYTES = 256 * 1024

const bytesOf = (bytes: PagedBytes) => {
  const target = Buffer.alloc(bytes.byteLength)
  bytes.read(target, 0)
  return target
}

test('a fork has the same bytes, and neither sees what is written to the other', () => {
  const original = new PagedBytes()
  const before = Buffer.alloc(PAGE_BYTES * 2 + 100, 'x')
  original.write(before, 0)
  const first = original.fork()
  const second = original.fork()
  first.write(Buffer.from('first'), PAGE_BYTES - 2)
  second.write(Buffer.from('second'), PAGE_BYTES * 2 + 90)
  original.truncate(10)
  original.write(Buffer.from('o'), 20)
  const expected = (text: string, at: number) => {
    const bytes = Buffer.concat([before, Buffer.alloc(Math.max(0, at + text.length - before.length))])
    bytes.write(text, at)
    return bytes
  }
  expect(bytesOf(first).equals(expected('first', PAGE_BYTES - 2))).toBe(true)
  expect(bytesOf(second).equals(expected('second', PAGE_BYTES * 2 + 90))).toBe(true)
  expect(bytesOf(original).equals(Buffer.from(`${'x'.repeat(10)}${'\0'.repeat(10)}o`))).toBe(true)
})

test('a fork of a fork, cut in the middle of a page and grown again, reads zeros and leaves the others alone', () => {
  const original = new PagedBytes()
  original.write(Buffer.alloc(1_000, 'a'), 0)
  const fork = original.fork().fork()
  fork.truncate(500)
  fork.truncate(1_000)
  expect(bytesOf(fork).equals(Buffer.concat([Buffer.alloc(500, 'a'), Buffer.alloc(500)]))).toBe(true)
  expect(bytesOf(original).equals(Buffer.alloc(1_000, 'a'))).toBe(true)
})

test('what lies behind all that was written, in a file that was made longer, reads as zeros', () => {
  const bytes = new PagedBytes()
  bytes.write(Buffer.alloc(200, 1), 0)
  bytes.truncate(1_000)
  const target = Buffer.alloc(20, 7)
  expect(bytes.read(target, 600)).toBe(20)
  expect(target).toEqual(Buffer.alloc(20))
})
