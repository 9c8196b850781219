/** What readers get, how much of it, and when. */
import { ZERO_UUID } from '../../../protocol/wire.ts'
import type { Case } from '../kit/case.ts'
import {
  batch,
  type DataTalk,
  DELETE_TOPICS,
  FETCH,
  type FetchWords,
  NO_TOPIC_ID,
  scripted,
  type Topic,
} from './data-talk.ts'
import { gone } from './metadata.ts'

const fetch = (name: string, source: string, script: (talk: DataTalk) => Promise<void>): Case =>
  scripted({ area: 'fetch', name, source }, script)

/** Versions that every Kafka since 4.0 serves. */
const VERSIONS = [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]

const missing = (talk: DataTalk): Topic => ({ name: `${talk.id}-missing`, topicId: NO_TOPIC_ID })

/** A topic with three batches: offsets 0 to 2, 3 and 4, 5. */
async function filled(talk: DataTalk): Promise<Topic> {
  const topic = await talk.topic()
  await talk.fill(topic, batch(['a', 'b', 'c']), batch(['d', 'e']), batch(['f']))
  return topic
}

const versions: readonly Case[] = VERSIONS.flatMap(v => [
  fetch(`Fetch v${v} reads from an offset on`, 'the protocol', async talk => {
    await talk.fetch(await filled(talk), { v, from: 3 })
  }),
  fetch(
    `Fetch v${v} of what is not there has an error, and records that are empty and not null`,
    'T014, KAFKA-18646',
    async talk => {
      const topic = await filled(talk)
      await talk.fetch(topic, { v, index: 3 })
      await talk.fetch(missing(talk), { v })
    },
  ),
  fetch(`Fetch v${v} above the end and below the start is OFFSET_OUT_OF_RANGE`, 'T069', async talk => {
    const topic = await filled(talk)
    for (const from of [7, 1_000_000, -1, -5]) await talk.fetch(topic, { v, from })
  }),
])

const places: readonly Case[] = [
  fetch('An offset in the middle of a batch brings the whole batch first', 'T068', async talk => {
    const topic = await filled(talk)
    for (const from of [1, 2, 4]) await talk.fetch(topic, { from })
  }),
  fetch('At the end there is nothing, and no error', 'T069, T080', async talk => {
    await talk.fetch(await filled(talk), { from: 6 })
  }),
  fetch('An empty log has a high watermark, a start, and no records', 'T080', async talk => {
    await talk.fetch(await talk.topic())
  }),
  fetch('Reading goes on where the last answer ended, to the end', 'T094', async talk => {
    const topic = await filled(talk)
    for (const from of [0, 3, 5, 6]) await talk.fetch(topic, { from, partitionMaxBytes: 1 })
  }),
  fetch('Several partitions are answered each for itself', 'the protocol', async talk => {
    const topic = await talk.topic('', { partitions: 3 })
    for (const index of [0, 2]) await talk.produce(topic, batch([`of ${index}`]), { index })
    const partitions = [0, 1, 2, 3].flatMap(index => talk.fetchTopic(topic, { index }).partitions)
    await talk.call('reader', FETCH, 12, talk.fetchBody([{ ...talk.fetchTopic(topic), partitions }]))
  }),
  fetch('Several topics are answered each for itself', 'the protocol', async talk => {
    const one = await talk.topic('-one')
    const other = await talk.topic('-other')
    await talk.fill(one, batch(['1']))
    await talk.fill(other, batch(['2']))
    const asked = [one, missing(talk), other].map(topic => talk.fetchTopic(topic))
    await talk.call('reader', FETCH, 12, talk.fetchBody(asked))
  }),
  fetch('A partition that is named twice is answered once', 'T079', async talk => {
    const topic = await filled(talk)
    const one = talk.fetchTopic(topic, { from: 3 })
    const twice = {
      ...one,
      partitions: [...one.partitions, ...talk.fetchTopic(topic, { from: 5 }).partitions],
    }
    const { responses } = await talk.call('reader', FETCH, 12, talk.fetchBody([twice]))
    talk.retell(
      responses.map(it => it.partitions.map(({ partitionIndex, errorCode }) => [partitionIndex, errorCode])),
    )
  }),
]

/** How many batches an answer has. */
const countOf = (records: Buffer | null | undefined): number => {
  let batches = 0
  for (let at = 0; records && at + 12 <= records.length; batches++) at += 12 + records.readInt32BE(at + 8)
  return batches
}

