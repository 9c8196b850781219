/** One member's way to its target, as a table of all its states and of what it and others have. */

import { expect, test } from 'vitest'
import { assignmentOf, heldSince, type MemberState, newMember } from './consumer-member.ts'
import { reconcile } from './reconciliation.ts'

interface Row {
  readonly name: string
  readonly state: MemberState
  /** The member's epoch; the target's is 5. */
  readonly epoch: number
  readonly has: readonly number[]
  readonly pending?: readonly number[]
  readonly target: readonly number[]
  readonly reports?: readonly number[] | null
  /** What others have. */
  readonly others?: readonly number[]
  readonly unsubscribes?: boolean
  /** State, epoch, what it has and what it is to give up. */
  readonly becomes: string
}

const ROWS: readonly Row[] = [
  {
    name: 'at its target it stays',
    state: 'STABLE',
    epoch: 5,
    has: [0],
    target: [0],
    becomes: 'STABLE 5 [0] []',
  },
  {
    name: 'it gets what is free',
    state: 'STABLE',
    epoch: 4,
    has: [],
    target: [0, 1],
    becomes: 'STABLE 5 [0,1] []',
  },
  {
    name: 'it waits for what others have, with what is free',
    state: 'STABLE',
    epoch: 4,
    has: [],
    target: [0, 1],
    others: [1],
    becomes: 'UNRELEASED_PARTITIONS 5 [0] []',
  },
  {
    name: 'it gives up before it gets, and its epoch waits',
    state: 'STABLE',
    epoch: 4,
    has: [0, 1],
    target: [1, 2],
    becomes: 'UNREVOKED_PARTITIONS 4 [1] [0]',
  },
  {
    name: 'what it does not report it has given up already',
    state: 'STABLE',
    epoch: 4,
    has: [0, 1],
    target: [1, 2],
    reports: [1],
    becomes: 'STABLE 5 [1,2] []',
  },
  {
    name: 'silence is not giving up',
    state: 'UNREVOKED_PARTITIONS',
    epoch: 4,
    has: [1],
    pending: [0],
    target: [1],
    reports: null,
    becomes: 'UNREVOKED_PARTITIONS 4 [1] [0]',
  },
  {
    name: 'nor is a report of what it is to give up',
    state: 'UNREVOKED_PARTITIONS',
    epoch: 4,
    has: [1],
    pending: [0],
    target: [1],
    reports: [0, 1],
    becomes: 'UNREVOKED_PARTITIONS 4 [1] [0]',
  },
  {
    name: 'having given up it goes on',
    state: 'UNREVOKED_PARTITIONS',
    epoch: 4,
    has: [1],
    pending: [0],
    target: [1, 2],
    reports: [1],
    becomes: 'STABLE 5 [1,2] []',
  },
  {
    name: 'or gives up more, to a newer target',
    state: 'UNREVOKED_PARTITIONS',
    epoch: 4,
    has: [1, 2],
    pending: [0],
    target: [1],
    reports: [1, 2],
    becomes: 'UNREVOKED_PARTITIONS 4 [1] [2]',
  },
  {
    name: 'what it was to give up is its own again, if the target says so by then',
    state: 'UNREVOKED_PARTITIONS',
    epoch: 4,
    has: [1],
    pending: [0],
    target: [0, 1],
    reports: [1],
    becomes: 'STABLE 5 [0,1] []',
  },
  {
    name: 'it waits on while others have it',
    state: 'UNRELEASED_PARTITIONS',
    epoch: 5,
    has: [0],
    target: [0, 1],
    others: [1],
    becomes: 'UNRELEASED_PARTITIONS 5 [0] []',
  },
  {
    name: 'and gets it when they have not',
    state: 'UNRELEASED_PARTITIONS',
    epoch: 5,
    has: [0],
    target: [0, 1],
    becomes: 'STABLE 5 [0,1] []',
  },
  {
    name: 'waiting, it may have to give up',
    state: 'UNRELEASED_PARTITIONS',
    epoch: 4,
    has: [0],
    target: [1],
    others: [1],
    becomes: 'UNREVOKED_PARTITIONS 4 [] [0]',
  },
  {
    name: 'what it no longer subscribes to goes at once, whatever the target',
    state: 'STABLE',
    epoch: 5,
    has: [0],
    target: [0],
    unsubscribes: true,
    becomes: 'UNREVOKED_PARTITIONS 5 [] [0]',
  },
  {
    name: 'or is gone, if it says so',
    state: 'STABLE',
    epoch: 5,
    has: [0],
    target: [0],
    reports: [],
    unsubscribes: true,
    becomes: 'STABLE 5 [] []',
  },
  {
    name: 'also beside what it is to give up already',
    state: 'UNREVOKED_PARTITIONS',
    epoch: 4,
    has: [1],
    pending: [0],
    target: [1],
    unsubscribes: true,
    becomes: 'UNREVOKED_PARTITIONS 4 [] [0,1]',
  },
  {
    name: 'in a state that is not known it begins anew',
    state: 'UNKNOWN',
    epoch: 4,
    has: [0],
    target: [0, 1],
    reports: [],
    becomes: 'STABLE 5 [0,1] []',
  },
  {
    name: 'when it has nothing',
    state: 'UNKNOWN',
    epoch: 4,
    has: [0],
    target: [0],
    reports: [0],
    becomes: 'must join anew',
  },
]

test.each(ROWS)(
  'T151 T152 $state: $name',
  ({ reports = null, others = [], unsubscribes = false, ...row }) => {
    const of = (partitions: readonly number[]) => new Map(partitions.length > 0 ? [['t', partitions]] : [])
    const member = {
      ...newMember('a'),
      state: row.state,
      memberEpoch: row.epoch,
      assigned: heldSince(2, of(row.has)),
      pendingRevocation: heldSince(2, of(row.pending ?? [])),
    }
    const held = new Set([...row.has, ...(row.pending ?? []), ...others])
    const standing = reconcile(member, {
      targetEpoch: 5,
      target: of(row.target),
      subscribedTopicIds: new Set(unsubscribes ? [] : ['t']),
      hasSubscriptionChanged: unsubscribes,
      owned: reports && of(reports),
      isHeld: (_, partition) => held.has(partition),
    })
    if (!standing) {
      expect(row.becomes).toBe('must join anew')
      return
    }
    const { state, memberEpoch, assigned, pendingRevocation } = standing
    const sorted = (text: readonly number[]) => JSON.stringify([...text].sort())
    const list = (held: typeof assigned) => sorted(assignmentOf(held).get('t') ?? [])

    expect(`${state} ${memberEpoch} ${list(assigned)} ${list(pendingRevocation)}`).toBe(row.becomes)
    // Kept partitions keep the epoch at which they came, new ones have the target's (KIP-1251).
    for (const [partition, epoch] of assigned.get('t') ?? [])
      expect(epoch).toBe(row.has.includes(partition) ? 2 : 5)
  },
)
