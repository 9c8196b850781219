/** Offsets of consumer groups: who may commit, fetch and delete them, and how long they stay. */

import { describe, expect, test } from 'vitest'
import { type ErrorCode, errorName, type Result } from '../../protocol/errors.ts'
import { fetchError } from './consumer-offsets.ts'
import { ConsumerDriver } from './testing/consumer-driver.ts'
import { MINUTE, RETENTION_MS } from './testing/shard-driver.ts'

const PRODUCER = { producerId: 5n, producerEpoch: 0 }

class OffsetsDriver extends ConsumerDriver {
  /** Codes of commits for those partitions of `t`. */
  commits(memberId: string, generationId: number, partitions: readonly number[], said = {}): string[] {
    return partitions.flatMap(partition =>
      this.commit(
        'g',
        { partition },
        { member: { memberId, groupInstanceId: null }, generationId, ...said },
      ).map(errorName),
    )
  }

  deletes(topic: string): string {
    const deleted = this.run<Result<ErrorCode[]>>((shard, ticket) =>
      shard.deleteOffsets('g', [{ topic, partition: 0 }], ticket),
    )()!
    return errorName(deleted.error || deleted.value[0]!)
  }
}

/** At epoch 4 `a` has 0 and 1, since epoch 2, and 2 and 3, since epoch 4. */
function grown(): OffsetsDriver {
  const driver = new OffsetsDriver()
  driver.topic('t', 4)
  driver.enters('a', ['t'])
  driver.enters('b', ['t'])
  driver.beats('a')
  driver.beats('a', 't: 0 1')
  driver.beats('b')
  driver.leaves('b')
  driver.beats('a', 't: 0 1')
  return driver
}

describe('T156 a member commits by its epoch', () => {
  test('or by an older one, where it has had the partition since then', () => {
    const driver = grown()
    expect(driver.commits('a', 4, [0, 2])).toEqual(['NONE', 'NONE'])
    expect(driver.commits('a', 3, [0, 1])).toEqual(['NONE', 'NONE'])
    expect(driver.commits('a', 2, [0, 2])).toEqual(['NONE', 'STALE_MEMBER_EPOCH'])
    expect(driver.commits('a', 1, [0])).toEqual(['STALE_MEMBER_EPOCH'])
    expect(driver.commits('a', 5, [0])).toEqual(['STALE_MEMBER_EPOCH'])
    expect(driver.commits('a', 3, [9])).toEqual(['STALE_MEMBER_EPOCH'])
  })

  test('or nothing, where one partition of the request is not its own for so long', () => {
    const driver = grown()
    const offset = {
      topic: 't',
      topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
      offset: 7n,
      leaderEpoch: -1,
      metadata: '',
    }
    const offsets = [0, 2].map(partition => ({ ...offset, partition, commitTimestampMs: undefined }))
    const by = { member: { memberId: 'a', groupInstanceId: null }, generationId: 3, offsets }
    expect(driver.commit('g', {}, by).map(errorName)).toEqual(['STALE_MEMBER_EPOCH', 'STALE_MEMBER_EPOCH'])
    expect(driver.committed('g')).toEqual([])
  })

  test('also for what it has yet to give up', () => {
    const driver = new OffsetsDriver()
    driver.topic('t', 2)
    driver.enters('a', ['t'])
    driver.enters('b', ['t'])
    expect(driver.beats('a', 't: 0 1')).toBe('epoch 2, t: 0')
    expect(driver.commits('a', 2, [0, 1])).toEqual(['NONE', 'NONE'])
  })

  test('if it is one, and speaks a version that knows of epochs', () => {
    const driver = grown()
    expect(driver.commits('x', 4, [0])).toEqual(['UNKNOWN_MEMBER_ID'])
    expect(driver.commits('', -1, [0])).toEqual(['UNKNOWN_MEMBER_ID'])
    const old = { unknownGroupError: 22 as const }
    expect(driver.commits('a', 4, [0], old)).toEqual(['UNSUPPORTED_VERSION'])
  })

  test('an administrator commits when nobody is in the group', () => {
    const driver = grown()
    driver.leaves('a')
    expect(driver.commits('', -1, [0])).toEqual(['NONE'])
    expect(driver.commits('a', 4, [0])).toEqual(['UNKNOWN_MEMBER_ID'])
  })

  test('in a transaction, where an older epoch is an older generation', () => {
    const driver = grown()
    const inside = { producer: PRODUCER }
    expect(driver.commits('a', 4, [0], inside)).toEqual(['NONE'])
    expect(driver.commits('a', 1, [0], inside)).toEqual(['ILLEGAL_GENERATION'])
    expect(driver.commits('a', 9, [0], inside)).toEqual(['ILLEGAL_GENERATION'])
    expect(driver.commits('x', 4, [0], inside)).toEqual(['UNKNOWN_MEMBER_ID'])
    // Old producers do not say who consumes.
    expect(driver.commits('', -1, [1], inside)).toEqual(['NONE'])
    expect(driver.committed('g')).toEqual([])
    driver.run<void>((shard, ticket) =>
      shard.endTransaction({ ...PRODUCER, coordinatorEpoch: 0, isCommit: true }, ticket),
    )
    expect(driver.committed('g')).toEqual(['t-0 1', 't-1 1'])
  })
})

test('a member fetches by its epoch, others without a word of who they are', () => {
  const group = grown().consumerGroup
  expect(errorName(fetchError(group, 'a', 4))).toBe('NONE')
  expect(errorName(fetchError(group, null, -1))).toBe('NONE')
  expect(errorName(fetchError(group, 'a', 3))).toBe('STALE_MEMBER_EPOCH')
  expect(errorName(fetchError(group, 'x', 4))).toBe('UNKNOWN_MEMBER_ID')
})

test('offsets of topics that a member subscribes to are not deleted on request', () => {
  const driver = grown()
  driver.commits('a', 4, [0])
  expect(driver.deletes('t')).toBe('GROUP_SUBSCRIBED_TO_TOPIC')
  expect(driver.deletes('u')).toBe('NONE')
  driver.leaves('a')
  expect(driver.deletes('t')).toBe('NONE')
  expect(driver.committed('g')).toEqual([])
})

test('T148 offsets are kept while a member subscribes to their topic, and go with the group', () => {
  const driver = grown()
  driver.commits('a', 4, [0])
  driver.commit(
    'g',
    { topic: 'other' },
    { member: { memberId: 'a', groupInstanceId: null }, generationId: 4 },
  )
  for (let passed = 0; passed < RETENTION_MS + 11 * MINUTE; passed += MINUTE / 2) {
    driver.advance(MINUTE / 2)
    driver.beats('a')
  }
  expect(driver.committed('g')).toEqual(['t-0 1'])
  driver.leaves('a')
  driver.advance(11 * MINUTE)
  expect(driver.exists).toBe(false)
  driver.restart()
  expect(driver.committed('g')).toEqual([])
})
