/**
 * Kafka's small files: offset checkpoints, the leader epoch checkpoint, `meta.properties`,
 * `partition.metadata` and the mark of a clean shutdown. Each is written whole to a temporary file, synced,
 * and renamed over the old one, so that a crash leaves the old or the new one and never a part.
 */
import type { Disk } from '../platform/platform.ts'

export const RECOVERY_POINT_CHECKPOINT = 'recovery-point-offset-checkpoint'
export const LOG_START_CHECKPOINT = 'log-start-offset-checkpoint'
export const HIGH_WATERMARK_CHECKPOINT = 'replication-offset-checkpoint'
export const CLEANER_CHECKPOINT = 'cleaner-offset-checkpoint'
export const LEADER_EPOCH_CHECKPOINT = 'leader-epoch-checkpoint'
export const PARTITION_METADATA = 'partition.metadata'
export const META_PROPERTIES = 'meta.properties'
export const CLEAN_SHUTDOWN = '.kafka_cleanshutdown'
/** Our own: the directory has failed, and what its files seem to hold may not be on the disk. */
export const IN_DOUBT = '.klamm-in-doubt'

/** `<topic>-<partition>` to offset. */
export type OffsetCheckpoint = ReadonlyMap<string, bigint>

export async function replaceFile(disk: Disk, directory: string, name: string, text: string): Promise<void> {
  const path = `${directory}/${name}`
  const temporary = `${path}.tmp`
  const file = await disk.open(temporary, 'write')
  try {
    await file.truncate(0)
    await file.write([Buffer.from(text)], 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(temporary, path)
  await disk.syncDirectory(directory)
}

/** Undefined where there is no such file. */
export async function readText(disk: Disk, path: string): Promise<string | undefined> {
  try {
    return (await disk.readFile(path)).toString('utf8')
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined
    throw error
  }
}

/** The version that a checkpoint or `partition.metadata` names, where it is none that is known here. */
export function newerVersionOf(text: string): number | undefined {
  const match = /^(?:version:\s*)?([1-9]\d{0,8})\s*(?:\r?\n|$)/.exec(text)
  return match === null ? undefined : Number(match[1])
}

export function formatOffsets(offsets: OffsetCheckpoint): string {
  const lines = ['0', String(offsets.size)]
  for (const [name, offset] of offsets) {
    const dash = name.lastIndexOf('-')
    lines.push(`${name.slice(0, dash)} ${name.slice(dash + 1)} ${offset}`)
  }
  return `${lines.join('\n')}\n`
}

/** Undefined for text that is not a checkpoint; whoever reads it decides what to do without. */
export function parseOffsets(text: string): Map<string, bigint> | undefined {
  const rows = parseRows(text, /^(\S+) (\d+) (\d+)$/)
  if (rows === undefined) return undefined
  return new Map(rows.map(([topic, partition, offset]) => [`${topic}-${partition}`, BigInt(offset!)]))
}

export interface EpochEntry {
  readonly epoch: number
  readonly startOffset: bigint
}

export function formatEpochs(entries: readonly EpochEntry[]): string {
  const lines = ['0', String(entries.length), ...entries.map(entry => `${entry.epoch} ${entry.startOffset}`)]
  return `${lines.join('\n')}\n`
}

export function parseEpochs(text: string): EpochEntry[] | undefined {
  const rows = parseRows(text, /^(\d+) (\d+)$/)
  const entries = rows?.map(([epoch, offset]) => ({ epoch: Number(epoch), startOffset: BigInt(offset!) }))
  const isRising = entries?.every((entry, i) => {
    const before = entries[i - 1]
    return before === undefined || (entry.epoch > before.epoch && entry.startOffset >= before.startOffset)
  })
  return isRising ? entries : undefined
}

/** Version 0, the number of rows, the rows. */
function parseRows(text: string, form: RegExp): string[][] | undefined {
  const lines = text.split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  if (lines[0]?.trim() !== '0' || lines[1] === undefined || !/^\d+$/.test(lines[1].trim())) return undefined
  const rows = lines.slice(2).map(line => form.exec(line.trim())?.slice(1))
  if (rows.length !== Number(lines[1])) return undefined
  return rows.every(row => row !== undefined) ? (rows as string[][]) : undefined
}

export interface MetaProperties {
  readonly nodeId: number
  readonly clusterId: string
  readonly directoryId: string
}

export function formatMetaProperties(meta: MetaProperties): string {
  return [
    '#',
    `node.id=${meta.nodeId}`,
    `directory.id=${meta.directoryId}`,
    'version=1',
    `cluster.id=${meta.clusterId}`,
    '',
  ].join('\n')
}

/** A text says what is wrong with the file. Version 0 had `broker.id`, and a directory id may be missing. */
export function parseMetaProperties(text: string): Partial<MetaProperties> | string {
  const properties = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([^#!\s][^=:\s]*)\s*[=:]\s*(.*)$/.exec(line)
    if (match) properties.set(match[1]!, match[2]!.replaceAll(/\\(.)/g, '$1').trim())
  }
  const version = properties.get('version') ?? '0'
  if (version !== '0' && version !== '1') return `version ${version} is not known`
  const node = properties.get('node.id') ?? properties.get('broker.id')
  if (node !== undefined && !/^\d+$/.test(node)) return `node.id=${node} is not a number`
  const clusterId = properties.get('cluster.id')
  const directoryId = properties.get('directory.id')
  return {
    ...(node !== undefined && { nodeId: Number(node) }),
    ...(clusterId !== undefined && { clusterId }),
    ...(directoryId !== undefined && { directoryId }),
  }
}

/** Synced with the first records, and not before: a log that has none may as well be made again. */
export async function writePartitionMetadata(disk: Disk, directory: string, topicId: string): Promise<void> {
  const file = await disk.open(`${directory}/${PARTITION_METADATA}`, 'write')
  try {
    await file.truncate(0)
    await file.write([Buffer.from(formatPartitionMetadata(topicId))], 0)
  } finally {
    await file.close()
  }
}

export function formatPartitionMetadata(topicId: string): string {
  return `version: 0\ntopic_id: ${topicId}`
}

/** The topic id; undefined where the text has none. */
export function parsePartitionMetadata(text: string): string | undefined {
  return /^version: 0\s+topic_id: ([A-Za-z0-9_-]{22})\s*$/.exec(text)?.[1]
}

/** The broker epoch is Kafka's; -1 for unknown. Only that the file is there counts. */
export function formatCleanShutdown(brokerEpoch = -1): string {
  return JSON.stringify({ version: 0, brokerEpoch })
}
