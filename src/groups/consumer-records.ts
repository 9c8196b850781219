/** The records of `__consumer_offsets` that consumer groups are made of: values to bytes and back. */

import {
  ConsumerGroupCurrentMemberAssignmentKey,
  ConsumerGroupCurrentMemberAssignmentValue,
  ConsumerGroupMemberMetadataKey,
  ConsumerGroupMemberMetadataValue,
  ConsumerGroupMetadataKey,
  ConsumerGroupMetadataValue,
  ConsumerGroupPartitionMetadataKey,
  ConsumerGroupRegularExpressionKey,
  ConsumerGroupRegularExpressionValue,
  ConsumerGroupTargetAssignmentMemberKey,
  ConsumerGroupTargetAssignmentMemberValue,
  ConsumerGroupTargetAssignmentMetadataKey,
  ConsumerGroupTargetAssignmentMetadataValue,
} from '../../protocol/records/consumer-group.ts'
import {
  decodeKey,
  decodeVersioned,
  encodeKey,
  encodeVersioned,
  recordType,
} from '../../protocol/records/framing.ts'
import type { Fields, InputOf, Message } from '../../protocol/schema.ts'
import type { CoordinatorRecord } from '../coordinator/shard.ts'
import type { Assignment } from './assignor.ts'
import {
  ascending,
  type HeldPartitions,
  type MemberProfile,
  type MemberStanding,
  type MemberState,
} from './consumer-member.ts'

/** A regular expression of a subscription, and the topics that it stands for. */
export interface ResolvedRegex {
  /** Sorted. */
  readonly topics: readonly string[]
  /** Of the metadata that it was matched against. */
  readonly version: bigint
  /** When it was, in ms since the epoch. */
  readonly timestampMs: number
}

export interface GroupEpoch {
  readonly epoch: number
  /** Of the topics that are subscribed to; 0 for none. */
  readonly metadataHash: bigint
}

export interface TargetEpoch {
  readonly assignmentEpoch: number
  /** When the target was computed, in ms since the epoch; 0 where that was not written. */
  readonly timestampMs: number
}

/** A record of a consumer group; null removes what it names. */
export type ConsumerRecord = { readonly group: string } & (
  | { readonly kind: 'epoch'; readonly value: GroupEpoch | null }
  /** What groups had before their epoch record had a hash (Kafka 4.0); only ever removed. */
  | { readonly kind: 'partition metadata'; readonly value: 'some' | null }
  | { readonly kind: 'member'; readonly memberId: string; readonly value: MemberProfile | null }
  | { readonly kind: 'target epoch'; readonly value: TargetEpoch | null }
  | { readonly kind: 'target'; readonly memberId: string; readonly value: Assignment | null }
  | { readonly kind: 'standing'; readonly memberId: string; readonly value: MemberStanding | null }
  | { readonly kind: 'regex'; readonly regex: string; readonly value: ResolvedRegex | null }
)

const STATES: ReadonlyMap<number, MemberState> = new Map([
  [0, 'STABLE'],
  [1, 'UNREVOKED_PARTITIONS'],
  [2, 'UNRELEASED_PARTITIONS'],
])
const STATE_CODES = { STABLE: 0, UNREVOKED_PARTITIONS: 1, UNRELEASED_PARTITIONS: 2, UNKNOWN: 127 }

