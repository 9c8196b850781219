/**
 * What lies in the data directories of a stopped Klamm: whose they are, its metadata, and which partitions
 * are in them. The caller holds the directories' locks.
 */
import {
  CLEAN_SHUTDOWN,
  META_PROPERTIES,
  type MetaProperties,
  parseMetaProperties,
  readText,
} from '../../log/checkpoint.ts'
import { parseLogName } from '../../log/log-loading.ts'
import type { ClusterImage } from '../../metadata/image.ts'
import { METADATA_LOG_DIRECTORY } from '../../metadata/kraft-log.ts'
import { decodeRecords } from '../../metadata/metadata-records.ts'
import { LOG_FILE, LocalStore } from '../../platform/local-store.ts'
import type { Disk } from '../../platform/platform.ts'
import { UsageError } from '../terminal.ts'

export interface KlammDirectory {
  readonly path: string
  readonly meta: MetaProperties
  /** The first of `log.dirs` does, and no other. */
  readonly hasMetadata: boolean
  /** Of a Kafka that once owned the directory. */
  readonly hasMetadataLog: boolean
  readonly isClean: boolean
  /** The names of the directories that hold partitions. */
  readonly partitions: readonly string[]
}

export async function surveyKlamm(
  disk: Disk,
  paths: readonly string[],
): Promise<readonly [KlammDirectory, ...KlammDirectory[]]> {
  const directories: KlammDirectory[] = []
  for (const path of paths) directories.push(await surveyDirectory(disk, path))
  const holders = directories.filter(it => it.hasMetadata)
  const [first] = holders
  if (!first) {
    throw new UsageError(
      `--from: there is no ${LOG_FILE} in ${paths.join(', ')}, so it is not the data of a Klamm, or not ` +
        'all of it: name each of log.dirs with a --from of its own',
    )
  }
  for (const { path, meta, hasMetadata } of directories) {
    const isSame = meta.clusterId === first.meta.clusterId && meta.nodeId === first.meta.nodeId
    if (isSame && (path === first.path || !hasMetadata)) continue
    throw new UsageError(
      `--from: ${first.path} and ${path} belong to different brokers; export one at a time`,
    )
  }
  return [first, ...directories.filter(it => it !== first)]
}

/** Refuses what is not there before anything is made or locked in it. */
export async function checkSource(disk: Disk, path: string): Promise<void> {
  const status = await disk.status(path)
  if (!status) throw new UsageError(`--from: there is no directory ${path}`)
  if (!status.isDirectory) throw new UsageError(`--from: ${path} is a file; give the directory around it`)
}

/** As the next start would find it. */
export async function readImage(disk: Disk, directory: string): Promise<ClusterImage> {
  const store = new LocalStore({ disk, directory })
  try {
    const { version, records } = await store.load()
    return decodeRecords(version, records)
  } catch (error) {
    // What the store says of damage and of newer formats is meant for the user; so are the machine's errors.
    throw new UsageError((error as Error).message)
  } finally {
    await store.close()
  }
}

async function surveyDirectory(disk: Disk, path: string): Promise<KlammDirectory> {
  const entries = await disk.list(path)
  const names = new Set(entries.map(({ name }) => name))
  return {
    path,
    meta: await readMeta(disk, path),
    hasMetadata: names.has(LOG_FILE),
    hasMetadataLog: names.has(METADATA_LOG_DIRECTORY),
    isClean: names.has(CLEAN_SHUTDOWN),
    partitions: entries
      .filter(it => it.isDirectory && it.name !== METADATA_LOG_DIRECTORY && parseLogName(it.name))
      .map(({ name }) => name),
  }
}

async function readMeta(disk: Disk, path: string): Promise<MetaProperties> {
  const text = await readText(disk, `${path}/${META_PROPERTIES}`)
  if (text === undefined) {
    throw new UsageError(`--from: ${path} holds no ${META_PROPERTIES}, so it is not the data of a Klamm`)
  }
  const meta = parseMetaProperties(text)
  if (typeof meta === 'string') throw new UsageError(`--from: ${path}/${META_PROPERTIES} is damaged: ${meta}`)
  const { nodeId, clusterId, directoryId } = meta
  if (nodeId === undefined || clusterId === undefined || directoryId === undefined) {
    throw new UsageError(
      `--from: ${path}/${META_PROPERTIES} is not complete; start klamm on it once, then export`,
    )
  }
  return { nodeId, clusterId, directoryId }
}
