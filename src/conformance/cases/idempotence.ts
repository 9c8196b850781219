/** Producers that number their batches, so that none is written twice or out of order. */
import type { BatchOptions } from '../../records/builder.ts'
import type { Case } from '../kit/case.ts'
import {
  batch,
  type DataTalk,
  DELETE_RECORDS,
  DELETE_TOPICS,
  INIT_PRODUCER_ID,
  scripted,
  type Topic,
} from './data-talk.ts'
import { gone } from './metadata.ts'

/** Of a duplicate, Kafka tells the time of its records and the start of the log; nobody asks for them. */
const idempotence = (name: string, source: string, script: (talk: DataTalk) => Promise<void>): Case =>
  scripted({ area: 'idempotence', name, source, varies: ['logAppendTimeMs', 'logStartOffset'] }, script)

interface Sender {
  readonly producerId: bigint
  readonly producerEpoch: number
}

async function sender(talk: DataTalk, v = 2): Promise<Sender> {
  const body = { transactionalId: null, transactionTimeoutMs: 60_000, producerId: -1n, producerEpoch: -1 }
  const { producerId, producerEpoch } = await talk.ask('producer', INIT_PRODUCER_ID, v, body)
  talk.name(`producer ${producerId}`, 'the producer')
  return { producerId, producerEpoch }
}

/** Values that say where they belong. */
const numbered = (baseSequence: number, count = 1): readonly string[] =>
  Array.from({ length: count }, (_, at) => `${baseSequence + at}`)

function send(
  talk: DataTalk,
  topic: Topic,
  { producerId, producerEpoch }: Sender,
  {
    count = 1,
    v = 9,
    ...options
  }: Partial<BatchOptions> & { baseSequence: number; count?: number; v?: number },
) {
  const records = batch(numbered(options.baseSequence, count), { producerId, producerEpoch, ...options })
  return talk.produce(topic, records, { v })
}

/** How much of the log is there. */
const tellEnd = (talk: DataTalk, topic: Topic) => talk.offset(topic, -1)

const ids: readonly Case[] = [
  ...[0, 1, 2, 3, 4, 5].map(v =>
    idempotence(`InitProducerId v${v} gives an id that nobody has, and epoch 0`, 'KIP-98', async talk => {
      const body = { transactionalId: null, transactionTimeoutMs: 60_000, producerId: -1n, producerEpoch: -1 }
      const first = await talk.call('a', INIT_PRODUCER_ID, v, body)
      const second = await talk.call('b', INIT_PRODUCER_ID, v, body)
      talk.note('the ids', first.producerId === second.producerId ? 'are equal' : 'differ')
    }),
  ),
  idempotence('An empty transactional id is INVALID_REQUEST', 'KIP-98', async talk => {
    const body = { transactionalId: '', transactionTimeoutMs: 60_000, producerId: -1n, producerEpoch: -1 }
    for (const v of [1, 4]) await talk.call('a', INIT_PRODUCER_ID, v, body)
  }),
  idempotence(
    'The time-out of transactions is of no matter without a transactional id',
    'KIP-98',
    async talk => {
      for (const transactionTimeoutMs of [0, -1, 0x7fff_ffff]) {
        const body = { transactionalId: null, transactionTimeoutMs, producerId: -1n, producerEpoch: -1 }
        await talk.call('a', INIT_PRODUCER_ID, 2, body)
      }
    },
  ),
]

