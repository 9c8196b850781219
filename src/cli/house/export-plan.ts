/**
 * Decides what of a Klamm goes to a Kafka, and what Kafka has no place for: the metadata as records of
 * Kafka's own, and the partitions' directories that go with them.
 */
import type { MetaProperties } from '../../log/checkpoint.ts'
import type { ClusterImage } from '../../metadata/image.ts'
import {
  configuredResources,
  type KraftContents,
  METADATA_VERSION,
  type ResourceConfigs,
} from '../../metadata/kraft-records.ts'
import type { Disk } from '../../platform/platform.ts'
import { UsageError } from '../terminal.ts'
import { type KlammDirectory, readImage, surveyKlamm } from './klamm-directory.ts'

export interface ExportPlan {
  readonly meta: MetaProperties
  /** That with the metadata is the first. */
  readonly directories: readonly PlannedExport[]
  readonly isClean: boolean
  readonly contents: KraftContents
  /** The first epoch of the broker that Kafka has not seen. */
  readonly brokerEpoch: bigint
  readonly rack: string | null
  readonly topicCount: number
  readonly partitionCount: number
  /** What is left behind, or not as the user may think. */
  readonly remarks: readonly string[]
}

export interface PlannedExport {
  readonly source: KlammDirectory
  /** Those of topics, by the name of their directory. */
  readonly partitions: readonly string[]
}

/** Kafka's own are all without it. */
const OWN_CONFIGS = 'klamm.'

export async function planExport(disk: Disk, paths: readonly string[]): Promise<ExportPlan> {
  const directories = await surveyKlamm(disk, paths)
  const [{ meta, path }] = directories
  const image = await readImage(disk, path)
  if (!image.features.has(METADATA_VERSION)) {
    throw new UsageError(`--from: the metadata in ${path} is empty; start klamm on it once, then export`)
  }
  const remarks: string[] = []
  const planned = takePartitions(image, directories, remarks)
  const topics = [...image.topics].sort((a, b) => (a.name < b.name ? -1 : 1))
  const { features, nextProducerId, brokers, scram } = image
  const configs = takeConfigs(image, remarks)
  return {
    meta,
    directories: planned,
    isClean: directories.every(it => it.isClean || it.partitions.length === 0),
    contents: { features, topics, configs, nextProducerId, scram },
    brokerEpoch: (brokers.get(meta.nodeId)?.epoch ?? 0n) + 1n,
    rack: brokers.get(meta.nodeId)?.rack ?? null,
    topicCount: topics.length,
    partitionCount: topics.reduce((sum, topic) => sum + topic.partitions.length, 0),
    remarks,
  }
}

function takePartitions(
  image: ClusterImage,
  directories: readonly KlammDirectory[],
  remarks: string[],
): PlannedExport[] {
  const wanted = new Set(
    [...image.topics].flatMap(({ name, partitions }) => partitions.map((_, index) => `${name}-${index}`)),
  )
  const taken = new Set<string>()
  const planned = directories.map(source => {
    const partitions = source.partitions.filter(name => wanted.has(name))
    const twice = partitions.find(name => taken.has(name))
    if (twice !== undefined) throw new UsageError(`--from: ${twice} is in more than one of the directories`)
    for (const name of partitions) taken.add(name)
    return { source, partitions }
  })
  const missing = [...wanted].filter(name => !taken.has(name))
  if (missing.length > 0) {
    throw new UsageError(
      `--from: there are no directories for ${listed(missing)}: name each of log.dirs with ` +
        'a --from of its own',
    )
  }
  const strangers = directories.flatMap(it => it.partitions.filter(name => !wanted.has(name)))
  if (strangers.length > 0) remarks.push(`left behind, since they belong to no topic: ${listed(strangers)}`)
  return planned
}

/** Those that only Klamm has would be unknown names to Kafka. */
function takeConfigs(image: ClusterImage, remarks: string[]): ResourceConfigs[] {
  return configuredResources(image).flatMap(({ type, name, values }) => {
    const kept = [...values].filter(([config]) => {
      const isOwn = config.startsWith(OWN_CONFIGS)
      if (isOwn)
        remarks.push(`left behind: config ${config} of ${type} ${name || '(default)'}, which Kafka lacks`)
      return !isOwn
    })
    return kept.length > 0 ? [{ type, name, values: new Map(kept) }] : []
  })
}

const MOST_LISTED = 20

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_LISTED).join(', ')
  return names.length > MOST_LISTED ? `${shown} and ${names.length - MOST_LISTED} more` : shown
}
