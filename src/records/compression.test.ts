import { constants, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { COMPRESSION_TYPES, type CompressionType } from './batch.ts'
import { codecReport, compress, decompress } from './compression.ts'
import { crc32c, nativeCrc32c, pureCrc32c } from './crc32c.ts'
import { compressLz4, decompressLz4, nativeLz4 } from './lz4.ts'
import { compressSnappy, decompressSnappy, nativeSnappy, pureSnappy } from './snappy.ts'
import { xxHash32 } from './xxhash32.ts'
import { builtInZstd, compressZstd, decompressZstd, nativeZstd, pureZstd } from './zstd.ts'

const MIB = 1024 * 1024
const codecs = COMPRESSION_TYPES.filter(type => type !== 'none')

/** The same numbers on every run. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state
  }
}

function textLike(bytes: number, seed = 1): Buffer {
  const next = generator(seed)
  const words = Array.from({ length: 400 }, () =>
    next()
      .toString(36)
      .slice(0, 2 + (next() >>> 29)),
  )
  let text = ''
  while (text.length < bytes) text += `${words[(next() >>> 8) % 400]} ${(next() >>> 28) === 0 ? next() : ''}`
  return Buffer.from(text).subarray(0, bytes)
}

function noise(bytes: number, seed = 7): Buffer {
  const next = generator(seed)
  return Buffer.from(Uint8Array.from({ length: bytes }, () => next() >>> 24))
}

const samples: readonly [string, Buffer][] = [
  ['nothing', Buffer.alloc(0)],
  ['one byte', Buffer.from('x')],
  ['a few bytes', Buffer.from('abcabcabc')],
  ['a record', textLike(300)],
  ['a batch', textLike(16_384, 3)],
  ['noise', noise(70_000)],
  ['zeros', Buffer.alloc(300_000)],
  ['a long text', textLike(700_000, 5)],
  ['text, then noise, then text', Buffer.concat([textLike(90_000), noise(90_000), textLike(90_000)])],
]

function decoded(result: ReturnType<typeof decompress>): Buffer {
  if (result.error) throw new Error(`${result.error} ${result.message}`)
  return result.value
}

describe('every codec', () => {
  test.each(codecs)('%s gives back what it was given', codec => {
    for (const [name, sample] of samples) {
      const bytes = compress(codec, sample)
      expect(decoded(decompress(codec, bytes, sample.length)).equals(sample), name).toBe(true)
    }
  })

  test.each(codecs)('%s refuses what is larger than its bound, by one byte', codec => {
    for (const sample of [textLike(300), noise(70_000), textLike(700_000, 5)]) {
      const refused = decompress(codec, compress(codec, sample), sample.length - 1)
      expect(refused.error).toBe(ErrorCode.MESSAGE_TOO_LARGE)
    }
  })

  test.each(codecs)('%s answers with a refusal wherever the data is cut off', codec => {
    const bytes = compress(codec, textLike(2000))
    for (let length = 0; length < bytes.length; length++) {
      // A Snappy stream of no blocks is whole.
      if (codec === 'snappy' && length === 16) continue
      expect(decompress(codec, bytes.subarray(0, length), MIB).error, `at ${length}`).not.toBe(0)
    }
  })

  test.each(codecs)('%s answers, within its bound, whatever bytes are changed', codec => {
    const next = generator(11)
    const original = compress(codec, textLike(3000))
    for (let i = 0; i < 600; i++) {
      const bytes = Buffer.from(original)
      for (let n = next() % 4; n >= 0; n--) bytes[next() % bytes.length] = next() >>> 24
      const result = decompress(codec, bytes, 100_000)
      if (!result.error) expect(result.value.length).toBeLessThanOrEqual(100_000)
    }
  })
})

describe('a compressed bomb is refused within its bound', () => {
  /** About a mebibyte each, of which the largest would inflate to tens of gibibytes. */
  const bombs: Record<Exclude<CompressionType, 'none'>, () => Buffer> = {
    gzip: () => Buffer.concat(new Array<Buffer>(64).fill(gzipSync(Buffer.alloc(16 * MIB)))),
    snappy: () => {
      // One literal zero, then copies of 64 bytes at distance 1, over and over.
      const block = Buffer.alloc(MIB, Buffer.from([0xfe, 0x01, 0x00]))
      return Buffer.concat([Buffer.from([0x80, 0x80, 0x80, 0x0a, 0x00, 0x00]), block])
    },
    lz4: () => Buffer.concat([compressLz4(Buffer.alloc(200 * MIB))]),
    zstd: () => {
      const blocks = Buffer.alloc(MIB, Buffer.from([0x02, 0x00, 0x10, 0x00]))
      blocks[blocks.length - 4]! |= 1
      return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58]), blocks])
    },
  }
  test.each(codecs)('%s', codec => {
    const bomb = bombs[codec]()
    const before = process.memoryUsage().rss
    const started = process.cpuUsage()
    const refused = decompress(codec, bomb, 2 * MIB)
    const spent = process.cpuUsage(started)
    expect(refused.error).toBe(ErrorCode.MESSAGE_TOO_LARGE)
    expect(spent.user + spent.system).toBeLessThan(1_000_000)
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * MIB)
  })

  test('zstd of compressed blocks, where only decoding tells', () => {
    const bomb = compressZstd(Buffer.alloc(64 * MIB, 'all work and no play '))
    expect(decompressZstd(bomb, 2 * MIB).error).toBe(ErrorCode.MESSAGE_TOO_LARGE)
    expect(decompressZstd(bomb, 2 * MIB, pureZstd()).error).toBe(ErrorCode.MESSAGE_TOO_LARGE)
  })
})

