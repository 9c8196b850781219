/** Consumer groups (KIP-848) as tables of what members say and hear; a list stands for the log. */

import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import type { ConsumerHeartbeat } from './consumer-heartbeat.ts'
import { readConsumerRecord } from './consumer-records.ts'
import { ConsumerDriver, REBALANCE_MS } from './testing/consumer-driver.ts'

const FIRST = {
  memberEpoch: 0,
  rebalanceTimeoutMs: REBALANCE_MS,
  owned: new Map(),
  subscribedTopicNames: ['t'],
}

/** Two members that share four partitions, at epoch 3. */
function shared(): ConsumerDriver {
  const driver = new ConsumerDriver()
  driver.topic('t', 4)
  driver.enters('a', ['t'])
  driver.enters('b', ['t'])
  driver.beats('a')
  driver.beats('a', 't: 0 1')
  driver.beats('b')
  return driver
}

describe('T149 what a heartbeat may say', () => {
  const refusals: readonly (readonly [string, Partial<ConsumerHeartbeat>, string])[] = [
    ['joining with partitions', { ...FIRST, owned: new Map([['x', [0]]]) }, 'INVALID_REQUEST'],
    ['joining without a word of partitions', { ...FIRST, owned: null }, 'INVALID_REQUEST'],
    ['joining without a time-out', { ...FIRST, rebalanceTimeoutMs: -1 }, 'INVALID_REQUEST'],
    ['joining without a subscription', { ...FIRST, subscribedTopicNames: null }, 'INVALID_REQUEST'],
    ['an empty instance', { ...FIRST, instanceId: '' }, 'INVALID_REQUEST'],
    ['an empty rack', { ...FIRST, rackId: '' }, 'INVALID_REQUEST'],
    ['going for a while without an instance', { memberEpoch: -2 }, 'INVALID_REQUEST'],
    ['an epoch that is none', { memberEpoch: -3 }, 'INVALID_REQUEST'],
    ['staying where nobody is', { memberEpoch: 1 }, 'GROUP_ID_NOT_FOUND'],
    ['leaving where nobody is', { memberEpoch: -1 }, 'GROUP_ID_NOT_FOUND'],
    ['T158 an assignor that is not there', { ...FIRST, serverAssignor: 'mine' }, 'UNSUPPORTED_ASSIGNOR'],
  ]
  test.each(refusals)('%s is refused, and nothing is written', (_, said, error) => {
    const driver = new ConsumerDriver()
    driver.topic('t', 1)
    expect(driver.beats('a', undefined, said)).toBe(error)
    expect(driver.log).toEqual([])
  })

  test('T158 members make their ids themselves; before v1 the coordinator does', () => {
    const driver = new ConsumerDriver()
    expect(driver.beats('', undefined, FIRST)).toBe('INVALID_REQUEST')
    const answer = driver.beat('', { ...FIRST, requiresMemberId: false })
    expect(answer).toMatchObject({ error: 0, value: { memberId: 'member-1', memberEpoch: 2 } })
    expect(driver.beats('', undefined, { memberEpoch: -1, requiresMemberId: false })).toBe('INVALID_REQUEST')
  })
})

