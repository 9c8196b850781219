/**
 * Decides what an import takes over from a Kafka node, what it leaves, and what it refuses: the cluster's
 * metadata as the first change of Klamm's own, and the partitions' directories that go with it.
 */
import { ZERO_UUID } from '../../../protocol/wire.ts'
import type { MetaProperties } from '../../log/checkpoint.ts'
import { brokerOption, optionsOf } from '../../metadata/configs.ts'
import { FINALIZED_FEATURES } from '../../metadata/features.ts'
import type {
  BrokerRegistration,
  ConfigResourceType,
  ImageChanges,
  PartitionImage,
  TopicImage,
} from '../../metadata/image.ts'
import { configKey } from '../../metadata/image.ts'
import { KraftImage, type KraftTopic } from '../../metadata/kraft-image.ts'
import { METADATA_LOG_DIRECTORY, readMetadataLog, UnreadableMetadata } from '../../metadata/kraft-log.ts'
import { parseOption } from '../../metadata/option.ts'
import type { Disk } from '../../platform/platform.ts'
import { UsageError } from '../terminal.ts'
import type { KafkaDirectory, PartitionDirectory } from './kafka-directory.ts'

export interface ImportPlan {
  /** Who the data belongs to; of several directories, that of the first. */
  readonly meta: MetaProperties
  /** In the order in which `log.dirs` has to name them: Klamm's metadata goes into the first. */
  readonly directories: readonly PlannedDirectory[]
  readonly isClean: boolean
  /** The first change of the new metadata. */
  readonly changes: ImageChanges
  readonly topicCount: number
  readonly partitionCount: number
  /** What is taken over otherwise than it was, and what is not taken over. */
  readonly remarks: readonly string[]
}

export interface PlannedDirectory {
  readonly source: KafkaDirectory
  /** The names of the partitions' directories that are taken over. */
  readonly partitions: readonly string[]
}

export interface PlanOptions {
  readonly disk: Disk
  /** At least one. */
  readonly directories: readonly KafkaDirectory[]
  /** The metadata of all directories will lie in one, as a copy does. */
  readonly isMerged: boolean
  /** Topics that are not whole on this node are left out, and replicas that lag behind are taken. */
  readonly isIncompleteAccepted: boolean
}

export async function planImport(given: PlanOptions): Promise<ImportPlan> {
  const holding = (it: KafkaDirectory) => Number(it.partitions.length > 0)
  const options = { ...given, directories: given.directories.toSorted((a, b) => holding(b) - holding(a)) }
  const { directories } = options
  const { meta } = directories[0]!
  const { nodeId, clusterId } = meta
  const remarks: string[] = []
  const image = await readImage(options, remarks)
  const taken = takeTopics(image, { ...options, nodeId, remarks })
  const configs = takeConfigs(image, { topics: new Set(taken.topics.keys()), nodeId, remarks })
  const features = takeFeatures(image.features, remarks)
  remarkAbsent(image, remarks)

  const changes: ImageChanges = {
    clusterId,
    topics: taken.topics,
    configs,
    features,
    nextProducerId: image.nextProducerId,
    scram: image.scramCredentials,
    brokers: registration(nodeId, image.brokers.get(nodeId)),
  }
  return {
    meta,
    directories: directories.map(source => ({
      source,
      partitions: source.partitions.map(it => it.name).filter(name => taken.homes.get(name) === source),
    })),
    isClean: directories.every(it => it.isClean || it.partitions.length === 0),
    changes,
    topicCount: taken.topics.size,
    partitionCount: taken.homes.size,
    remarks,
  }
}

async function readImage({ disk, directories }: PlanOptions, remarks: string[]): Promise<KraftImage> {
  const holders = directories.filter(it => it.hasMetadataLog)
  const [holder] = holders
  if (!holder) {
    throw new UsageError(
      `--from: there is no ${METADATA_LOG_DIRECTORY} in ${directories.map(it => it.path).join(', ')}, and ` +
        "without it the topics' ids and configs are lost. Name the directory of metadata.log.dir with " +
        'another --from',
    )
  }
  if (holders.length > 1) {
    const paths = holders.map(it => it.path).join(' and ')
    throw new UsageError(
      `--from: ${paths} both hold a ${METADATA_LOG_DIRECTORY}; they belong to different Kafkas`,
    )
  }
  const image = new KraftImage()
  try {
    const path = `${holder.path}/${METADATA_LOG_DIRECTORY}`
    const { tornBytes } = await readMetadataLog(disk, path, record => image.apply(record))
    if (tornBytes > 0) {
      remarks.push(`the metadata log ends in ${tornBytes} bytes that a crash left, which are passed over`)
    }
  } catch (error) {
    if (error instanceof UnreadableMetadata) throw new UsageError(`--from: ${error.message}`)
    throw error
  }
  if (image.hasOpenTransaction) {
    remarks.push('the metadata log ends inside a change that was not finished, which counts as not begun')
  }
  return image
}