describe('without native parts', () => {
  test('crc32c gives the same numbers, and those of the standard', () => {
    expect(pureCrc32c(Buffer.from('123456789'))).toBe(0xe3069283)
    for (const [, sample] of samples) {
      expect(pureCrc32c(sample)).toBe(crc32c(sample))
      if (nativeCrc32c) expect(nativeCrc32c(sample)).toBe(crc32c(sample))
    }
  })

  test('lz4 reads and writes what the native library does', () => {
    const native = nativeLz4()
    for (const [name, sample] of samples) {
      const pure = compressLz4(sample, { native: null })
      expect(decoded(decompressLz4(pure, sample.length, { native: null })).equals(sample), name).toBe(true)
      if (native === null) continue
      expect(decoded(decompressLz4(pure, sample.length, { native })).equals(sample), name).toBe(true)
      const theirs = compressLz4(sample, { native })
      expect(decoded(decompressLz4(theirs, sample.length, { native: null })).equals(sample), name).toBe(true)
    }
    expect(compressLz4(textLike(100_000), { native: null }).length).toBeLessThan(70_000)
  })

  test('snappy reads and writes what the native library does', () => {
    const native = nativeSnappy()
    for (const [name, sample] of samples) {
      const pure = compressSnappy(sample, pureSnappy())
      expect(decoded(decompressSnappy(pure, sample.length, pureSnappy())).equals(sample), name).toBe(true)
      if (!native) continue
      expect(decoded(decompressSnappy(pure, sample.length, native)).equals(sample), name).toBe(true)
      const theirs = compressSnappy(sample, native)
      expect(decoded(decompressSnappy(theirs, sample.length, pureSnappy())).equals(sample), name).toBe(true)
    }
  })

  test('snappy answers whatever bytes are changed', () => {
    const next = generator(3)
    const original = compressSnappy(textLike(3000))
    for (let i = 0; i < 500; i++) {
      const bytes = Buffer.from(original)
      for (let n = next() % 4; n >= 0; n--) bytes[next() % bytes.length] = next() >>> 24
      const result = decompressSnappy(bytes, 100_000, pureSnappy())
      if (!result.error) expect(result.value.length).toBeLessThanOrEqual(100_000)
    }
  })

  test('zstd decodes what libraries write at every kind of level, and stores frames that they read', () => {
    const libraries = [builtInZstd(), nativeZstd()].filter(library => library !== undefined)
    for (const [name, sample] of samples) {
      const stored = compressZstd(sample, 3, pureZstd())
      expect(decoded(decompressZstd(stored, sample.length, pureZstd())).equals(sample), name).toBe(true)
      for (const library of libraries) {
        expect(decoded(decompressZstd(stored, sample.length, library)).equals(sample), name).toBe(true)
        for (const level of [-7, 1, 3, 9, 19]) {
          const bytes = compressZstd(sample, level, library)
          const pure = decompressZstd(bytes, sample.length, pureZstd())
          expect(decoded(pure).equals(sample), `${name}, level ${level}, ${library.name}`).toBe(true)
        }
      }
    }
  })

  test('zstd answers whatever bytes are changed', () => {
    const next = generator(5)
    for (const level of [1, 19]) {
      const original = compressZstd(textLike(20_000), level)
      for (let i = 0; i < 800; i++) {
        const bytes = Buffer.from(original)
        for (let n = next() % 3; n >= 0; n--) bytes[6 + (next() % (bytes.length - 6))] = next() >>> 24
        const result = decompressZstd(bytes, 200_000, pureZstd())
        if (!result.error) expect(result.value.length).toBeLessThanOrEqual(200_000)
      }
    }
  })
})

