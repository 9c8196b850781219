import { describe, expect, test } from 'vitest'
import { ErrorCode, type Result } from '../../protocol/errors.ts'
import type { TransactionMarker } from '../coordinator/shard.ts'
import type { JoinResponse } from './classic-member.ts'
import { readOffsetsRecord } from './group-records.ts'
import { joinRequest, MINUTE, RETENTION_MS, ShardDriver } from './testing/shard-driver.ts'

const PRODUCER = { producerId: 5n, producerEpoch: 0 }

describe('T148 offsets are forgotten', () => {
  test('of consumers without a group, the retention after each was committed', () => {
    const driver = new ShardDriver()
    driver.commit('g', { partition: 0, offset: 1n })
    driver.advance(30 * MINUTE)
    driver.commit('g', { partition: 1, offset: 2n })
    driver.advance(31 * MINUTE)
    expect(driver.committed('g')).toEqual(['t-1 2'])
    driver.advance(30 * MINUTE)
    expect(driver.committed('g')).toEqual([])
    expect(driver.shard.groups.has('g')).toBe(false)
  })

  test('of a group without members, the retention after the last one left', () => {
    const driver = new ShardDriver()
    const member = driver.enter('g', ['t'])
    driver.commit('g', {}, { member: { memberId: member, groupInstanceId: null }, generationId: 1 })
    keepAlive(driver, member, 2 * RETENTION_MS)
    expect(driver.committed('g')).toEqual(['t-0 1'])
    driver.leave('g', member)
    driver.advance(RETENTION_MS - MINUTE)
    expect(driver.committed('g')).toEqual(['t-0 1'])
    driver.advance(11 * MINUTE)
    expect(driver.committed('g')).toEqual([])
    expect(driver.shard.groups.has('g')).toBe(false)
    // Nothing of the group comes back with the log.
    driver.restart()
    expect([...driver.shard.groups.keys()]).toEqual([])
  })

  test('of a live group, when it no longer subscribes to the topic', () => {
    const driver = new ShardDriver()
    const member = driver.enter('g', ['t'])
    const by = { member: { memberId: member, groupInstanceId: null }, generationId: 1 }
    driver.commit('g', { topic: 't' }, by)
    driver.commit('g', { topic: 'other' }, by)
    keepAlive(driver, member, RETENTION_MS + 11 * MINUTE)
    expect(driver.committed('g')).toEqual(['t-0 1'])
    expect(driver.shard.groups.get('g')!.state).toBe('Stable')
  })

  test('T137 at their own time where an old client asked for one', () => {
    const driver = new ShardDriver()
    driver.commit('g', { partition: 0 }, { retentionMs: 5 * MINUTE })
    driver.commit('g', { partition: 1 }, { retentionMs: 5 * RETENTION_MS })
    driver.commit('g', { partition: 2 }, { retentionMs: undefined })
    driver.restart()
    driver.advance(11 * MINUTE)
    expect(driver.committed('g')).toEqual(['t-1 1', 't-2 1'])
    driver.advance(RETENTION_MS)
    expect(driver.committed('g')).toEqual(['t-1 1'])
  })

  test('T116 never while a transaction has staged one for the partition', () => {
    const driver = new ShardDriver()
    driver.commit('g', { offset: 1n })
    driver.advance(RETENTION_MS - MINUTE)
    driver.commit('g', { offset: 2n }, { producer: PRODUCER })
    driver.advance(2 * RETENTION_MS)
    expect(driver.committed('g')).toEqual(['t-0 1'])
    end(driver, true)
    expect(driver.committed('g')).toEqual(['t-0 2'])
  })
})

/** Heartbeats for so long. */
function keepAlive(driver: ShardDriver, memberId: string, ms: number): void {
  for (let passed = 0; passed < ms; passed += MINUTE / 2) {
    driver.advance(MINUTE / 2)
    expect(driver.heartbeat('g', memberId)).toBe(ErrorCode.NONE)
  }
}

function end(driver: ShardDriver, isCommit: boolean): void {
  const marker: TransactionMarker = { ...PRODUCER, coordinatorEpoch: 0, isCommit }
  driver.run<void>((shard, ticket) => shard.endTransaction(marker, ticket))
}

