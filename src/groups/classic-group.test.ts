import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { GroupDriver, REBALANCE_MS, SESSION_MS } from './testing/group-driver.ts'

test('members of a generation learn who leads, and get what the leader assigns', () => {
  const driver = new GroupDriver()
  const first = driver.join()
  expect(first()).toMatchObject({ errorCode: 0, generationId: 1, leader: 'm-1', memberId: 'm-1' })
  const second = driver.join()
  expect(driver.heartbeat('m-1')).toBe(ErrorCode.REBALANCE_IN_PROGRESS)
  const again = driver.join('m-1')
  expect(again()!.members.map(({ memberId }) => memberId)).toEqual(['m-1', 'm-2'])
  expect(second()).toMatchObject({ generationId: 2, leader: 'm-1', members: [] })
  const followers = driver.sync('m-2')
  expect(followers()).toBeUndefined()
  const leaders = driver.sync('m-1', { 'm-1': 'one', 'm-2': 'two' })
  expect(String(leaders()!.assignment)).toBe('one')
  expect(String(followers()!.assignment)).toBe('two')
  expect(driver.written).toHaveLength(1)
})

describe('every event in every state', () => {
  type State = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'
  /** Brings a group into a state, with the members a (leader) and b where it has members. */
  const into: Record<State, (driver: GroupDriver) => void> = {
    Empty: () => {},
    PreparingRebalance: driver => {
      driver.stable()
      driver.join()
    },
    CompletingRebalance: driver => {
      const [a, b] = driver.stable()
      driver.join()
      driver.join(a)
      driver.join(b)
    },
    Stable: driver => void driver.stable(),
    Dead: driver => driver.group.markDead(),
  }
  const E = ErrorCode
  const table: [State, string, (driver: GroupDriver) => unknown, unknown, State][] = [
    ['Empty', 'a new member joins', d => d.join()()?.errorCode, E.NONE, 'CompletingRebalance'],
    [
      'Empty',
      'a member that is not known joins',
      d => d.join('m-1')()?.errorCode,
      E.UNKNOWN_MEMBER_ID,
      'Empty',
    ],
    ['Empty', 'a member syncs', d => d.sync('m-1')()?.errorCode, E.UNKNOWN_MEMBER_ID, 'Empty'],
    ['Empty', 'a member heartbeats', d => d.heartbeat('m-1'), E.UNKNOWN_MEMBER_ID, 'Empty'],
    ['Empty', 'a member leaves', d => d.leave('m-1'), [E.UNKNOWN_MEMBER_ID], 'Empty'],
    ['PreparingRebalance', 'a new member joins', d => d.join()(), undefined, 'PreparingRebalance'],
    ['PreparingRebalance', 'a known member joins', d => d.join('m-2')(), undefined, 'PreparingRebalance'],
    [
      'PreparingRebalance',
      'a member syncs',
      d => d.sync('m-1')()?.errorCode,
      E.REBALANCE_IN_PROGRESS,
      'PreparingRebalance',
    ],
    [
      'PreparingRebalance',
      'a member heartbeats',
      d => d.heartbeat('m-1'),
      E.REBALANCE_IN_PROGRESS,
      'PreparingRebalance',
    ],
    ['PreparingRebalance', 'a member leaves', d => d.leave('m-1'), [E.NONE], 'PreparingRebalance'],
    ['CompletingRebalance', 'a new member joins', d => d.join()(), undefined, 'PreparingRebalance'],
    [
      'CompletingRebalance',
      'a known member joins unchanged',
      d => d.join('m-2')()?.generationId,
      3,
      'CompletingRebalance',
    ],
    ['CompletingRebalance', 'a follower syncs', d => d.sync('m-2')(), undefined, 'CompletingRebalance'],
    ['CompletingRebalance', 'the leader syncs', d => d.sync('m-1')()?.errorCode, E.NONE, 'Stable'],
    ['CompletingRebalance', 'a member heartbeats', d => d.heartbeat('m-1'), E.NONE, 'CompletingRebalance'],
    ['CompletingRebalance', 'a member leaves', d => d.leave('m-1'), [E.NONE], 'PreparingRebalance'],
    ['Stable', 'a new member joins', d => d.join()(), undefined, 'PreparingRebalance'],
    ['Stable', 'a follower joins unchanged', d => d.join('m-2')()?.generationId, 2, 'Stable'],
    [
      'Stable',
      'a follower joins with another offer',
      d => d.join('m-2', { protocols: [{ name: 'range', metadata: Buffer.from('y') }] })(),
      undefined,
      'PreparingRebalance',
    ],
    ['Stable', 'the leader joins again', d => d.join('m-1')(), undefined, 'PreparingRebalance'],
    ['Stable', 'a member syncs again', d => String(d.sync('m-2')()?.assignment), 'to b', 'Stable'],
    [
      'Stable',
      'a member syncs for an old generation',
      d => d.sync('m-2', {}, 1)()?.errorCode,
      E.ILLEGAL_GENERATION,
      'Stable',
    ],
    ['Stable', 'a member heartbeats', d => d.heartbeat('m-1'), E.NONE, 'Stable'],
    [
      'Stable',
      'a member heartbeats for an old generation',
      d => d.heartbeat('m-1', 1),
      E.ILLEGAL_GENERATION,
      'Stable',
    ],
    ['Stable', 'a stranger heartbeats', d => d.heartbeat('x'), E.UNKNOWN_MEMBER_ID, 'Stable'],
    ['Stable', 'a member leaves', d => d.leave('m-2'), [E.NONE], 'PreparingRebalance'],
    ['Dead', 'a new member joins', d => d.join()()?.errorCode, E.COORDINATOR_NOT_AVAILABLE, 'Dead'],
    ['Dead', 'a member syncs', d => d.sync('m-1')()?.errorCode, E.COORDINATOR_NOT_AVAILABLE, 'Dead'],
    ['Dead', 'a member heartbeats', d => d.heartbeat('m-1'), E.COORDINATOR_NOT_AVAILABLE, 'Dead'],
    ['Dead', 'a member leaves', d => d.leave('m-1'), [E.COORDINATOR_NOT_AVAILABLE], 'Dead'],
  ]
  for (const [state, event, act, answer, next] of table) {
    test(`${state}: ${event}`, () => {
      const driver = new GroupDriver()
      into[state](driver)
      expect(driver.group.state).toBe(state)
      expect(act(driver)).toEqual(answer)
      expect(driver.group.state).toBe(next)
    })
  }
})