async function tellSizes(talk: DataTalk, topics: readonly Topic[], words: FetchWords): Promise<void> {
  const asked = topics.map(topic => talk.fetchTopic(topic, words))
  const { responses } = await talk.call('reader', FETCH, words.v ?? 12, talk.fetchBody(asked, words))
  talk.retell(
    responses.map(({ topic, partitions }) => [topic, partitions.map(it => countOf(it.records as Buffer))]),
  )
}

const sizes: readonly Case[] = [
  ...[4, 8, 12, 17].map(v =>
    fetch(
      `The first batch comes though it is larger than every limit of Fetch v${v}, and no other does`,
      'T074, KIP-74',
      async talk => {
        const topic = await talk.topic()
        await talk.fill(topic, batch(['x'.repeat(5_000)]), batch(['y'.repeat(5_000)]))
        await talk.fetch(topic, { v, partitionMaxBytes: 1, maxBytes: 1 })
        await talk.fetch(topic, { v, partitionMaxBytes: 1 })
      },
    ),
  ),
  fetch('What a partition may have is obeyed to the batch', 'KIP-74', async talk => {
    const topic = await talk.topic()
    const one = batch(['x'.repeat(1_000)])
    await talk.fill(topic, one, one, one, one)
    for (const batches of [1, 2, 3])
      await tellSizes(talk, [topic], { partitionMaxBytes: one.length * batches })
  }),
  fetch('What all partitions may have is shared out, in their order', 'KIP-74', async talk => {
    const topics = [await talk.topic('-a'), await talk.topic('-b'), await talk.topic('-c')]
    const one = batch(['x'.repeat(1_000)])
    for (const topic of topics) await talk.fill(topic, one, one)
    for (const batches of [1, 2, 3, 4, 6]) await tellSizes(talk, topics, { maxBytes: one.length * batches })
  }),
  fetch('A limit of 0 brings the first batch all the same', 'KIP-74', async talk => {
    const topic = await filled(talk)
    await tellSizes(talk, [topic], { partitionMaxBytes: 0 })
    await tellSizes(talk, [topic], { maxBytes: 0 })
  }),
]

/** About how long something takes, in words: a broker is a little late, and never early. */
async function timed(
  talk: DataTalk,
  leastMs: number,
  mostMs: number,
  what: () => Promise<unknown>,
): Promise<void> {
  const began = talk.now()
  await what()
  const tookMs = talk.now() - began
  // The clocks of two machines need not agree to the millisecond.
  const isInTime = tookMs >= leastMs - 15 && tookMs <= mostMs
  talk.note(`it took ${leastMs} to ${mostMs} ms`, isInTime ? true : `${tookMs} ms`)
}

