/** T159 groups between the classic protocol and that of consumer groups, as tables. */

import { describe, expect, test } from 'vitest'
import { type ErrorCode, errorName } from '../../protocol/errors.ts'
import {
  decodeAssignment,
  encodeAssignment,
  encodeSubscription,
} from '../../protocol/records/consumer-protocol.ts'
import type { JoinRequest, JoinResponse, SyncResponse } from './classic-member.ts'
import { ConsumerDriver, REBALANCE_MS } from './testing/consumer-driver.ts'

const SESSION_MS = 10_000

/** Members of the classic protocol too. */
class MixedDriver extends ConsumerDriver {
  /** `generation 2` or the name of an error; of a member that has these partitions. */
  joins(
    memberId: string,
    topics: readonly string[],
    owned = '',
    said: Partial<JoinRequest> = {},
  ): () => string {
    const answer = this.join(memberId, topics, owned, said)
    return () => {
      const joined = answer()
      if (!joined) return 'waits'
      return joined.errorCode ? errorName(joined.errorCode as ErrorCode) : `generation ${joined.generationId}`
    }
  }

  join(
    memberId: string,
    topics: readonly string[],
    owned = '',
    said: Partial<JoinRequest> = {},
  ): () => JoinResponse | undefined {
    const ownedPartitions = [...this.assignment(owned)].map(([topicId, partitions]) => ({
      topic: this.image.topicById(topicId)!.name,
      partitions: [...partitions],
    }))
    const metadata = encodeSubscription(1, { topics: [...topics], ownedPartitions })
    const request: JoinRequest = {
      memberId,
      groupInstanceId: null,
      clientId: 'c',
      clientHost: '/127.0.0.1',
      rebalanceTimeoutMs: REBALANCE_MS,
      sessionTimeoutMs: SESSION_MS,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata }],
      requiresKnownMemberId: false,
      supportsSkippingAssignment: true,
      ...said,
    }
    return this.run<JoinResponse>((shard, ticket, now) => shard.join(this.groupId, request, ticket, now))
  }

  /** What the member has, or the name of an error. */
  syncs(memberId: string, generationId: number, assignments: Readonly<Record<string, string>> = {}): string {
    const request = { memberId, groupInstanceId: null, generationId, protocolType: null, protocolName: null }
    const bytes = Object.entries(assignments).map(([to, text]) => [to, this.assignmentBytes(text)] as const)
    const synced = this.run<SyncResponse>((shard, ticket, now) =>
      shard.sync(this.groupId, { ...request, assignments: new Map(bytes) }, ticket, now),
    )()
    if (!synced) return 'waits'
    if (synced.errorCode) return errorName(synced.errorCode as ErrorCode)
    const { assignedPartitions } = decodeAssignment(synced.assignment).value
    return assignedPartitions
      .map(({ topic, partitions }) => `${topic}: ${[...partitions].sort().join(' ')}`)
      .join(', ')
  }

  private assignmentBytes(text: string): Buffer {
    const assignedPartitions = [...this.assignment(text)].map(([topicId, partitions]) => ({
      topic: this.image.topicById(topicId)!.name,
      partitions: [...partitions],
    }))
    return encodeAssignment(1, { assignedPartitions })
  }

  pulses(memberId: string, generationId: number): string {
    const request = { memberId, groupInstanceId: null, generationId }
    return errorName(
      this.run<ErrorCode>((shard, ticket, now) => shard.heartbeat(this.groupId, request, ticket, now))()!,
    )
  }

  quits(memberId: string, groupInstanceId: string | null = null): string[] {
    return this.run<ErrorCode[]>((shard, ticket, now) =>
      shard.leave(this.groupId, [{ memberId, groupInstanceId }], ticket, now),
    )()!.map(errorName)
  }

  get kind(): string | undefined {
    return this.shard.groups.get(this.groupId)?.type
  }
}

/** A classic group of one stable member, which has all four partitions. */
function classic(policy: MixedDriver['migrationPolicy'] = 'bidirectional'): {
  driver: MixedDriver
  c: string
} {
  const driver = new MixedDriver()
  driver.migrationPolicy = policy
  driver.restart()
  driver.topic('t', 4)
  const c = driver.join('', ['t'])()!.memberId
  expect(driver.syncs(c, 1, { [c]: 't: 0 1 2 3' })).toBe('t: 0 1 2 3')
  return { driver, c }
}

/** The same, joined by a member of the new protocol; both have their halves. */
function mixed(): { driver: MixedDriver; c: string } {
  const { driver, c } = classic()
  driver.enters('a', ['t'])
  driver.pulses(c, 1)
  driver.joins(c, ['t'], 't: 0 1 2 3')
  driver.syncs(c, 1)
  driver.joins(c, ['t'], 't: 0 1')
  driver.syncs(c, 2)
  driver.beats('a')
  return { driver, c }
}

