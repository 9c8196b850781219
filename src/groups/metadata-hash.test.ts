import { expect, test } from 'vitest'
import { ClusterImage, type PartitionImage } from '../metadata/image.ts'
import { metadataHash } from './metadata-hash.ts'
import { xxh3 } from './xxh3.ts'

const PARTITION: PartitionImage = {
  leader: 1,
  leaderEpoch: 0,
  partitionEpoch: 0,
  replicas: [1],
  isr: [1],
  directories: [],
  elr: [],
  lastKnownElr: [],
}

function imageOf(name: string, id: string, partitions: number): ClusterImage {
  const topic = { name, id, partitions: Array.from({ length: partitions }, () => PARTITION) }
  return ClusterImage.empty().with(1n, { topics: [[name, topic]] })
}

/** What hash4j, which Kafka uses, makes of so many bytes; the byte at i is 31 i + length. */
const HASHES: readonly (readonly [length: number, hash: bigint])[] = [
  [4, -8394590309949769834n],
  [5, -7453993160584169556n],
  [8, 7338816517367379888n],
  [9, -5335940021630501941n],
  [12, 2825256305627965397n],
  [16, 5320234459269034259n],
  [17, -8257514064531154185n],
  [24, -2918297266038453152n],
  [31, -1172066686097043191n],
  [32, 7907668423543410844n],
  [33, 4639374105372676892n],
  [48, 5692954510363746788n],
  [64, 1327853013434487024n],
  [65, -7239128850583366288n],
  [96, 2746592136258587016n],
  [97, -6334970497229625667n],
  [128, 5812963814302388527n],
  [129, -7744135266785456595n],
  [160, 2823000945131770447n],
  [240, 9084983125367926793n],
  [241, 3585666268267129781n],
  [256, -3615449818686267815n],
  [1023, -9188358132917956485n],
  [1024, 5298179418285938630n],
  [1025, -8373105604160098267n],
  [2048, -5863718009206036796n],
  [2049, -3763296506040094430n],
  [5000, -5830044135613019860n],
  [20000, 8179114495116888694n],
]

test.each(HASHES)('XXH3 of %i bytes is as others have it', (length, hash) => {
  expect(xxh3(Buffer.from(Array.from({ length }, (_, i) => i * 31 + length)))).toBe(hash)
})

test('the hash of a topic is the one that Kafka 4.3 has written', () => {
  const image = imageOf('foo-g57524', 'FYs5Ze8AQ2OlnBrRMZKdTg', 4)
  expect(metadataHash(['foo-g57524'], image)).toBe(-4180259789018412973n)
  // What does not exist does not count.
  expect(metadataHash(['bar', 'foo-g57524'], image)).toBe(-4180259789018412973n)
  expect(metadataHash(['bar'], image)).toBe(0n)
})

test('the hash changes with the partitions, the id and the racks of a topic, and with nothing else', () => {
  const id = 'FYs5Ze8AQ2OlnBrRMZKdTg'
  const image = imageOf('t', id, 2)
  const hash = metadataHash(['t'], image)
  const broker = { id: 1, epoch: 1n, host: '', port: 1, rack: null, endpoints: [] }
  const hashes = [
    hash,
    metadataHash(['t'], imageOf('t', id, 3)),
    metadataHash(['t'], imageOf('t', `A${id.slice(1)}`, 2)),
    metadataHash(['t'], image.with(2n, { brokers: [[1, { ...broker, rack: 'a' }]] })),
    metadataHash(['t'], image.with(2n, { brokers: [[1, { ...broker, rack: 'b' }]] })),
  ]
  expect(new Set(hashes).size).toBe(hashes.length)
  const led = { name: 't', id, partitions: [{ ...PARTITION, leader: 2, leaderEpoch: 9 }, PARTITION] }
  const others = { brokers: [[1, broker]] as const, topics: [['t', led]] as const }
  expect(metadataHash(['t'], image.with(3n, others))).toBe(hash)
})
