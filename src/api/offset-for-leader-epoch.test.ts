import { expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import {
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponse,
} from '../../protocol/messages/offset-for-leader-epoch.ts'
import { batchOf } from '../replication/testing/replica-host.ts'
import { offsetForLeaderEpoch } from './offset-for-leader-epoch.ts'
import { DataPlane } from './testing/data-plane.ts'

interface Query {
  readonly leaderEpoch: number
  readonly currentLeaderEpoch?: number
  readonly replicaId?: number
  readonly version?: number
  readonly topic?: string
  readonly partition?: number
}

/** Epoch 0 has offsets 0 to 2, epoch 3 has 3 and 4, epoch 7 is the present one and has none. */
async function filledPlane(): Promise<DataPlane> {
  const plane = await DataPlane.start()
  await plane.host.createTopic('t')
  await plane.produce('t', batchOf(['a', 'b', 'c']))
  await plane.host.changePartition('t', 0, { leaderEpoch: 3 })
  await plane.produce('t', batchOf(['d', 'e']))
  await plane.host.changePartition('t', 0, { leaderEpoch: 7 })
  return plane
}

async function ask(plane: DataPlane, query: Query) {
  const {
    leaderEpoch,
    currentLeaderEpoch = -1,
    replicaId = -1,
    version = 4,
    topic = 't',
    partition = 0,
  } = query
  const answer = await plane.ask({
    handler: offsetForLeaderEpoch,
    request: OffsetForLeaderEpochRequest,
    response: OffsetForLeaderEpochResponse,
    version,
    body: { replicaId, topics: [{ topic, partitions: [{ partition, currentLeaderEpoch, leaderEpoch }] }] },
  })
  return answer!.topics[0]!.partitions[0]!
}

const ends: [number, number, bigint][] = [
  [0, 0, 3n],
  [1, 0, 3n],
  [2, 0, 3n],
  [3, 3, 5n],
  [6, 3, 5n],
  [7, 7, 5n],
  [8, -1, -1n],
  [-1, -1, -1n],
]
test.each(ends)(
  'epoch %i is answered with epoch %i and its end %i (T084)',
  async (asked, leaderEpoch, endOffset) => {
    const plane = await filledPlane()
    for (const replicaId of [-1, -2]) {
      const answer = await ask(plane, { leaderEpoch: asked, replicaId })
      expect(answer).toMatchObject({ partition: 0, errorCode: 0, leaderEpoch, endOffset })
    }
  },
)

test.each([0, 1, 2, 3, 4])('version %i is served', async version => {
  const answer = await ask(await filledPlane(), { leaderEpoch: 0, version })
  expect(answer).toMatchObject({ errorCode: 0, endOffset: 3n, leaderEpoch: version < 1 ? -1 : 0 })
})

const refusals: [string, Partial<Query>, ErrorCode][] = [
  ['an older present epoch (T083)', { currentLeaderEpoch: 6 }, ErrorCode.FENCED_LEADER_EPOCH],
  ['a newer present epoch (T083)', { currentLeaderEpoch: 8 }, ErrorCode.UNKNOWN_LEADER_EPOCH],
  ['an unknown topic', { topic: 'none' }, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
  ['an unknown partition', { partition: 5 }, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
]
test.each(refusals)('%s is refused', async (_, query, errorCode) => {
  const answer = await ask(await filledPlane(), { leaderEpoch: 0, ...query })
  expect(answer).toMatchObject({ errorCode, leaderEpoch: -1, endOffset: -1n })
})

test('where an epoch ended is known after a restart', async () => {
  const plane = await filledPlane()
  await plane.host.restart()
  expect(await ask(plane, { leaderEpoch: 0 })).toMatchObject({ leaderEpoch: 0, endOffset: 3n })
  expect(await ask(plane, { leaderEpoch: 3 })).toMatchObject({ leaderEpoch: 3, endOffset: 5n })
  expect(await ask(plane, { leaderEpoch: 8 })).toMatchObject({ leaderEpoch: 8, endOffset: 5n })
})