describe('T159 from classic to consumer', () => {
  test('members live on, and give up step by step what the newcomer gets', () => {
    const { driver, c } = classic()
    expect(driver.enters('a', ['t'])).toBe('epoch 2, ')
    expect(driver.kind).toBe('consumer')
    expect(driver.group.member(c)).toMatchObject({
      memberEpoch: 1,
      classic: { sessionTimeoutMs: SESSION_MS },
    })
    expect(driver.pulses(c, 1)).toBe('REBALANCE_IN_PROGRESS')
    expect(driver.joins(c, ['t'], 't: 0 1 2 3')()).toBe('generation 1')
    expect(driver.syncs(c, 1)).toBe('t: 0 1')
    expect(driver.beats('a')).toBe('epoch 2')
    expect(driver.pulses(c, 1)).toBe('REBALANCE_IN_PROGRESS')
    expect(driver.joins(c, ['t'], 't: 0 1')()).toBe('generation 2')
    expect(driver.syncs(c, 2)).toBe('t: 0 1')
    expect(driver.beats('a')).toBe('epoch 2, t: 2 3')
    expect(driver.pulses(c, 2)).toBe('NONE')
    expect(driver.group.state).toBe('Stable')
  })

  test('the log tells of the change, at any moment of it', () => {
    const { driver, c } = classic()
    driver.enters('a', ['t'])
    driver.restart()
    expect(driver.kind).toBe('consumer')
    expect(driver.group).toMatchObject({ state: 'Reconciling', epoch: 2, size: 2 })
    expect(driver.joins(c, ['t'], 't: 0 1 2 3')()).toBe('generation 1')
    driver.restart()
    expect(driver.joins(c, ['t'], 't: 0 1')()).toBe('generation 2')
  })

  test('whoever waits for a rebalance is told to come again', () => {
    const { driver } = classic()
    const waiting = driver.joins('', ['t'])
    expect(waiting()).toBe('waits')
    driver.enters('a', ['t'])
    expect(waiting()).toBe('REBALANCE_IN_PROGRESS')
  })

  test('an empty group, or one of offsets alone, becomes what its first member is', () => {
    const { driver, c } = classic('disabled')
    driver.commit('offsets', { offset: 5n })
    driver.quits(c)
    expect(driver.enters('a', ['t'])).toBe('epoch 2, t: 0 1 2 3')
    driver.leaves('a')
    expect(driver.joins('', ['t'])()).toBe('generation 1')
    expect(driver.kind).toBe('classic')
    driver.restart()
    // The generation was not written, and with it goes the member.
    expect(driver.shard.groups.get('g')).toMatchObject({ type: 'classic', state: 'Empty' })
  })

  test('is not for groups of other protocols, and not where the policy has nothing of it', () => {
    for (const policy of ['disabled', 'downgrade'] as const) {
      const { driver } = classic(policy)
      expect(driver.enters('a', ['t'])).toBe('GROUP_ID_NOT_FOUND')
      expect(driver.kind).toBe('classic')
    }
    const driver = new MixedDriver()
    driver.joins('', ['t'], '', { protocolType: 'connect' })
    expect(driver.enters('a', ['t'])).toBe('GROUP_ID_NOT_FOUND')
  })

  test('does not lose what an assignor of the members has said to them', () => {
    const driver = new MixedDriver()
    driver.topic('t', 1)
    const c = driver.join('', ['t'])()!.memberId
    const assignment = encodeAssignment(1, { assignedPartitions: [], userData: Buffer.from('mine') })
    const request = { memberId: c, groupInstanceId: null, protocolType: null, protocolName: null }
    driver.run<SyncResponse>((shard, ticket, now) =>
      shard.sync('g', { ...request, generationId: 1, assignments: new Map([[c, assignment]]) }, ticket, now),
    )
    expect(driver.enters('a', ['t'])).toBe('GROUP_ID_NOT_FOUND')
    expect(driver.pulses(c, 1)).toBe('NONE')
  })
})