test('a silent member is expelled exactly at its deadline', () => {
  const driver = new GroupDriver()
  const [, b] = driver.stable()
  driver.advance(SESSION_MS / 2)
  expect(driver.heartbeat(b)).toBe(ErrorCode.NONE)
  driver.advance(SESSION_MS / 2 - 1)
  expect(driver.group.membership.size).toBe(2)
  driver.advance(1)
  expect(driver.group.membership.size).toBe(1)
  expect(driver.group.state).toBe('PreparingRebalance')
  expect(driver.group.membership.leader).toBe(b)
})

test('T125 members that wait for a leader that fell silent live on, in sessions that begin anew', () => {
  const driver = new GroupDriver()
  const [leader, b] = driver.stable()
  const third = driver.join()
  driver.join(b)
  driver.join(leader)
  const c = third()!.memberId
  const waiting = [driver.sync(b), driver.sync(c)]
  // The sessions of all three began with the generation.
  driver.advance(SESSION_MS)
  expect(waiting.map(each => each()?.errorCode)).toEqual(new Array(2).fill(ErrorCode.REBALANCE_IN_PROGRESS))
  expect([...driver.group.membership.all()].map(each => each.memberId)).toEqual([b, c])
  driver.advance(SESSION_MS - 1)
  const again = driver.join(b)
  driver.join(c)
  expect(again()).toMatchObject({ errorCode: 0, leader: b })
})

test('a group whose members all fall silent is written as empty, in a new generation', () => {
  const driver = new GroupDriver()
  driver.stable()
  driver.advance(SESSION_MS + REBALANCE_MS)
  expect(driver.group).toMatchObject({ state: 'Empty', generationId: 3, protocolName: null })
  expect(driver.group.deadline()).toBe(Infinity)
})

test('T127 a member that joins and never syncs is removed after the rebalance time-out', () => {
  const driver = new GroupDriver()
  const [a, b] = driver.stable()
  const third = driver.join()
  driver.join(a)
  driver.join(b)
  driver.sync(a, {})
  driver.sync(b)
  const c = third()!.memberId
  for (let elapsed = 0; elapsed < REBALANCE_MS; elapsed += 5_000) {
    driver.advance(elapsed + 5_000 < REBALANCE_MS ? 5_000 : 4_999)
    for (const member of [a, b, c]) expect(driver.heartbeat(member)).toBe(ErrorCode.NONE)
  }
  driver.advance(1)
  expect(driver.group.membership.get(c)).toBeUndefined()
  expect(driver.group.state).toBe('PreparingRebalance')
})

test('T128 the initial delay waits for more members, extended by each up to the rebalance time-out', () => {
  const driver = new GroupDriver({ initialRebalanceDelayMs: 3_000 })
  const first = driver.join()
  driver.advance(2_999)
  const second = driver.join()
  driver.advance(1)
  expect(first()).toBeUndefined()
  driver.advance(2_999)
  expect(first()).toBeUndefined()
  driver.advance(1)
  expect(first()).toMatchObject({ generationId: 1 })
  expect(second()).toMatchObject({ generationId: 1 })
})

test('T121 a dynamic member is told its id first, and counts as coming until its session ends', () => {
  const driver = new GroupDriver()
  const told = driver.join('', { requiresKnownMemberId: true })()!
  expect(told).toMatchObject({ errorCode: ErrorCode.MEMBER_ID_REQUIRED, memberId: 'm-1' })
  expect(driver.group.membership.pending.has('m-1')).toBe(true)
  const joined = driver.join('m-1', { requiresKnownMemberId: true })
  expect(joined()).toMatchObject({ errorCode: 0, memberId: 'm-1' })
  driver.join('', { requiresKnownMemberId: true })
  driver.advance(SESSION_MS)
  expect(driver.group.membership.pending.size).toBe(0)
})

