/**
 * What lies in the data directories of a stopped Apache Kafka node: whose they are, whether they were left in
 * order, and which partitions are in them. Only looked at, never changed.
 */
import { resolve } from 'node:path'
import {
  CLEAN_SHUTDOWN,
  LEADER_EPOCH_CHECKPOINT,
  META_PROPERTIES,
  type MetaProperties,
  PARTITION_METADATA,
  parseEpochs,
  parseMetaProperties,
  parsePartitionMetadata,
  readText,
} from '../../log/checkpoint.ts'
import { parseLogName } from '../../log/log-loading.ts'
import { METADATA_LOG_DIRECTORY } from '../../metadata/kraft-log.ts'
import { LOG_FILE, SNAPSHOT_FILE } from '../../platform/local-store.ts'
import type { Disk } from '../../platform/platform.ts'
import { UsageError } from '../terminal.ts'

export interface PartitionDirectory {
  readonly name: string
  readonly topic: string
  readonly partition: number
  /** Undefined where `partition.metadata` is missing, as Kafka before 2.8 left it. */
  readonly topicId: string | undefined
  /** The last epoch that was written in; -1 for none. */
  readonly lastEpoch: number
}

export interface KafkaDirectory {
  readonly path: string
  readonly meta: MetaProperties
  readonly hasMetadataLog: boolean
  readonly isClean: boolean
  readonly partitions: readonly PartitionDirectory[]
}

export interface SurveyOptions {
  readonly disk: Disk
  /** The process that holds Kafka's lock on a directory, where that can be told. */
  readonly lockHolder: (directory: string) => Promise<string | undefined>
  /** Kafka was not stopped in order, and whoever imports knows that it does not run. */
  readonly isUncleanAccepted: boolean
}

/** All directories of one node. Complaints say what to do about them. */
export async function surveyKafka(
  paths: readonly string[],
  options: SurveyOptions,
): Promise<readonly KafkaDirectory[]> {
  const directories: KafkaDirectory[] = []
  for (const path of new Set(paths.map(it => resolve(it)))) {
    directories.push(await surveyDirectory(path, options))
  }
  const [first, ...others] = directories
  if (!first) throw new UsageError('--from: give the data directory of a Kafka')
  for (const { path, meta } of others) {
    if (meta.clusterId !== first.meta.clusterId) {
      throw new UsageError(
        `--from: ${first.path} belongs to cluster ${first.meta.clusterId}, and ${path} to cluster ` +
          `${meta.clusterId}; import the directories of one node only`,
      )
    }
    if (meta.nodeId !== first.meta.nodeId) {
      throw new UsageError(
        `--from: ${first.path} belongs to node ${first.meta.nodeId}, and ${path} to node ${meta.nodeId}; ` +
          'import the directories of one node only',
      )
    }
  }
  return directories
}

async function surveyDirectory(path: string, options: SurveyOptions): Promise<KafkaDirectory> {
  const { disk } = options
  const status = await disk.status(path)
  if (!status) throw new UsageError(`--from: there is no directory ${path}`)
  if (!status.isDirectory) throw new UsageError(`--from: ${path} is a file; give the directory around it`)
  const entries = await disk.list(path)
  const names = new Set(entries.map(entry => entry.name))
  if (names.has(LOG_FILE) || names.has(SNAPSHOT_FILE)) {
    throw new UsageError(
      `--from: ${path} is Klamm's already (it holds ${LOG_FILE}): run klamm start on it. If an import was ` +
        `broken off there, remove that file and import again`,
    )
  }
  const hasMetadataLog = names.has(METADATA_LOG_DIRECTORY)
  const meta = await readMeta(disk, path, hasMetadataLog)
  const found = entries.flatMap(({ name, isDirectory }) => {
    const log = isDirectory && name !== METADATA_LOG_DIRECTORY ? parseLogName(name) : undefined
    return log ? [{ name, ...log }] : []
  })
  const isClean = names.has(CLEAN_SHUTDOWN)
  await refuseRunning(path, isClean || found.length === 0, options)
  const partitions: PartitionDirectory[] = []
  for (const log of found) partitions.push({ ...log, ...(await readPartition(disk, `${path}/${log.name}`)) })
  return { path, meta, hasMetadataLog, isClean, partitions }
}

async function readMeta(disk: Disk, path: string, hasMetadataLog: boolean): Promise<MetaProperties> {
  const text = await readText(disk, `${path}/${META_PROPERTIES}`)
  if (text === undefined) {
    throw new UsageError(
      `--from: ${path} holds no ${META_PROPERTIES}, so it is not the data directory of a Kafka; ` +
        'log.dirs in its server.properties names that',
    )
  }
  const meta = parseMetaProperties(text)
  if (typeof meta === 'string') throw new UsageError(`--from: ${path}/${META_PROPERTIES} is damaged: ${meta}`)
  const { nodeId, clusterId, directoryId = '' } = meta
  if (nodeId === undefined || clusterId === undefined) {
    throw new UsageError(
      `--from: ${path}/${META_PROPERTIES} does not say which node and cluster it belongs to`,
    )
  }
  if (!hasMetadataLog && /^broker\.id\s*=/m.test(text)) {
    throw new UsageError(
      `--from: ${path} belongs to a Kafka with ZooKeeper, where the topics' ids and configs are. ` +
        "Move it to KRaft first, as Kafka's documentation says; then import",
    )
  }
  return { nodeId, clusterId, directoryId }
}

/** A running Kafka and one that was killed look alike: both have no mark of a clean stop. */
async function refuseRunning(path: string, isClean: boolean, options: SurveyOptions): Promise<void> {
  const holder = await options.lockHolder(path)
  if (holder !== undefined) {
    throw new UsageError(`--from: ${path} is in use by ${holder}; stop that Kafka, then import`)
  }
  if (isClean || options.isUncleanAccepted) return
  throw new UsageError(
    `--from: ${path} has no ${CLEAN_SHUTDOWN}: either a Kafka is running on it, or its last stop was not a ` +
      'clean one. Stop it in order, or start it once more and stop it. If you know that it does not run, ' +
      'import with --unclean: what a crash left is then checked and repaired at the first klamm start',
  )
}

async function readPartition(
  disk: Disk,
  path: string,
): Promise<Pick<PartitionDirectory, 'topicId' | 'lastEpoch'>> {
  const metadata = await readText(disk, `${path}/${PARTITION_METADATA}`)
  const epochs = await readText(disk, `${path}/${LEADER_EPOCH_CHECKPOINT}`)
  return {
    topicId: metadata === undefined ? undefined : parsePartitionMetadata(metadata),
    lastEpoch: (epochs === undefined ? undefined : parseEpochs(epochs)?.at(-1)?.epoch) ?? -1,
  }
}