describe('T159 classic members of consumer groups', () => {
  test('join, also those that come later, and leave', () => {
    const { driver, c } = mixed()
    const d = driver.join('', ['t'])()!
    expect(d).toMatchObject({ errorCode: 0, generationId: 3, leader: '', members: [], protocolName: 'range' })
    expect(driver.syncs(d.memberId, 3)).toBe('')
    expect(driver.quits(d.memberId)).toEqual(['NONE'])
    expect(driver.quits(d.memberId)).toEqual(['UNKNOWN_MEMBER_ID'])
    expect(driver.kind).toBe('consumer')
    expect(driver.group).toMatchObject({ size: 2 })
    expect(driver.pulses(c, 2)).toBe('REBALANCE_IN_PROGRESS')
    expect(driver.joins(c, ['t'], 't: 0 1')()).toBe('generation 4')
    expect(driver.syncs(c, 4)).toBe('t: 0 1')
  })

  test('are told their id first, where they can be', () => {
    const { driver } = mixed()
    const told = driver.join('', ['t'], '', { requiresKnownMemberId: true })()!
    expect(errorName(told.errorCode as ErrorCode)).toBe('MEMBER_ID_REQUIRED')
    expect(driver.group.size).toBe(2)
    expect(driver.joins(told.memberId, ['t'], '', { requiresKnownMemberId: true })()).toBe('generation 3')
  })

  test('know their generation and their protocol', () => {
    const { driver, c } = mixed()
    expect(driver.pulses(c, 1)).toBe('ILLEGAL_GENERATION')
    expect(driver.pulses('x', 2)).toBe('UNKNOWN_MEMBER_ID')
    expect(driver.syncs(c, 3)).toBe('ILLEGAL_GENERATION')
    // Who speaks the new protocol has no place in the old.
    expect(driver.pulses('a', 2)).toBe('UNKNOWN_MEMBER_ID')
    expect(driver.syncs('a', 2)).toBe('UNKNOWN_MEMBER_ID')
    expect(driver.joins('', ['t'], '', { protocolType: 'connect' })()).toBe('INCONSISTENT_GROUP_PROTOCOL')
    const other = {
      protocols: [{ name: 'other', metadata: encodeSubscription(1, { topics: [], ownedPartitions: [] }) }],
    }
    expect(driver.joins('', ['t'], '', other)()).toBe('INCONSISTENT_GROUP_PROTOCOL')
    const unreadable = { protocols: [{ name: 'range', metadata: Buffer.from('?') }] }
    expect(driver.joins('', ['t'], '', unreadable)()).toBe('UNKNOWN_SERVER_ERROR')
  })

  test('are not taken in where the policy has nothing of it', () => {
    const driver = new MixedDriver()
    driver.migrationPolicy = 'disabled'
    driver.restart()
    driver.topic('t', 1)
    driver.enters('a', ['t'])
    expect(driver.joins('', ['t'])()).toBe('INCONSISTENT_GROUP_PROTOCOL')
  })

  test('T154 are expelled when they are silent, do not join when told to, or do not fetch what they have', () => {
    const silent = mixed()
    silent.driver.advance(SESSION_MS - 1)
    expect(silent.driver.group.size).toBe(2)
    silent.driver.advance(1)
    expect([...silent.driver.group.members()].map(({ memberId }) => memberId)).toEqual(['a'])

    const busy = classic()
    busy.driver.enters('a', ['t'])
    keepAlive(busy.driver, REBALANCE_MS, () => busy.driver.pulses(busy.c, 1))
    expect(busy.driver.group.member(busy.c)).toBeUndefined()

    const forgetful = mixed()
    const d = forgetful.driver.join('', ['t'], '', { sessionTimeoutMs: 2 * REBALANCE_MS })()!.memberId
    keepAlive(forgetful.driver, REBALANCE_MS - 1, () => forgetful.driver.beats('a'))
    expect(forgetful.driver.group.member(d)).toBeDefined()
    forgetful.driver.advance(1)
    expect(forgetful.driver.group.member(d)).toBeUndefined()
  })

  test('may go over to the new protocol under their id', () => {
    const { driver, c } = mixed()
    expect(driver.enters(c, ['t'])).toBe('epoch 2, t: 0 1')
    expect(driver.group.member(c)!.classic).toBeUndefined()
    expect(driver.pulses(c, 2)).toBe('UNKNOWN_MEMBER_ID')
  })

  test('who goes over is not waited for with what the old protocol asks', () => {
    const { driver, c } = classic()
    driver.enters('a', ['t'])
    expect(driver.pulses(c, 1)).toBe('REBALANCE_IN_PROGRESS')
    driver.joins(c, ['t'], 't: 0 1 2 3')
    driver.enters(c, ['t'])
    keepAlive(driver, 2 * REBALANCE_MS, () => {
      driver.beats('a')
      driver.beats(c, driver.has(c))
    })
    expect(driver.group.member(c)).toBeDefined()
  })

  test('hear of a target that nobody else brings about, and so come to what others have left', () => {
    const { driver, c } = mixed()
    driver.migrationPolicy = 'upgrade'
    driver.restart()
    driver.leaves('a')
    expect(driver.kind).toBe('consumer')
    expect(driver.pulses(c, 2)).toBe('REBALANCE_IN_PROGRESS')
    expect(driver.joins(c, ['t'], 't: 0 1')()).toBe('generation 3')
    expect(driver.syncs(c, 3)).toBe('t: 0 1 2 3')
    expect(driver.pulses(c, 3)).toBe('NONE')
  })

  test('commit by their generation', () => {
    const { driver, c } = mixed()
    const by = (memberId: string, generationId: number) =>
      driver.commit('g', {}, { member: { memberId, groupInstanceId: null }, generationId }).map(errorName)
    expect(by(c, 2)).toEqual(['NONE'])
    expect(by(c, 3)).toEqual(['ILLEGAL_GENERATION'])
    expect(by('a', 3)).toEqual(['STALE_MEMBER_EPOCH'])
  })
})