describe('one member', () => {
  test('gets all partitions at once, and hears of them no more', () => {
    const driver = new ConsumerDriver()
    driver.topic('t', 2)
    driver.topic('u', 1)
    expect(driver.enters('a', ['t', 'u'])).toBe('epoch 2, t: 0 1, u: 0')
    expect(driver.beats('a')).toBe('epoch 2')
    expect(driver.beats('a', 't: 0 1, u: 0')).toBe('epoch 2')
    expect(driver.group.state).toBe('Stable')
  })

  test('that says all that it can say is told all', () => {
    const driver = new ConsumerDriver()
    driver.topic('t', 2)
    driver.enters('a', ['t'])
    const all = { rebalanceTimeoutMs: REBALANCE_MS, subscribedTopicNames: ['t'] }
    expect(driver.beats('a', 't: 0 1', all)).toBe('epoch 2, t: 0 1')
  })

  test('writes the same once: a heartbeat that changes nothing leaves no record', () => {
    const driver = new ConsumerDriver()
    driver.topic('t', 2)
    driver.enters('a', ['t'])
    const { length } = driver.log
    driver.beats('a', 't: 0 1', { rebalanceTimeoutMs: REBALANCE_MS, subscribedTopicNames: ['t'] })
    expect(driver.log).toHaveLength(length)
  })

  test('of a topic that does not exist has nothing until it does', () => {
    const driver = new ConsumerDriver()
    expect(driver.enters('a', ['t'])).toBe('epoch 2, ')
    expect(driver.beats('a')).toBe('epoch 2')
    driver.topic('t', 1)
    expect(driver.beats('a')).toBe('epoch 3, t: 0')
  })

  test('of nothing is in the group at its epoch', () => {
    const driver = new ConsumerDriver()
    expect(driver.enters('a', [])).toBe('epoch 1, ')
    expect(driver.group).toMatchObject({ state: 'Stable', epoch: 1, size: 1 })
  })

  test('in another order, or twice, a subscription is the same', () => {
    const driver = new ConsumerDriver()
    driver.topic('t', 1)
    driver.topic('u', 1)
    driver.enters('a', ['t', 'u'])
    expect(driver.beats('a', undefined, { subscribedTopicNames: ['u', 't', 'u'] })).toBe('epoch 2')
  })

  test('gives up at once what it no longer subscribes to', () => {
    const driver = new ConsumerDriver()
    driver.settings = { ...driver.settings, assignmentIntervalMs: 10_000 }
    driver.topic('t', 1)
    driver.topic('u', 1)
    driver.enters('a', ['t', 'u'])
    // The next target may not be computed yet.
    expect(driver.beats('a', 't: 0, u: 0', { subscribedTopicNames: ['t'] })).toBe('epoch 2, t: 0')
    expect(driver.group.member('a')!.state).toBe('UNREVOKED_PARTITIONS')
    driver.advance(10_000)
    expect(driver.beats('a', 't: 0')).toBe('epoch 3')
  })
})

describe('several members', () => {
  test('T151 each goes on when it has given up its own, and hears what changed alone', () => {
    const driver = new ConsumerDriver()
    driver.topic('t', 4)
    expect(driver.enters('a', ['t'])).toBe('epoch 2, t: 0 1 2 3')
    expect(driver.enters('b', ['t'])).toBe('epoch 3, ')
    expect(driver.beats('b')).toBe('epoch 3')
    expect(driver.beats('a')).toBe('epoch 2, t: 0 1')
    expect(driver.beats('a')).toBe('epoch 2')
    expect(driver.beats('b')).toBe('epoch 3')
    expect(driver.beats('a', 't: 0 1')).toBe('epoch 3')
    expect(driver.group.state).toBe('Reconciling')
    expect(driver.beats('b')).toBe('epoch 3, t: 2 3')
    expect(driver.beats('b')).toBe('epoch 3')
    expect(driver.group.state).toBe('Stable')
  })

  test('T152 a partition has its next owner when the last has given it up, and not before', () => {
    const driver = new ConsumerDriver()
    driver.topic('t', 2)
    driver.enters('a', ['t'])
    driver.enters('b', ['t'])
    driver.beats('a', 't: 0 1')
    // It still reports what it is to give up: neither goes on, whatever else happens.
    driver.enters('c', ['t'])
    expect(driver.beats('a', 't: 0 1')).toBe('epoch 2')
    expect(driver.beats('b', '')).toBe('epoch 4')
    expect([driver.has('a'), driver.has('b'), driver.has('c')]).toEqual(['t: 0', '', ''])
    expect(driver.consumerGroup.holder(driver.image.topicByName('t')!.id, 1)).toBe('a')
    expect(driver.beats('a', 't: 0')).toBe('epoch 4')
    expect(driver.beats('b', '')).toBe('epoch 4, t: 1')
  })

  test('T153 a lost answer is given again to who comes with the epoch before, and less', () => {
    const driver = shared()
    driver.leaves('b')
    expect(driver.beats('a', 't: 0 1')).toBe('epoch 4, t: 0 1 2 3')
    const before = { memberEpoch: 3 }
    expect(driver.beats('a', 't: 0 1', before)).toBe('epoch 4')
    expect(driver.beats('a', '', before)).toBe('epoch 4')
    expect(driver.beats('a', undefined, before)).toBe('FENCED_MEMBER_EPOCH')
    expect(driver.beats('a', 't: 0 1 2 3', { memberEpoch: 2 })).toBe('FENCED_MEMBER_EPOCH')
    expect(driver.beats('a', undefined, { memberEpoch: 5 })).toBe('FENCED_MEMBER_EPOCH')
    expect(driver.beats('x', undefined, { memberEpoch: 4 })).toBe('UNKNOWN_MEMBER_ID')
  })

  test('who is fenced joins again under its id, and has what it had', () => {
    const driver = shared()
    expect(driver.beats('a', undefined, { memberEpoch: 9 })).toBe('FENCED_MEMBER_EPOCH')
    expect(driver.enters('a', ['t'])).toBe('epoch 3, t: 0 1')
  })

  test('more than the group takes are refused; who is in may stay', () => {
    const driver = new ConsumerDriver()
    driver.maxSize = 1
    driver.restart()
    driver.topic('t', 1)
    driver.enters('a', ['t'])
    expect(driver.enters('b', ['t'])).toBe('GROUP_MAX_SIZE_REACHED')
    expect(driver.enters('a', ['t'])).toBe('epoch 2, t: 0')
  })

  test('T158 the assignor that most ask for is taken', () => {
    const driver = new ConsumerDriver()
    driver.topic('t', 3)
    driver.topic('u', 3)
    driver.enters('a', ['t', 'u'], { serverAssignor: 'range' })
    driver.enters('b', ['t', 'u'], { serverAssignor: 'range' })
    driver.enters('c', ['t', 'u'], { serverAssignor: 'uniform' })
    expect(driver.text(driver.consumerGroup.target('b'))).toBe('t: 1, u: 1')
  })
})

