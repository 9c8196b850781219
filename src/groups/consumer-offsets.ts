/** Who may commit and fetch offsets of a consumer group: members know their epoch (KIP-848, KIP-1251). */

import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { ConsumerMember } from './consumer-member.ts'

export interface Committer {
  readonly memberId: string
  readonly memberEpoch: number
  readonly instanceId: string | null
  readonly isTransactional: boolean
  /** Since OffsetCommit v9 clients know what a member's epoch is. */
  readonly knowsEpochs: boolean
}

/** Whether a partition's offset may be committed. */
export type PartitionCheck = (topicId: string | undefined, partition: number) => ErrorCode

const EVERY_PARTITION: PartitionCheck = () => ErrorCode.NONE

/** What the committer may commit, or why it may nothing. */
export function commitCheck(group: ConsumerGroup, committer: Committer): Result<PartitionCheck> {
  const { memberId, memberEpoch, instanceId, isTransactional } = committer
  // An administrator, or a consumer that manages its partitions itself.
  if (memberEpoch < 0 && group.size === 0) return ok(EVERY_PARTITION)
  const isAnonymous = memberEpoch < 0 && memberId === '' && instanceId === null
  if (isTransactional && isAnonymous) return ok(EVERY_PARTITION)
  const member = group.member(memberId)
  if (!member) return refuse(ErrorCode.UNKNOWN_MEMBER_ID)
  if (!isTransactional && !member.classic && !committer.knowsEpochs) {
    return refuse(ErrorCode.UNSUPPORTED_VERSION)
  }
  if (memberEpoch === member.memberEpoch) return ok(EVERY_PARTITION)
  if (memberEpoch > member.memberEpoch) return refuse(staleError(member))
  return ok((topicId, partition) => {
    const since =
      topicId === undefined
        ? undefined
        : (member.assigned.get(topicId)?.get(partition) ??
          member.pendingRevocation.get(topicId)?.get(partition))
    return since !== undefined && memberEpoch >= since ? ErrorCode.NONE : staleError(member)
  })
}

/** Whether a member that says who it is may fetch offsets. */
export function fetchError(group: ConsumerGroup, memberId: string | null, memberEpoch: number): ErrorCode {
  if (memberId === null) return memberEpoch < 0 ? ErrorCode.NONE : ErrorCode.UNKNOWN_SERVER_ERROR
  const member = group.member(memberId)
  if (!member) return ErrorCode.UNKNOWN_MEMBER_ID
  return memberEpoch === member.memberEpoch ? ErrorCode.NONE : staleError(member)
}

function staleError({ classic }: ConsumerMember): Exclude<ErrorCode, 0> {
  return classic ? ErrorCode.ILLEGAL_GENERATION : ErrorCode.STALE_MEMBER_EPOCH
}
