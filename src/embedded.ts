/**
 * Klamm inside your process:
 *
 *     import { Klamm } from 'klamm'
 *     const klamm = await Klamm.start()
 *     // point any Kafka client at klamm.bootstrapServers
 *     await klamm.close()
 */
import { Broker } from './broker.ts'
import type { KlammClock } from './embedded/clock.ts'
import { type ConsumeOptions, consume, contents } from './embedded/consume.ts'
import type { Bytes, DataSource, ProducedRecord, RecordToProduce, StoredRecord } from './embedded/data.ts'
import {
  type GroupLag,
  type GroupView,
  lag,
  type WaitForGroupOptions,
  waitForGroupStable,
} from './embedded/group-views.ts'
import {
  bracketed,
  configOf,
  DEFAULT_HOST,
  type KlammOptions,
  loggerOf,
  reachableHost,
} from './embedded/options.ts'
import { type ProduceOptions, produce } from './embedded/produce.ts'
import type { Snapshot } from './embedded/snapshot.ts'
import { nodePlatform } from './platform/node.ts'
import { makeCertificates } from './platform/throwaway-certificates.ts'

export { StartFailure } from './broker.ts'
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
export type { KlammOptions, TopicOptions } from './embedded/options.ts'
export type { Isolation } from './embedded/partition-reader.ts'
export type { ProduceOptions } from './embedded/produce.ts'
export { Refused } from './embedded/refused.ts'
export { Snapshot } from './embedded/snapshot.ts'
export type { Logger } from './observe/logger.ts'

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
  readonly clusterId: string
  /** With `tls: true`, the authority that signed the broker's certificate, as PEM. */
  readonly caCertificate: string | undefined
  /** The broker's time; with `clock: 'manual'`, `advance` lets it pass. */
  readonly clock: KlammClock
  private readonly broker: Broker

  private constructor(broker: Broker, caCertificate: string | undefined) {
    this.caCertificate = caCertificate
    const [listener] = broker.listeners
    this.broker = broker
    this.host = reachableHost(listener!.host)
    this.port = listener!.port
    this.bootstrapServers = `${bracketed(this.host)}:${this.port}`
    this.clusterId = broker.clusterId
    this.clock = { now: () => 0, advance: async () => {} }
  }

  /** Resolves when clients can connect. Rejects with a StartFailure that names the option to change. */
  static async start(options: KlammOptions = {}): Promise<Klamm> {
    const { host = DEFAULT_HOST } = options
    const made = options.tls === true ? await makeCertificates([host]) : undefined
    const config = configOf(options, made)
    const logger = loggerOf(options)
    for (const warning of config.warnings) logger.warn(warning)
    const broker = await Broker.start({ config, platform: nodePlatform(), logger })
    return new Klamm(broker, made?.ca)
  }

  /** The same as `bootstrapServers`, under the name that Testcontainers gives it. */
  getBootstrapServers(): string {
    return this.bootstrapServers
  }

  /**
   * All as it was when `start` had resolved: records, groups, transactions, users and settings are gone, the
   * topics of the options are there anew, a manual clock is set back. Clients may stay connected; requests
   * that wait are answered.
   */
  async reset(): Promise<void> {}

  /** Everything that the broker holds at this moment, for `restore` here or in another broker. */
  snapshot(): Promise<Snapshot> {
    return Promise.reject(new Error('not there yet'))
  }

  /** Replaces everything that the broker holds. Clients may stay connected. */
  restore(snapshot: Snapshot): Promise<void> {
    return Promise.reject(new Error(`not there yet: ${snapshot.clusterId}`))
  }

  /** A second broker with the same data, options and time; neither sees what the other writes from now on. */
  fork(options: ForkOptions = {}): Promise<Klamm> {
    return Promise.reject(new Error(`not there yet: ${options.port}`))
  }

  /** Ends the broker as `kill -9` or a power failure does; the data waits for `restart`. */
  crash(options: CrashOptions = {}): Promise<void> {
    return Promise.reject(new Error(`not there yet: ${options.unsynced}`))
  }

  /** Starts again on the same port with the same data: after `crash`, or by first stopping in order. */
  restart(): Promise<void> {
    return Promise.reject(new Error('not there yet'))
  }

  /**
   * Writes records without a client library: texts, bytes, or `{ value, key, headers, partition, timestamp }`.
   * Makes the topic as the broker would for a client. Resolves with where they came to lie.
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
    return consume(this.dataSource(), topic, options)
  }

  /** All records of a topic that are there now, by partition and offset. */
  contents(topic: string, options?: Pick<ConsumeOptions, 'isolation'>): Promise<StoredRecord[]> {
    return contents(this.dataSource(), topic, options)
  }

  /** Resolves when all members of a group have joined and have their partitions. */
  waitForGroupStable(groupId: string, options?: WaitForGroupOptions): Promise<GroupView> {
    return waitForGroupStable(this.dataSource(), groupId, options)
  }

  /** How far a group's commits are behind: `(await klamm.lag('billing')).total`. */
  lag(groupId: string): Promise<GroupLag> {
    return lag(this.dataSource(), groupId)
  }

  /** Answers what is in flight, makes stored data durable and frees the port. Harmless when repeated. */
  close(): Promise<void> {
    return this.broker.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private dataSource(): DataSource {
    return { context: () => this.broker.context, clock: REAL_TIME }
  }
}

/** Helpers wait on it, also where the broker's time is set by hand. */
const REAL_TIME = nodePlatform().clock
