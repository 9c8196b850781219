/**
 * The stand-in's data as tests see it: what a record is, and how a helper reaches the broker that runs now.
 * The helpers go to the broker's own parts, without a socket; neither faults nor the trace know of them.
 */
import { type ErrorCode, errorName } from '../../protocol/errors.ts'
import type { BrokerContext } from '../api/context.ts'
import type { TopicImage } from '../metadata/image.ts'
import type { Clock } from '../platform/platform.ts'
import { isInternalTopic } from '../replication/replica-manager.ts'
import { listed, Refused } from './refused.ts'

/** What the helpers reach; of a stand-in whose broker may be crashed, restarted and reset meanwhile. */
export interface DataSource {
  /** The parts of the broker that runs now. Throws, in words, while none does. */
  context(): DataContext
  /** No broker will run any more. */
  isClosed?(): boolean
  /** Real time, also where the broker's is set by hand: helpers wait on it. */
  readonly clock: Clock
}

export type DataContext = Pick<
  BrokerContext,
  'config' | 'controller' | 'replicas' | 'groups' | 'logs' | 'clock'
>

/** A text is UTF-8; null is a tombstone's value, or no key. */
export type Bytes = string | Uint8Array | null

/** A record to produce. */
export interface RecordToProduce {
  readonly value: Bytes
  readonly key?: Bytes
  readonly headers?: Readonly<Record<string, Bytes>>
  /** Wins over the choice by key. */
  readonly partition?: number
  /** When it was made: ms since 1970, or a Date. The broker's time unless told. */
  readonly timestamp?: number | { getTime(): number }
}

/** Where a record came to lie. */
export interface ProducedRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
}

/** A record as it lies in a log, decompressed and decoded. */
export interface StoredRecord extends ProducedRecord {
  /** Ms since 1970; -1 where there is none. */
  readonly timestamp: number
  /** As UTF-8. The bytes themselves are in `keyBytes`. */
  readonly key: string | null
  /** As UTF-8. The bytes themselves are in `valueBytes`. */
  readonly value: string | null
  /** As UTF-8; of a name that is there twice, the last. */
  readonly headers: Readonly<Record<string, string | null>>
  readonly keyBytes: Buffer | null
  readonly valueBytes: Buffer | null
}

export function bytesOf(text: Bytes | undefined): Uint8Array | null {
  if (text === undefined || text === null) return null
  return typeof text === 'string' ? Buffer.from(text) : text
}

/** Undefined while there is none. */
export function topicNamed({ controller }: DataContext, topic: string): TopicImage | undefined {
  checkName(topic)
  return controller.image().topicByName(topic)
}

export function existingTopic(context: DataContext, topic: string): TopicImage {
  const found = topicNamed(context, topic)
  if (!found) throw new Refused('missing', `there is no topic ${topic}; topics: ${topicNames(context)}`)
  return found
}

/** For those who are not told by a compiler. */
export function checkName(topic: unknown): void {
  if (typeof topic === 'string' && topic !== '') return
  throw new Refused('invalid', `topic: ${JSON.stringify(topic) ?? typeof topic} is no name of a topic`)
}

/** Those that are not Kafka's own. */
export function topicNames({ controller }: DataContext): string {
  const names = [...controller.image().topics].map(({ name }) => name).filter(name => !isInternalTopic(name))
  return listed(names.sort())
}

export function checkPartition({ name, partitions }: TopicImage, partition: number): void {
  if (Number.isInteger(partition) && partition >= 0 && partition < partitions.length) return
  const range = partitions.length === 1 ? 'only 0' : `0 to ${partitions.length - 1}`
  throw new Refused('invalid', `there is no partition ${partition} of ${name}, which has ${range}`)
}

/** The code's name, and what the broker said beside it. */
export function said(error: ErrorCode, message?: string | null): string {
  return message ? `${errorName(error)}: ${message}` : errorName(error)
}
