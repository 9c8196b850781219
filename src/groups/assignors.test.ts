import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Assignment, Assignor, GroupSpec, MemberSpec } from './assignor.ts'
import { assignorsNamed } from './assignors.ts'

const ASSIGNORS = assignorsNamed(['uniform', 'range'])
const uniform = ASSIGNORS.get('uniform')!
const range = ASSIGNORS.get('range')!

const T1 = Buffer.alloc(16, 1).toString('base64url')
const T2 = Buffer.alloc(16, 2).toString('base64url')
const T3 = Buffer.alloc(16, 200).toString('base64url')
const NAMES = new Map([
  [T1, 't1'],
  [T2, 't2'],
  [T3, 't3'],
])

function member(topicIds: readonly string[], more: Partial<MemberSpec> = {}): MemberSpec {
  return { groupInstanceId: null, subscribedTopicIds: new Set(topicIds), assignment: new Map(), ...more }
}

function group(members: Record<string, MemberSpec>, partitions: Record<string, number>): GroupSpec {
  const sets = Object.values(members).map(({ subscribedTopicIds }) => [...subscribedTopicIds].sort().join())
  return {
    members: new Map(Object.entries(members)),
    isHomogeneous: new Set(sets).size <= 1,
    partitionCount: topicId => partitions[topicId]!,
  }
}

/** By member, as `t1-0 t1-1`. */
function shown(assigned: ReadonlyMap<string, Assignment>): Record<string, string> {
  return Object.fromEntries(
    [...assigned].map(([memberId, assignment]) => [
      memberId,
      [...assignment]
        .flatMap(([topicId, partitions]) => partitions.map(each => `${NAMES.get(topicId)}-${each}`))
        .sort()
        .join(' '),
    ]),
  )
}

/** What is given becomes what the members have. */
function settled(spec: GroupSpec, assignor: Assignor): GroupSpec {
  const given = assignor.assign(spec)
  const members = [...spec.members].map(
    ([id, each]) => [id, { ...each, assignment: given.get(id) ?? new Map() }] as const,
  )
  return { ...spec, members: new Map(members) }
}

describe('range', () => {
  test('the first members have the longer runs, of each topic anew', () => {
    const members = { a: member([T1, T2]), b: member([T1, T2]) }
    expect(shown(range.assign(group(members, { [T1]: 3, [T2]: 3 })))).toEqual({
      a: 't1-0 t1-1 t2-0 t2-1',
      b: 't1-2 t2-2',
    })
  })

  test('static members come first, by their instances', () => {
    const members = {
      a: member([T1]),
      b: member([T1], { groupInstanceId: 'z' }),
      c: member([T1], { groupInstanceId: 'y' }),
    }
    expect(shown(range.assign(group(members, { [T1]: 3 })))).toEqual({ c: 't1-0', b: 't1-1', a: 't1-2' })
  })

  test('a topic is divided among its subscribers only', () => {
    const members = { a: member([T1]), b: member([T1, T2]), c: member([T2]) }
    expect(shown(range.assign(group(members, { [T1]: 2, [T2]: 3 })))).toEqual({
      a: 't1-0',
      b: 't1-1 t2-0 t2-1',
      c: 't2-2',
    })
  })

  test('more members than partitions leave the last without any', () => {
    const members = { a: member([T1]), b: member([T1]), c: member([T1]) }
    expect(shown(range.assign(group(members, { [T1]: 2 })))).toEqual({ a: 't1-0', b: 't1-1', c: '' })
  })
})

