import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { HeartbeatRequest, HeartbeatResponse } from '../../protocol/messages/heartbeat.ts'
import { JoinGroupRequest, JoinGroupResponse } from '../../protocol/messages/join-group.ts'
import { OffsetCommitRequest, OffsetCommitResponse } from '../../protocol/messages/offset-commit.ts'
import { SyncGroupRequest, SyncGroupResponse } from '../../protocol/messages/sync-group.ts'
import { encodeAssignment, encodeSubscription } from '../../protocol/records/consumer-protocol.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import { metadataOf } from '../api/testing/wire-broker.ts'
import { WireClient } from '../conformance/wire-client.ts'
import { Klamm } from '../embedded.ts'
import { nodePlatform } from '../platform/node.ts'

let klamm: Klamm
let client: WireClient
beforeAll(async () => {
  klamm = await Klamm.start({ topics: [{ name: 'orders', partitions: 2 }] })
  client = await WireClient.connect(nodePlatform().network, { host: klamm.host, port: klamm.port })
})
beforeEach(async () => {
  await klamm.reset()
  // As a client's FindCoordinator does.
  await metadataOf(client, ['__consumer_offsets'], { allowAutoTopicCreation: true })
})
afterAll(async () => {
  await client.close()
  await klamm.close()
})

/** A consumer alone in its group: joins, and assigns itself these partitions of `orders`. */
async function join(groupId: string, assigned: readonly number[]) {
  const metadata = encodeSubscription(1, { topics: ['orders'], ownedPartitions: [] })
  const joined = await client.call({
    request: JoinGroupRequest,
    response: JoinGroupResponse,
    version: 3,
    body: {
      groupId,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId: '',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata }],
    },
  })
  expect(joined.errorCode).toBe(0)
  const { memberId, generationId } = joined
  const sync = () =>
    client.call({
      request: SyncGroupRequest,
      response: SyncGroupResponse,
      version: 2,
      body: {
        groupId,
        generationId,
        memberId,
        assignments: [
          {
            memberId,
            assignment: encodeAssignment(1, {
              assignedPartitions: [{ topic: 'orders', partitions: [...assigned] }],
            }),
          },
        ],
      },
    })
  const heartbeat = () =>
    client.call({
      request: HeartbeatRequest,
      response: HeartbeatResponse,
      version: 2,
      body: { groupId, generationId, memberId },
    })
  return { memberId, sync, heartbeat }
}

async function commit(groupId: string, offsets: Readonly<Record<number, bigint>>): Promise<void> {
  const partitions = Object.entries(offsets).map(([index, offset]) => ({
    partitionIndex: Number(index),
    committedOffset: offset,
    committedMetadata: '',
  }))
  const { topics } = await client.call({
    request: OffsetCommitRequest,
    response: OffsetCommitResponse,
    version: 2,
    body: {
      groupId,
      generationIdOrMemberEpoch: -1,
      memberId: '',
      topics: [{ name: 'orders', topicId: ZERO_UUID, partitions }],
    },
  })
  expect(topics[0]!.partitions.map(({ errorCode }) => errorCode)).toEqual(partitions.map(() => 0))
}

test('a group is stable when its members have joined and have what they ask for', async () => {
  const waiting = klamm.waitForGroupStable('billing', { members: 1 })
  const member = await join('billing', [0, 1])
  await expect(klamm.waitForGroupStable('billing', { timeout: 20 })).rejects.toThrow(
    /not stable within 20 ms; it is CompletingRebalance, with 1 members: wire/,
  )
  await member.sync()
  expect(await waiting).toEqual({
    groupId: 'billing',
    state: 'Stable',
    type: 'classic',
    members: [
      {
        memberId: member.memberId,
        groupInstanceId: null,
        clientId: 'wire',
        clientHost: expect.stringContaining('127.0.0.1'),
        subscription: ['orders'],
        assignment: [{ topic: 'orders', partitions: [0, 1] }],
      },
    ],
  })
  const tooFew = klamm.waitForGroupStable('billing', { members: 2, timeout: 20 })
  await expect(tooFew).rejects.toThrow('not stable with 2 members within 20 ms; it is Stable, with 1 members')
})

test('an assignment that leaves a partition to nobody counts when it stays', async () => {
  const member = await join('billing', [0])
  await member.sync()
  // As between the two rebalances of a cooperative assignor.
  await expect(klamm.waitForGroupStable('billing', { timeout: 50 })).rejects.toThrow('it is Stable')
  expect((await klamm.waitForGroupStable('billing')).state).toBe('Stable')
})

test('lag is what lies between the commits and the end', async () => {
  await klamm.produce('orders', ['a', 'b', 'c'], { partition: 0 })
  await klamm.produce('orders', ['d'], { partition: 1 })
  await commit('billing', { 0: 1n, 1: 1n })
  expect(await klamm.lag('billing')).toEqual({
    groupId: 'billing',
    total: 2,
    partitions: [
      { topic: 'orders', partition: 0, committed: 1n, end: 3n, lag: 2 },
      { topic: 'orders', partition: 1, committed: 1n, end: 1n, lag: 0 },
    ],
  })
  // Committed beyond the end, as after a topic was made anew: nothing is owed.
  await commit('billing', { 1: 9n })
  expect((await klamm.lag('billing')).total).toBe(2)
})

test('groups that are not there, and nonsense, are told', async () => {
  await commit('known', { 0: 0n })
  await expect(klamm.lag('billing')).rejects.toThrow('there is no group billing; groups: known')
  await expect(klamm.waitForGroupStable('billing', { timeout: 0 })).rejects.toThrow(
    'group billing was not stable within 0 ms; there is no such group; groups: known',
  )
  await expect(klamm.waitForGroupStable('billing', { members: 0 })).rejects.toThrow('members: 0')
  await expect(klamm.waitForGroupStable('billing', { timeout: Number.NaN })).rejects.toThrow('timeout: NaN')
  await expect(klamm.waitForGroupStable('billing', 2 as never)).rejects.toThrow('{ members: 2 }')
  expect(await klamm.group('billing')).toBeUndefined()
  expect(await klamm.groups()).toEqual([{ groupId: 'known', state: 'Empty', type: 'classic' }])
})