describe('T116 staged offsets', () => {
  const afterwards = (act: (driver: ShardDriver) => void): [string[], string[]] => {
    const driver = new ShardDriver()
    act(driver)
    const live = driver.committed('g')
    driver.restart()
    return [live, driver.committed('g')]
  }

  test('are seen once their transaction commits', () => {
    const outcome = afterwards(driver => {
      driver.commit('g', { offset: 5n }, { producer: PRODUCER })
      expect(driver.committed('g')).toEqual([])
      end(driver, true)
    })
    expect(outcome).toEqual([['t-0 5'], ['t-0 5']])
  })

  test('are forgotten when it aborts', () => {
    const outcome = afterwards(driver => {
      driver.commit('g', { offset: 1n })
      driver.commit('g', { offset: 5n }, { producer: PRODUCER })
      end(driver, false)
    })
    expect(outcome).toEqual([['t-0 1'], ['t-0 1']])
  })

  test('give way to a plain commit that came after them', () => {
    const outcome = afterwards(driver => {
      driver.commit('g', { offset: 5n }, { producer: PRODUCER })
      driver.commit('g', { offset: 9n })
      end(driver, true)
    })
    expect(outcome).toEqual([['t-0 9'], ['t-0 9']])
  })

  test('replace a plain commit that came before them', () => {
    const outcome = afterwards(driver => {
      driver.commit('g', { offset: 9n })
      driver.commit('g', { offset: 5n }, { producer: PRODUCER })
      end(driver, true)
    })
    expect(outcome).toEqual([['t-0 5'], ['t-0 5']])
  })
})

describe('T028 topics that are deleted', () => {
  test('take the offsets of all groups with them, and nothing else', () => {
    const driver = new ShardDriver()
    driver.commit('g', { topic: 'gone', partition: 0 })
    driver.commit('g', { topic: 'gone', partition: 1 })
    driver.commit('g', { topic: 'kept' })
    driver.commit('h', { topic: 'gone' })
    driver.run<void>((shard, ticket) => shard.forgetTopics(new Set(['gone']), ticket))
    expect(driver.committed('g')).toEqual(['kept-0 1'])
    expect(driver.committed('h')).toEqual([])
    driver.restart()
    expect(driver.committed('g')).toEqual(['kept-0 1'])
    expect(driver.committed('h')).toEqual([])
  })

  test('take what transactions have staged for them too', () => {
    const driver = new ShardDriver()
    driver.commit('g', { topic: 'gone', offset: 5n }, { producer: PRODUCER })
    driver.run<void>((shard, ticket) => shard.forgetTopics(new Set(['gone']), ticket))
    end(driver, true)
    expect(driver.committed('g')).toEqual([])
    driver.restart()
    expect(driver.committed('g')).toEqual([])
  })
})

test('T047 a group with members is not deleted, nor are the offsets of what they read', () => {
  const driver = new ShardDriver()
  const deleted = (group: string) =>
    driver.run<ErrorCode>((shard, ticket) => shard.deleteGroup(group, ticket))()
  const forgotten = (group: string, ...topics: string[]) =>
    driver.run<Result<ErrorCode[]>>((shard, ticket) =>
      shard.deleteOffsets(
        group,
        topics.map(topic => ({ topic, partition: 0 })),
        ticket,
      ),
    )()
  const member = driver.enter('g', ['t'])
  const by = { member: { memberId: member, groupInstanceId: null }, generationId: 1 }
  driver.commit('g', { topic: 't' }, by)
  driver.commit('g', { topic: 'other' }, by)
  expect(deleted('g')).toBe(ErrorCode.NON_EMPTY_GROUP)
  const codes = [ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC, ErrorCode.NONE]
  expect(forgotten('g', 't', 'other')).toMatchObject({ value: codes })
  expect(driver.committed('g')).toEqual(['t-0 1'])
  expect(deleted('unknown')).toBe(ErrorCode.GROUP_ID_NOT_FOUND)
  expect(forgotten('unknown', 't')).toMatchObject({ error: ErrorCode.GROUP_ID_NOT_FOUND })
  driver.leave('g', member)
  expect(deleted('g')).toBe(ErrorCode.NONE)
  expect(driver.committed('g')).toEqual([])
})

