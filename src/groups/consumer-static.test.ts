/** T150 static members of consumer groups, as tables. */

import { describe, expect, test } from 'vitest'
import { ConsumerDriver } from './testing/consumer-driver.ts'

const AT_I = { instanceId: 'i' }

/** A static member and another, each with its half of four partitions. */
function shared(): ConsumerDriver {
  const driver = new ConsumerDriver()
  driver.topic('t', 4)
  driver.enters('a', ['t'], AT_I)
  driver.enters('b', ['t'])
  driver.beats('a', undefined, AT_I)
  driver.beats('a', 't: 0 1', AT_I)
  driver.beats('b')
  return driver
}

describe('T150 a static member', () => {
  test('that goes for a while keeps its place: what it had is nobody else’s', () => {
    const driver = shared()
    expect(driver.leaves('a', { ...AT_I, memberEpoch: -2 })).toBe('epoch -2')
    expect(driver.beats('b', 't: 2 3')).toBe('epoch 3')
    expect(driver.group).toMatchObject({ size: 2, epoch: 3, state: 'Reconciling' })
    expect(driver.enters('a2', ['t'], AT_I)).toBe('epoch 3, t: 0 1')
    expect([...driver.group.members()].map(({ memberId }) => memberId).sort()).toEqual(['a2', 'b'])
    expect(driver.group).toMatchObject({ epoch: 3, state: 'Stable' })
  })

  test('that went while it had partitions to give up has given them up', () => {
    const driver = new ConsumerDriver()
    driver.topic('t', 2)
    driver.enters('a', ['t'], AT_I)
    driver.enters('b', ['t'])
    expect(driver.beats('a', undefined, AT_I)).toBe('epoch 2, t: 0')
    driver.leaves('a', { ...AT_I, memberEpoch: -2 })
    expect(driver.beats('b')).toBe('epoch 3, t: 1')
    expect(driver.enters('a2', ['t'], AT_I)).toBe('epoch 3, t: 0')
  })

  test('that does not come back in its session loses its place', () => {
    const driver = shared()
    driver.leaves('a', { ...AT_I, memberEpoch: -2 })
    driver.advance(44_999)
    driver.beats('b')
    expect(driver.group.size).toBe(2)
    driver.advance(1)
    expect(driver.beats('b')).toBe('epoch 4, t: 0 1 2 3')
    expect(driver.enters('a2', ['t'], AT_I)).toBe('epoch 5, ')
  })

  test('has its place to itself: another is refused until it has gone', () => {
    const driver = shared()
    expect(driver.enters('x', ['t'], AT_I)).toBe('UNRELEASED_INSTANCE_ID')
    expect(driver.enters('a', ['t'], AT_I)).toBe('UNRELEASED_INSTANCE_ID')
    expect(driver.leaves('a', AT_I)).toBe('epoch -1')
    expect(driver.enters('x', ['t'], AT_I)).toBe('epoch 5, t: 0 1')
  })

  test('whose place another has taken is fenced, whatever it says', () => {
    const driver = shared()
    driver.leaves('a', { ...AT_I, memberEpoch: -2 })
    driver.enters('a2', ['t'], AT_I)
    expect(driver.beats('a', 't: 0 1', { ...AT_I, memberEpoch: 3 })).toBe('FENCED_INSTANCE_ID')
    expect(driver.leaves('a', AT_I)).toBe('FENCED_INSTANCE_ID')
    expect(driver.leaves('a', { ...AT_I, memberEpoch: -2 })).toBe('FENCED_INSTANCE_ID')
    expect(driver.beats('a', 't: 0 1', { memberEpoch: 3 })).toBe('UNKNOWN_MEMBER_ID')
  })

  test('of an instance that nobody is, is unknown', () => {
    const driver = shared()
    const atX = { instanceId: 'x' }
    expect(driver.beats('a', undefined, { ...atX, memberEpoch: 3 })).toBe('UNKNOWN_MEMBER_ID')
    expect(driver.leaves('a', atX)).toBe('UNKNOWN_MEMBER_ID')
    expect(driver.leaves('b', { ...AT_I })).toBe('FENCED_INSTANCE_ID')
  })

  test('that comes back with another subscription is assigned anew', () => {
    const driver = shared()
    driver.topic('u', 1)
    driver.leaves('a', { ...AT_I, memberEpoch: -2 })
    expect(driver.enters('a2', ['t', 'u'], AT_I)).toMatch(/^epoch 4, /)
    expect(driver.group.member('a2')).toMatchObject({ subscribedTopicNames: ['t', 'u'] })
    expect(driver.group.member('a')).toBeUndefined()
  })

  test('is found again by a coordinator that begins anew, be it away or back', () => {
    const driver = shared()
    driver.leaves('a', { ...AT_I, memberEpoch: -2 })
    driver.restart()
    expect(driver.group.member('a')).toMatchObject({ memberEpoch: -2, instanceId: 'i' })
    expect(driver.enters('a2', ['t'], AT_I)).toBe('epoch 3, t: 0 1')
    driver.restart()
    expect(driver.consumerGroup.staticMember('i')!.memberId).toBe('a2')
    expect(driver.has('a2')).toBe('t: 0 1')
  })
})
