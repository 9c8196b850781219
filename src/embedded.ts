/**
 * Klamm inside your process:
 *
 *     import { Klamm } from 'klamm'
 *     const klamm = await Klamm.start()
 *     // point any Kafka client at klamm.bootstrapServers
 *     await klamm.close()
 */
import type { BoundListener } from './broker.ts'
import type { KlammClock } from './embedded/clock.ts'
import { type ConsumeOptions, consume, contents } from './embedded/consume.ts'
import type { Bytes, DataSource, ProducedRecord, RecordToProduce, StoredRecord } from './embedded/data.ts'
import {
  findGroup,
  type GroupLag,
  type GroupView,
  lag,
  listGroups,
  type WaitForGroupOptions,
  waitForGroupStable,
} from './embedded/group-views.ts'
import { type Health, healthOf } from './embedded/health.ts'
import { Life } from './embedded/life.ts'
import { checkOptions } from './embedded/option-checks.ts'
import {
  bracketed,
  DEFAULT_HOST,
  type KlammOptions,
  reachableHost,
  type TopicOptions,
} from './embedded/options.ts'
import { type ProduceOptions, produce } from './embedded/produce.ts'
import type { Snapshot } from './embedded/snapshot.ts'
import { createTopic, deleteTopic, type TopicView, topicNamed, topics } from './embedded/topics.ts'
import type { Faults } from './faults/faults.ts'
import { nodePlatform } from './platform/node.ts'
import { makeCertificates } from './platform/throwaway-certificates.ts'
import type { Trace } from './trace/trace.ts'

export { type BoundListener, StartFailure } from './broker.ts'
export type { KlammClock } from './embedded/clock.ts'
export type { ConsumeOptions } from './embedded/consume.ts'
export type { Bytes, ProducedRecord, RecordToProduce, StoredRecord } from './embedded/data.ts'
export type {
  GroupLag,
  GroupMember,
  GroupView,
  PartitionLag,
  WaitForGroupOptions,
} from './embedded/group-views.ts'
export type { Health } from './embedded/health.ts'
export type { KlammOptions, TopicOptions } from './embedded/options.ts'
export type { Isolation } from './embedded/partition-reader.ts'
export type { ProduceOptions } from './embedded/produce.ts'
export { Refused } from './embedded/refused.ts'
export { Snapshot } from './embedded/snapshot.ts'
export type { PartitionView, TopicView } from './embedded/topics.ts'
export { UsageError } from './embedded/usage-error.ts'
export type { Faults } from './faults/faults.ts'
export {
  type FaultDefinition,
  type FaultEffect,
  type FaultMatch,
  type FaultRule,
  type Firing,
  InvalidFault,
} from './faults/rule.ts'
export type { PersonaName } from './metadata/personas.ts'
export type { Logger } from './observe/logger.ts'
export type {
  BatchSummary,
  Exchange,
  ExchangeOutcome,
  MessageBody,
  RecordsSummary,
  TracedMessage,
  TraceTextOptions,
} from './trace/exchange.ts'
export type { Trace, TraceQuery } from './trace/trace.ts'

export interface ForkOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number
  /** `memory`, the default; or the path of a directory that is empty or not there yet. */
  readonly storage?: 'memory' | (string & {})
}

export interface CrashOptions {
  /**
   * What becomes of writes that no sync has made durable. `kept`, the default: the process died, as by `kill
   * -9`, and the machine lives on. `lost` and `torn`: power failed, and none of them, or any part of each, is
   * on the disk; for that, start with `powerLoss: true`.
   */
  readonly unsynced?: 'kept' | 'lost' | 'torn'
}

/** A broker that runs in this process. Any number of them can, each with its own port and data. */
export class Klamm {
  /** For a client's `bootstrap.servers`: `host:port`. */
  readonly bootstrapServers: string
  readonly host: string
  readonly port: number
  /** All of them, where `config` names several; host and port above are those of the first. */
  readonly listeners: readonly BoundListener[]
  /** With `tls: true`, the authority that signed the broker's certificate, as PEM. */
  readonly caCertificate: string | undefined
  /** The broker's time; with `clock: 'manual'`, `advance` lets it pass. */
  readonly clock: KlammClock
  /** Rules by which requests go wrong. They outlive a restart; `reset` takes them back. */
  readonly faults: Faults
  /** What clients ask and are answered, with `trace: true` or after `trace.start()`. */
  readonly trace: Trace
  private readonly life: Life

  private constructor(life: Life, caCertificate: string | undefined) {
    this.caCertificate = caCertificate
    this.life = life
    this.faults = life.observation.faults
    this.trace = life.observation.trace
    this.listeners = life.listeners
    const [listener] = this.listeners
    this.host = reachableHost(listener!.host)
    this.port = listener!.port
    this.bootstrapServers = `${bracketed(this.host)}:${this.port}`
    this.clock = { now: () => life.now(), advance: by => life.advance(by) }
  }

  /** Resolves when clients can connect. Rejects with a StartFailure that names the option to change. */
  static async start(options: KlammOptions = {}): Promise<Klamm> {
    return Klamm.begin(options)
  }

