/** What clients learn of topics, partitions and brokers. */
import {
  DescribeClusterRequest,
  DescribeClusterResponse,
} from '../../../protocol/messages/describe-cluster.ts'
import type { MetadataRequest, MetadataResponse } from '../../../protocol/messages/metadata.ts'
import type { InputOf, ValueOf } from '../../../protocol/schema.ts'
import { ZERO_UUID } from '../../../protocol/wire.ts'
import type { Case } from '../kit/case.ts'
import {
  batch,
  type DataTalk,
  DELETE_TOPICS,
  DESCRIBE_TOPIC_PARTITIONS,
  METADATA,
  NO_TOPIC_ID,
  scripted,
  type Topic,
} from './data-talk.ts'

const metadata = (name: string, source: string, script: (talk: DataTalk) => Promise<void>): Case =>
  scripted({ area: 'metadata', name, source }, script)

const DESCRIBE_CLUSTER = { request: DescribeClusterRequest, response: DescribeClusterResponse }

type Asked = readonly { readonly name: string | null; readonly topicId: string }[]
type Answer = ValueOf<typeof MetadataResponse.fields>

const byName = (...names: readonly string[]): Asked => names.map(name => ({ name, topicId: ZERO_UUID }))

/** Asks, and puts down the topics of the answer. */
async function tellTopics(
  talk: DataTalk,
  v: number,
  topics: Asked,
  rest: Partial<InputOf<typeof MetadataRequest.fields>> = {},
): Promise<Answer> {
  const answer = await talk.call('client', METADATA, v, {
    ...talk.metadataOf([]),
    topics: [...topics],
    ...rest,
  })
  talk.retell({ errorCode: answer.errorCode, topics: answer.topics })
  return answer
}

/** Whether the topics of this case are in an answer about all, in which there may be those of others. */
function tellOwn(talk: DataTalk, answer: Answer): void {
  const own = answer.topics.filter(({ name }) => name?.startsWith(talk.id)).map(({ name }) => name)
  talk.retell({ own: own.sort() })
}

const VERSIONS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]

const shapes: readonly Case[] = VERSIONS.map(v =>
  metadata(
    `Metadata v${v} tells a topic with its partitions, and one that is not there`,
    'the protocol',
    async talk => {
      const { name } = await talk.topic('', { partitions: 3 })
      // Before version 4 whoever asks for a topic wants it made.
      await tellTopics(talk, v, byName(name, ...(v < 4 ? [] : [`${talk.id}-missing`])))
    },
  ),
)

const which: readonly Case[] = [
  ...([0] as const).map(v =>
    metadata(`An empty list asks for all topics in version ${v}`, 'T019, KIP-4', async talk => {
      await talk.topic()
      tellOwn(talk, await talk.call('client', METADATA, v, talk.metadataOf([])))
    }),
  ),
  ...[1, 4, 9, 12, 13].map(v =>
    metadata(`An empty list asks for no topics in version ${v}, null for all`, 'T019, KIP-4', async talk => {
      await talk.topic()
      tellOwn(talk, await talk.call('client', METADATA, v, talk.metadataOf([])))
      tellOwn(talk, await talk.call('client', METADATA, v, talk.metadataOf(null)))
    }),
  ),
  metadata('A topic that is named twice is told once', 'T020', async talk => {
    const { name } = await talk.topic('', { partitions: 2 })
    await tellTopics(talk, 9, byName(name, name))
  }),
  metadata('A topic may be asked for by its id', 'KIP-516', async talk => {
    const { topicId } = await talk.topic()
    await tellTopics(talk, 12, [{ name: null, topicId }])
    await tellTopics(talk, 13, [{ name: null, topicId }])
  }),
  metadata('An id that no topic has is UNKNOWN_TOPIC_ID, and comes back', 'T027, KIP-516', async talk => {
    const answer = await talk.call('client', METADATA, 12, {
      ...talk.metadataOf([]),
      topics: [{ name: null, topicId: NO_TOPIC_ID }],
    })
    talk.retell(
      answer.topics.map(it => ({ ...it, topicId: it.topicId === NO_TOPIC_ID ? 'as asked' : 'another' })),
    )
  }),
  metadata('Ids that are known and others are told side by side', 'KIP-516', async talk => {
    const one = await talk.topic('-one')
    const other = await talk.topic('-other')
    const ids = [one.topicId, NO_TOPIC_ID, other.topicId].map(topicId => ({ name: null, topicId }))
    const answer = await talk.call('client', METADATA, 12, { ...talk.metadataOf([]), topics: ids })
    talk.retell(answer.topics.map(({ errorCode, name }) => ({ errorCode, name })).sort(byText))
  }),
  metadata('Two topics are told with their own partitions each', 'the protocol', async talk => {
    const one = await talk.topic('-one', { partitions: 1 })
    const other = await talk.topic('-other', { partitions: 4 })
    await tellTopics(talk, 9, byName(one.name, other.name))
  }),
  metadata('The id of a topic is the same in every answer', 'T026', async talk => {
    const { name, topicId } = await talk.topic()
    for (const v of [10, 12, 13]) {
      const answer = await tellTopics(talk, v, byName(name))
      talk.note(`the id in v${v}`, answer.topics[0]?.topicId === topicId ? 'the same' : 'another')
    }
  }),
  metadata(
    'A topic that is deleted and made again has another id, and nothing in it',
    'T027, T029',
    async talk => {
      const first = await talk.topic()
      await talk.fill(first, batch(['old']))
      await talk.call('admin', DELETE_TOPICS, 3, { topics: [], topicNames: [first.name], timeoutMs: 10_000 })
      await gone(talk, first.name)
      const second = await talk.topic()
      talk.note('the ids', first.topicId === second.topicId ? 'are equal' : 'differ')
      await talk.fetch(second)
    },
  ),
]

