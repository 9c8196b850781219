/** Epochs of leaders: how readers learn that they read from the wrong past (KIP-101, KIP-320). */
import type { Case } from '../kit/case.ts'
import {
  batch,
  type DataTalk,
  FETCH,
  LEADER_EPOCHS,
  LIST_OFFSETS,
  METADATA,
  NO_TOPIC_ID,
  scripted,
  type Topic,
} from './data-talk.ts'

const epochs = (name: string, source: string, script: (talk: DataTalk) => Promise<void>): Case =>
  scripted({ area: 'leader-epochs', name, source }, script)

async function filled(talk: DataTalk): Promise<Topic> {
  const topic = await talk.topic()
  await talk.fill(topic, batch(['a', 'b', 'c']))
  return topic
}

/** Where an epoch ended. */
function endOf(
  talk: DataTalk,
  topic: Topic,
  leaderEpoch: number,
  { v = 3, partition = 0, replicaId = -1, currentLeaderEpoch = -1 } = {},
) {
  const partitions = [{ partition, leaderEpoch, currentLeaderEpoch }]
  return talk.call('reader', LEADER_EPOCHS, v, { replicaId, topics: [{ topic: topic.name, partitions }] })
}

const ends: readonly Case[] = [
  ...[2, 3, 4].map(v =>
    epochs(
      `OffsetForLeaderEpoch v${v} tells the end of the epoch that there is`,
      'T084, KIP-320',
      async talk => {
        await endOf(talk, await filled(talk), 0, { v })
      },
    ),
  ),
  epochs('An epoch that is newer than known has no end', 'T084', async talk => {
    const topic = await filled(talk)
    for (const leaderEpoch of [1, 100]) await endOf(talk, topic, leaderEpoch)
  }),
  epochs('An unknown epoch has no end', 'T084', async talk => {
    await endOf(talk, await filled(talk), -1)
  }),
  epochs('The epoch of an empty log ends at its beginning', 'T084', async talk => {
    await endOf(talk, await talk.topic(), 0)
  }),
  epochs('Consumers and debugging tools may ask for epochs', 'T084', async talk => {
    const topic = await filled(talk)
    for (const replicaId of [-1, -2]) await endOf(talk, topic, 0, { replicaId })
  }),
  epochs('The epoch of what is not there is UNKNOWN_TOPIC_OR_PARTITION', 'T084', async talk => {
    const topic = await filled(talk)
    await endOf(talk, topic, 0, { partition: 9 })
    await endOf(talk, { name: `${talk.id}-missing`, topicId: NO_TOPIC_ID }, 0)
  }),
]

const CURRENT: readonly (readonly [string, number, string])[] = [
  ['no epoch', -1, 'is answered'],
  ['the epoch that there is', 0, 'is answered'],
  ['an epoch that is to come', 1, 'hears UNKNOWN_LEADER_EPOCH'],
  ['an epoch far away', 1_000, 'hears UNKNOWN_LEADER_EPOCH'],
]

const fencing: readonly Case[] = CURRENT.flatMap(([what, currentLeaderEpoch, ending]) => [
  ...[9, 12, 16].map(v =>
    epochs(`A reader with Fetch v${v} that knows ${what} ${ending}`, 'T083, KIP-320', async talk => {
      await talk.fetch(await filled(talk), { v, currentLeaderEpoch })
    }),
  ),
  ...[4, 7].map(v =>
    epochs(`One who asks ListOffsets v${v} and knows ${what} ${ending}`, 'T083, KIP-320', async talk => {
      await talk.offset(await filled(talk), -1, { v, currentLeaderEpoch })
    }),
  ),
  epochs(`One who asks OffsetForLeaderEpoch and knows ${what} ${ending}`, 'T083, KIP-320', async talk => {
    await endOf(talk, await filled(talk), 0, { currentLeaderEpoch })
  }),
])

const parting: readonly Case[] = [
  epochs('A reader whose last epoch is the leader’s goes on reading', 'KIP-595', async talk => {
    const topic = await filled(talk)
    const one = talk.fetchTopic(topic, { from: 3 })
    const partitions = one.partitions.map(it => ({ ...it, lastFetchedEpoch: 0 }))
    await talk.call('reader', FETCH, 12, talk.fetchBody([{ ...one, partitions }]))
  }),
  epochs(
    'A reader whose last epoch the leader does not know is told where they part',
    'KIP-595',
    async talk => {
      const topic = await filled(talk)
      const one = talk.fetchTopic(topic, { from: 3 })
      const partitions = one.partitions.map(it => ({ ...it, lastFetchedEpoch: 5 }))
      await talk.call('reader', FETCH, 12, talk.fetchBody([{ ...one, partitions }]))
    },
  ),
]

const agreement: readonly Case[] = [
  epochs('Epochs are the same wherever they are told', 'T025, T092', async talk => {
    const topic = await filled(talk)
    const known = await talk.ask('reader', METADATA, 9, talk.metadataOf([topic.name]))
    const listed = await talk.ask('reader', LIST_OFFSETS, 7, talk.offsetsOf(topic.name))
    const ended = await talk.ask('reader', LEADER_EPOCHS, 3, {
      replicaId: -1,
      topics: [{ topic: topic.name, partitions: [{ partition: 0, leaderEpoch: 0 }] }],
    })
    const found = [
      known.topics[0]?.partitions[0]?.leaderEpoch,
      listed.topics[0]?.partitions[0]?.leaderEpoch,
      ended.topics[0]?.partitions[0]?.leaderEpoch,
    ]
    talk.note('different epochs', new Set(found).size)
    talk.note('the epoch is real', (found[0] ?? -1) >= 0)
  }),
  epochs('The epoch of an offset is that of its record', 'T092', async talk => {
    const topic = await filled(talk)
    for (const time of [-2, -1, 0]) await talk.offset(topic, time)
  }),
]

export const LEADER_EPOCH_CASES: readonly Case[] = [...ends, ...fencing, ...parting, ...agreement]