describe('uniform', () => {
  test('a newcomer is given what the others have too much of', () => {
    const alone = settled(group({ a: member([T1]) }, { [T1]: 5 }), uniform)
    const two = { ...alone, members: new Map([...alone.members, ['b', member([T1])]]) }
    expect(shown(uniform.assign(two))).toEqual({ a: 't1-0 t1-1 t1-2', b: 't1-3 t1-4' })
  })

  test('one that has the larger share already keeps it, though others come before', () => {
    const members = {
      a: member([T1]),
      b: member([T1], { assignment: new Map([[T1, [0, 1]]]) }),
    }
    expect(shown(uniform.assign(group(members, { [T1]: 3 })))).toEqual({ a: 't1-2', b: 't1-0 t1-1' })
  })

  test('partitions of topics that nobody subscribes to any more go', () => {
    const members = { a: member([T1], { assignment: new Map([[T2, [0]]]) }), b: member([T1]) }
    expect(shown(uniform.assign(group(members, { [T1]: 2 })))).toEqual({ a: 't1-0', b: 't1-1' })
  })

  test('where subscriptions differ, the subscribers of each topic are at most one apart, and others may not be', () => {
    const members = { a: member([T1, T2]), b: member([T1]), c: member([T2]) }
    const assigned = uniform.assign(group(members, { [T1]: 3, [T2]: 3 }))
    expect([...assigned.values()].map(sizeOf)).toEqual([2, 1, 3])
  })

  test('topics of equal claims come in the order of their ids, as signed numbers', () => {
    const members = { a: member([T1, T3]), b: member([T3, T1]), c: member([]) }
    expect(shown(uniform.assign(group(members, { [T1]: 1, [T3]: 1 })))).toEqual({
      a: 't3-0',
      b: 't1-0',
      c: '',
    })
  })

  test('nobody subscribes to anything', () => {
    expect(shown(uniform.assign(group({ a: member([]), b: member([]) }, {})))).toEqual({})
  })

  test('a thousand members of ten thousand partitions, alike or not', () => {
    for (const isMixed of [false, true]) {
      const topics = Array.from({ length: 100 }, (_, i) => Buffer.alloc(16, i).toString('base64url'))
      const members = Object.fromEntries(
        Array.from({ length: 1_000 }, (_, i) => [
          `m${i}`,
          member(isMixed ? topics.filter((_, topic) => (topic + i) % 3 > 0) : topics),
        ]),
      )
      const partitions = Object.fromEntries(topics.map(topicId => [topicId, 100]))
      const assigned = uniform.assign(settled(group(members, partitions), uniform))
      const sizes = [...assigned.values()].map(sizeOf)
      expect([Math.min(...sizes), Math.max(...sizes)]).toEqual([10, 10])
    }
  })
})

function sizeOf(assignment: Assignment): number {
  let size = 0
  for (const partitions of assignment.values()) size += partitions.length
  return size
}

/** A group of some members and topics, with everything of an earlier assignment that may still be there. */
const groups = fc
  .record({
    partitions: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
    subscriptions: fc.array(fc.subarray([0, 1, 2]), { minLength: 1, maxLength: 6 }),
    owners: fc.array(fc.integer({ min: -1, max: 5 }), { maxLength: 27 }),
    isAlike: fc.boolean(),
  })
  .map(({ partitions, subscriptions, owners, isAlike }) => {
    const topics = [T1, T2, T3].slice(0, partitions.length)
    const held = subscriptions.map(() => new Map<string, number[]>())
    for (const [i, owner] of owners.entries()) {
      const topicId = topics[i % topics.length]!
      const partition = Math.floor(i / topics.length)
      const assignment = held[owner]
      if (!assignment || partition >= partitions[i % topics.length]!) continue
      assignment.set(topicId, [...(assignment.get(topicId) ?? []), partition])
    }
    const members = subscriptions.map((subscription, i) => [
      `m${i}`,
      member(
        (isAlike ? subscriptions[0]! : subscription).flatMap(topic => topics[topic] ?? []),
        { assignment: held[i]! },
      ),
    ])
    const counts = Object.fromEntries(topics.map((topicId, i) => [topicId, partitions[i]!]))
    return group(Object.fromEntries(members), counts)
  })

test.each([uniform, range])('$name gives each partition to one member that subscribes to it', assignor => {
  fc.assert(
    fc.property(groups, spec => {
      const given = assignor.assign(spec)
      const seen = new Set<string>()
      for (const [memberId, assignment] of given) {
        for (const [topicId, partitions] of assignment) {
          expect(spec.members.get(memberId)!.subscribedTopicIds.has(topicId)).toBe(true)
          expect(partitions).toEqual([...partitions].sort((one, other) => one - other))
          for (const partition of partitions) {
            expect(seen.has(`${topicId}-${partition}`)).toBe(false)
            seen.add(`${topicId}-${partition}`)
          }
        }
      }
      const wanted = new Set([...spec.members.values()].flatMap(each => [...each.subscribedTopicIds]))
      let total = 0
      for (const topicId of wanted) total += spec.partitionCount(topicId)
      expect(seen.size).toBe(total)
    }),
  )
})

test.each([uniform, range])('$name leaves alone what it has given', assignor => {
  fc.assert(
    fc.property(groups, spec => {
      const once = settled(spec, assignor)
      expect(shown(assignor.assign(once))).toEqual(shown(assignor.assign(spec)))
    }),
  )
})

test('uniform gives alike members as many as one another, or one more', () => {
  fc.assert(
    fc.property(
      groups.filter(({ isHomogeneous }) => isHomogeneous),
      spec => {
        const sizes = [...spec.members.keys()].map(id => sizeOf(uniform.assign(spec).get(id) ?? new Map()))
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
      },
    ),
  )
})

test('the option names assignors, by their short names or as classes of Kafka', () => {
  const named = (...names: string[]) => [...assignorsNamed(names).keys()]
  expect(named('range', 'uniform')).toEqual(['range', 'uniform'])
  expect(named('org.apache.kafka.coordinator.group.assignor.RangeAssignor')).toEqual(['range'])
})