const byText = (one: unknown, other: unknown) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1)

/** Returns when a topic is not known any more. */
export async function gone(talk: DataTalk, name: string): Promise<void> {
  for (;;) {
    const { topics } = await talk.ask('admin', METADATA, 4, talk.metadataOf([name]))
    if (topics[0]?.errorCode !== 0) return
    talk.transcript.pop()
    await talk.wait(20)
  }
}

const badNames: readonly (readonly [string, (id: string) => string])[] = [
  ['an empty name', () => ''],
  ['a single dot', () => '.'],
  ['two dots', () => '..'],
  ['a slash', id => `${id}/x`],
  ['a blank', id => `${id} x`],
  ['a colon', id => `${id}:x`],
  ['an umlaut', id => `${id}ü`],
  ['250 characters', id => id.padEnd(250, 'x')],
]

const names: readonly Case[] = [
  ...badNames.map(([what, nameOf]) =>
    metadata(
      `A topic that is called by ${what} is INVALID_TOPIC_EXCEPTION, and is not made`,
      'T018, T021',
      async talk => {
        const topics = [{ name: nameOf(talk.id), topicId: ZERO_UUID }]
        for (const allowAutoTopicCreation of [false, true]) {
          const body = { ...talk.metadataOf([]), topics, allowAutoTopicCreation }
          const answer = await talk.call('client', METADATA, 9, body)
          talk.retell(
            answer.topics.map(({ errorCode, partitions }) => ({ errorCode, partitions: partitions.length })),
          )
        }
      },
    ),
  ),
  metadata('A topic whose name has 249 characters may be asked for', 'T018', async talk => {
    const answer = await talk.call('client', METADATA, 9, talk.metadataOf([talk.id.padEnd(249, 'x')]))
    talk.retell(answer.topics.map(({ errorCode }) => errorCode))
  }),
]

/** Asks until it is there, as clients do. */
async function askUntilThere(talk: DataTalk, name: string, v: number): Promise<Answer> {
  for (let polls = 0; ; polls++) {
    const body = { ...talk.metadataOf([name]), allowAutoTopicCreation: true }
    const answer = await talk.ask('client', METADATA, v, body)
    if (answer.topics[0]?.errorCode === 0 || polls > 100) return answer
    talk.transcript.pop()
    await talk.wait(50)
  }
}

const autoCreation: readonly Case[] = [
  ...[1, 4, 9, 12].map(v =>
    metadata(
      `A topic that is not there is made when Metadata v${v} allows it`,
      'T021, KIP-487',
      async talk => {
        const answer = await askUntilThere(talk, talk.id, v)
        talk.note(
          'the topic',
          answer.topics.map(({ errorCode, partitions }) => [errorCode, partitions[0]?.errorCode]),
        )
      },
    ),
  ),
  ...[4, 9, 12].map(v =>
    metadata(
      `A topic that is not there stays away when Metadata v${v} does not allow it`,
      'T021, KIP-4',
      async talk => {
        await tellTopics(talk, v, byName(talk.id))
        await talk.settled()
        await tellTopics(talk, v, byName(talk.id))
      },
    ),
  ),
  metadata('A topic that Metadata has made takes records', 'T022', async talk => {
    await askUntilThere(talk, talk.id, 9)
    await talk.ready(talk.id)
    const topic: Topic = { name: talk.id, topicId: ZERO_UUID }
    await talk.produce(topic, batch(['first']))
  }),
]

const operations: readonly Case[] = [
  metadata(
    'What may be done with a topic is told to those who ask, and only to them',
    'KIP-430',
    async talk => {
      const { name } = await talk.topic()
      for (const v of [8, 9, 12]) {
        await tellTopics(talk, v, byName(name))
        const { topics } = await tellTopics(talk, v, byName(name), { includeTopicAuthorizedOperations: true })
        talk.retell({ operations: (topics[0]?.topicAuthorizedOperations ?? 0) > 0 ? 'some' : 'none' })
      }
    },
  ),
  ...[8, 9, 10].map(v =>
    metadata(
      `What may be done with the cluster is told by Metadata v${v} to those who ask`,
      'KIP-430',
      async talk => {
        for (const includeClusterAuthorizedOperations of [false, true]) {
          const body = { ...talk.metadataOf([]), includeClusterAuthorizedOperations }
          const { clusterAuthorizedOperations } = await talk.call('client', METADATA, v, body)
          talk.retell({ operations: clusterAuthorizedOperations > 0 ? 'some' : clusterAuthorizedOperations })
        }
      },
    ),
  ),
]