export function consumerRecord(record: ConsumerRecord): CoordinatorRecord {
  const { group: groupId } = record
  switch (record.kind) {
    case 'epoch':
      return {
        key: encodeKey(ConsumerGroupMetadataKey, { groupId }),
        value: record.value && encoded(ConsumerGroupMetadataValue, record.value),
      }
    case 'partition metadata':
      return { key: encodeKey(ConsumerGroupPartitionMetadataKey, { groupId }), value: null }
    case 'member':
      return {
        key: encodeKey(ConsumerGroupMemberMetadataKey, { groupId, memberId: record.memberId }),
        value: record.value && encodeProfile(record.value),
      }
    case 'target epoch':
      return {
        key: encodeKey(ConsumerGroupTargetAssignmentMetadataKey, { groupId }),
        value: record.value && encodeTargetEpoch(record.value),
      }
    case 'target':
      return {
        key: encodeKey(ConsumerGroupTargetAssignmentMemberKey, { groupId, memberId: record.memberId }),
        value: record.value && encodeTarget(record.value),
      }
    case 'standing':
      return {
        key: encodeKey(ConsumerGroupCurrentMemberAssignmentKey, { groupId, memberId: record.memberId }),
        value: record.value && encodeStanding(record.value),
      }
    case 'regex':
      return {
        key: encodeKey(ConsumerGroupRegularExpressionKey, { groupId, regularExpression: record.regex }),
        value: record.value && encodeRegex(record.value),
      }
  }
}

/** Undefined for records that are not of consumer groups. Throws MalformedMessage on bytes that are none. */
export function readConsumerRecord({ key, value }: CoordinatorRecord): ConsumerRecord | undefined {
  switch (recordType(key)) {
    case ConsumerGroupMetadataKey.apiKey: {
      const { groupId: group } = decodeKey(ConsumerGroupMetadataKey, key)
      return {
        kind: 'epoch',
        group,
        value: value && decodeVersioned(ConsumerGroupMetadataValue, value).value,
      }
    }
    case ConsumerGroupPartitionMetadataKey.apiKey: {
      const { groupId: group } = decodeKey(ConsumerGroupPartitionMetadataKey, key)
      return { kind: 'partition metadata', group, value: value && 'some' }
    }
    case ConsumerGroupMemberMetadataKey.apiKey: {
      const { groupId: group, memberId } = decodeKey(ConsumerGroupMemberMetadataKey, key)
      return { kind: 'member', group, memberId, value: value && decodeProfile(value) }
    }
    case ConsumerGroupTargetAssignmentMetadataKey.apiKey: {
      const { groupId: group } = decodeKey(ConsumerGroupTargetAssignmentMetadataKey, key)
      return { kind: 'target epoch', group, value: value && decodeTargetEpoch(value) }
    }
    case ConsumerGroupTargetAssignmentMemberKey.apiKey: {
      const { groupId: group, memberId } = decodeKey(ConsumerGroupTargetAssignmentMemberKey, key)
      return { kind: 'target', group, memberId, value: value && decodeTarget(value) }
    }
    case ConsumerGroupCurrentMemberAssignmentKey.apiKey: {
      const { groupId: group, memberId } = decodeKey(ConsumerGroupCurrentMemberAssignmentKey, key)
      return { kind: 'standing', group, memberId, value: value && decodeStanding(value) }
    }
    case ConsumerGroupRegularExpressionKey.apiKey: {
      const { groupId: group, regularExpression: regex } = decodeKey(ConsumerGroupRegularExpressionKey, key)
      return { kind: 'regex', group, regex, value: value && decodeRegex(value) }
    }
    default:
      return undefined
  }
}

function encoded<F extends Fields>(definition: Message<F>, value: InputOf<F>): Buffer {
  return encodeVersioned(definition, 0, value)
}

function encodeProfile({ classic, subscribedTopicNames, ...profile }: MemberProfile): Buffer {
  return encoded(ConsumerGroupMemberMetadataValue, {
    ...profile,
    subscribedTopicNames: [...subscribedTopicNames],
    classicMemberMetadata: classic
      ? {
          sessionTimeoutMs: classic.sessionTimeoutMs,
          supportedProtocols: classic.protocols.map(protocol => ({ ...protocol })),
        }
      : null,
  })
}

