/** What a data directory says of the partitions in it: their checkpoints, and the cluster's metadata. */
import { basename } from 'node:path'
import {
  CLEAN_SHUTDOWN,
  CLEANER_CHECKPOINT,
  HIGH_WATERMARK_CHECKPOINT,
  LOG_START_CHECKPOINT,
  META_PROPERTIES,
  parseMetaProperties,
  parseOffsets,
  RECOVERY_POINT_CHECKPOINT,
  readText,
} from '../../log/checkpoint.ts'
import { parseLogName } from '../../log/log-loading.ts'
import { configKey } from '../../metadata/image.ts'
import { KraftImage } from '../../metadata/kraft-image.ts'
import { METADATA_LOG_DIRECTORY, readMetadataLog } from '../../metadata/kraft-log.ts'
import { decodeRecords } from '../../metadata/metadata-records.ts'
import { LOG_FILE, LocalStore, SNAPSHOT_FILE } from '../../platform/local-store.ts'
import type { Disk } from '../../platform/platform.ts'
import type { Finding } from './findings.ts'
import { ReadingDisk } from './reading-disk.ts'

export interface TopicFacts {
  readonly id: string
  readonly partitions: number
  readonly isCompacted: boolean
}

/** Undefined where there is no metadata that can be read. */
export type Topics = ReadonlyMap<string, TopicFacts> | undefined

export const CHECKPOINTS = [
  RECOVERY_POINT_CHECKPOINT,
  LOG_START_CHECKPOINT,
  HIGH_WATERMARK_CHECKPOINT,
  CLEANER_CHECKPOINT,
] as const

export interface DataDirectory {
  readonly path: string
  readonly isClean: boolean
  /** By file name, then by partition. */
  readonly checkpoints: ReadonlyMap<string, ReadonlyMap<string, bigint>>
  /** The names of the directories of partitions. */
  readonly partitions: readonly string[]
}

type Report = (finding: Finding) => void

export async function openDirectory(disk: Disk, path: string, report: Report): Promise<DataDirectory> {
  const entries = await disk.list(path)
  const names = new Set(entries.map(entry => entry.name))
  const checkpoints = new Map<string, ReadonlyMap<string, bigint>>()
  for (const name of CHECKPOINTS) {
    const text = names.has(name) ? await readText(disk, `${path}/${name}`) : undefined
    // Kafka begins with files that are empty.
    const offsets = (text ?? '') === '' ? new Map<string, bigint>() : parseOffsets(text!)
    if (offsets === undefined) {
      const message = 'it is no checkpoint of offsets; a start takes it for empty'
      report({ severity: 'damage', kind: 'checkpoint', path: `${path}/${name}`, message })
    }
    checkpoints.set(name, offsets ?? new Map())
  }
  await checkMeta(disk, path, report)
  reportStrangers(path, entries, report)
  const partitions = entries.filter(it => it.isDirectory && parseLogName(it.name)).map(it => it.name)
  return { path, isClean: names.has(CLEAN_SHUTDOWN), checkpoints, partitions: partitions.sort() }
}

/** Klamm's own metadata, or that of the Kafka that owns the directory. */
export async function readTopics(disk: Disk, path: string, report: Report): Promise<Topics> {
  const complain = (file: string, error: unknown) =>
    report({
      severity: 'damage',
      kind: 'metadata',
      path: `${path}/${file}`,
      message: (error as Error).message,
    })
  if (await disk.status(`${path}/${LOG_FILE}`)) {
    try {
      return await klammTopics(disk, path)
    } catch (error) {
      complain(LOG_FILE, error)
      return undefined
    }
  }
  if (!(await disk.status(`${path}/${METADATA_LOG_DIRECTORY}`))) return undefined
  try {
    return await kafkaTopics(disk, path)
  } catch (error) {
    complain(METADATA_LOG_DIRECTORY, error)
    return undefined
  }
}

async function klammTopics(disk: Disk, directory: string): Promise<Topics> {
  const store = new LocalStore({ disk: new ReadingDisk(disk), directory })
  const { version, records } = await store.load()
  await store.close()
  const image = decodeRecords(version, records)
  return new Map(
    [...image.topics].map(({ name, id, partitions }) => {
      const isCompacted = mayBeCompacted(name, image.configs('topic', name))
      return [name, { id, partitions: partitions.length, isCompacted }]
    }),
  )
}

async function kafkaTopics(disk: Disk, directory: string): Promise<Topics> {
  const image = new KraftImage()
  await readMetadataLog(disk, `${directory}/${METADATA_LOG_DIRECTORY}`, record => image.apply(record))
  return new Map(
    [...image.topics.values()].map(({ name, id, partitions }) => {
      const configs = image.configs.get(configKey('topic', name))?.values ?? new Map<string, string>()
      return [name, { id, partitions: partitions.size, isCompacted: mayBeCompacted(name, configs) }]
    }),
  )
}

/** What the broker's default is, the data does not say. */
function mayBeCompacted(name: string, configs: ReadonlyMap<string, string>): boolean {
  return configs.get('cleanup.policy')?.includes('compact') ?? name.startsWith('__')
}

async function checkMeta(disk: Disk, path: string, report: Report): Promise<void> {
  const text = await readText(disk, `${path}/${META_PROPERTIES}`)
  const where = { kind: 'metadata', path: `${path}/${META_PROPERTIES}` } as const
  if (text === undefined)
    report({ ...where, severity: 'note', message: 'it is missing; the next start writes it' })
  const meta = text === undefined ? {} : parseMetaProperties(text)
  if (typeof meta === 'string') report({ ...where, severity: 'damage', message: meta })
}

const KNOWN_FILES = new Set<string>([
  ...CHECKPOINTS,
  META_PROPERTIES,
  CLEAN_SHUTDOWN,
  LOG_FILE,
  SNAPSHOT_FILE,
  'bootstrap.checkpoint',
])
const SET_ASIDE: readonly (readonly [RegExp, string])[] = [
  [/-delete$/, 'the log of a topic that was deleted; the next start removes it'],
  [
    /-stray$/,
    'a log that belonged to no topic when a start found it; remove it when nobody misses its records',
  ],
  [/-future$/, 'the copy of a log on its way to this directory'],
]

function reportStrangers(
  directory: string,
  entries: readonly { readonly name: string; readonly isDirectory: boolean }[],
  report: Report,
): void {
  for (const { name, isDirectory } of entries) {
    const path = `${directory}/${name}`
    const aside = isDirectory ? SET_ASIDE.find(([form]) => form.test(name)) : undefined
    if (aside) report({ severity: 'note', kind: 'leftover', path, message: aside[1] })
    else if (isDirectory ? !parseLogName(name) : !isOwnFile(name)) {
      report({ severity: 'note', kind: 'foreign', path, message: 'brokers have no use for it' })
    }
  }
}

/** With what is made and gone again: locks, and files on their way to their names. */
function isOwnFile(name: string): boolean {
  return KNOWN_FILES.has(name) || /^\.lock/.test(name) || /\.(tmp|exported)$/.test(name)
}

export function isPartitionPath(path: string): boolean {
  return parseLogName(basename(path)) !== undefined
}
