/** Where a log begins and ends, and where a time is in it. */

import { COMPRESSION_TYPES } from '../../records/batch.ts'
import { buildBatch } from '../../records/builder.ts'
import type { Case } from '../kit/case.ts'
import {
  BASE_TIME,
  batch,
  type DataTalk,
  DELETE_RECORDS,
  LIST_OFFSETS,
  scripted,
  type Topic,
} from './data-talk.ts'

const offsets = (name: string, source: string, script: (talk: DataTalk) => Promise<void>): Case =>
  scripted({ area: 'list-offsets', name, source }, script)

const VERSIONS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]

const EARLIEST = -2
const LATEST = -1
const GREATEST_TIME = -3
const EARLIEST_LOCAL = -4
const LATEST_TIERED = -5
const EARLIEST_PENDING_UPLOAD = -6

/** Three batches: times 0 to 2, 0 and 1, and 0 behind the base. */
async function filled(talk: DataTalk): Promise<Topic> {
  const topic = await talk.topic()
  await talk.fill(topic, batch(['a', 'b', 'c']), batch(['d', 'e']), batch(['f']))
  return topic
}

/** Records at these times behind the base, in one batch. */
const timed = (...times: readonly number[]): Buffer =>
  buildBatch({
    records: times.map(it => ({ timestamp: BASE_TIME + BigInt(it), key: null, value: Buffer.from(`${it}`) })),
  })

async function deleteBefore(talk: DataTalk, { name }: Topic, offset: bigint): Promise<void> {
  const topics = [{ name, partitions: [{ partitionIndex: 0, offset }] }]
  await talk.ask('admin', DELETE_RECORDS, 1, { topics, timeoutMs: 5_000 })
}

const versions: readonly Case[] = VERSIONS.flatMap(v => [
  offsets(`ListOffsets v${v} tells the start, the end and a time`, 'T086, T090', async talk => {
    const topic = await filled(talk)
    for (const time of [EARLIEST, LATEST]) await talk.offset(topic, time, { v })
    await talk.offset(topic, BASE_TIME + 2n, { v })
  }),
  offsets(`ListOffsets v${v} of what is not there is UNKNOWN_TOPIC_OR_PARTITION`, 'T093', async talk => {
    const topic = await filled(talk)
    await talk.offset(topic, LATEST, { v, partitionIndex: 4 })
    await talk.offset({ ...topic, name: `${talk.id}-missing` }, LATEST, { v })
  }),
])

const empty: readonly Case[] = [
  offsets('A log that was always empty begins and ends at 0, and has no times', 'T088, T090', async talk => {
    const topic = await talk.topic()
    for (const time of [EARLIEST, LATEST, GREATEST_TIME, 0, BASE_TIME]) await talk.offset(topic, time)
  }),
  offsets('A log whose records are all deleted begins and ends where it ended', 'T088, T090', async talk => {
    const topic = await filled(talk)
    await deleteBefore(talk, topic, -1n)
    for (const time of [EARLIEST, LATEST, 0, BASE_TIME]) await talk.offset(topic, time)
  }),
]

const times: readonly Case[] = [
  offsets(
    'A time is at the first record that is not older, with the time of that record',
    'T086',
    async talk => {
      const topic = await talk.topic()
      await talk.fill(topic, timed(10), timed(20), timed(30))
      for (const time of [0, 9, 10, 11, 20, 25, 30]) await talk.offset(topic, BASE_TIME + BigInt(time))
    },
  ),
  offsets('A time behind all records has neither offset nor time', 'T086', async talk => {
    const topic = await filled(talk)
    await talk.offset(topic, BASE_TIME + 1_000n)
  }),
  offsets('A time within a batch is found to the record', 'T087', async talk => {
    const topic = await talk.topic()
    await talk.fill(topic, timed(10, 20, 30, 40), timed(50, 60))
    for (const time of [10, 11, 30, 31, 45, 55]) await talk.offset(topic, BASE_TIME + BigInt(time))
  }),
  ...COMPRESSION_TYPES.map(compression =>
    offsets(
      `A time within a batch is found to the record, with compression ${compression}`,
      'T087',
      async talk => {
        const topic = await talk.topic()
        await talk.fill(topic, batch(['a', 'b', 'c', 'd'], { compression }))
        for (const time of [0n, 1n, 3n, 4n]) await talk.offset(topic, BASE_TIME + time)
      },
    ),
  ),
  offsets('Times that go to and fro are found at the first record that is not older', 'T086', async talk => {
    const topic = await talk.topic()
    await talk.fill(topic, timed(50), timed(10), timed(70), timed(20))
    for (const time of [5, 20, 50, 51, 71]) await talk.offset(topic, BASE_TIME + BigInt(time))
  }),
  offsets('Times that go to and fro within a batch are found too', 'T087', async talk => {
    const topic = await talk.topic()
    await talk.fill(topic, timed(50, 10, 70, 20))
    for (const time of [5, 20, 50, 51, 71]) await talk.offset(topic, BASE_TIME + BigInt(time))
  }),
  offsets('The time 0 is at the first record', 'T086', async talk => {
    await talk.offset(await filled(talk), 0)
  }),
  offsets('Records that are deleted are not found by their time', 'T088', async talk => {
    const topic = await talk.topic()
    await talk.fill(topic, timed(10), timed(20), timed(30))
    await deleteBefore(talk, topic, 2n)
    for (const time of [0, 10, 20, 30]) await talk.offset(topic, BASE_TIME + BigInt(time))
  }),
  offsets('Records that are deleted within a batch are not found by their time', 'T088', async talk => {
    const topic = await talk.topic()
    await talk.fill(topic, timed(10, 20, 30))
    await deleteBefore(talk, topic, 2n)
    for (const time of [0, 10, 30]) await talk.offset(topic, BASE_TIME + BigInt(time))
  }),
  offsets('In a log of several segments a time is found wherever it is', 'T086', async talk => {
    const topic = await talk.topic('', { configs: { 'segment.bytes': '1048576' } })
    const filler = Buffer.alloc(400_000, 1)
    for (let at = 0; at < 6; at++) {
      const records = [{ timestamp: BASE_TIME + BigInt(at * 10), key: null, value: filler }]
      await talk.fill(topic, buildBatch({ records }))
    }
    for (const time of [0, 5, 25, 50, 51]) await talk.offset(topic, BASE_TIME + BigInt(time))
  }),
]

