/**
 * The records of `__consumer_offsets` that classic groups and offsets are made of: values to bytes and back.
 */

import { decode, encodeToBuffer } from '../../protocol/codec.ts'
import {
  GroupMetadataKey,
  GroupMetadataValue,
  LegacyOffsetCommitKey,
  OffsetCommitKey,
  OffsetCommitValue,
} from '../../protocol/records/consumer-offsets.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import type { CoordinatorRecord } from '../coordinator/shard.ts'
import type { GroupSnapshot } from './classic-member.ts'

/** One committed offset. Times in ms since the epoch. */
export interface CommittedOffset {
  readonly offset: bigint
  readonly leaderEpoch: number
  readonly metadata: string
  readonly commitTimestampMs: number
  /** Set by clients that ask for a retention of their own (OffsetCommit v2 to v4). */
  readonly expireTimestampMs: number | undefined
  /** The zero id where it was not known. */
  readonly topicId: string
}

export type OffsetsRecord =
  | {
      readonly kind: 'offset'
      readonly group: string
      readonly topic: string
      readonly partition: number
      readonly value: CommittedOffset | null
    }
  | { readonly kind: 'group'; readonly group: string; readonly value: GroupSnapshot | null }
  | { readonly kind: 'unknown'; readonly type: number }

/** Keys and values begin with a version of 16 bits; of a key, it tells the type. */
const PREFIX_BYTES = 2
const GROUP_VALUE_VERSION = 3
const OFFSET_VALUE_VERSION = 4
/** The only version that knows a time of expiry. */
const EXPIRING_OFFSET_VALUE_VERSION = 1

export function offsetRecord(
  group: string,
  topic: string,
  partition: number,
  value: CommittedOffset | null,
): CoordinatorRecord {
  const key = prefixed(
    OffsetCommitKey.apiKey,
    encodeToBuffer(OffsetCommitKey, 0, { group, topic, partition }),
  )
  return { key, value: value && encodeOffset(value) }
}

export function groupRecord(group: string, snapshot: GroupSnapshot | null): CoordinatorRecord {
  const key = prefixed(GroupMetadataKey.apiKey, encodeToBuffer(GroupMetadataKey, 0, { group }))
  return { key, value: snapshot && encodeGroup(snapshot) }
}

/** Throws MalformedMessage on bytes that are no such record; types that belong to others are `unknown`. */
export function readOffsetsRecord({ key, value }: CoordinatorRecord): OffsetsRecord {
  const type = key.length < PREFIX_BYTES ? -1 : key.readInt16BE(0)
  const body = key.subarray(PREFIX_BYTES)
  switch (type) {
    case LegacyOffsetCommitKey.apiKey:
    case OffsetCommitKey.apiKey:
      return { kind: 'offset', ...decode(OffsetCommitKey, 0, body), value: value && decodeOffset(value) }
    case GroupMetadataKey.apiKey:
      return { kind: 'group', ...decode(GroupMetadataKey, 0, body), value: value && decodeGroup(value) }
    default:
      return { kind: 'unknown', type }
  }
}

function encodeOffset(value: CommittedOffset): Buffer {
  const { expireTimestampMs } = value
  const version = expireTimestampMs === undefined ? OFFSET_VALUE_VERSION : EXPIRING_OFFSET_VALUE_VERSION
  const body = encodeToBuffer(OffsetCommitValue, version, {
    offset: value.offset,
    leaderEpoch: value.leaderEpoch,
    metadata: value.metadata,
    commitTimestamp: BigInt(value.commitTimestampMs),
    expireTimestamp: BigInt(expireTimestampMs ?? -1),
    topicId: value.topicId,
  })
  return prefixed(version, body)
}

function decodeOffset(bytes: Buffer): CommittedOffset {
  const value = decode(OffsetCommitValue, bytes.readInt16BE(0), bytes.subarray(PREFIX_BYTES))
  return {
    offset: value.offset,
    leaderEpoch: value.leaderEpoch,
    metadata: value.metadata,
    commitTimestampMs: Number(value.commitTimestamp),
    expireTimestampMs: value.expireTimestamp === -1n ? undefined : Number(value.expireTimestamp),
    topicId: value.topicId ?? ZERO_UUID,
  }
}

function encodeGroup(snapshot: GroupSnapshot): Buffer {
  const body = encodeToBuffer(GroupMetadataValue, GROUP_VALUE_VERSION, {
    protocolType: snapshot.protocolType ?? '',
    generation: snapshot.generationId,
    protocol: snapshot.protocolName,
    leader: snapshot.leader,
    currentStateTimestamp: BigInt(snapshot.stateTimestampMs),
    members: snapshot.members.map(({ rebalanceTimeoutMs, sessionTimeoutMs, ...member }) => ({
      ...member,
      rebalanceTimeout: rebalanceTimeoutMs,
      sessionTimeout: sessionTimeoutMs,
    })),
  })
  return prefixed(GROUP_VALUE_VERSION, body)
}

function decodeGroup(bytes: Buffer): GroupSnapshot {
  const value = decode(GroupMetadataValue, bytes.readInt16BE(0), bytes.subarray(PREFIX_BYTES))
  return {
    generationId: value.generation,
    protocolType: value.protocolType === '' ? null : value.protocolType,
    protocolName: value.protocol,
    leader: value.leader,
    stateTimestampMs: Number(value.currentStateTimestamp),
    members: value.members.map(({ rebalanceTimeout, sessionTimeout, ...member }) => ({
      ...member,
      // Views of the batch that was read must not outlive it.
      subscription: Buffer.from(member.subscription),
      assignment: Buffer.from(member.assignment),
      rebalanceTimeoutMs: rebalanceTimeout === -1 ? sessionTimeout : rebalanceTimeout,
      sessionTimeoutMs: sessionTimeout,
    })),
  }
}

function prefixed(version: number, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + body.length)
  bytes.writeInt16BE(version, 0)
  bytes.set(body, PREFIX_BYTES)
  return bytes
}