describe('a restart', () => {
  test('keeps generation, members and assignments, and begins their sessions anew', () => {
    const driver = new ShardDriver()
    const member = driver.enter('g', ['t'])
    driver.advance(MINUTE - 1)
    driver.restart()
    const group = driver.classic('g')
    expect(group).toMatchObject({ state: 'Stable', generationId: 1, protocolName: 'range' })
    driver.advance(MINUTE - 1)
    expect(driver.heartbeat('g', member)).toBe(ErrorCode.NONE)
    driver.advance(MINUTE)
    expect(group.state).toBe('Empty')
    expect(group.generationId).toBe(2)
  })

  test('T132 takes a static member for who it was last written to be, answered or not', () => {
    const driver = new ShardDriver()
    const isStatic = { groupInstanceId: 'i' }
    const former = driver.enter('g', ['t'], isStatic)
    const written = driver.log.length
    const next = driver.enter('g', ['t'], isStatic)
    const beats = (memberId: string) =>
      driver.run<ErrorCode>((shard, ticket, now) =>
        shard.heartbeat('g', { memberId, ...isStatic, generationId: 1 }, ticket, now),
      )()
    driver.restart()
    expect([beats(former), beats(next)]).toEqual([ErrorCode.FENCED_INSTANCE_ID, ErrorCode.NONE])
    // Killed before the record was written, and so unanswered: whoever asks again has no id to ask with.
    driver.log.splice(written)
    driver.restart()
    expect([beats(former), beats(next)]).toEqual([ErrorCode.NONE, ErrorCode.FENCED_INSTANCE_ID])
    const again = driver.enter('g', ['t'], isStatic)
    expect([beats(former), beats(again)]).toEqual([ErrorCode.FENCED_INSTANCE_ID, ErrorCode.NONE])
  })

  test('rebalances a group that has become too large', () => {
    const driver = new ShardDriver()
    const member = driver.enter('g', ['t'])
    driver.maxSize = 0
    driver.restart()
    expect(driver.shard.groups.get('g')!.state).toBe('PreparingRebalance')
    expect(driver.heartbeat('g', member)).toBe(ErrorCode.REBALANCE_IN_PROGRESS)
  })

  test('finds a deleted group deleted', () => {
    const driver = new ShardDriver()
    driver.commit('g', {})
    expect(driver.run<ErrorCode>((shard, ticket) => shard.deleteGroup('g', ticket))()).toBe(ErrorCode.NONE)
    driver.restart()
    expect(driver.shard.groups.size).toBe(0)
    expect(driver.committed('g')).toEqual([])
  })
})

test('a static member that comes back with more than fits into a record leaves its former self in place', () => {
  const driver = new ShardDriver()
  const isStatic = { groupInstanceId: 'i' }
  const former = driver.enter('g', ['t'], isStatic)
  const before = [...driver.classic('g').membership.all()]
  const written = driver.log.length
  const protocols = [{ name: 'range', metadata: Buffer.alloc(1_000_000) }]
  const answer = driver.run<JoinResponse>((shard, ticket, now) =>
    shard.join('g', { ...joinRequest(['t']), ...isStatic, protocols }, ticket, now),
  )()
  expect(answer).toMatchObject({ errorCode: ErrorCode.UNKNOWN_SERVER_ERROR, memberId: '', leader: former })
  expect(driver.log).toHaveLength(written)
  expect([...driver.classic('g').membership.all()]).toEqual(before)
  expect(driver.classic('g').membership.memberIdOf('i')).toBe(former)
})

test('members that wait in a group that was just made are not expelled by its first record', () => {
  const driver = new ShardDriver()
  driver.enter('g', ['t'])
  const kinds = driver.log.map(logged => 'key' in logged && readOffsetsRecord(logged).kind)
  expect(kinds).toEqual(['group', 'group'])
  expect(driver.shard.groups.get('g')!.state).toBe('Stable')
})

test('many groups whose sessions may be over at one moment are looked through once', () => {
  const driver = new ShardDriver()
  const members = Array.from({ length: 20 }, (_, i) => driver.enter(`g${i}`, ['t']))
  driver.restart()
  const oldest = driver.now
  driver.advance(MINUTE / 2)
  for (const [i, member] of members.entries()) driver.heartbeat(`g${i}`, member)
  driver.now = oldest + MINUTE
  expect(driver.shard.deadline()).toBe(driver.now)
  driver.shard.expire(driver.now)
  expect(driver.shard.deadline()).toBe(driver.now + MINUTE / 2)
})
