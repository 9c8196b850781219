/**
 * A command on a consumer group in the making: what it would write is seen at once in a draft of the group,
 * and becomes the group only when the records are replayed.
 */

import type { CoordinatorRecord } from '../coordinator/shard.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { type ConsumerRecord, consumerRecord } from './consumer-records.ts'

type Ungrouped<Record> = Record extends { readonly group: string } ? Omit<Record, 'group'> : never
/** A record, without the group that the edit knows. */
export type Change = Ungrouped<ConsumerRecord>

export class GroupEdit {
  readonly groupId: string
  readonly before: ConsumerGroup
  /** With all that was written until now. */
  readonly group: ConsumerGroup
  readonly records: CoordinatorRecord[]

  /** `before`: records that stand before those of the group, such as what ends the group that it was. */
  constructor(group: ConsumerGroup, before: readonly CoordinatorRecord[] = []) {
    this.groupId = group.groupId
    this.before = group
    this.group = group.draft()
    this.records = [...before]
  }

  write(change: Change): void {
    const record = { group: this.groupId, ...change } as ConsumerRecord
    this.records.push(consumerRecord(record))
    this.group.replay(record)
  }

  /** All traces of a member. */
  removeMember(memberId: string): void {
    this.write({ kind: 'standing', memberId, value: null })
    this.write({ kind: 'target', memberId, value: null })
    this.write({ kind: 'member', memberId, value: null })
  }
}

/** The records that end a group, with whoever is in it. */
export function tombstones(group: ConsumerGroup): CoordinatorRecord[] {
  const memberIds = [...group.members()].map(({ memberId }) => memberId)
  const changes: Change[] = [
    ...memberIds.map(memberId => ({ kind: 'standing', memberId, value: null }) as const),
    ...memberIds.map(memberId => ({ kind: 'target', memberId, value: null }) as const),
    { kind: 'target epoch', value: null },
    ...memberIds.map(memberId => ({ kind: 'member', memberId, value: null }) as const),
    ...[...group.regexes()].map(([regex]) => ({ kind: 'regex', regex, value: null }) as const),
    { kind: 'partition metadata', value: null },
    { kind: 'epoch', value: null },
  ]
  return changes.map(change => consumerRecord({ group: group.groupId, ...change } as ConsumerRecord))
}