describe('T154 two time-outs', () => {
  test('a member that is silent for its session is expelled just then', () => {
    const driver = shared()
    driver.advance(44_999)
    driver.beats('a')
    expect(driver.group.size).toBe(2)
    driver.advance(1)
    expect(driver.group.size).toBe(1)
    expect(driver.beats('b', undefined, { memberEpoch: 3 })).toBe('UNKNOWN_MEMBER_ID')
    expect(driver.beats('a', 't: 0 1')).toBe('epoch 4, t: 0 1 2 3')
  })

  test('a member that heartbeats and gives nothing up is expelled when its own time for that is over', () => {
    const driver = new ConsumerDriver()
    driver.topic('t', 2)
    driver.enters('a', ['t'], { rebalanceTimeoutMs: 100_000 })
    driver.enters('b', ['t'])
    driver.beats('a')
    for (let i = 0; i < 9; i++) {
      driver.advance(10_000)
      expect(driver.beats('a', 't: 0 1')).toBe('epoch 2')
      driver.beats('b')
    }
    driver.advance(9_999)
    expect(driver.group.size).toBe(2)
    driver.advance(1)
    expect([...driver.group.members()].map(({ memberId }) => memberId)).toEqual(['b'])
    expect(driver.beats('b')).toBe('epoch 4, t: 0 1')
  })

  test('a member that has given up in time stays, and a later wait has its own end', () => {
    const driver = shared()
    driver.enters('c', ['t'])
    driver.beats('a', 't: 0 1')
    driver.advance(REBALANCE_MS / 2)
    for (const member of ['a', 'b', 'c']) driver.beats(member, driver.has(member))
    driver.advance(REBALANCE_MS / 2)
    expect(driver.group.size).toBe(3)
  })
})

describe('T155 metadata', () => {
  test('a topic that grows is assigned anew, until the member has said that it heard', () => {
    const driver = new ConsumerDriver()
    driver.topic('t', 1)
    driver.enters('a', ['t'])
    driver.topic('t', 2)
    expect(driver.beats('a')).toBe('epoch 3, t: 0 1')
    expect(driver.beats('a', 't: 0', { memberEpoch: 2 })).toBe('epoch 3')
    const all = { memberEpoch: 2, rebalanceTimeoutMs: REBALANCE_MS, subscribedTopicNames: ['t'] }
    expect(driver.beats('a', 't: 0', all)).toBe('epoch 3, t: 0 1')
  })

  test('a topic of others changes nothing', () => {
    const driver = new ConsumerDriver()
    driver.topic('t', 1)
    driver.enters('a', ['t'])
    driver.topic('other', 5)
    expect(driver.beats('a')).toBe('epoch 2')
    expect(driver.group.epoch).toBe(2)
  })

  test('a topic that is deleted is taken away', () => {
    const driver = new ConsumerDriver()
    driver.topic('t', 1)
    driver.topic('u', 1)
    driver.enters('a', ['t', 'u'])
    driver.removeTopic('u')
    expect(driver.beats('a')).toBe('epoch 2, t: 0')
    expect(driver.beats('a', 't: 0')).toBe('epoch 3')
  })

  test('within the interval of assignments the next target waits', () => {
    const driver = new ConsumerDriver()
    driver.settings = { ...driver.settings, assignmentIntervalMs: 1_000 }
    driver.topic('t', 1)
    driver.enters('a', ['t'])
    driver.topic('t', 2)
    driver.advance(999)
    expect(driver.beats('a')).toBe('epoch 2')
    expect(driver.group).toMatchObject({ state: 'Assigning', epoch: 3, assignmentEpoch: 2 })
    driver.advance(1)
    expect(driver.beats('a')).toBe('epoch 3, t: 0 1')
  })
})