const cluster: readonly Case[] = [
  metadata('Brokers have addresses, and one of them is the controller', 'KIP-4', async talk => {
    const { brokers, controllerId, clusterId } = await talk.call('client', METADATA, 9, talk.metadataOf([]))
    talk.retell({
      haveAddresses: brokers.length > 0 && brokers.every(({ host, port }) => host !== '' && port > 0),
      controllerIsAmongThem: brokers.some(({ nodeId }) => nodeId === controllerId),
      hasId: clusterId !== null && clusterId !== '',
    })
  }),
  ...[0, 1, 2].map(v =>
    metadata(`DescribeCluster v${v} tells the brokers that Metadata tells`, 'KIP-700', async talk => {
      const known = await talk.ask('client', METADATA, 9, talk.metadataOf([]))
      const told = await talk.call('client', DESCRIBE_CLUSTER, v, {
        includeClusterAuthorizedOperations: false,
        includeFencedBrokers: false,
        endpointType: 1,
      })
      const one = known.brokers.map(({ nodeId, host, port }) => `${nodeId} ${host} ${port}`).sort()
      const other = told.brokers.map(({ brokerId, host, port }) => `${brokerId} ${host} ${port}`).sort()
      talk.retell({
        errorCode: told.errorCode,
        sameBrokers: JSON.stringify(one) === JSON.stringify(other),
        sameCluster: told.clusterId === known.clusterId,
        operations: told.clusterAuthorizedOperations,
        endpointType: told.endpointType,
      })
    }),
  ),
  metadata('DescribeCluster of an endpoint type that does not exist is refused', 'KIP-919', async talk => {
    const body = { includeClusterAuthorizedOperations: false, includeFencedBrokers: false, endpointType: 77 }
    const { errorCode, brokers } = await talk.call('client', DESCRIBE_CLUSTER, 1, body)
    talk.retell({ errorCode, brokers: brokers.length })
  }),
  metadata('DescribeCluster of controllers is refused by a broker', 'KIP-919', async talk => {
    const body = { includeClusterAuthorizedOperations: false, includeFencedBrokers: false, endpointType: 2 }
    const { errorCode, brokers } = await talk.call('client', DESCRIBE_CLUSTER, 1, body)
    talk.retell({ errorCode, brokers: brokers.length })
  }),
]

type Cursor = { readonly topicName: string; readonly partitionIndex: number } | null

async function describePage(
  talk: DataTalk,
  topics: readonly string[],
  cursor: Cursor,
  responsePartitionLimit = 2_000,
) {
  const body = { topics: topics.map(name => ({ name })), cursor, responsePartitionLimit }
  return talk.call('client', DESCRIBE_TOPIC_PARTITIONS, 0, body)
}

const pages: readonly Case[] = [
  metadata('DescribeTopicPartitions tells topics in the order of their names', 'KIP-966', async talk => {
    await talk.topic('-b', { partitions: 2 })
    await talk.topic('-a', { partitions: 1 })
    await describePage(talk, [`${talk.id}-b`, `${talk.id}-a`], null)
  }),
  metadata('DescribeTopicPartitions goes on where its cursor says', 'T036, KIP-966', async talk => {
    await talk.topic('-a', { partitions: 2 })
    await talk.topic('-b', { partitions: 3 })
    const both = [`${talk.id}-a`, `${talk.id}-b`]
    let cursor: Cursor = null
    do {
      const page: { readonly nextCursor: Cursor } = await describePage(talk, both, cursor, 2)
      cursor = page.nextCursor
    } while (cursor)
  }),
  metadata(
    'A cursor outside of the topics that were asked for is INVALID_REQUEST',
    'T036, KIP-966',
    async talk => {
      await talk.topic('-a')
      await describePage(talk, [`${talk.id}-a`], { topicName: `${talk.id}-b`, partitionIndex: 0 })
      await describePage(talk, [`${talk.id}-a`], { topicName: `${talk.id}-0`, partitionIndex: 0 })
    },
  ),
  metadata('A cursor with a negative partition is INVALID_REQUEST', 'T036, KIP-966', async talk => {
    await talk.topic('-a')
    await describePage(talk, [`${talk.id}-a`], { topicName: `${talk.id}-a`, partitionIndex: -1 })
  }),
  metadata(
    'DescribeTopicPartitions tells missing topics and bad names among the others',
    'KIP-966',
    async talk => {
      await talk.topic('-a')
      await describePage(talk, [`${talk.id}-a`, `${talk.id}-missing`, `${talk.id}/bad`], null)
    },
  ),
]

export const METADATA_CASES: readonly Case[] = [
  ...shapes,
  ...which,
  ...names,
  ...autoCreation,
  ...operations,
  ...cluster,
  ...pages,
]
