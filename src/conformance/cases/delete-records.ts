/** The beginning of a log, moved by hand. */
import type { Case } from '../kit/case.ts'
import { batch, type DataTalk, DELETE_RECORDS, scripted, type Topic } from './data-talk.ts'

const deleting = (name: string, source: string, script: (talk: DataTalk) => Promise<void>): Case =>
  scripted({ area: 'delete-records', name, source }, script)

async function filled(talk: DataTalk): Promise<Topic> {
  const topic = await talk.topic()
  await talk.fill(topic, batch(['a', 'b', 'c']), batch(['d', 'e']), batch(['f']))
  return topic
}

function deleteBefore(talk: DataTalk, { name }: Topic, offset: number, { v = 1, partitionIndex = 0 } = {}) {
  const topics = [{ name, partitions: [{ partitionIndex, offset: BigInt(offset) }] }]
  return talk.call('admin', DELETE_RECORDS, v, { topics, timeoutMs: 5_000 })
}

/** Where the log begins and ends. */
async function tellEnds(talk: DataTalk, topic: Topic): Promise<void> {
  for (const time of [-2, -1]) await talk.offset(topic, time)
}

export const DELETE_RECORDS_CASES: readonly Case[] = [
  ...[0, 1, 2].map(v =>
    deleting(`DeleteRecords v${v} moves the beginning, and tells it`, 'KIP-107', async talk => {
      const topic = await filled(talk)
      await deleteBefore(talk, topic, 3, { v })
      await tellEnds(talk, topic)
      await talk.fetch(topic, { from: 3 })
    }),
  ),
  deleting('The offset -1 means up to the high watermark', 'T046', async talk => {
    const topic = await filled(talk)
    await deleteBefore(talk, topic, -1)
    await tellEnds(talk, topic)
    await talk.produce(topic, batch(['new']))
    await talk.fetch(topic, { from: 6 })
  }),
  deleting('An offset above the high watermark is OFFSET_OUT_OF_RANGE', 'T046', async talk => {
    const topic = await filled(talk)
    for (const offset of [7, 1_000]) await deleteBefore(talk, topic, offset)
    await tellEnds(talk, topic)
  }),
  deleting('Other negative offsets are OFFSET_OUT_OF_RANGE', 'T046', async talk => {
    const topic = await filled(talk)
    for (const offset of [-2, -100]) await deleteBefore(talk, topic, offset)
    await tellEnds(talk, topic)
  }),
  deleting('A reader below the new beginning is OFFSET_OUT_OF_RANGE', 'T046', async talk => {
    const topic = await filled(talk)
    await deleteBefore(talk, topic, 3)
    for (const from of [0, 2, 3]) await talk.fetch(topic, { from })
  }),
  deleting('A beginning within a batch is kept, though the batch comes whole', 'T068', async talk => {
    const topic = await filled(talk)
    await deleteBefore(talk, topic, 1)
    await talk.fetch(topic, { from: 1 })
    await talk.fetch(topic, { from: 0 })
    await tellEnds(talk, topic)
  }),
  deleting('What is deleted already is deleted', 'KIP-107', async talk => {
    const topic = await filled(talk)
    for (const offset of [4, 2, 0, 4]) await deleteBefore(talk, topic, offset)
    await tellEnds(talk, topic)
  }),
  deleting('The beginning of an empty log may be deleted up to', 'KIP-107', async talk => {
    const topic = await talk.topic()
    for (const offset of [0, -1]) await deleteBefore(talk, topic, offset)
    await tellEnds(talk, topic)
  }),
  deleting('Records of a topic that is only compacted may not be deleted', 'KIP-107', async talk => {
    const topic = await talk.topic('', { configs: { 'cleanup.policy': 'compact' } })
    await talk.fill(topic, batch(['a'], { key: 'k' }))
    await deleteBefore(talk, topic, 1)
    await tellEnds(talk, topic)
  }),
  deleting('Records of a topic that is compacted and deleted may be deleted', 'KIP-107', async talk => {
    const topic = await talk.topic('', { configs: { 'cleanup.policy': 'compact,delete' } })
    await talk.fill(topic, batch(['a'], { key: 'k' }))
    await deleteBefore(talk, topic, 1)
    await tellEnds(talk, topic)
  }),
  deleting('What is not there is UNKNOWN_TOPIC_OR_PARTITION', 'KIP-107', async talk => {
    const topic = await filled(talk)
    await deleteBefore(talk, topic, 1, { partitionIndex: 5 })
    await deleteBefore(talk, { ...topic, name: `${talk.id}-missing` }, 1)
  }),
  deleting('Each partition has its own answer', 'T048', async talk => {
    const topic = await talk.topic('', { partitions: 2 })
    await talk.fill(topic, batch(['a', 'b']))
    const partitions = [0, 1, 2].map(partitionIndex => ({ partitionIndex, offset: 1n }))
    await talk.call('admin', DELETE_RECORDS, 1, {
      topics: [{ name: topic.name, partitions }],
      timeoutMs: 5_000,
    })
  }),
]
