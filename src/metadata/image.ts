/**
 * The cluster's metadata at one version: brokers, topics, configs, features, the next producer id. Immutable;
 * the next image shares with this one all that did not change, down to the single topic object, so that
 * followers of images compare by identity. It is made of keyed records (records.ts), and only of them.
 */
import { SharedMap } from './shared-map.ts'
import { collisionKey, mayCollide } from './topic-names.ts'

/**
 * Where a broker is reached on one of its listeners. An empty host: where the client connected to
 * (reflection).
 */
export interface Endpoint {
  readonly listener: string
  readonly host: string
  readonly port: number
}

export interface BrokerRegistration {
  readonly id: number
  readonly epoch: bigint
  readonly host: string
  readonly port: number
  readonly rack: string | null
  readonly endpoints: readonly Endpoint[]
}

export interface PartitionImage {
  /** -1 while there is none. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly partitionEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  /** The log directory of each replica by id; the zero id where none is assigned. */
  readonly directories: readonly string[]
  /** Eligible leader replicas, and the last leader known before there was none (KIP-966). */
  readonly elr: readonly number[]
  readonly lastKnownElr: readonly number[]
}

export interface TopicImage {
  readonly name: string
  /** In Kafka's 22-character form. */
  readonly id: string
  readonly partitions: readonly PartitionImage[]
}

/** What a SCRAM user's proofs are checked with (RFC 5802); the password itself is nowhere. */
export interface ScramCredential {
  readonly salt: Buffer
  readonly iterations: number
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

export type ConfigResourceType = 'topic' | 'broker' | 'group' | 'client-metrics'

export type Configs = ReadonlyMap<string, string>

const NO_CONFIGS: Configs = new Map()

/** Puts and deletes (undefined) of one step, by kind. */
export interface ImageChanges {
  readonly clusterId?: string
  readonly brokers?: Iterable<readonly [number, BrokerRegistration | undefined]>
  readonly topics?: Iterable<readonly [string, TopicImage | undefined]>
  /** Keys from `configKey`. */
  readonly configs?: Iterable<readonly [string, Configs | undefined]>
  readonly features?: Iterable<readonly [string, number | undefined]>
  readonly nextProducerId?: bigint
  /** Keys from `scramKey`. */
  readonly scram?: Iterable<readonly [string, ScramCredential | undefined]>
}

interface Parts {
  readonly version: bigint
  readonly clusterId: string
  readonly brokers: ReadonlyMap<number, BrokerRegistration>
  readonly byName: SharedMap<TopicImage>
  readonly byId: SharedMap<TopicImage>
  /** One topic of each collision key, of those whose names have a '.' or a '_'. */
  readonly byCollisionKey: SharedMap<string>
  readonly configTable: SharedMap<Configs>
  readonly features: ReadonlyMap<string, number>
  readonly nextProducerId: bigint
  readonly scram: ReadonlyMap<string, ScramCredential>
}

export class ClusterImage {
  readonly version: bigint
  readonly clusterId: string
  readonly brokers: ReadonlyMap<number, BrokerRegistration>
  /** Finalized feature levels, by Kafka's names. */
  readonly features: ReadonlyMap<string, number>
  /** The first producer id that no block has given out yet. */
  readonly nextProducerId: bigint
  /** SCRAM credentials by `scramKey`. */
  readonly scram: ReadonlyMap<string, ScramCredential>
  private readonly parts: Parts

  private constructor(parts: Parts) {
    this.parts = parts
    this.version = parts.version
    this.clusterId = parts.clusterId
    this.brokers = parts.brokers
    this.features = parts.features
    this.nextProducerId = parts.nextProducerId
    this.scram = parts.scram
  }

  static empty(): ClusterImage {
    return new ClusterImage({
      version: 0n,
      clusterId: '',
      brokers: new Map(),
      byName: SharedMap.empty(),
      byId: SharedMap.empty(),
      byCollisionKey: SharedMap.empty(),
      configTable: SharedMap.empty(),
      features: new Map(),
      nextProducerId: 0n,
      scram: new Map(),
    })
  }

