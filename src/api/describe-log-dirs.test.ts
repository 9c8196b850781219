import { expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import { DescribeLogDirsRequest, DescribeLogDirsResponse } from '../../protocol/messages/describe-log-dirs.ts'
import type { InputOf } from '../../protocol/schema.ts'
import { settled } from '../platform/simulated/manual-clock.ts'
import { batchOf } from '../replication/testing/replica-host.ts'
import { describeLogDirs } from './describe-log-dirs.ts'
import { DataPlane } from './testing/data-plane.ts'

type Topics = InputOf<typeof DescribeLogDirsRequest.fields>['topics']

async function ask(plane: DataPlane, topics: Topics, version = 5) {
  const answer = await plane.ask({
    handler: describeLogDirs,
    request: DescribeLogDirsRequest,
    response: DescribeLogDirsResponse,
    version,
    body: { topics },
  })
  return answer!
}

async function filledPlane(): Promise<DataPlane> {
  const plane = await DataPlane.start()
  await plane.host.createTopic('t', { partitions: 2 })
  await plane.host.createTopic('u')
  await plane.produce('t', batchOf(['abc']), { index: 1 })
  return plane
}

test.each([0, 1, 2, 3, 4, 5])(
  'null asks for all partitions, with the sizes of their data (T049, v%i)',
  async version => {
    const answer = await ask(await filledPlane(), null, version)
    expect(answer.errorCode).toBe(0)
    expect(answer.results).toHaveLength(1)
    const [directory] = answer.results
    const sizes = Object.fromEntries(
      directory!.topics.map(({ name, partitions }) => [
        name,
        partitions.map(({ partitionIndex, partitionSize }) => [partitionIndex, Number(partitionSize)]).sort(),
      ]),
    )
    expect(sizes).toEqual({
      t: [
        [0, 0],
        [1, batchOf(['abc']).length],
      ],
      u: [[0, 0]],
    })
    expect(directory!.topics[0]!.partitions[0]).toMatchObject({ offsetLag: 0n, isFutureKey: false })
    if (version >= 4) expect(directory!.usableBytes).toBeGreaterThan(0n)
  },
)

test('named partitions are described and unknown ones left out, the directory is not (T049)', async () => {
  const plane = await filledPlane()
  const wanted = [
    { topic: 't', partitions: [1, 7] },
    { topic: 'none', partitions: [0] },
  ]
  const { results } = await ask(plane, wanted)
  expect(results[0]!.topics).toMatchObject([{ name: 't', partitions: [{ partitionIndex: 1 }] }])
  expect((await ask(plane, [])).results).toMatchObject([{ errorCode: 0, topics: [] }])
})

test('a directory that has failed has its own error (T049)', async () => {
  const plane = await filledPlane()
  plane.host.disk.intercept = ({ name }) => {
    if (name === 'write') throw Object.assign(new Error('the disk is broken'), { code: 'EIO' })
  }
  expect(await plane.produce('u', batchOf(['a']))).toMatchObject({ errorCode: ErrorCode.KAFKA_STORAGE_ERROR })
  await settled()
  const { results } = await ask(plane, null)
  expect(results).toMatchObject([{ errorCode: ErrorCode.KAFKA_STORAGE_ERROR, topics: [], isCordoned: false }])
})
