import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameReader } from './frame-reader.ts'

const MAX = 1_000_000

function framed(...bodies: readonly Buffer[]): Buffer {
  return Buffer.concat(
    bodies.flatMap(body => {
      const size = Buffer.alloc(4)
      size.writeInt32BE(body.length)
      return [size, body]
    }),
  )
}

function reader(): { frames: Buffer[]; reader: FrameReader } {
  const frames: Buffer[] = []
  return {
    frames,
    reader: new FrameReader(
      () => MAX,
      frame => frames.push(frame),
    ),
  }
}

test('frames come out as they went in, however the bytes arrive', () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 })
  const cuts = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 10 })
  fc.assert(
    fc.property(bodies, cuts, (arrays, sizes) => {
      const sent = arrays.map(array => Buffer.from(array))
      const stream = framed(...sent)
      const { frames, reader: under } = reader()
      for (let at = 0, i = 0; at < stream.length; i++) {
        const size = sizes[i % sizes.length]!
        expect(under.push(Buffer.from(stream.subarray(at, at + size)))).toBeUndefined()
        at += size
      }
      expect(frames.map(frame => frame.toString('hex'))).toEqual(sent.map(body => body.toString('hex')))
      expect(under.isMidFrame).toBe(false)
    }),
  )
})

test('a frame that lies in one chunk is a view of it', () => {
  const { frames, reader: under } = reader()
  const chunk = framed(Buffer.from('one'), Buffer.from('two'))
  under.push(chunk)
  expect(frames.map(String)).toEqual(['one', 'two'])
  expect(frames[1]?.buffer).toBe(chunk.buffer)
})

test('a large frame ends up in a buffer of exactly its own size', () => {
  const { frames, reader: under } = reader()
  const body = Buffer.alloc(900_000, 'x')
  const stream = framed(body)
  for (let at = 0; at < stream.length; at += 65_536) under.push(Buffer.from(stream.subarray(at, at + 65_536)))
  expect(frames[0]?.equals(body)).toBe(true)
  expect(frames[0]?.buffer.byteLength).toBe(900_000)
})

test('a size alone, however large, makes nothing be allocated; memory follows what arrives', () => {
  const frames: Buffer[] = []
  const under = new FrameReader(
    () => 100 * 1024 * 1024,
    frame => frames.push(frame),
  )
  const size = Buffer.alloc(4)
  size.writeInt32BE(100 * 1024 * 1024)
  const before = process.memoryUsage().arrayBuffers
  under.push(size)
  under.push(Buffer.alloc(1))
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024)
  expect(under.isMidFrame).toBe(true)
})

test('T018 a negative size or one over the limit is reported, after the frames before it', () => {
  const { frames, reader: under } = reader()
  const over = Buffer.alloc(4)
  over.writeInt32BE(MAX + 1)
  const stream = Buffer.concat([framed(Buffer.from('good')), over, Buffer.from('rest')])
  expect(under.push(stream)).toEqual({ sizeBytes: MAX + 1, isFirst: false })
  expect(frames.map(String)).toEqual(['good'])

  const negative = reader()
  expect(negative.reader.push(Buffer.from([0xff]))).toBeUndefined()
  expect(negative.reader.push(Buffer.from([0xff, 0xff, 0xff]))).toEqual({ sizeBytes: -1, isFirst: true })
})

test('a frame of exactly the limit is one', () => {
  const { frames, reader: under } = reader()
  expect(under.push(framed(Buffer.alloc(MAX)))).toBeUndefined()
  expect(frames).toHaveLength(1)
})
