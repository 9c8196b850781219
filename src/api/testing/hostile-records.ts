/** Batches for the fuzz: whole ones of all kinds, and such as say something that is not so. */
import type { Random } from '../../platform/platform.ts'
import type { CompressionType } from '../../records/batch.ts'
import { buildBatch, buildEndTransactionMarker } from '../../records/builder.ts'
import { compress } from '../../records/compression.ts'
import { crc32c } from '../../records/crc32c.ts'
import { encodeMessage } from '../../records/legacy.ts'
import { edgeOf, oneIn, pick } from './hostile-words.ts'

/** Whose batch it is, as far as somebody is known. */
export interface Author {
  readonly producerId: bigint
  readonly producerEpoch: number
}

const CODECS: readonly CompressionType[] = ['none', 'none', 'gzip', 'snappy', 'lz4', 'zstd']
const NOW = 1_704_067_200_000n
const TIMES = [NOW, NOW, -1n, 0n, NOW - 10_000_000_000n, 2n ** 62n, -5n]
/** Position and width of a batch's header fields. */
const FIELDS = [
  [0, 8],
  [8, 4],
  [12, 4],
  [16, 1],
  [21, 2],
  [23, 4],
  [27, 8],
  [35, 8],
  [43, 8],
  [51, 2],
  [53, 4],
  [57, 4],
] as const
const HEADER_BYTES = 61

export function hostileRecords(random: Random, author: Author | undefined): Buffer | null {
  switch (random.below(12)) {
    case 0:
      return oneIn(random, 3) ? null : random.bytes(random.below(120))
    case 1:
      return messageSet(random)
    case 2:
      return Buffer.concat([batch(random, author), batch(random, author)])
    case 3:
      return marker(random, author)
    case 4:
      return spoilt(random, batch(random, author))
    case 5:
      return spoiltInside(random, batch(random, author))
    default:
      return batch(random, author)
  }
}

function batch(random: Random, author: Author | undefined): Buffer {
  const count = pick(random, [1, 1, 2, 3, 20])
  const bytes = (most: number) => (oneIn(random, 4) ? null : random.bytes(random.below(most)))
  const records = Array.from({ length: count }, () => ({
    timestamp: pick(random, TIMES),
    key: oneIn(random, 2) ? Buffer.from(pick(random, ['a', 'b', 'c'])) : bytes(40),
    value: bytes(pick(random, [10, 10, 300])),
    headers: oneIn(random, 4) ? [{ key: pick(random, ['', 'h', '__proto__']), value: bytes(10) }] : [],
  }))
  const isOwned = author !== undefined && !oneIn(random, 3)
  return buildBatch({
    records,
    compression: pick(random, CODECS),
    ...(isOwned && {
      producerId: author.producerId,
      producerEpoch: author.producerEpoch,
      baseSequence: pick(random, [0, 0, 1, 2, 20, -1, 0x7fffffff]),
      isTransactional: !oneIn(random, 3),
    }),
  })
}

function marker(random: Random, author: Author | undefined): Buffer {
  return buildEndTransactionMarker({
    type: pick(random, ['COMMIT', 'ABORT']),
    coordinatorEpoch: pick(random, [0, 1, -1]),
    timestamp: NOW,
    producerId: author?.producerId ?? 0n,
    producerEpoch: author?.producerEpoch ?? 0,
  })
}

/** As before 0.11. */
function messageSet(random: Random): Buffer {
  const magic = pick(random, [0, 1] as const)
  const message = (offset: number) =>
    encodeMessage({
      offset: BigInt(offset),
      magic,
      timestamp: magic === 0 ? -1n : NOW,
      timestampType: 'CreateTime',
      key: oneIn(random, 2) ? null : Buffer.from('a'),
      value: random.bytes(random.below(30)),
      compression: 'none',
    })
  const whole = Buffer.concat(Array.from({ length: pick(random, [1, 2, 3]) }, (_, i) => message(i)))
  if (oneIn(random, 3)) whole[random.below(whole.length)]! ^= 1 << random.below(8)
  return whole
}

/** One field of the header says something else, under a right checksum. */
function spoilt(random: Random, bytes: Buffer): Buffer {
  const [position, width] = pick(random, FIELDS)
  if (width === 8) bytes.writeBigInt64BE(edgeOf(random, 'int64') as bigint, position)
  else bytes.writeIntBE(edgeOf(random, `int${8 * width}`) as number, position, width)
  sign(bytes)
  return oneIn(random, 4) ? bytes.subarray(0, random.below(bytes.length)) : bytes
}

/** What is in the batch has changed, or what it unfolds to, under a right checksum. */
function spoiltInside(random: Random, bytes: Buffer): Buffer {
  if (oneIn(random, 3)) {
    const codec = 1 + random.below(7)
    const payload = compress('gzip', random.bytes(random.below(200)))
    const other = Buffer.concat([bytes.subarray(0, HEADER_BYTES), payload])
    other.writeInt16BE(codec, 21)
    other.writeInt32BE(other.length - 12, 8)
    sign(other)
    return other
  }
  for (let i = 0; i < 3; i++) {
    bytes[HEADER_BYTES + random.below(bytes.length - HEADER_BYTES)] = random.below(256)
  }
  sign(bytes)
  return bytes
}

function sign(bytes: Buffer): void {
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)) >>> 0, 17)
}
