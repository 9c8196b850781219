/** Groups as administrators are told of them: listed in a line each, or described with their members. */

import { byTableOrder } from '../coordinator/placement.ts'
import type { ClusterImage } from '../metadata/image.ts'
import type { Assignment, Assignor } from './assignor.ts'
import type { ClassicGroup } from './classic-group.ts'
import { type MemberIdentity, metadataFor, NO_ASSIGNMENT } from './classic-member.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { ascending, assignmentOf, type ConsumerMember } from './consumer-member.ts'
import { preferredAssignor } from './target-assignment.ts'

export interface GroupListing {
  readonly groupId: string
  readonly protocolType: string
  readonly state: string
  /** As ListGroups v5 names it. */
  readonly type: string
}

export interface GroupDescription {
  readonly state: string
  readonly protocolType: string
  readonly protocolName: string
  readonly members: readonly DescribedMember[]
}

export interface DescribedMember extends MemberIdentity {
  readonly clientId: string
  readonly clientHost: string
  readonly metadata: Buffer
  readonly assignment: Buffer
}

export interface ConsumerGroupDescription {
  readonly state: string
  readonly groupEpoch: number
  readonly assignmentEpoch: number
  readonly assignorName: string
  readonly members: readonly DescribedConsumer[]
}

export interface DescribedConsumer {
  readonly memberId: string
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly memberEpoch: number
  readonly clientId: string
  readonly clientHost: string
  readonly subscribedTopicNames: readonly string[]
  readonly subscribedTopicRegex: string | null
  /** What the member has now, and what it shall have. */
  readonly assignment: readonly DescribedTopic[]
  readonly targetAssignment: readonly DescribedTopic[]
  readonly isClassic: boolean
}

export interface DescribedTopic {
  readonly topicId: string
  readonly topicName: string
  readonly partitions: readonly number[]
}

export function listGroups(groups: Iterable<ClassicGroup | ConsumerGroup>): GroupListing[] {
  return [...groups].map(listGroup).sort((one, other) => byTableOrder(one.groupId, other.groupId))
}

function listGroup(group: ClassicGroup | ConsumerGroup): GroupListing {
  const { groupId, state } = group
  if (group.type === 'consumer') return { groupId, protocolType: 'consumer', state, type: 'consumer' }
  return { groupId, protocolType: group.protocolType ?? '', state, type: 'classic' }
}

/**
 * What members said is told of a stable group alone, as in Kafka; assignments are those that were last given
 * out.
 */
export function describeClassicGroup(group: ClassicGroup): GroupDescription {
  const isStable = group.state === 'Stable'
  return {
    state: group.state,
    protocolType: group.protocolType ?? '',
    protocolName: isStable ? (group.protocolName ?? '') : '',
    members: [...group.membership.all()].map(member => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      metadata: isStable ? metadataFor(member, group.protocolName) : NO_ASSIGNMENT,
      assignment: member.assignment,
    })),
  }
}

export function describeConsumerGroup(
  group: ConsumerGroup,
  image: ClusterImage,
  assignors: ReadonlyMap<string, Assignor>,
): ConsumerGroupDescription {
  return {
    state: group.state,
    groupEpoch: group.epoch,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: preferredAssignor(group, assignors).name,
    members: [...group.members()]
      .sort((one, other) => byTableOrder(one.memberId, other.memberId))
      .map(member => describeConsumer(member, group, image)),
  }
}

function describeConsumer(
  member: ConsumerMember,
  group: ConsumerGroup,
  image: ClusterImage,
): DescribedConsumer {
  const { memberId, instanceId, rackId, memberEpoch, clientId, clientHost } = member
  return {
    memberId,
    instanceId,
    rackId,
    memberEpoch,
    clientId,
    clientHost,
    subscribedTopicNames: member.subscribedTopicNames,
    subscribedTopicRegex: member.subscribedTopicRegex,
    assignment: describeAssignment(heldBy(member), image),
    targetAssignment: describeAssignment(group.target(memberId), image),
    isClassic: member.classic !== undefined,
  }
}

/** With what the member was told to give up, and may still have. */
function heldBy({ assigned, pendingRevocation }: ConsumerMember): Assignment {
  const held = new Map(assignmentOf(assigned))
  for (const [topicId, partitions] of pendingRevocation) {
    held.set(topicId, ascending([...(held.get(topicId) ?? []), ...partitions.keys()]))
  }
  return held
}

/** Topics that are gone have no name, and are left out. */
function describeAssignment(assignment: Assignment, image: ClusterImage): DescribedTopic[] {
  return [...assignment].flatMap(([topicId, partitions]) => {
    const topic = image.topicById(topicId)
    return topic ? [{ topicId, topicName: topic.name, partitions }] : []
  })
}