const sequences: readonly Case[] = [
  ...[3, 7, 9, 12].map(v =>
    idempotence(
      `A batch that is sent again by Produce v${v} is acknowledged with its first offset, and not written`,
      'T051, KIP-98',
      async talk => {
        const topic = await talk.topic()
        const producer = await sender(talk)
        await send(talk, topic, producer, { baseSequence: 0, count: 2, v })
        await send(talk, topic, producer, { baseSequence: 2, v })
        await send(talk, topic, producer, { baseSequence: 0, count: 2, v })
        await send(talk, topic, producer, { baseSequence: 2, v })
        await talk.fetch(topic)
      },
    ),
  ),
  idempotence(
    'The last five batches are known, and an older one is OUT_OF_ORDER_SEQUENCE_NUMBER',
    'T052, KAFKA-5494',
    async talk => {
      const topic = await talk.topic()
      const producer = await sender(talk)
      for (let baseSequence = 0; baseSequence < 7; baseSequence++)
        await send(talk, topic, producer, { baseSequence })
      for (const baseSequence of [2, 3, 4, 5, 6]) await send(talk, topic, producer, { baseSequence })
      for (const baseSequence of [1, 0]) await send(talk, topic, producer, { baseSequence })
      await tellEnd(talk, topic)
    },
  ),
  idempotence(
    'A gap is OUT_OF_ORDER_SEQUENCE_NUMBER, and the batch that was left out is taken later',
    'T053',
    async talk => {
      const topic = await talk.topic()
      const producer = await sender(talk)
      await send(talk, topic, producer, { baseSequence: 0 })
      await send(talk, topic, producer, { baseSequence: 2 })
      await send(talk, topic, producer, { baseSequence: 1 })
      await send(talk, topic, producer, { baseSequence: 2 })
      await talk.fetch(topic)
    },
  ),
  idempotence('A producer that nobody knows may begin with any sequence', 'T055, KAFKA-8803', async talk => {
    const topic = await talk.topic()
    const producer = await sender(talk)
    await send(talk, topic, producer, { baseSequence: 40 })
    await send(talk, topic, producer, { baseSequence: 41 })
    await send(talk, topic, producer, { baseSequence: 43 })
    await tellEnd(talk, topic)
  }),
  idempotence('Sequences go on with 0 behind the greatest', 'T054, KIP-98', async talk => {
    const topic = await talk.topic()
    const producer = await sender(talk)
    await send(talk, topic, producer, { baseSequence: 0x7fff_fffe, count: 2 })
    await send(talk, topic, producer, { baseSequence: 0 })
    await send(talk, topic, producer, { baseSequence: 2 })
    await send(talk, topic, producer, { baseSequence: 1 })
    await tellEnd(talk, topic)
  }),
  idempotence('A batch may wrap around the greatest sequence', 'T054, KIP-98', async talk => {
    const topic = await talk.topic()
    const producer = await sender(talk)
    await send(talk, topic, producer, { baseSequence: 0x7fff_fffe, count: 4 })
    await send(talk, topic, producer, { baseSequence: 2 })
    await send(talk, topic, producer, { baseSequence: 0x7fff_fffe, count: 4 })
    await tellEnd(talk, topic)
  }),
  idempotence('A part of a batch that was written is no duplicate', 'T052', async talk => {
    const topic = await talk.topic()
    const producer = await sender(talk)
    await send(talk, topic, producer, { baseSequence: 0, count: 3 })
    await send(talk, topic, producer, { baseSequence: 0, count: 2 })
    await send(talk, topic, producer, { baseSequence: 1, count: 2 })
    await send(talk, topic, producer, { baseSequence: 2, count: 2 })
    await tellEnd(talk, topic)
  }),
  idempotence('Each partition has sequences of its own', 'KIP-98', async talk => {
    const topic = await talk.topic('', { partitions: 2 })
    const producer = await sender(talk)
    for (const index of [0, 1, 0, 1]) {
      const { producerId, producerEpoch } = producer
      await talk.produce(topic, batch(['x'], { producerId, producerEpoch, baseSequence: 0 }), { index })
    }
    for (const partitionIndex of [0, 1]) await talk.offset(topic, -1, { partitionIndex })
  }),
  idempotence('Two producers do not disturb each other', 'KIP-98', async talk => {
    const topic = await talk.topic()
    const one = await sender(talk)
    const other = await sender(talk)
    for (const baseSequence of [0, 1]) {
      await send(talk, topic, one, { baseSequence })
      await send(talk, topic, other, { baseSequence })
    }
    await send(talk, topic, one, { baseSequence: 0 })
    await send(talk, topic, other, { baseSequence: 5 })
    await tellEnd(talk, topic)
  }),
  idempotence('Duplicates are known on whichever connection they come', 'KIP-98', async talk => {
    const topic = await talk.topic()
    const producer = await sender(talk)
    const records = () => batch(['x'], { ...producer, baseSequence: 0 })
    for (const who of ['a', 'b', 'a']) await talk.produce(topic, records(), { who })
    await tellEnd(talk, topic)
  }),
  idempotence('Batches without numbers are written however often they come', 'KIP-98', async talk => {
    const topic = await talk.topic()
    for (let i = 0; i < 3; i++) await talk.produce(topic, batch(['again']))
    await tellEnd(talk, topic)
  }),
  idempotence('A negative sequence of a producer with an id is refused', 'KIP-98', async talk => {
    const topic = await talk.topic()
    const producer = await sender(talk)
    await send(talk, topic, producer, { baseSequence: -1 })
    await tellEnd(talk, topic)
  }),
  idempotence(
    'Five batches at once are written in their order, and their duplicates are not',
    'T012, T052',
    async talk => {
      const topic = await talk.topic()
      const producer = await sender(talk)
      await Promise.all([0, 1, 2, 3, 4].map(baseSequence => send(talk, topic, producer, { baseSequence })))
      await Promise.all([0, 1, 2, 3, 4].map(baseSequence => send(talk, topic, producer, { baseSequence })))
      await talk.fetch(topic)
    },
  ),
]

