/** When committed offsets are old enough to go (KIP-211). */

import { decode } from '../../protocol/codec.ts'
import { ConsumerProtocolSubscription } from '../../protocol/records/consumer-protocol.ts'
import { MalformedMessage } from '../../protocol/wire.ts'
import { metadataFor } from './classic-member.ts'
import type { Group } from './consumer-groups.ts'
import type { CommittedOffset } from './group-records.ts'
import type { Offsets } from './offsets.ts'

export interface ExpiredOffsets {
  readonly offsets: readonly { readonly topic: string; readonly partition: number }[]
  /** Nothing of the group remains. */
  readonly isAll: boolean
}

/**
 * Offsets of a group without members are kept for the retention after it became empty; those of a stable
 * group only while it subscribes to their topic; those of consumers without group management since each was
 * committed.
 */
export function expiredOffsets(
  group: Group,
  offsets: Offsets,
  { now, retentionMs }: { readonly now: number; readonly retentionMs: number },
): ExpiredOffsets {
  const expired: { topic: string; partition: number }[] = []
  let kept = 0
  const isKeptFor = keeper(group)
  for (const { topic, partition, value } of offsets.entries(group.groupId)) {
    const mayGo = !isKeptFor(topic) && !offsets.hasStaged(group.groupId, topic, partition)
    if (mayGo && isOld(value, sinceWhen(group, value), { now, retentionMs }))
      expired.push({ topic, partition })
    else kept += 1
  }
  return { offsets: expired, isAll: kept === 0 && !offsets.hasStagedFor(group.groupId) }
}

/** Which topics' offsets stay however old they are. */
function keeper(group: Group): (topic: string) => boolean {
  if (group.type === 'consumer') {
    const topics = group.subscribedTopics()
    return topic => topics.has(topic)
  }
  if (group.protocolType === null || group.state === 'Empty') return () => false
  const subscribed = group.state === 'Stable' ? subscribedTopics(group) : undefined
  return topic => !subscribed || subscribed.has(topic)
}

function sinceWhen(group: Group, value: CommittedOffset): number {
  if (group.type === 'consumer') return value.commitTimestampMs
  const countsFromEmpty = group.protocolType !== null && group.state === 'Empty' && group.stateTimestampMs > 0
  return countsFromEmpty ? group.stateTimestampMs : value.commitTimestampMs
}

function isOld(
  value: CommittedOffset,
  sinceMs: number,
  { now, retentionMs }: { readonly now: number; readonly retentionMs: number },
): boolean {
  return value.expireTimestampMs === undefined ? now - sinceMs >= retentionMs : now >= value.expireTimestampMs
}

/** The topics that the members of a group of consumers subscribe to; undefined where that cannot be known. */
export function subscribedTopics(group: Group): Set<string> | undefined {
  if (group.type === 'consumer') return group.subscribedTopics()
  if (group.protocolType !== 'consumer' || group.protocolName === null) return undefined
  const topics = new Set<string>()
  for (const member of group.membership.all()) {
    const metadata = metadataFor(member, group.protocolName)
    // Kafka's client never says nothing; who does, subscribes to nobody knows what.
    if (metadata.length < 2) return undefined
    try {
      const version = Math.min(metadata.readInt16BE(0), ConsumerProtocolSubscription.versions.last)
      for (const topic of decode(ConsumerProtocolSubscription, version, metadata.subarray(2)).topics)
        topics.add(topic)
    } catch (error) {
      // Members that call themselves consumers may still speak in a way of their own (Kafka Connect did).
      if (error instanceof MalformedMessage) return undefined
      throw error
    }
  }
  return topics
}