test('T121 the first member of a group waits for nobody who was only given an id', () => {
  const driver = new GroupDriver()
  const first = driver.join('', { requiresKnownMemberId: true })()!
  driver.join('', { requiresKnownMemberId: true })
  expect(driver.join(first.memberId)()).toMatchObject({ errorCode: 0, generationId: 1 })
})

test('T131 a static member that comes back keeps its assignment without a rebalance', () => {
  const driver = new GroupDriver()
  const first = driver.join('', { groupInstanceId: 'i' })()!
  const old = { memberId: first.memberId, groupInstanceId: 'i' }
  expect(driver.group.state).toBe('CompletingRebalance')
  driver.turn(turn =>
    driver.group.sync(
      {
        ...old,
        generationId: 1,
        protocolType: null,
        protocolName: null,
        assignments: new Map([[first.memberId, Buffer.from('p')]]),
      },
      driver.ticket(),
      turn,
    ),
  )
  expect(driver.group.state).toBe('Stable')
  const back = driver.join('', { groupInstanceId: 'i' })()!
  expect(back).toMatchObject({ errorCode: 0, generationId: 1, skipAssignment: true, leader: back.memberId })
  expect(back.memberId).not.toBe(first.memberId)
  expect(driver.group.state).toBe('Stable')
  expect(String(driver.sync(back.memberId)()?.assignment)).toBe('p')
  // T132: the former self is fenced.
  expect(driver.turn(turn => driver.group.heartbeat(old, 1, turn))).toBe(ErrorCode.FENCED_INSTANCE_ID)
})

test('T130 a group that is full refuses the next member', () => {
  const driver = new GroupDriver({ maxSize: 2 })
  driver.stable()
  expect(driver.join()()).toMatchObject({ errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED, memberId: '' })
  expect(driver.group.state).toBe('Stable')
})

test('T126 the protocol that all support and most prefer is chosen; who shares none is refused', () => {
  const driver = new GroupDriver()
  const offer = (...names: string[]) => ({
    protocols: names.map(name => ({ name, metadata: Buffer.from(name) })),
  })
  const first = driver.join('', offer('range', 'roundrobin'))()!
  driver.join('', offer('roundrobin', 'range'))
  driver.join('', offer('roundrobin', 'range'))
  const again = driver.join(first.memberId, offer('range', 'roundrobin'))()!
  expect(again.protocolName).toBe('roundrobin')
  expect(driver.join('', offer('sticky'))()?.errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
})

test('a member that does not come to a rebalance in time is out of the next generation', () => {
  const driver = new GroupDriver()
  const [a, b] = driver.stable()
  driver.join()
  const leaders = driver.join(a)
  for (let elapsed = 0; elapsed < REBALANCE_MS; elapsed += SESSION_MS / 2) {
    driver.advance(SESSION_MS / 2)
    driver.heartbeat(b)
  }
  expect(leaders()!.members.map(({ memberId }) => memberId)).toEqual([a, 'm-3'])
  expect(driver.heartbeat(b)).toBe(ErrorCode.UNKNOWN_MEMBER_ID)
})

test('where only static members are left, that do not come and say to wait for no time, time goes on', () => {
  const driver = new GroupDriver()
  const hasty = { rebalanceTimeoutMs: 0 }
  const a = driver.join('', { ...hasty, groupInstanceId: 'i' })()!.memberId
  const joining = driver.join('', hasty)
  driver.join(a, { ...hasty, groupInstanceId: 'i' })
  const b = joining()!.memberId
  driver.sync(b)
  driver.turn(turn =>
    driver.group.sync(
      {
        memberId: a,
        groupInstanceId: 'i',
        generationId: driver.group.generationId,
        protocolType: null,
        protocolName: null,
        assignments: new Map(),
      },
      driver.ticket(),
      turn,
    ),
  )
  driver.leave(b)
  expect(driver.group.state).toBe('PreparingRebalance')
  for (let expiries = 0; expiries < 3 && driver.group.deadline() <= driver.now; expiries++)
    driver.turn(turn => driver.group.expire(turn))
  expect(driver.group.deadline()).toBeGreaterThan(driver.now)
  driver.advance(SESSION_MS)
  expect(driver.group.state).toBe('Empty')
})

test('a static member that asks once more while it waits for its first generation goes on waiting', () => {
  const driver = new GroupDriver()
  const [a, b] = driver.stable()
  driver.join('', { groupInstanceId: 'i' })
  const waiting = driver.join('', { groupInstanceId: 'i' })
  for (let passed = 0; passed < 2 * SESSION_MS; passed += SESSION_MS / 2) {
    driver.advance(SESSION_MS / 2)
    driver.heartbeat(a)
    driver.heartbeat(b)
  }
  expect(waiting()).toBeUndefined()
  driver.join(b)
  driver.join(a)
  expect(waiting()).toMatchObject({ errorCode: ErrorCode.NONE, generationId: driver.group.generationId })
})