const epochs: readonly Case[] = [
  ...[7, 9, 12].map(v =>
    idempotence(
      `An epoch of the past is INVALID_PRODUCER_EPOCH for Produce v${v}`,
      'T056, KIP-588',
      async talk => {
        const topic = await talk.topic()
        const { producerId } = await sender(talk)
        await send(talk, topic, { producerId, producerEpoch: 3 }, { baseSequence: 0, v })
        await send(talk, topic, { producerId, producerEpoch: 2 }, { baseSequence: 1, v })
        await send(talk, topic, { producerId, producerEpoch: 3 }, { baseSequence: 1, v })
        await tellEnd(talk, topic)
      },
    ),
  ),
  idempotence('A new epoch begins with sequence 0, and with no other', 'KIP-360', async talk => {
    const topic = await talk.topic()
    const { producerId } = await sender(talk)
    await send(talk, topic, { producerId, producerEpoch: 0 }, { baseSequence: 0, count: 3 })
    await send(talk, topic, { producerId, producerEpoch: 1 }, { baseSequence: 3 })
    await send(talk, topic, { producerId, producerEpoch: 1 }, { baseSequence: 0 })
    await send(talk, topic, { producerId, producerEpoch: 1 }, { baseSequence: 1 })
    await tellEnd(talk, topic)
  }),
  idempotence('Duplicates of an epoch that is over are refused', 'KIP-360', async talk => {
    const topic = await talk.topic()
    const { producerId } = await sender(talk)
    await send(talk, topic, { producerId, producerEpoch: 0 }, { baseSequence: 0 })
    await send(talk, topic, { producerId, producerEpoch: 1 }, { baseSequence: 0 })
    await send(talk, topic, { producerId, producerEpoch: 0 }, { baseSequence: 0 })
    await tellEnd(talk, topic)
  }),
  ...[3, 4, 5].map(v =>
    idempotence(
      `InitProducerId v${v} with an id but no transactional id gives a new one`,
      'KIP-360',
      async talk => {
        const { producerId, producerEpoch } = await sender(talk)
        const body = { transactionalId: null, transactionTimeoutMs: 60_000, producerId, producerEpoch }
        const answer = await talk.call('producer', INIT_PRODUCER_ID, v, body)
        talk.note('the id', answer.producerId === producerId ? 'is the same' : 'is another')
      },
    ),
  ),
]

const forgetting: readonly Case[] = [
  idempotence('A topic that is made again knows nothing of producers of the old one', 'T028', async talk => {
    const first = await talk.topic()
    const producer = await sender(talk)
    await send(talk, first, producer, { baseSequence: 0, count: 3 })
    await talk.call('admin', DELETE_TOPICS, 3, { topics: [], topicNames: [first.name], timeoutMs: 10_000 })
    await gone(talk, first.name)
    const second = await talk.topic()
    await send(talk, second, producer, { baseSequence: 3 })
    await tellEnd(talk, second)
  }),
  idempotence('Producers are known after their records are deleted', 'KIP-360, KAFKA-7190', async talk => {
    const topic = await talk.topic()
    const producer = await sender(talk)
    await send(talk, topic, producer, { baseSequence: 0, count: 3 })
    const partitions = [{ partitionIndex: 0, offset: -1n }]
    await talk.call('admin', DELETE_RECORDS, 1, {
      topics: [{ name: topic.name, partitions }],
      timeoutMs: 5_000,
    })
    await send(talk, topic, producer, { baseSequence: 0, count: 3 })
    await send(talk, topic, producer, { baseSequence: 5 })
    await send(talk, topic, producer, { baseSequence: 3 })
  }),
]

export const IDEMPOTENCE_CASES: readonly Case[] = [...ids, ...sequences, ...epochs, ...forgetting]