const waiting: readonly Case[] = [
  ...[4, 11, 12, 17].map(v =>
    fetch(`Fetch v${v} at the end of the log waits as long as it may`, 'T071', async talk => {
      const topic = await filled(talk)
      await timed(talk, 400, 3_000, () => talk.fetch(topic, { v, from: 6, maxWaitMs: 400 }))
    }),
  ),
  fetch('Records that come end the waiting', 'T071', async talk => {
    const topic = await filled(talk)
    await timed(talk, 0, 5_000, async () => {
      const body = talk.fetchBody([talk.fetchTopic(topic, { from: 6 })], { maxWaitMs: 8_000 })
      const waits = await talk.park('reader', FETCH, 12, body)
      await talk.produce(topic, batch(['news']))
      await waits.answer()
    })
  }),
  fetch('Fewer bytes than are wanted do not end the waiting', 'T071', async talk => {
    const topic = await talk.topic()
    await timed(talk, 700, 5_000, async () => {
      const body = talk.fetchBody([talk.fetchTopic(topic)], { maxWaitMs: 700, minBytes: 100_000 })
      const waits = await talk.park('reader', FETCH, 12, body)
      await talk.produce(topic, batch(['few']))
      await waits.answer()
    })
  }),
  fetch('Bytes of several partitions count together', 'T071', async talk => {
    const topic = await talk.topic('', { partitions: 2 })
    const one = batch(['x'.repeat(500)])
    await timed(talk, 0, 5_000, async () => {
      const partitions = [0, 1].flatMap(index => talk.fetchTopic(topic, { index }).partitions)
      const asked = [{ ...talk.fetchTopic(topic), partitions }]
      const minBytes = one.length + 100
      const waits = await talk.park(
        'reader',
        FETCH,
        12,
        talk.fetchBody(asked, { maxWaitMs: 8_000, minBytes }),
      )
      for (const index of [0, 1]) await talk.produce(topic, one, { index })
      await waits.answer()
    })
  }),
  fetch('Whoever wants no bytes does not wait', 'T071', async talk => {
    const topic = await filled(talk)
    await timed(talk, 0, 2_000, () => talk.fetch(topic, { from: 6, maxWaitMs: 8_000, minBytes: 0 }))
  }),
  fetch('Whoever asks for no partitions does not wait', 'T072', async talk => {
    const body = talk.fetchBody([], { maxWaitMs: 8_000, minBytes: 1_000 })
    await timed(talk, 0, 2_000, () => talk.call('reader', FETCH, 12, body))
  }),
  fetch('An offset that is out of range does not wait', 'T073', async talk => {
    const topic = await filled(talk)
    await timed(talk, 0, 2_000, () => talk.fetch(topic, { from: 100, maxWaitMs: 8_000 }))
  }),
  fetch('A partition that does not exist does not wait', 'T073', async talk => {
    const topic = await filled(talk)
    await timed(talk, 0, 2_000, () => talk.fetch(topic, { index: 9, maxWaitMs: 8_000 }))
  }),
  fetch('An error of one partition does not let another wait', 'T073', async talk => {
    const topic = await filled(talk)
    const one = talk.fetchTopic(topic, { from: 6 })
    const partitions = [...one.partitions, ...talk.fetchTopic(topic, { from: 50, index: 0 }).partitions]
    const other = await talk.topic('-other')
    const asked = [talk.fetchTopic(other), { ...one, partitions: partitions.slice(1) }]
    await timed(talk, 0, 2_000, () =>
      talk.call('reader', FETCH, 12, talk.fetchBody(asked, { maxWaitMs: 8_000 })),
    )
  }),
  fetch('A negative time to wait is no time', 'T071', async talk => {
    const topic = await filled(talk)
    await timed(talk, 0, 2_000, () => talk.fetch(topic, { from: 6, maxWaitMs: -1 }))
  }),
]

const ids: readonly Case[] = [
  ...[13, 15, 17].map(v =>
    fetch(
      `Fetch v${v} by an id of no topic is UNKNOWN_TOPIC_ID, with the id`,
      'T027, KIP-516',
      async talk => {
        for (const topicId of [NO_TOPIC_ID, ZERO_UUID]) {
          const { responses } = await talk.fetch({ name: '', topicId }, { v })
          const told = responses.map(it => [
            it.topicId === topicId ? 'as asked' : 'another',
            it.partitions.map(({ errorCode, highWatermark, records }) => [errorCode, highWatermark, records]),
          ])
          talk.retell(told)
        }
      },
    ),
  ),
  fetch(
    'The id of a topic that was deleted is UNKNOWN_TOPIC_ID, though its name is there again',
    'T027',
    async talk => {
      const first = await filled(talk)
      await talk.call('admin', DELETE_TOPICS, 3, { topics: [], topicNames: [first.name], timeoutMs: 10_000 })
      await gone(talk, first.name)
      const second = await talk.topic()
      await talk.fill(second, batch(['new']))
      const { responses } = await talk.fetch(first, { v: 13 })
      talk.retell(responses.map(it => it.partitions.map(({ errorCode }) => errorCode)))
      await talk.fetch(second, { v: 13 })
    },
  ),
]

const isolation: readonly Case[] = [
  ...[4, 12, 17].map(v =>
    fetch(
      `Fetch v${v} of committed records tells the last stable offset, and aborted transactions only then`,
      'T096, T080',
      async talk => {
        const topic = await filled(talk)
        for (const isolationLevel of [0, 1]) await talk.fetch(topic, { v, isolationLevel, from: 5 })
      },
    ),
  ),
  fetch('An empty rack is no rack', 'T082, KIP-392', async talk => {
    const topic = await filled(talk)
    const body = talk.fetchBody([talk.fetchTopic(topic, { from: 5 })])
    for (const rackId of ['', 'somewhere']) await talk.call('reader', FETCH, 11, { ...body, rackId })
  }),
]

export const FETCH_CASES: readonly Case[] = [
  ...versions,
  ...places,
  ...sizes,
  ...waiting,
  ...ids,
  ...isolation,
]