interface TakeOptions extends PlanOptions {
  readonly nodeId: number
  readonly remarks: string[]
}

interface TakenTopics {
  readonly topics: ReadonlyMap<string, TopicImage>
  /** Where each partition that is taken lies, by the name of its directory. */
  readonly homes: ReadonlyMap<string, KafkaDirectory>
}

function takeTopics(image: KraftImage, options: TakeOptions): TakenTopics {
  const { directories, remarks, isIncompleteAccepted, nodeId } = options
  const present = new Map<string, [KafkaDirectory, PartitionDirectory]>()
  for (const directory of directories) {
    for (const log of directory.partitions) {
      const before = present.get(log.name)
      if (before) throw new UsageError(`--from: ${log.name} is in ${before[0].path} and in ${directory.path}`)
      present.set(log.name, [directory, log])
    }
  }
  const topics = new Map<string, TopicImage>()
  const homes = new Map<string, KafkaDirectory>()
  const incomplete: string[] = []
  let shrunk = 0
  for (const topic of [...image.topics.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const problem = whatIsMissing(topic, { image, present, nodeId })
    if (problem) incomplete.push(problem.text)
    if (problem?.isAbsent) continue
    const partitions = partitionsOf(topic).map((before, index) => {
      const name = `${topic.name}-${index}`
      const [directory, log] = present.get(name)!
      homes.set(name, directory)
      if (before.replicas.length > 1) shrunk++
      const home = options.isMerged ? directories[0]! : directory
      return partitionHere(before, { nodeId, home, lastEpoch: log.lastEpoch })
    })
    topics.set(topic.name, { name: topic.name, id: topic.id, partitions })
  }
  if (incomplete.length > 0 && !isIncompleteAccepted) throw refuseIncomplete(incomplete)
  remarks.push(...incomplete.map(text => `incomplete: ${text}`))
  if (shrunk > 0) {
    remarks.push(
      `${shrunk} partitions had replicas on other brokers too; here each has the one of node ${nodeId}`,
    )
  }
  const strangers = [...present.keys()].filter(name => !homes.has(name))
  if (strangers.length > 0) {
    const what = options.isMerged ? 'not copied' : 'set aside as -stray at the first klamm start'
    remarks.push(`${what}, since they belong to no topic that is taken over: ${listed(strangers)}`)
  }
  return { topics, homes }
}

/** As many as the topic has, in order. */
function partitionsOf({ name, partitions }: KraftTopic): PartitionImage[] {
  return Array.from({ length: partitions.size }, (_, index) => {
    const partition = partitions.get(index)
    if (!partition)
      throw new UsageError(`--from: the metadata log has no partition ${index} of ${name}: it is damaged`)
    return partition
  })
}

interface Missing {
  readonly text: string
  /** Not only behind: there is nothing to take. */
  readonly isAbsent: boolean
}

function whatIsMissing(
  topic: KraftTopic,
  around: {
    readonly image: KraftImage
    readonly present: ReadonlyMap<string, readonly [KafkaDirectory, PartitionDirectory]>
    readonly nodeId: number
  },
): Missing | undefined {
  const { image, present, nodeId } = around
  const partitions = partitionsOf(topic)
  const elsewhere = partitions.flatMap((it, index) => (it.replicas.includes(nodeId) ? [] : [index]))
  if (elsewhere.length > 0) {
    const text = `${topic.name}: partitions ${elsewhere.join(', ')} have no replica on node ${nodeId}`
    return { text, isAbsent: true }
  }
  const lost = partitions.flatMap((_, index) => {
    const log = present.get(`${topic.name}-${index}`)?.[1]
    return log && (log.topicId ?? topic.id) === topic.id ? [] : [index]
  })
  if (lost.length > 0) {
    const text = `${topic.name}: the data of partitions ${lost.join(', ')} is not in these directories`
    return { text, isAbsent: true }
  }
  if (image.configs.get(configKey('topic', topic.name))?.values.get('remote.storage.enable') === 'true') {
    const text = `${topic.name}: records that only remote storage holds stay there (tiered storage)`
    return { text, isAbsent: false }
  }
  const behind = partitions.flatMap(({ isr, elr }, index) =>
    [...isr, ...elr].includes(nodeId) ? [] : [index],
  )
  if (behind.length === 0) return undefined
  const replicas = `the replicas of partitions ${behind.join(', ')} on node ${nodeId}`
  return {
    text: `${topic.name}: ${replicas} were not in sync and may lack the last records`,
    isAbsent: false,
  }
}

function refuseIncomplete(topics: readonly string[]): UsageError {
  return new UsageError(
    [
      'Not all data of these topics is here:',
      ...topics.map(text => `  ${text}`),
      'Name all log.dirs of the node, each with --from; or import a node that holds all; or import with',
      '--incomplete, which leaves out topics without their data and takes replicas as they are.',
    ].join('\n'),
  )
}

/** This node is the only replica and leads. What Kafka knows of others, and of other directories, is gone. */
function partitionHere(
  before: PartitionImage,
  {
    nodeId,
    home,
    lastEpoch,
  }: { readonly nodeId: number; readonly home: KafkaDirectory; readonly lastEpoch: number },
): PartitionImage {
  return {
    leader: nodeId,
    // The last records of the metadata may be lost where those of the log are not.
    leaderEpoch: Math.max(before.leaderEpoch, lastEpoch),
    partitionEpoch: before.partitionEpoch,
    replicas: [nodeId],
    isr: [nodeId],
    directories: [home.meta.directoryId || ZERO_UUID],
    elr: [],
    lastKnownElr: [],
  }
}

function takeConfigs(
  image: KraftImage,
  around: { readonly topics: ReadonlySet<string>; readonly nodeId: number; readonly remarks: string[] },
): [string, ReadonlyMap<string, string>][] {
  const { topics, nodeId, remarks } = around
  return [...image.configs].flatMap(
    ([key, { type, name, values }]): [string, ReadonlyMap<string, string>][] => {
      if (type === 'topic' && !topics.has(name)) return []
      if (type === 'broker' && name !== '' && name !== String(nodeId)) {
        remarks.push(`not taken over: configs of broker ${name}`)
        return []
      }
      const kept = [...values].filter(([config, value]) => {
        const problem = configProblem(type, config, value)
        if (problem === undefined) return true
        remarks.push(`not taken over: config ${config} of ${type} ${name || '(default)'}: ${problem}`)
        return false
      })
      return kept.length > 0 ? [[key, new Map(kept)]] : []
    },
  )
}

/** Values are never shown: some are passwords. */
function configProblem(type: ConfigResourceType, config: string, value: string): string | undefined {
  const option = type === 'broker' ? brokerOption(config) : optionsOf(type).get(config)
  if (!option) return 'Klamm has no such config'
  return 'refusal' in parseOption(option, value) ? 'Klamm does not allow its value' : undefined
}

/** Levels that clients go by must be ones that Klamm serves. */
function takeFeatures(features: ReadonlyMap<string, number>, remarks: string[]): [string, number][] {
  const known = new Map(FINALIZED_FEATURES)
  return [...features].flatMap(([name, level]): [string, number][] => {
    const highest = known.get(name)
    if (highest === undefined) remarks.push(`not taken over: feature ${name} (level ${level})`)
    else if (level > highest) remarks.push(`feature ${name} is at level ${highest} here, and was at ${level}`)
    return highest === undefined ? [] : [[name, Math.min(level, highest)]]
  })
}

function remarkAbsent(image: KraftImage, remarks: string[]): void {
  const { acls, quotas, delegationTokens } = image
  const counts = [
    [acls.size, 'ACLs'],
    [quotas.size, 'client quotas'],
    [delegationTokens.size, 'delegation tokens'],
  ] as const
  for (const [count, what] of counts) {
    if (count > 0) remarks.push(`not taken over: ${count} ${what}, which Klamm does not serve yet`)
  }
}

/** Its epoch goes on from Kafka's; where it is reached comes from the options of klamm start. */
function registration(nodeId: number, epoch: bigint | undefined): [number, BrokerRegistration][] {
  if (epoch === undefined) return []
  return [[nodeId, { id: nodeId, epoch, host: '', port: 0, rack: null, endpoints: [] }]]
}

const MOST_LISTED = 20

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_LISTED).join(', ')
  return names.length > MOST_LISTED ? `${shown} and ${names.length - MOST_LISTED} more` : shown
}