describe('T159 from consumer to classic', () => {
  test('when the last member of the new protocol leaves, the others begin a generation of their own', () => {
    const { driver, c } = mixed()
    expect(driver.leaves('a')).toBe('epoch -1')
    expect(driver.kind).toBe('classic')
    expect(driver.classic('g')).toMatchObject({
      state: 'PreparingRebalance',
      generationId: 2,
      protocolName: 'range',
    })
    expect(driver.pulses(c, 2)).toBe('REBALANCE_IN_PROGRESS')
    expect(driver.joins(c, ['t'], 't: 0 1')()).toBe('generation 3')
    expect(driver.syncs(c, 3, { [c]: 't: 0 1 2 3' })).toBe('t: 0 1 2 3')
  })

  test('also when it is expelled', () => {
    const { driver, c } = mixed()
    keepAlive(driver, 45_000, () => driver.pulses(c, 2))
    expect(driver.kind).toBe('classic')
  })

  test('what members were waited for is forgotten, also when the group becomes a consumer group again', () => {
    const { driver, c } = mixed()
    // Its SyncGroup is waited for; when it comes at last the group is another.
    const patient = { sessionTimeoutMs: 2 * REBALANCE_MS }
    const { generationId: epoch } = driver.join(c, ['t'], 't: 0 1', patient)()!
    keepAlive(driver, REBALANCE_MS - 1_000, () => driver.beats('a'))
    driver.leaves('a')
    expect(driver.syncs(c, epoch)).toBe('REBALANCE_IN_PROGRESS')
    const { generationId } = driver.join(c, ['t'], 't: 0 1', patient)()!
    expect(driver.syncs(c, generationId, { [c]: 't: 0 1 2 3' })).toBe('t: 0 1 2 3')
    driver.enters('a', ['t'])
    expect(driver.kind).toBe('consumer')
    driver.advance(2_000)
    expect(driver.group.member(c)).toBeDefined()
  })

  test('the log tells of it: a stable group with the assignments that there were', () => {
    const { driver, c } = mixed()
    driver.leaves('a')
    driver.restart()
    expect(driver.classic('g')).toMatchObject({ state: 'Stable', generationId: 2 })
    expect(driver.syncs(c, 2)).toBe('t: 0 1')
  })

  test('does not happen where the log has no room for it: who is gone is gone all the same', () => {
    const { driver, c } = mixed()
    driver.maxBatchBytes = 500
    keepAlive(driver, 45_000, () => driver.pulses(c, 2))
    expect(driver.kind).toBe('consumer')
    expect(driver.group.size).toBe(1)
    expect(driver.pulses(c, 2)).toBe('REBALANCE_IN_PROGRESS')
    expect(driver.joins(c, ['t'], 't: 0 1')()).toBe('generation 3')
    expect(driver.syncs(c, 3)).toBe('t: 0 1 2 3')
  })

  test('those that do not come to the new generation are out', () => {
    const { driver } = mixed()
    driver.leaves('a')
    driver.advance(REBALANCE_MS)
    expect(driver.classic('g')).toMatchObject({ state: 'Empty' })
  })

  test('does not happen where the policy has nothing of it, or nobody is left', () => {
    const { driver, c } = classic('upgrade')
    driver.enters('a', ['t'])
    driver.leaves('a')
    expect(driver.kind).toBe('consumer')
    expect(driver.joins(c, ['t'], 't: 0 1 2 3')()).toBe('generation 3')
    driver.quits(c)
    expect(driver.group.state).toBe('Empty')
  })

  test('a static member that comes back with the old protocol takes the whole group there', () => {
    const driver = new MixedDriver()
    driver.topic('t', 2)
    driver.enters('a', ['t'], { instanceId: 'i' })
    const joined = driver.join('', ['t'], '', { groupInstanceId: 'i' })()!
    expect(joined).toMatchObject({ errorCode: 0, generationId: 2 })
    expect(driver.kind).toBe('classic')
    expect(driver.classic('g')).toMatchObject({ state: 'Stable', generationId: 2 })
    driver.restart()
    expect(driver.syncs(joined.memberId, 2)).toBe('t: 0 1')
  })
})

/** Lets time pass in steps, with a sign of life before each. */
function keepAlive(driver: MixedDriver, ms: number, sign: () => void): void {
  const stepMs = 5_000
  for (let passed = 0; passed < ms; passed += stepMs) {
    sign()
    driver.advance(Math.min(stepMs, ms - passed))
  }
}