const special: readonly Case[] = [
  ...[7, 8, 11].map(v =>
    offsets(`The record of the greatest time is told by ListOffsets v${v}`, 'T091, KIP-734', async talk => {
      const topic = await talk.topic()
      await talk.fill(topic, timed(10, 70, 20), timed(30))
      await talk.offset(topic, GREATEST_TIME, { v })
    }),
  ),
  offsets('Of records with the same greatest time, the first is told', 'T091, KIP-734', async talk => {
    const topic = await talk.topic()
    await talk.fill(topic, timed(10, 70), timed(70, 5))
    await talk.offset(topic, GREATEST_TIME)
  }),
  ...[8, 11].map(v =>
    offsets(
      `The local start is the start where nothing is tiered, for ListOffsets v${v}`,
      'T091, KIP-405',
      async talk => {
        await talk.offset(await filled(talk), EARLIEST_LOCAL, { v })
      },
    ),
  ),
  ...[9, 11].map(v =>
    offsets(
      `Nothing is tiered where there are no tiers, for ListOffsets v${v}`,
      'T091, KIP-1005',
      async talk => {
        await talk.offset(await filled(talk), LATEST_TIERED, { v })
      },
    ),
  ),
  offsets('Nothing waits to be uploaded where there are no tiers', 'T091, KIP-1023', async talk => {
    await talk.offset(await filled(talk), EARLIEST_PENDING_UPLOAD, { v: 11 })
  }),
  ...(
    [
      [GREATEST_TIME, 6],
      [EARLIEST_LOCAL, 7],
      [LATEST_TIERED, 8],
      [EARLIEST_PENDING_UPLOAD, 10],
    ] as const
  ).map(([time, v]) =>
    offsets(`The time ${time} is not known to ListOffsets v${v}`, 'T091', async talk => {
      await talk.offset(await filled(talk), time, { v })
    }),
  ),
  offsets('Times below those that stand for something are refused', 'T091', async talk => {
    const topic = await filled(talk)
    for (const time of [-7, -100]) await talk.offset(topic, time, { v: 11 })
  }),
]

const rest: readonly Case[] = [
  ...[2, 7, 11].map(v =>
    offsets(
      `Without transactions the committed end is the end, for ListOffsets v${v}`,
      'T089',
      async talk => {
        const topic = await filled(talk)
        for (const isolationLevel of [0, 1]) await talk.offset(topic, LATEST, { v, isolationLevel })
      },
    ),
  ),
  {
    ...offsets('A partition that is named twice is INVALID_REQUEST', 'the protocol', async talk => {
      const topic = await filled(talk)
      const one = talk.offsetsOf(topic.name)
      const topics = one.topics.map(it => ({ ...it, partitions: [...it.partitions, ...it.partitions] }))
      await talk.call('reader', LIST_OFFSETS, 7, { ...one, topics })
    }),
    since: '4.0',
  },
  offsets('Each partition has its own answer', 'the protocol', async talk => {
    const topic = await talk.topic('', { partitions: 2 })
    await talk.fill(topic, batch(['a', 'b']))
    const one = talk.offsetsOf(topic.name)
    const partitions = [0, 1, 2].map(partitionIndex => ({ ...one.topics[0]!.partitions[0]!, partitionIndex }))
    await talk.call('reader', LIST_OFFSETS, 7, { ...one, topics: [{ name: topic.name, partitions }] })
  }),
  offsets('Nothing is asked for and nothing is told', 'the protocol', async talk => {
    const body = { ...talk.offsetsOf(talk.id), topics: [] }
    for (const v of [1, 6, 7]) await talk.call('reader', LIST_OFFSETS, v, body)
  }),
  offsets('A debugging tool is told the end of the log', 'the protocol', async talk => {
    await talk.offset(await filled(talk), LATEST, { replicaId: -2 })
  }),
  offsets('The end grows with every batch, at once', 'T090', async talk => {
    const topic = await talk.topic()
    for (const value of ['a', 'b', 'c']) {
      await talk.fill(topic, batch([value]))
      await talk.offset(topic, LATEST)
    }
  }),
]

export const LIST_OFFSETS_CASES: readonly Case[] = [...versions, ...empty, ...times, ...special, ...rest]
