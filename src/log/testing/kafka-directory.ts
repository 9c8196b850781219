/** The log directory of a real Apache Kafka, unpacked from its archive onto a test's disk. */
import { gunzipSync } from 'node:zlib'
import type { Disk } from '../../platform/platform.ts'

export interface ArchiveEntry {
  readonly name: string
  readonly bytes: Buffer
}

const BLOCK = 512

/** The plain files of a tar archive, in order. */
export function untar(archive: Buffer): ArchiveEntry[] {
  const entries: ArchiveEntry[] = []
  let at = 0
  while (at + BLOCK <= archive.length && archive[at] !== 0) {
    const name = textAt(archive, at, 100)
    const size = Number.parseInt(textAt(archive, at + 124, 12), 8)
    const isFile = archive[at + 156] === 0x30 || archive[at + 156] === 0
    at += BLOCK
    if (isFile) entries.push({ name, bytes: archive.subarray(at, at + size) })
    at += Math.ceil(size / BLOCK) * BLOCK
  }
  return entries
}

function textAt(bytes: Buffer, at: number, length: number): string {
  const end = bytes.indexOf(0, at)
  return bytes.toString('utf8', at, end >= at && end < at + length ? end : at + length).trim()
}

/** Files by their path inside the log directory; those of Kafka's own metadata only when asked for. */
export function kafkaFiles(archive: Buffer, { withMetadataLog = false } = {}): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  for (const { name, bytes } of untar(gunzipSync(archive))) {
    // Its index files are ten empty megabytes each.
    if (name.includes('__cluster_metadata-0/') && (!withMetadataLog || name.endsWith('index'))) continue
    files.set(name.replace(/^kafka-data\//, ''), bytes)
  }
  return files
}

export async function putFiles(disk: Disk, root: string, files: ReadonlyMap<string, Buffer>): Promise<void> {
  for (const [name, bytes] of files) {
    const path = `${root}/${name}`
    await disk.makeDirectory(path.slice(0, path.lastIndexOf('/')))
    const file = await disk.open(path, 'write')
    await file.write([bytes], 0)
    await file.close()
  }
}

export interface KafkaRecord {
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch: number
  readonly key: string | null
  readonly value: string | null
  readonly headers?: readonly { readonly key: string; readonly value: string | null }[]
}

interface KafkaOffset {
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch: number
}

export interface KafkaPartition {
  readonly partition: number
  readonly earliest: KafkaOffset
  readonly latest: KafkaOffset
  readonly maxTimestamp: KafkaOffset
  readonly lastStableOffset: number
  readonly activeProducers: readonly Record<string, number>[]
  readonly records: readonly KafkaRecord[]
  readonly readCommittedOffsets: readonly number[]
}

export interface KafkaManifest {
  readonly clusterId: string
  readonly topics: Record<
    string,
    {
      readonly topicId: string
      readonly overrides: Record<string, string>
      readonly partitions: readonly KafkaPartition[]
    }
  >
}