function decodeProfile(bytes: Buffer): MemberProfile {
  const { classicMemberMetadata, ...profile } = decodeVersioned(ConsumerGroupMemberMetadataValue, bytes).value
  return {
    ...profile,
    classic: classicMemberMetadata
      ? {
          sessionTimeoutMs: classicMemberMetadata.sessionTimeoutMs,
          // Views of the batch that was read must not outlive it.
          protocols: classicMemberMetadata.supportedProtocols.map(({ name, metadata }) => ({
            name,
            metadata: Buffer.from(metadata),
          })),
        }
      : undefined,
  }
}

function encodeTargetEpoch({ assignmentEpoch, timestampMs }: TargetEpoch): Buffer {
  return encoded(ConsumerGroupTargetAssignmentMetadataValue, {
    assignmentEpoch,
    assignmentTimestamp: BigInt(timestampMs),
  })
}

function decodeTargetEpoch(bytes: Buffer): TargetEpoch {
  const { assignmentEpoch, assignmentTimestamp } = decodeVersioned(
    ConsumerGroupTargetAssignmentMetadataValue,
    bytes,
  ).value
  return { assignmentEpoch, timestampMs: Number(assignmentTimestamp) }
}

function encodeTarget(assignment: Assignment): Buffer {
  return encoded(ConsumerGroupTargetAssignmentMemberValue, {
    topicPartitions: [...assignment].map(([topicId, partitions]) => ({
      topicId,
      partitions: [...partitions],
    })),
  })
}

function decodeTarget(bytes: Buffer): Assignment {
  const { topicPartitions } = decodeVersioned(ConsumerGroupTargetAssignmentMemberValue, bytes).value
  return new Map(topicPartitions.map(({ topicId, partitions }) => [topicId, ascending(partitions)]))
}

function encodeStanding({ state, assigned, pendingRevocation, ...epochs }: MemberStanding): Buffer {
  return encoded(ConsumerGroupCurrentMemberAssignmentValue, {
    ...epochs,
    state: STATE_CODES[state],
    assignedPartitions: encodeHeld(assigned),
    partitionsPendingRevocation: encodeHeld(pendingRevocation),
  })
}

function encodeHeld(held: HeldPartitions) {
  return [...held].map(([topicId, byPartition]) => {
    const partitions = ascending(byPartition.keys())
    return { topicId, partitions, assignmentEpochs: partitions.map(each => byPartition.get(each)!) }
  })
}

function decodeStanding(bytes: Buffer): MemberStanding {
  const value = decodeVersioned(ConsumerGroupCurrentMemberAssignmentValue, bytes).value
  const { memberEpoch, previousMemberEpoch } = value
  return {
    memberEpoch,
    previousMemberEpoch,
    state: STATES.get(value.state) ?? 'UNKNOWN',
    assigned: decodeHeld(value.assignedPartitions, memberEpoch),
    pendingRevocation: decodeHeld(value.partitionsPendingRevocation, memberEpoch),
  }
}

/** Epochs of partitions came with Kafka 4.3: before, nothing is known but the member's. */
function decodeHeld(
  topics: readonly {
    readonly topicId: string
    readonly partitions: readonly number[]
    readonly assignmentEpochs: readonly number[] | null
  }[],
  memberEpoch: number,
): HeldPartitions {
  return new Map(
    topics.map(({ topicId, partitions, assignmentEpochs }) => [
      topicId,
      new Map(partitions.map((partition, i) => [partition, assignmentEpochs?.[i] ?? memberEpoch])),
    ]),
  )
}

function encodeRegex({ topics, version, timestampMs }: ResolvedRegex): Buffer {
  return encoded(ConsumerGroupRegularExpressionValue, {
    topics: [...topics],
    version,
    timestamp: BigInt(timestampMs),
  })
}

function decodeRegex(bytes: Buffer): ResolvedRegex {
  const { topics, version, timestamp } = decodeVersioned(ConsumerGroupRegularExpressionValue, bytes).value
  return { topics, version, timestampMs: Number(timestamp) }
}
