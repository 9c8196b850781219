// Klamm's assignors beside Kafka's own, over the lives of many random groups. ASSIGNOR_GROUPS asks for more.
//
// The whole assignment has to be the same. Where Kafka leaves an order to hashes, it is told: members are in the order of
// the question on both sides, and the topics of alike members come in the order that Kafka's copy of them has.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GroupSpec, MemberSpec } from '../../src/groups/assignor.ts'
import { assignorsNamed } from '../../src/groups/assignors.ts'
import { type Dice, diceOf } from '../transactions/random.ts'
import { type AssignAnswer, Oracle } from './oracle.ts'

const GROUPS = Number(process.env.ASSIGNOR_GROUPS || 500)
const ROUNDS = 10
const ASSIGNORS = assignorsNamed(['uniform', 'range'])

let oracle: Oracle
beforeAll(async () => {
  oracle = await Oracle.start()
})
afterAll(() => oracle?.close())

interface Group {
  readonly topics: Map<string, number>
  members: Map<string, MemberSpec>
  readonly isAlike: boolean
  lastMember: number
}

describe.each(['uniform', 'range'])('%s', name => {
  test.each(['alike', 'mixed'])(
    `${GROUPS} groups of %s subscriptions are divided as by Kafka`,
    async kind => {
      const assignor = ASSIGNORS.get(name)!
      let compared = 0
      for (let seed = 0; seed < GROUPS; seed++) {
        const dice = diceOf(seed * 2 + (kind === 'alike' ? 1 : 0))
        const group = newGroup(dice, kind === 'alike')
        for (let round = 0; round < ROUNDS; round++) {
          const spec = specOf(group)
          const answer = await oracle.assign({
            assignor: name,
            isHomogeneous: spec.isHomogeneous,
            topics: Object.fromEntries(group.topics),
            members: Object.fromEntries([...spec.members].map(([id, member]) => [id, told(member)])),
          })
          const given = assignor.assign(inOrderOf(spec, answer))
          expect(plain(given), `seed ${seed}, round ${round}`).toEqual(withoutIdle(answer.members))
          compared += 1
          settle(group, given)
          change(group, dice)
        }
      }
      expect(compared).toBe(GROUPS * ROUNDS)
    },
    60_000 + 200 * GROUPS,
  )
})

/** Whether something happens that happens this often. */
function chance(dice: Dice, part: number): boolean {
  return dice(1_000) < part * 1_000
}

function newGroup(dice: Dice, isAlike: boolean): Group {
  const group: Group = { topics: new Map(), members: new Map(), isAlike, lastMember: 0 }
  const topics = 1 + dice(chance(dice, 0.1) ? 40 : 8)
  for (let i = 0; i < topics; i++) addTopic(group, dice)
  const members = 1 + dice(chance(dice, 0.1) ? 60 : 10)
  for (let i = 0; i < members; i++) addMember(group, dice)
  return group
}

function addTopic({ topics }: Group, dice: Dice): void {
  const id = Buffer.from(Array.from({ length: 16 }, () => dice(256))).toString('base64url')
  topics.set(id, 1 + dice(chance(dice, 0.1) ? 100 : 12))
}

function addMember(group: Group, dice: Dice): void {
  group.lastMember += 1
  const groupInstanceId = chance(dice, 0.3) ? `instance-${dice(1_000)}-${group.lastMember}` : null
  const assignment = new Map<string, readonly number[]>()
  const subscribedTopicIds = someTopics(group, dice)
  group.members.set(`member-${dice(1_000)}-${group.lastMember}`, {
    groupInstanceId,
    subscribedTopicIds,
    assignment,
  })
}

function someTopics({ topics, members, isAlike }: Group, dice: Dice): ReadonlySet<string> {
  const first = members.values().next().value
  if (isAlike && first) return first.subscribedTopicIds
  const part = chance(dice, 0.1) ? 0 : 0.2 + dice(9) / 10
  return new Set([...topics.keys()].filter(() => chance(dice, part)))
}

function specOf({ topics, members }: Group): GroupSpec {
  const sets = [...members.values()].map(({ subscribedTopicIds }) => [...subscribedTopicIds].sort().join())
  return { members, isHomogeneous: new Set(sets).size <= 1, partitionCount: id => topics.get(id)! }
}

function told({ groupInstanceId, subscribedTopicIds, assignment }: MemberSpec) {
  return {
    groupInstanceId,
    subscribedTopicIds: [...subscribedTopicIds],
    assignment: Object.fromEntries(assignment),
  }
}

function inOrderOf(spec: GroupSpec, { topicOrder }: AssignAnswer): GroupSpec {
  const members = new Map(
    [...spec.members].map(([id, member]) => [id, { ...member, subscribedTopicIds: new Set(topicOrder[id]) }]),
  )
  return { ...spec, members }
}

type Given = ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>

function plain(given: Given): AssignAnswer['members'] {
  return withoutIdle(
    Object.fromEntries([...given].map(([id, assignment]) => [id, Object.fromEntries(assignment)])),
  )
}

/** One that gets nothing may be there or not, on both sides. */
function withoutIdle(members: AssignAnswer['members']): AssignAnswer['members'] {
  return Object.fromEntries(
    Object.entries(members).filter(([, assignment]) => Object.keys(assignment).length > 0),
  )
}

function settle(group: Group, given: Given): void {
  group.members = new Map(
    [...group.members].map(([id, member]) => [id, { ...member, assignment: given.get(id) ?? new Map() }]),
  )
}

/** What happens to groups between two assignments. */
function change(group: Group, dice: Dice): void {
  const { topics, members } = group
  for (let i = dice(3); i > 0; i--) addMember(group, dice)
  for (const id of [...members.keys()]) if (members.size > 1 && chance(dice, 0.1)) members.delete(id)
  for (const [id, count] of topics) if (chance(dice, 0.1)) topics.set(id, count + dice(5))
  if (chance(dice, 0.2)) addTopic(group, dice)
  if (chance(dice, 0.1) && topics.size > 1) forget(group, [...topics.keys()][dice(topics.size)]!)
  if (!chance(dice, 0.3)) return
  if (group.isAlike) {
    const subscribedTopicIds = new Set([...topics.keys()].filter(() => chance(dice, 0.8)))
    for (const [id, member] of members) members.set(id, { ...member, subscribedTopicIds })
  } else {
    const [id, member] = [...members][dice(members.size)]!
    members.set(id, { ...member, subscribedTopicIds: someTopics(group, dice) })
  }
}

/** A topic is gone: nobody can subscribe to it any more, but some still have partitions of it. */
function forget({ topics, members }: Group, topicId: string): void {
  topics.delete(topicId)
  for (const [id, member] of members) {
    const subscribedTopicIds = new Set([...member.subscribedTopicIds].filter(each => each !== topicId))
    members.set(id, { ...member, subscribedTopicIds })
  }
}
