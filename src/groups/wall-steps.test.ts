/** The wall clock is set forward or back by whoever keeps it: members are given their time by what passes. */
import { describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { ConsumerDriver } from './testing/consumer-driver.ts'
import { GroupDriver, REBALANCE_MS, SESSION_MS } from './testing/group-driver.ts'
import { MINUTE, RETENTION_MS, ShardDriver } from './testing/shard-driver.ts'

const DAY = 24 * 60 * MINUTE

describe.each([DAY, -DAY])('set by %d ms', step => {
  test('members of a classic group are expelled when they have been silent for as long as they may be', () => {
    const driver = new ShardDriver()
    const member = driver.enter('g', ['t'])
    driver.stepWall(step)
    driver.advance(MINUTE - 1)
    expect(driver.heartbeat('g', member)).toBe(ErrorCode.NONE)
    driver.advance(MINUTE)
    expect(driver.classic('g').state).toBe('Empty')
  })

  test('a rebalance waits for members for as long as they asked it to, and for ids that were given out', () => {
    const driver = new GroupDriver()
    const [a, b] = driver.stable()
    driver.join('', { requiresKnownMemberId: true })
    const leaders = driver.join(a)
    driver.stepWall(step)
    driver.advance(SESSION_MS - 1)
    expect(leaders()).toBeUndefined()
    driver.heartbeat(b)
    driver.advance(SESSION_MS)
    expect(leaders()!.members.map(({ memberId }) => memberId)).toEqual([a])
    driver.stepWall(step)
    for (let passed = 0; passed < REBALANCE_MS; passed += SESSION_MS / 2) {
      expect(driver.heartbeat(a)).toBe(ErrorCode.NONE)
      driver.advance(SESSION_MS / 2)
    }
    expect(driver.group.state).toBe('Empty')
  })

  test('members of a consumer group have their sessions, and their time to give up partitions', () => {
    const driver = new ConsumerDriver()
    driver.settings = { ...driver.settings, assignmentIntervalMs: 1_000 }
    driver.topic('t', 2)
    driver.enters('a', ['t'])
    driver.stepWall(step)
    driver.advance(44_999)
    // The target is computed anew, whenever the last one was by the clock.
    driver.enters('b', ['t'])
    expect(driver.beats('a', 't: 0 1')).toBe('epoch 2, t: 0')
    driver.stepWall(step)
    for (let passed = 0; passed < MINUTE - 1_000; passed += 1_000) {
      driver.advance(1_000)
      driver.beats('a')
      driver.beats('b')
    }
    expect(driver.group.size).toBe(2)
    driver.advance(1_000)
    expect([...driver.group.members()].map(({ memberId }) => memberId)).toEqual(['b'])
  })
})

test('offsets are as old as the clock says', () => {
  const driver = new ShardDriver()
  driver.commit('g', { offset: 1n })
  driver.stepWall(RETENTION_MS)
  driver.advance(11 * MINUTE)
  expect(driver.committed('g')).toEqual([])
})