describe('a group that was left', () => {
  test('is empty, and goes with its offsets', () => {
    const driver = shared()
    driver.leaves('a')
    expect(driver.leaves('b')).toBe('epoch -1')
    expect(driver.leaves('b')).toBe('UNKNOWN_MEMBER_ID')
    expect(driver.group).toMatchObject({ state: 'Empty', epoch: 5 })
    driver.advance(10 * 60_000)
    expect(driver.exists).toBe(false)
    driver.restart()
    expect(driver.exists).toBe(false)
  })

  test('goes on from its epoch', () => {
    const driver = shared()
    driver.leaves('a')
    driver.leaves('b')
    expect(driver.enters('c', ['t'])).toBe('epoch 6, t: 0 1 2 3')
  })

  test('is deleted on request, when nobody is in it', () => {
    const driver = shared()
    const remove = () => driver.run<ErrorCode>((shard, ticket) => shard.deleteGroup('g', ticket))()
    expect(remove()).toBe(ErrorCode.NON_EMPTY_GROUP)
    driver.leaves('a')
    driver.leaves('b')
    const group = driver.consumerGroup
    expect(remove()).toBe(ErrorCode.NONE)
    expect(group.state).toBe('Dead')
    expect(remove()).toBe(ErrorCode.GROUP_ID_NOT_FOUND)
  })
})

describe('a coordinator that begins anew', () => {
  test('knows everyone, in the middle of a rebalance', () => {
    const driver = new ConsumerDriver()
    driver.topic('t', 2)
    driver.enters('a', ['t'])
    driver.enters('b', ['t'])
    driver.beats('a')
    driver.restart()
    expect(driver.group).toMatchObject({ state: 'Reconciling', epoch: 3, assignmentEpoch: 3 })
    expect(driver.beats('b')).toBe('epoch 3')
    expect(driver.beats('a', 't: 0')).toBe('epoch 3')
    expect(driver.beats('b')).toBe('epoch 3, t: 1')
  })

  test('gives everyone all the time again', () => {
    const driver = new ConsumerDriver()
    driver.topic('t', 2)
    driver.enters('a', ['t'], { rebalanceTimeoutMs: 50_000 })
    driver.enters('b', ['t'])
    driver.beats('a')
    driver.advance(40_000)
    driver.restart()
    driver.advance(44_999)
    expect(driver.group.size).toBe(2)
    driver.advance(1)
    expect(driver.group.size).toBe(0)
  })

  test('reads what compaction has left, in whatever order', () => {
    const driver = shared()
    const latest = new Map(
      driver.log.flatMap(logged => ('key' in logged ? [[logged.key.toString('hex'), logged] as const] : [])),
    )
    const before = [...driver.group.members()]
    driver.log.splice(0, driver.log.length, ...[...latest.values()].reverse())
    driver.restart()
    expect([...driver.group.members()]).toEqual(expect.arrayContaining(before))
    expect(driver.group).toMatchObject({ state: 'Stable', epoch: 3, assignmentEpoch: 3, size: 2 })
  })

  test('does not know the state of a member that a newer one has written, and lets it join again', () => {
    const driver = shared()
    const last = driver.log.findLast(
      logged => 'key' in logged && readConsumerRecord(logged)?.kind === 'standing',
    )!
    // The state is the byte behind two epochs.
    if ('key' in last) last.value![2 + 4 + 4] = 9
    driver.restart()
    expect(driver.group.member('b')!.state).toBe('UNKNOWN')
    expect(driver.beats('b', 't: 2 3')).toBe('FENCED_MEMBER_EPOCH')
    expect(driver.enters('b', ['t'])).toBe('epoch 3, t: 2 3')
  })
})