describe('snappy framing', () => {
  const sample = textLike(100_000)

  test('is what the Java client writes: magic, version 1, blocks of 32 KiB', () => {
    const bytes = compressSnappy(sample)
    expect(bytes.subarray(0, 16).toString('hex')).toBe('82534e41505059000000000100000001')
    let blocks = 0
    for (let at = 16; at < bytes.length; at += 4 + bytes.readInt32BE(at)) blocks++
    expect(blocks).toBe(4)
  })

  test('a bare block is read too', () => {
    const bare = Buffer.from(pureSnappy().compress(sample))
    expect(decoded(decompressSnappy(bare, MIB)).equals(sample)).toBe(true)
  })

  test('streams that follow each other are read as one', () => {
    const bytes = compressSnappy(sample)
    const twice = decoded(decompressSnappy(Buffer.concat([bytes, bytes]), MIB))
    expect(twice.equals(Buffer.concat([sample, sample]))).toBe(true)
  })

  test('a block that declares far more than it can hold is refused before anything is allocated', () => {
    const block = Buffer.from([0xff, 0xff, 0xff, 0x7f, 0x00, 0x00])
    expect(decompressSnappy(block, 2 ** 31).error).toBe(ErrorCode.INVALID_RECORD)
  })
})

describe('lz4 frames', () => {
  test('have the header checksum of the standard, which is a byte of xxHash32', () => {
    expect(xxHash32(Buffer.alloc(0))).toBe(0x02cc5d05)
    expect(xxHash32(Buffer.from('Nobody inspects the spammish repetition'))).toBe(0xe2293b2f)
    expect(compressLz4(Buffer.from('x'), { native: null }).subarray(0, 7).toString('hex')).toBe(
      '04224d18604082',
    )
  })

  test('of magic 0 have the old, wrong header checksum, and any is accepted there', () => {
    const sample = textLike(5000)
    const old = compressLz4(sample, { magic: 0 })
    expect(old[6]).not.toBe(0x82)
    expect(decompressLz4(old, MIB).error).toBe(ErrorCode.INVALID_RECORD)
    expect(decoded(decompressLz4(old, MIB, { magic: 0 })).equals(sample)).toBe(true)
    expect(decoded(decompressLz4(compressLz4(sample), MIB, { magic: 0 })).equals(sample)).toBe(true)
  })

  test('whose blocks depend on each other are refused, as the Java client cannot read them', () => {
    const frame = Buffer.from('04224d18404000', 'hex')
    frame[6] = (xxHash32(frame.subarray(4, 6)) >>> 8) & 0xff
    expect(decompressLz4(Buffer.concat([frame, Buffer.alloc(4)]), MIB).error).toBe(ErrorCode.INVALID_RECORD)
  })
})

describe('zstd frames', () => {
  test('that follow each other are all read, skippable ones are skipped', () => {
    const [a, b] = [textLike(1000, 1), textLike(2000, 2)]
    const skippable = Buffer.from('502a4d1803000000aabbcc', 'hex')
    const bytes = Buffer.concat([compressZstd(a), skippable, compressZstd(b)])
    expect(decoded(decompressZstd(bytes, 3000)).equals(Buffer.concat([a, b]))).toBe(true)
  })

  test('that need a dictionary or a giant window are refused', () => {
    for (const hex of ['28b52ffd0158aa010000', '28b52ffd00ff010000']) {
      expect(decompressZstd(Buffer.from(hex, 'hex'), MIB).error).toBe(ErrorCode.INVALID_RECORD)
    }
  })
})

test('levels are honoured where the library can', () => {
  const sample = textLike(200_000)
  for (const codec of ['gzip', 'zstd'] as const) {
    const [fast, best] = [compress(codec, sample, 1), compress(codec, sample, codec === 'gzip' ? 9 : 19)]
    expect(best.length, codec).toBeLessThan(fast.length)
  }
  expect(compress('gzip', sample).length).toBe(
    gzipSync(sample, { level: constants.Z_DEFAULT_COMPRESSION }).length,
  )
})

test('the report names an implementation for every codec', () => {
  expect(codecReport().map(({ codec }) => codec)).toEqual(['crc32c', 'gzip', 'snappy', 'lz4', 'zstd'])
  for (const { implementation } of codecReport()) expect(implementation).not.toBe('')
})
