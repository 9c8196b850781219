/** Where other brokers went wrong with groups, at the wire; `groups.test.ts` has all that Kafka was asked. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import {
  DELETE_TOPICS,
  FIND,
  GroupTalk,
  JOIN,
  LIST,
  type Member,
  memberOf,
  OFFSETS,
} from '../conformance/groups/group-talk.ts'
import { prepareGroups } from '../conformance/groups/record.ts'
import { SimulatedBroker } from './testing/simulated-broker.ts'

let simulated: SimulatedBroker
let talk: GroupTalk

beforeEach(async () => {
  simulated = await SimulatedBroker.start()
  await prepareGroups(simulated.side)
  talk = new GroupTalk(simulated.side, 'g')
})
afterEach(() => simulated.close())

async function restart(): Promise<void> {
  await simulated.restart()
  talk = new GroupTalk(simulated.side, 'g')
}

const by = ({ memberId, generationId, groupInstanceId }: Member) => ({
  memberId,
  generationIdOrMemberEpoch: generationId,
  groupInstanceId,
})
type Committed = Awaited<ReturnType<GroupTalk['commit']>>
const codeOf = (answer: Committed) => answer.topics[0]!.partitions[0]!.errorCode

describe('members', () => {
  test.each([0, 1, 2, 3])('T121 a new member joins directly in v%i', async v => {
    expect(await talk.join('a', { v })).toMatchObject({ errorCode: ErrorCode.NONE, generationId: 1 })
  })

  test.each([4, 9])('T121 a new member is told its id first in v%i; a static one is not', async v => {
    const told = await talk.join('a', { v })
    expect(told).toMatchObject({ errorCode: ErrorCode.MEMBER_ID_REQUIRED, generationId: -1 })
    expect(told.memberId).toMatch(/^a-[0-9a-f-]{36}$/)
    expect(await talk.join('a', { v, memberId: told.memberId })).toMatchObject({ errorCode: ErrorCode.NONE })
    if (v < 5) return
    const other = await talk.join('b', { v, groupInstanceId: 'i', groupId: 'other' })
    expect(other.errorCode).toBe(ErrorCode.NONE)
  })

  test('T122 a member without a part gets zero bytes', async () => {
    const [leader, follower] = await talk.pair()
    const joining = await talk.joining('b', { memberId: follower.memberId, protocols: changed() })
    const again = memberOf('a', await talk.join('a', { memberId: leader.memberId }))
    const waits = await talk.syncing(memberOf('b', await joining.answer()))
    await talk.sync(again, { to: { [again.memberId]: 'all' } })
    expect((await waits.answer()).assignment).toHaveLength(0)
  })

  test('T123 followers wait for their leader, whatever they send; the generation must be right', async () => {
    const leader = await talk.enter('a')
    const joining = await talk.joining('b', { v: 3 })
    const again = memberOf('a', await talk.join('a', { memberId: leader.memberId }))
    const follower = memberOf('b', await joining.answer())
    const stale = { ...follower, generationId: follower.generationId - 1 }
    expect((await talk.sync(stale)).errorCode).toBe(ErrorCode.ILLEGAL_GENERATION)
    const waits = await talk.syncing(follower, { to: { [follower.memberId]: 'mine' } })
    expect(waits.isAnswered()).toBe(false)
    await talk.sync(again, { to: { stranger: 'x' } })
    expect(await waits.answer()).toMatchObject({ errorCode: ErrorCode.NONE, assignment: Buffer.alloc(0) })
  })

  test('T124 a rebalance of many members is one generation', async () => {
    const leader = await talk.enter('a')
    const joining = await Promise.all(['b', 'c', 'd', 'e'].map(who => talk.joining(who, { v: 3 })))
    const again = await talk.join('a', { memberId: leader.memberId })
    const generations = await Promise.all(joining.map(async each => (await each.answer()).generationId))
    expect([again.generationId, ...generations]).toEqual([2, 2, 2, 2, 2])
    expect(again.members).toHaveLength(5)
  })

  test('T126 who shares no protocol is refused', async () => {
    await talk.enter('a')
    const answer = await talk.join('b', { protocols: [{ name: 'other', metadata: Buffer.alloc(0) }] })
    expect(answer.errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
  })

  test('T129 sessions have bounds, and in v0 the rebalance takes as long as they', async () => {
    for (const sessionTimeoutMs of [99, 1_800_001]) {
      const answer = await talk.join('a', { sessionTimeoutMs })
      expect(answer.errorCode).toBe(ErrorCode.INVALID_SESSION_TIMEOUT)
    }
    const first = await talk.enter('a', { v: 0, sessionTimeoutMs: 20_000 })
    const joining = await talk.joining('b', { v: 0, sessionTimeoutMs: 20_000 })
    await talk.wait(10_000)
    await talk.heartbeat(first)
    await talk.wait(9_999)
    expect(joining.isAnswered()).toBe(false)
    await talk.wait(1)
    expect((await joining.answer()).members).toHaveLength(1)
  })

  test('T132 what a static instance was before is fenced everywhere', async () => {
    await talk.createTopic('t')
    const first = await talk.enter('a', { groupInstanceId: 'i' })
    await talk.join('a', { groupInstanceId: 'i' })
    expect(await talk.heartbeat(first)).toBe(ErrorCode.FENCED_INSTANCE_ID)
    expect((await talk.sync(first)).errorCode).toBe(82)
    expect((await talk.join('a', first)).errorCode).toBe(82)
    expect(codeOf(await talk.commit('a', { 't-0': 1 }, by(first)))).toBe(82)
    expect((await talk.leave('a', [first])).members[0]!.errorCode).toBe(82)
  })

  test('T133 members leave by their instance, and each hears of itself; before v3 there is one', async () => {
    await talk.enter('a', { groupInstanceId: 'i' })
    const left = await talk.leave('admin', [
      { memberId: '', groupInstanceId: 'i' },
      { memberId: '', groupInstanceId: 'i' },
      { memberId: 'nobody', groupInstanceId: null },
    ])
    expect(left).toMatchObject({
      errorCode: ErrorCode.NONE,
      members: [
        { memberId: '', groupInstanceId: 'i', errorCode: ErrorCode.NONE },
        { memberId: '', groupInstanceId: 'i', errorCode: ErrorCode.UNKNOWN_MEMBER_ID },
        { memberId: 'nobody', groupInstanceId: null, errorCode: ErrorCode.UNKNOWN_MEMBER_ID },
      ],
    })
    expect((await talk.leave('admin', [{ memberId: 'nobody' }], { v: 2 })).errorCode).toBe(
      ErrorCode.UNKNOWN_MEMBER_ID,
    )
  })
})

const changed = () => [{ name: 'range', metadata: Buffer.from('new!') }]

describe('offsets', () => {
  beforeEach(async () => {
    await talk.createTopic('t')
  })

  test('T134 missing topics come before wrong members, and those before long metadata', async () => {
    await talk.enter('a')
    const wrong = { memberId: 'nobody', generationIdOrMemberEpoch: 1, metadata: 'x'.repeat(5_000) }
    expect(codeOf(await talk.commit('a', { 'nope-0': 1 }, wrong))).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    expect(codeOf(await talk.commit('a', { 't-0': 1 }, wrong))).toBe(ErrorCode.UNKNOWN_MEMBER_ID)
    const long = await talk.commit('b', { 't-0': 1 }, { groupId: 'h', metadata: 'x'.repeat(4_097) })
    expect(codeOf(long)).toBe(ErrorCode.OFFSET_METADATA_TOO_LARGE)
  })

  test('T135 a member may commit in a rebalance until the next generation is formed', async () => {
    const member = await talk.enter('a')
    const at = { 't-0': 1 }
    expect(codeOf(await talk.commit('c', at, by({ ...member, memberId: 'nobody' })))).toBe(
      ErrorCode.UNKNOWN_MEMBER_ID,
    )
    expect(codeOf(await talk.commit('c', at, by({ ...member, generationId: 7 })))).toBe(
      ErrorCode.ILLEGAL_GENERATION,
    )
    const joining = await talk.joining('b', { v: 3 })
    expect(codeOf(await talk.commit('c', at, by(member)))).toBe(ErrorCode.NONE)
    const again = memberOf('a', await talk.join('a', { memberId: member.memberId }))
    await joining.answer()
    expect(codeOf(await talk.commit('c', at, by(again)))).toBe(ErrorCode.REBALANCE_IN_PROGRESS)
  })

  test('T136 who belongs to no group may commit where nobody else does', async () => {
    expect(codeOf(await talk.commit('a', { 't-0': 1 }, { groupId: 'simple' }))).toBe(ErrorCode.NONE)
    expect((await talk.describe(['simple'])).groups[0]!.groupState).toBe('Empty')
    await talk.enter('a')
    expect(codeOf(await talk.commit('a', { 't-0': 1 }))).toBe(ErrorCode.UNKNOWN_MEMBER_ID)
  })

  test('T138 metadata and leader epoch come back, by name and with all', async () => {
    await talk.commit('a', { 't-0': 42 }, { metadata: 'here' })
    const expected = {
      partitionIndex: 0,
      committedOffset: 42n,
      committedLeaderEpoch: 3,
      metadata: 'here',
      errorCode: 0,
    }
    for (const asked of [['t-0'], null]) {
      for (const v of [7, 9]) {
        const { topics, groups } = await talk.offsets(asked, { v })
        const [topic] = v >= 8 ? groups[0]!.topics : topics
        expect(topic).toMatchObject({ name: 't', partitions: [expected] })
      }
    }
  })

  test('T140 each partition that is asked for is answered', async () => {
    const { groups } = await talk.offsets(['t-0', 't-1', 't-9', 'nope-0'])
    const nothing = { committedOffset: -1n, committedLeaderEpoch: -1, metadata: '', errorCode: 0 }
    expect(groups[0]!.topics).toMatchObject([
      { name: 't', partitions: [0, 1, 9].map(partitionIndex => ({ partitionIndex, ...nothing })) },
      { name: 'nope', partitions: [{ partitionIndex: 0, ...nothing }] },
    ])
  })

  test('T141 the error of a group stands at its partitions in v1, and by itself since', async () => {
    await deleteOffsetsTopic()
    const old = await talk.offsets(['t-0'], { v: 1 })
    expect(old.topics[0]!.partitions[0]!.errorCode).toBe(ErrorCode.NOT_COORDINATOR)
    expect(await talk.offsets(['t-0'], { v: 2 })).toMatchObject({ errorCode: 16, topics: [] })
    expect((await talk.offsets(['t-0'], { v: 8 })).groups[0]).toMatchObject({ errorCode: 16, topics: [] })
  })

  test('T142 topics have names before v10, and ids since', async () => {
    const topicId = await talk.createTopic('named')
    await talk.commit('a', { 'named-0': 1 })
    const all = { groupId: 'g', topics: null, memberId: null, memberEpoch: -1 }
    const ask = (v: number) =>
      talk.call('a', OFFSETS, v, { groupId: '', topics: null, groups: [all], requireStable: false })
    expect((await ask(9)).groups[0]!.topics[0]).toMatchObject({ name: 'named', topicId: ZERO_UUID })
    expect((await ask(10)).groups[0]!.topics[0]).toMatchObject({ name: '', topicId })
  })

  test('T028 offsets go with their topic', async () => {
    await talk.commit('a', { 't-0': 1 })
    await talk.call('admin', DELETE_TOPICS, 5, { topicNames: ['t'], topics: [], timeoutMs: 5_000 })
    await talk.createTopic('t')
    expect((await talk.offsets(null)).groups[0]!.topics).toEqual([])
  })
})

test('when their topic is deleted, groups begin anew on the next one', async () => {
  const member = await talk.enter('a')
  const joining = await talk.joining('b', { v: 3 })
  await deleteOffsetsTopic()
  expect((await joining.answer()).errorCode).toBe(ErrorCode.NOT_COORDINATOR)
  expect(await talk.heartbeat(member)).toBe(ErrorCode.NOT_COORDINATOR)
  await prepareGroups(simulated.side)
  expect(await talk.heartbeat(member)).toBe(ErrorCode.UNKNOWN_MEMBER_ID)
  expect((await talk.enter('a')).generationId).toBe(1)
})

async function deleteOffsetsTopic(): Promise<void> {
  const topicNames = ['__consumer_offsets']
  await talk.call('admin', DELETE_TOPICS, 5, { topicNames, topics: [], timeoutMs: 5_000 })
}

describe('administration', () => {
  test('T143 one coordinator for each key since v4, one before; share keys have three parts', async () => {
    const ask = (v: number, keyType: number, ...keys: string[]) =>
      talk.call('a', FIND, v, { key: keys[0]!, keyType, coordinatorKeys: keys })
    expect(await ask(3, 0, 'x')).toMatchObject({ errorCode: 0, nodeId: 1, host: '127.0.0.1' })
    const several = await ask(4, 0, 'x', 'y')
    expect(several.coordinators.map(({ key, nodeId }) => [key, nodeId])).toEqual([
      ['x', 1],
      ['y', 1],
    ])
    expect((await ask(6, 2, 'x')).coordinators[0]!.errorCode).toBe(ErrorCode.INVALID_REQUEST)
  })

  test('T145 a group that is not there is Dead, and an error since v6; a stable one tells all', async () => {
    const unknown = async (v: number) => (await talk.describe(['nope'], { v })).groups[0]
    expect(await unknown(5)).toMatchObject({ errorCode: 0, groupState: 'Dead' })
    expect(await unknown(6)).toMatchObject({ errorCode: ErrorCode.GROUP_ID_NOT_FOUND, groupState: 'Dead' })
    await talk.enter('a')
    const stable = (await talk.describe()).groups[0]
    expect(stable).toMatchObject({ groupState: 'Stable', protocolType: 'consumer', protocolData: 'range' })
    await restart()
    expect((await talk.describe()).groups[0]).toEqual(stable)
  })

  test('T146 groups are listed by state and by type; those of administrators have no protocol', async () => {
    await talk.createTopic('t')
    await talk.commit('a', { 't-0': 1 }, { groupId: 'simple' })
    await talk.enter('a')
    const list = async (statesFilter: string[], typesFilter: string[] = []) => {
      const { groups } = await talk.call('admin', LIST, 5, { statesFilter, typesFilter })
      return groups.map(({ groupId, protocolType, groupState, groupType }) =>
        [groupId, protocolType, groupState, groupType].join(' '),
      )
    }
    expect(await list([])).toEqual(['simple  Empty classic', 'g consumer Stable classic'])
    expect(await list(['stable'])).toEqual(['g consumer Stable classic'])
    expect(await list([], ['consumer'])).toEqual([])
    expect(await list(['Empty'], ['Classic'])).toEqual(['simple  Empty classic'])
  })
})

describe('restarts', () => {
  test('T144 members of a group that is loading are told to come again, and live on', async () => {
    const member = await talk.enter('a')
    let open = () => {}
    const gate = new Promise<void>(resolve => (open = resolve))
    const { disk } = simulated
    await simulated.broker.close()
    disk.intercept = ({ name, path }) => {
      return name === 'read' && /__consumer_offsets-0.*\.log$/.test(path) ? gate : undefined
    }
    await simulated.open()
    talk = new GroupTalk(simulated.side, 'g')
    expect((await talk.join('a', { memberId: member.memberId })).errorCode).toBe(
      ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    )
    expect(await talk.heartbeat(member)).toBe(ErrorCode.NONE)
    expect((await talk.call('admin', LIST, 5, { statesFilter: [], typesFilter: [] })).errorCode).toBe(
      ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    )
    open()
    await simulated.settle()
    expect(await talk.heartbeat(member)).toBe(ErrorCode.NONE)
    expect((await talk.describe()).groups[0]!.groupState).toBe('Stable')
  })

  test('T147 a group that was rebalancing goes on, and who is gone is gone', async () => {
    const [leader, follower] = await talk.pair()
    const joining = await talk.joining('c', { v: 3 })
    expect((await talk.describe()).groups[0]!.groupState).toBe('PreparingRebalance')
    await restart()
    // The one that waited was written nowhere; the others are still who they were.
    expect(joining.isAnswered()).toBe(true)
    expect((await talk.describe()).groups[0]!.groupState).toBe('Stable')
    expect(await talk.heartbeat(leader)).toBe(ErrorCode.NONE)
    const anew = await talk.joining('c', { v: 3 })
    expect(await talk.heartbeat(leader)).toBe(ErrorCode.REBALANCE_IN_PROGRESS)
    const again = await talk.joining('a', { memberId: leader.memberId })
    // The follower died with its machine: the others do not wait longer than its session.
    await talk.wait(29_999)
    expect(again.isAnswered()).toBe(false)
    await talk.wait(1)
    const next = memberOf('a', await again.answer())
    expect(next.generationId).toBe(leader.generationId + 1)
    await talk.sync(next, { to: { [next.memberId]: 'all' } })
    expect((await anew.answer()).errorCode).toBe(ErrorCode.NONE)
    expect(await talk.heartbeat(follower)).toBe(ErrorCode.UNKNOWN_MEMBER_ID)
  })

  test('T139 what was answered is found again', async () => {
    await talk.createTopic('t')
    for (let i = 1; i <= 20; i++) await talk.commit('a', { 't-0': i, 't-1': i * 2 })
    await restart()
    const { topics } = (await talk.offsets(null)).groups[0]!
    expect(topics[0]!.partitions.map(each => each.committedOffset)).toEqual([20n, 40n])
  })
})

describe('connections', () => {
  test('that go away while their member waits hold nobody up and leave nothing behind', async () => {
    const leader = await talk.enter('a')
    await talk.joining('b', { v: 3 })
    await talk.hangUp('b')
    const again = memberOf('a', await talk.join('a', { memberId: leader.memberId }))
    expect(again.generationId).toBe(2)
    await talk.close()
    await simulated.broker.close()
    expect(simulated.clock.pendingTimers).toBe(0)
  })

  test('whose members wait are answered when the broker closes', async () => {
    const client = await simulated.connect('a')
    await talk.enter('b', { rebalanceTimeoutMs: 60_000 })
    const body = { groupId: 'g', sessionTimeoutMs: 30_000, memberId: '', protocolType: 'consumer' }
    const protocols = [{ name: 'range', metadata: Buffer.from('meta') }]
    const waits = client.call({
      ...JOIN,
      version: 3,
      body: { ...body, protocols, rebalanceTimeoutMs: 60_000 },
    })
    await simulated.settle()
    await simulated.broker.close()
    expect((await waits).errorCode).toBe(ErrorCode.NOT_COORDINATOR)
  })
})

test('T125 however members come and go, none that lives is unknown', { timeout: 30_000 }, async () => {
  const random = simulated.random
  const codes = new Map<number, number>()
  const count = (code: number) => codes.set(code, (codes.get(code) ?? 0) + 1)
  const owners = new Map<number, Map<string, string>>()
  const live = async (who: string) => {
    const own = new GroupTalk(simulated.side, 'g')
    for (let life = 0; life < 4; life++) {
      let memberId = ''
      for (let beats = 0; beats < 12 + random.below(20); beats++) {
        const joined = await own.join(who, { memberId })
        count(joined.errorCode)
        if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) memberId = joined.memberId
        if (joined.errorCode !== ErrorCode.NONE) continue
        const member = memberOf(who, joined)
        const to = Object.fromEntries(joined.members.map((each, i) => [each.memberId, `part ${i}`]))
        const synced = await own.sync(member, { to })
        count(synced.errorCode)
        if (synced.errorCode !== ErrorCode.NONE) continue
        const part = synced.assignment.toString()
        const others = owners.get(member.generationId) ?? new Map<string, string>()
        owners.set(member.generationId, others)
        expect(others.get(part) ?? memberId).toBe(memberId)
        others.set(part, memberId)
        let code: number = ErrorCode.NONE
        while (code === ErrorCode.NONE && random.below(6) > 0) {
          await simulated.settle()
          code = await own.heartbeat(member)
          count(code)
        }
        if (code === ErrorCode.NONE && random.below(3) === 0) break
      }
      if (memberId !== '') await own.leave(who, [{ memberId }])
    }
    await own.close()
  }
  await Promise.all(['a', 'b', 'c', 'd', 'e'].map(live))
  expect([...codes.keys()].sort((x, y) => x - y)).toEqual([
    ErrorCode.NONE,
    ErrorCode.REBALANCE_IN_PROGRESS,
    ErrorCode.MEMBER_ID_REQUIRED,
  ])
  expect(owners.size).toBeGreaterThan(10)
})

test('200 members with 1,000 partitions rebalance within three seconds', { timeout: 30_000 }, async () => {
  const [members, partitions] = [200, 1_000]
  const talks = Array.from({ length: members }, () => new GroupTalk(simulated.side, 'large'))
  const ids = new Array<string>(members).fill('')
  const generations = new Set<number>()
  const rebalance = async (metadata: Buffer) => {
    const protocols = [{ name: 'range', metadata }]
    const takePart = async (own: GroupTalk, i: number): Promise<void> => {
      const joined = await own.join(`m${i}`, { memberId: ids[i]!, protocols })
      ids[i] = joined.memberId
      if (joined.errorCode !== ErrorCode.NONE) return takePart(own, i)
      const part = Buffer.alloc(20 + (4 * partitions) / members, 1).toString('latin1')
      const to = Object.fromEntries(joined.members.map(({ memberId }) => [memberId, part]))
      const synced = await own.sync(memberOf(`m${i}`, joined), { to })
      if (synced.errorCode !== ErrorCode.NONE) return takePart(own, i)
      expect(synced.assignment).toHaveLength(part.length)
      generations.add(joined.generationId)
    }
    await Promise.all(talks.map(takePart))
  }
  await rebalance(Buffer.alloc(100, 1))
  generations.clear()
  const started = performance.now()
  await rebalance(Buffer.alloc(100, 2))
  expect(performance.now() - started).toBeLessThan(3_000)
  expect(generations.size).toBe(1)
  await Promise.all(talks.map(own => own.close()))
})
