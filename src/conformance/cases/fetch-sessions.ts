/** Sessions: a reader says once what it wants, and then only what changes (KIP-227). */

import type { FetchRequest, FetchResponse } from '../../../protocol/messages/fetch.ts'
import type { InputOf, ValueOf } from '../../../protocol/schema.ts'
import { ZERO_UUID } from '../../../protocol/wire.ts'
import type { Case } from '../kit/case.ts'
import {
  batch,
  type DataTalk,
  DELETE_RECORDS,
  DELETE_TOPICS,
  FETCH,
  NO_TOPIC_ID,
  scripted,
  type Topic,
} from './data-talk.ts'

const sessions = (name: string, source: string, script: (talk: DataTalk) => Promise<void>): Case =>
  scripted({ area: 'fetch-sessions', name, source }, script)

type Body = InputOf<typeof FetchRequest.fields>

type Answer = ValueOf<typeof FetchResponse.fields>

/** UNKNOWN_TOPIC_OR_PARTITION and UNKNOWN_TOPIC_ID: clients ask for metadata upon either. */
const UNKNOWN: readonly number[] = [3, 100]

interface Wish {
  readonly topic: Topic
  readonly from?: number
  readonly index?: number
}

class Session {
  private readonly talk: DataTalk
  private readonly v: number
  sessionId = 0
  epoch = 0

  constructor(talk: DataTalk, v = 12) {
    this.talk = talk
    this.v = v
  }

  /** The next fetch of the session; the first begins it. */
  async fetch(wishes: readonly Wish[] = [], rest: Partial<Body> = {}): Promise<Answer> {
    const { talk, v, sessionId, epoch } = this
    const topics = wishes.map(({ topic, ...words }) => talk.fetchTopic(topic, words))
    const body = { ...talk.fetchBody(topics, { sessionId, sessionEpoch: epoch }), ...rest }
    const answer = await talk.call('reader', FETCH, v, body)
    if (this.sessionId === 0) this.sessionId = answer.sessionId
    this.epoch++
    return answer
  }
}

const versions: readonly Case[] = [7, 10, 12, 13, 17].map(v =>
  sessions(
    `A session of Fetch v${v} tells everything first, and then what has changed`,
    'T075, T076, KIP-227',
    async talk => {
      const one = await talk.topic('-one')
      const other = await talk.topic('-other')
      const session = new Session(talk, v)
      await session.fetch([{ topic: one }, { topic: other }])
      await session.fetch()
      await talk.fill(other, batch(['new']))
      await session.fetch()
      await session.fetch([{ topic: other, from: 1 }])
    },
  ),
)

const changes: readonly Case[] = [
  sessions('A partition joins a session by being named', 'KIP-227', async talk => {
    const one = await talk.topic('-one')
    const other = await talk.topic('-other')
    const session = new Session(talk)
    await session.fetch([{ topic: one }])
    await talk.fill(other, batch(['other']))
    await session.fetch([{ topic: other }])
    await talk.fill(one, batch(['one']))
    await session.fetch([{ topic: other, from: 1 }])
  }),
  ...[12, 13].map(v =>
    sessions(`A partition leaves a session of Fetch v${v} by being forgotten`, 'KIP-227', async talk => {
      const one = await talk.topic('-one')
      const other = await talk.topic('-other')
      const session = new Session(talk, v)
      await session.fetch([{ topic: one }, { topic: other }])
      const forgotten = { topic: other.name, topicId: other.topicId, partitions: [0] }
      await session.fetch([], { forgottenTopicsData: [forgotten] })
      for (const topic of [one, other]) await talk.fill(topic, batch(['new']))
      await session.fetch()
    }),
  ),
  {
    ...sessions('What nobody has asked for may be forgotten', 'T078, KAFKA-13542', async talk => {
      const topic = await talk.topic()
      const session = new Session(talk, 13)
      await session.fetch([{ topic }])
      for (const topicId of [NO_TOPIC_ID, ZERO_UUID]) {
        await session.fetch([], { forgottenTopicsData: [{ topic: '', topicId, partitions: [0] }] })
      }
      await talk.fill(topic, batch(['new']))
      await session.fetch()
    }),
    since: '4.3',
  },
  sessions('What was read is told again until the reader goes on', 'KIP-227', async talk => {
    const topic = await talk.topic()
    await talk.fill(topic, batch(['a']), batch(['b']))
    const session = new Session(talk)
    await session.fetch([{ topic }])
    await session.fetch()
    await session.fetch([{ topic, from: 1 }])
    await session.fetch([{ topic, from: 2 }])
    await session.fetch()
  }),
  sessions('A start that has moved is told, without records', 'T076', async talk => {
    const topic = await talk.topic()
    await talk.fill(topic, batch(['a']), batch(['b']))
    const session = new Session(talk)
    await session.fetch([{ topic, from: 2 }])
    const partitions = [{ partitionIndex: 0, offset: 1n }]
    await talk.ask('admin', DELETE_RECORDS, 1, {
      topics: [{ name: topic.name, partitions }],
      timeoutMs: 5_000,
    })
    await session.fetch()
    await session.fetch()
  }),
  sessions('An error is told again and again, since it is always news', 'T076', async talk => {
    const topic = await talk.topic()
    const session = new Session(talk)
    await session.fetch([{ topic, from: 50 }])
    await session.fetch()
    await session.fetch([{ topic, from: 0 }])
    await session.fetch()
  }),
  sessions('A partition that does not exist is an error in a session too', 'T076', async talk => {
    const topic = await talk.topic()
    const session = new Session(talk)
    await session.fetch([{ topic, index: 5 }, { topic }])
    await session.fetch()
  }),
  sessions('A session of nothing is one, and may grow', 'KIP-227', async talk => {
    const topic = await talk.topic()
    await talk.fill(topic, batch(['a']))
    const session = new Session(talk)
    await session.fetch([])
    if (session.sessionId !== 0) await session.fetch([{ topic }])
  }),
  sessions('A topic that is deleted is an error in a session by ids', 'T077, KIP-516', async talk => {
    const topic = await talk.topic()
    const session = new Session(talk, 13)
    await session.fetch([{ topic }])
    const names = { topics: [], topicNames: [topic.name], timeoutMs: 10_000 }
    await talk.ask('admin', DELETE_TOPICS, 3, names)
    for (let polls = 0; polls < 100; polls++) {
      const { responses } = await talk.ask('other', FETCH, 13, talk.fetchBody([talk.fetchTopic(topic)]))
      talk.transcript.pop()
      if (responses[0]?.partitions[0]?.errorCode !== 0) break
      await talk.wait(20)
    }
    const { responses } = await session.fetch()
    talk.retell(responses.map(it => it.partitions.map(({ errorCode }) => UNKNOWN.includes(errorCode))))
  }),
]

