/** Groups that a real Apache Kafka wrote down are found again. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { ok } from '../../protocol/errors.ts'
import { replayBatches } from '../coordinator/loader.ts'
import { kafkaFiles } from '../log/testing/kafka-directory.ts'
import { splitBatches } from '../records/batch.ts'
import type { GroupShard } from './group-shard.ts'
import { ShardDriver } from './testing/shard-driver.ts'

interface KafkaGroup {
  readonly type: string
  readonly protocol: string
  readonly state: string
  readonly offsets: readonly {
    readonly topic: string
    readonly partition: number
    readonly offset: number
    readonly leaderEpoch: number
    readonly metadata: string
  }[]
}

const fixture = (name: string) => readFileSync(new URL(`../log/fixtures/${name}`, import.meta.url))
const manifest = JSON.parse(gunzipSync(fixture('manifest.json.gz')).toString()) as {
  readonly groups: Record<string, KafkaGroup>
}
// Share groups keep their offsets elsewhere.
const groups = Object.entries(manifest.groups).filter(([, { type }]) => type !== 'Share')

async function load(): Promise<GroupShard> {
  const { shard } = new ShardDriver()
  const segments = [...kafkaFiles(fixture('kafka-data.tar.gz'))]
    .filter(([name]) => /^__consumer_offsets-0\/\d+\.log$/.test(name))
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([, bytes]) => Buffer.from(bytes))
  const batches = segments.flatMap(segment => [...splitBatches(segment)])
  const logEndOffset = batches.at(-1)!.nextOffset
  const log = {
    logStartOffset: 0n,
    logEndOffset,
    highWatermark: logEndOffset,
    // One batch at a time.
    read: async (offset: bigint) => {
      return ok(batches.find(({ nextOffset }) => nextOffset > offset)?.bytes() ?? Buffer.alloc(0))
    },
    append: () => Promise.reject(new Error('a load does not write')),
    onHighWatermark: () => () => {},
  }
  const replayed = await replayBatches(log, shard, () => true)
  expect(replayed).toEqual(ok(logEndOffset))
  return shard
}

describe('groups of Apache Kafka', () => {
  let shard: GroupShard
  beforeAll(async () => {
    shard = await load()
  })

  test.each(groups)('%s has the offsets that Kafka told of', (groupId, { offsets }) => {
    const found = [...shard.offsets.entries(groupId)]
      .map(({ topic, partition, value: { offset, leaderEpoch, metadata } }) => {
        return { topic, partition, offset: Number(offset), leaderEpoch, metadata }
      })
      .sort((one, other) => (`${one.topic}-${one.partition}` < `${other.topic}-${other.partition}` ? -1 : 1))
    expect(found).toEqual(offsets)
  })

  test.each(groups.filter(([, { type }]) => type === 'Classic'))(
    '%s is as Kafka described it',
    (groupId, said) => {
      const group = shard.groups.get(groupId)
      expect(group).toMatchObject({ state: said.state, protocolType: said.protocol || null })
    },
  )
})
