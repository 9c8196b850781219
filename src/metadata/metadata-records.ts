/**
 * The cluster's metadata as keyed records of a MetadataStore: one JSON value for each topic, config resource,
 * broker, feature, and one for the cluster and for producer ids. A `format` record says which version of this
 * layout they follow; a newer one is refused, never guessed at.
 */
import {
  type BrokerRegistration,
  ClusterImage,
  type Configs,
  type ImageChanges,
  type PartitionImage,
  type ScramCredential,
  type TopicImage,
} from './image.ts'

const FORMAT = 1
const FORMAT_KEY = 'format'
const CLUSTER_KEY = 'cluster'
const PRODUCER_IDS_KEY = 'producer-ids'

/** Leader, leader epoch, partition epoch, replicas, ISR, directories, ELR, last known ELR. */
type PartitionTuple = readonly [
  number,
  number,
  number,
  readonly number[],
  readonly number[],
  readonly string[],
  readonly number[],
  readonly number[],
]

interface TopicRecord {
  readonly id: string
  readonly partitions: readonly PartitionTuple[]
}

/** Bytes in base64. */
interface ScramRecord {
  readonly salt: string
  readonly iterations: number
  readonly storedKey: string
  readonly serverKey: string
}

type BrokerRecord = Omit<BrokerRegistration, 'epoch'> & { readonly epoch: string }

export type RecordChanges = Map<string, Uint8Array | null>

/** The puts and deletes that make an image's changes durable. */
export function encodeChanges(changes: ImageChanges): RecordChanges {
  const records: RecordChanges = new Map()
  const put = (key: string, value: unknown) => {
    records.set(key, value === undefined ? null : Buffer.from(JSON.stringify(value)))
  }
  put(FORMAT_KEY, { version: FORMAT })
  if (changes.clusterId !== undefined) put(CLUSTER_KEY, { id: changes.clusterId })
  if (changes.nextProducerId !== undefined) put(PRODUCER_IDS_KEY, { next: String(changes.nextProducerId) })
  for (const [id, broker] of changes.brokers ?? []) {
    put(`broker/${id}`, broker && { ...broker, epoch: String(broker.epoch) })
  }
  for (const [name, topic] of changes.topics ?? []) put(`topic/${name}`, topic && topicRecord(topic))
  for (const [key, configs] of changes.configs ?? []) {
    put(`config/${key}`, configs?.size ? Object.fromEntries(configs) : undefined)
  }
  for (const [name, level] of changes.features ?? []) put(`feature/${name}`, level)
  for (const [key, credential] of changes.scram ?? []) {
    put(`scram/${key}`, credential && scramRecord(credential))
  }
  return records
}

/** The image that all records of a store make up. */
export function decodeRecords(version: bigint, records: ReadonlyMap<string, Uint8Array>): ClusterImage {
  const format = records.get(FORMAT_KEY)
  if (format) checkFormat((parse(format) as { version: number }).version)
  const changes = {
    brokers: [] as [number, BrokerRegistration][],
    topics: [] as [string, TopicImage][],
    configs: [] as [string, Configs][],
    features: [] as [string, number][],
    scram: [] as [string, ScramCredential][],
  }
  for (const [key, bytes] of records) {
    const at = key.indexOf('/')
    const name = key.slice(at + 1)
    switch (at < 0 ? '' : key.slice(0, at)) {
      case 'broker': {
        const record = parse(bytes) as BrokerRecord
        changes.brokers.push([Number(name), { ...record, epoch: BigInt(record.epoch) }])
        break
      }
      case 'topic':
        changes.topics.push([name, topicImage(name, parse(bytes) as TopicRecord)])
        break
      case 'config':
        changes.configs.push([name, new Map(Object.entries(parse(bytes) as Record<string, string>))])
        break
      case 'feature':
        changes.features.push([name, parse(bytes) as number])
        break
      case 'scram':
        changes.scram.push([name, scramCredential(parse(bytes) as ScramRecord)])
    }
  }
  const cluster = records.get(CLUSTER_KEY)
  const producerIds = records.get(PRODUCER_IDS_KEY)
  return ClusterImage.empty().with(version, {
    ...changes,
    ...(cluster && { clusterId: (parse(cluster) as { id: string }).id }),
    ...(producerIds && { nextProducerId: BigInt((parse(producerIds) as { next: string }).next) }),
  })
}

function checkFormat(version: number): void {
  if (version <= FORMAT) return
  const why = `it has format ${version}, this version of Klamm knows formats up to ${FORMAT}`
  throw new Error(`The cluster's metadata was written by a newer Klamm: ${why}. Start the newer one.`)
}

function parse(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
}

function scramRecord({ salt, iterations, storedKey, serverKey }: ScramCredential): ScramRecord {
  const text = (bytes: Buffer) => bytes.toString('base64')
  return { salt: text(salt), iterations, storedKey: text(storedKey), serverKey: text(serverKey) }
}

function scramCredential({ salt, iterations, storedKey, serverKey }: ScramRecord): ScramCredential {
  const bytes = (text: string) => Buffer.from(text, 'base64')
  return { salt: bytes(salt), iterations, storedKey: bytes(storedKey), serverKey: bytes(serverKey) }
}

function topicRecord({ id, partitions }: TopicImage): TopicRecord {
  return {
    id,
    partitions: partitions.map(partition => [
      partition.leader,
      partition.leaderEpoch,
      partition.partitionEpoch,
      partition.replicas,
      partition.isr,
      partition.directories,
      partition.elr,
      partition.lastKnownElr,
    ]),
  }
}

function topicImage(name: string, { id, partitions }: TopicRecord): TopicImage {
  return { name, id, partitions: partitions.map(partitionImage) }
}

function partitionImage(tuple: PartitionTuple): PartitionImage {
  const [leader, leaderEpoch, partitionEpoch, replicas, isr, directories, elr, lastKnownElr] = tuple
  return { leader, leaderEpoch, partitionEpoch, replicas, isr, directories, elr, lastKnownElr }
}