const waiting: readonly Case[] = [
  sessions('An empty fetch of a session waits for its partitions', 'T071', async talk => {
    const topic = await talk.topic()
    const session = new Session(talk)
    await session.fetch([{ topic }])
    const began = talk.now()
    await session.fetch([], { maxWaitMs: 500 })
    talk.note('it waited', talk.now() - began >= 485)
  }),
  sessions('A waiting fetch of a session is woken by records', 'T071', async talk => {
    const topic = await talk.topic()
    const session = new Session(talk)
    await session.fetch([{ topic }])
    const waits = session.fetch([], { maxWaitMs: 8_000 })
    await talk.settled()
    await talk.produce(topic, batch(['new']))
    await waits
  }),
]

const wrong: readonly Case[] = [
  sessions('A session that nobody knows is FETCH_SESSION_ID_NOT_FOUND', 'T075', async talk => {
    const topic = await talk.topic()
    for (const sessionEpoch of [1, 5]) {
      const body = talk.fetchBody([talk.fetchTopic(topic)], { sessionId: 0x7654_3210, sessionEpoch })
      for (const v of [7, 12, 13]) await talk.call('reader', FETCH, v, body)
    }
  }),
  sessions('An epoch that is not the next is INVALID_FETCH_SESSION_EPOCH', 'T075', async talk => {
    const topic = await talk.topic()
    const session = new Session(talk)
    await session.fetch([{ topic }])
    session.epoch = 5
    await session.fetch()
    session.epoch = 1
    await session.fetch()
  }),
  sessions('An epoch that was used already is INVALID_FETCH_SESSION_EPOCH', 'T075', async talk => {
    const topic = await talk.topic()
    const session = new Session(talk)
    await session.fetch([{ topic }])
    await session.fetch()
    session.epoch = 1
    await session.fetch()
  }),
  sessions('The epoch -1 ends a session, and answers in full', 'T075', async talk => {
    const topic = await talk.topic()
    await talk.fill(topic, batch(['a']))
    const session = new Session(talk)
    await session.fetch([{ topic }])
    session.epoch = -1
    await session.fetch([{ topic }])
    session.epoch = 1
    await session.fetch()
  }),
  sessions('The epoch 0 with a session begins another in its place', 'T075', async talk => {
    const topic = await talk.topic()
    const session = new Session(talk)
    await session.fetch([{ topic }])
    const first = session.sessionId
    const body = talk.fetchBody([talk.fetchTopic(topic)], { sessionId: first, sessionEpoch: 0 })
    const { sessionId } = await talk.call('reader', FETCH, 12, body)
    talk.note('the session', sessionId === first ? 'is the same' : 'is another')
    session.epoch = 1
    await session.fetch()
  }),
  sessions('A session may be used from another connection', 'KIP-227', async talk => {
    const topic = await talk.topic()
    const session = new Session(talk)
    await session.fetch([{ topic }])
    const body = talk.fetchBody([], { sessionId: session.sessionId, sessionEpoch: 1 })
    await talk.call('another reader', FETCH, 12, body)
  }),
  sessions('No session and no epoch brings everything, every time', 'KIP-227', async talk => {
    const topic = await talk.topic()
    await talk.fill(topic, batch(['a']))
    for (let i = 0; i < 2; i++) await talk.fetch(topic)
  }),
]

export const FETCH_SESSION_CASES: readonly Case[] = [...versions, ...changes, ...waiting, ...wrong]