  /**
   * The broker that Metadata names as controller: any that is alive will do, all forward. -1 without brokers.
   */
  get controllerId(): number {
    for (const id of this.brokers.keys()) return id
    return -1
  }

  get topics(): Iterable<TopicImage> {
    return this.parts.byName.values()
  }

  get topicCount(): number {
    return this.parts.byName.size
  }

  /** Names of the topics that are there now or were earlier, and are not the same as then. */
  topicChangesSince(earlier: ClusterImage): Iterable<string> {
    return this.parts.byName.changesSince(earlier.parts.byName)
  }

  /** Keys, as `configKey` gives them, of the resources whose configs are not the same as earlier. */
  configChangesSince(earlier: ClusterImage): Iterable<string> {
    return this.parts.configTable.changesSince(earlier.parts.configTable)
  }

  topicByName(name: string): TopicImage | undefined {
    return this.parts.byName.get(name)
  }

  topicById(id: string): TopicImage | undefined {
    return this.parts.byId.get(id)
  }

  /** An existing topic whose name differs from this one only in '.' and '_'. */
  topicCollidingWith(name: string): string | undefined {
    if (!mayCollide(name)) return undefined
    const other = this.parts.byCollisionKey.get(collisionKey(name))
    return other === name ? undefined : other
  }

  /**
   * What was set for a resource; the same map as long as nobody changes it. Broker '' is the cluster-wide
   * default.
   */
  configs(type: ConfigResourceType, name: string): Configs {
    return this.parts.configTable.get(configKey(type, name)) ?? NO_CONFIGS
  }

  /** The names of the resources of a type that have configs set, sorted. */
  configuredResources(type: ConfigResourceType): string[] {
    const prefix = configKey(type, '')
    return [...this.parts.configTable.keys()]
      .filter(key => key.startsWith(prefix))
      .map(key => key.slice(prefix.length))
      .sort()
  }

  with(version: bigint, changes: ImageChanges): ClusterImage {
    const { parts } = this
    const topics = [...(changes.topics ?? [])]
    return new ClusterImage({
      version,
      clusterId: changes.clusterId ?? parts.clusterId,
      brokers: changedMap(parts.brokers, changes.brokers),
      byName: parts.byName.with(topics),
      byId: parts.byId.with(topics.flatMap(change => this.idChanges(change))),
      byCollisionKey: parts.byCollisionKey.with(
        topics
          .filter(([name]) => mayCollide(name))
          .map(([name, topic]) => [collisionKey(name), topic && name] as const),
      ),
      configTable: parts.configTable.with(changes.configs ?? []),
      features: changedMap(parts.features, changes.features),
      nextProducerId: changes.nextProducerId ?? parts.nextProducerId,
      scram: changedMap(parts.scram, changes.scram),
    })
  }

  /** A topic that is recreated in the same step leaves no trace of its old id. */
  private idChanges([name, topic]: readonly [string, TopicImage | undefined]) {
    const before = this.parts.byName.get(name)
    const changes: (readonly [string, TopicImage | undefined])[] = []
    if (before && before.id !== topic?.id) changes.push([before.id, undefined])
    if (topic) changes.push([topic.id, topic])
    return changes
  }
}

/** `SCRAM-SHA-256/alice`: a user may have one credential of each mechanism. */
export function scramKey(mechanism: string, user: string): string {
  return `${mechanism}/${user}`
}

export function configKey(type: ConfigResourceType, name: string): string {
  return `${type}/${name}`
}

function changedMap<Key, Value>(
  map: ReadonlyMap<Key, Value>,
  changes: Iterable<readonly [Key, Value | undefined]> | undefined,
): ReadonlyMap<Key, Value> {
  if (changes === undefined) return map
  const changed = new Map(map)
  for (const [key, value] of changes) {
    if (value === undefined) changed.delete(key)
    else changed.set(key, value)
  }
  return changed
}