  private static async begin(options: KlammOptions, snapshot?: Snapshot): Promise<Klamm> {
    checkOptions(options)
    const { host = DEFAULT_HOST } = options
    const made = options.tls === true ? await makeCertificates([host]) : undefined
    return new Klamm(await Life.start(options, made, snapshot), made?.ca)
  }

  /** False between `crash` and `restart`, and after `close`. */
  get isRunning(): boolean {
    return this.life.isRunning
  }

  /** It stays the same over restarts and resets; with `restore`, that of the snapshot comes. */
  get clusterId(): string {
    return this.life.clusterId
  }

  /** The same as `bootstrapServers`, under the name that Testcontainers gives it. */
  getBootstrapServers(): string {
    return this.bootstrapServers
  }

  /**
   * All as it was when `start` had resolved: records, groups, transactions, users and settings are gone, the
   * topics of the options are there anew, a manual clock is set back, faults and trace are cleared. Clients
   * may stay connected; requests that wait are answered.
   */
  reset(): Promise<void> {
    return this.life.reset()
  }

  /** Everything that the broker holds at this moment, for `restore` here or in another broker. */
  snapshot(): Promise<Snapshot> {
    return this.life.snapshot()
  }

  /** Replaces everything that the broker holds. Clients may stay connected. */
  restore(snapshot: Snapshot): Promise<void> {
    return this.life.restore(snapshot)
  }

  /** A second broker with the same data, options and time; neither sees what the other writes from now on. */
  async fork(options: ForkOptions = {}): Promise<Klamm> {
    return Klamm.begin({ ...this.life.optionsOfFork(), ...options }, await this.life.snapshot())
  }

  /** Ends the broker as `kill -9` or a power failure does; the data waits for `restart`. */
  crash(options: CrashOptions = {}): Promise<void> {
    return this.life.crash(options.unsynced ?? 'kept')
  }

  /** Starts again on the same port with the same data: after `crash`, or by first stopping in order. */
  restart(): Promise<void> {
    return this.life.restart()
  }

  /**
   * Writes records without a client library: texts, bytes, or `{ value, key, headers, partition,
   * timestamp }`. Makes the topic as the broker would for a client. Resolves with where they came to lie.
   */
  produce(
    topic: string,
    records: Bytes | RecordToProduce | readonly (Bytes | RecordToProduce)[],
    options?: ProduceOptions,
  ): Promise<ProducedRecord[]> {
    return produce(this.dataSource(), topic, records, options)
  }

  /**
   * The first `count` records of a topic, by partition and offset, as soon as there are as many; also of a
   * topic that is yet to be made. A number alone is the count. Rejects when the time is over, with what was
   * there. Leaves no trace of a consumer.
   */
  consume(topic: string, options?: ConsumeOptions | number): Promise<StoredRecord[]> {
    return awake(consume(this.dataSource(), topic, options))
  }

  /** All records of a topic that are there now, by partition and offset. */
  contents(topic: string, options?: Pick<ConsumeOptions, 'isolation'>): Promise<StoredRecord[]> {
    return contents(this.dataSource(), topic, options)
  }

  /** Makes a topic: by its name, or `{ name, partitions, configs }`. */
  createTopic(topic: string | TopicOptions): Promise<TopicView> {
    return createTopic(this.dataSource(), topic)
  }

  deleteTopic(name: string): Promise<void> {
    return deleteTopic(this.dataSource(), name)
  }

  /** All topics by name, Kafka's own among them, with what their partitions hold. */
  topics(): TopicView[] {
    return topics(this.dataSource())
  }

  topic(name: string): TopicView {
    return topicNamed(this.dataSource(), name)
  }

  /** All groups, without their members. */
  groups(): Promise<readonly Omit<GroupView, 'members'>[]> {
    return listGroups(this.dataSource())
  }

  /** Undefined where there is no such group. */
  group(groupId: string): Promise<GroupView | undefined> {
    return findGroup(this.dataSource(), groupId)
  }

  /** Whether the broker is well, and clients can connect. */
  health(): Promise<Health> {
    const { listeners } = this
    return healthOf({ ...this.dataSource(), network: nodePlatform().network, listeners })
  }

  /** Resolves when all members of a group have joined and have their partitions. */
  waitForGroupStable(groupId: string, options?: WaitForGroupOptions): Promise<GroupView> {
    return awake(waitForGroupStable(this.dataSource(), groupId, options))
  }

  /** How far a group's commits are behind: `(await klamm.lag('billing')).total`. */
  lag(groupId: string): Promise<GroupLag> {
    return lag(this.dataSource(), groupId)
  }

  /** Answers what is in flight, makes stored data durable and frees the port. Harmless when repeated. */
  close(): Promise<void> {
    return this.life.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private dataSource(): DataSource {
    return { context: () => this.life.context(), isClosed: () => this.life.isClosed, clock: REAL_TIME }
  }
}

/** Of a broker that is down or closed there is nothing else for which the process would live on. */
async function awake<T>(waiting: Promise<T>): Promise<T> {
  const mayExit = nodePlatform().stayAlive?.()
  try {
    return await waiting
  } finally {
    mayExit?.()
  }
}

/** Helpers wait on it, also where the broker's time is set by hand. */
const REAL_TIME = nodePlatform().clock
