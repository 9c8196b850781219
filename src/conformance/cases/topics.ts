/** How topics come, grow and go. */
import { ZERO_UUID } from '../../../protocol/wire.ts'
import type { Case } from '../kit/case.ts'
import {
  batch,
  CREATE_PARTITIONS,
  CREATE_TOPICS,
  type DataTalk,
  DELETE_TOPICS,
  LIST_OFFSETS,
  METADATA,
  type NewTopic,
  NO_TOPIC_ID,
  scripted,
} from './data-talk.ts'
import { gone } from './metadata.ts'

const topics = (name: string, source: string, script: (talk: DataTalk) => Promise<void>): Case =>
  scripted({ area: 'topics', name, source }, script)

type Wanted = Partial<NewTopic> & { readonly name: string }

/** One partition with one replica, unless told. */
const wanted = (topic: Wanted): NewTopic => ({
  numPartitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...topic,
})

/** Creates topics and puts down what there is to say of each, but for settings that are the broker's. */
async function create(
  talk: DataTalk,
  list: readonly Wanted[],
  { v = 5, validateOnly = false } = {},
): Promise<void> {
  const body = { topics: list.map(wanted), timeoutMs: 10_000, validateOnly }
  const answer = await talk.call('admin', CREATE_TOPICS, v, body)
  const told = answer.topics.map(({ configs, ...topic }) => ({
    ...topic,
    ownConfigs:
      configs?.filter(it => it.configSource === TOPIC_CONFIG).map(({ name, value }) => [name, value]) ?? null,
    tellsDefaults: (configs?.length ?? 0) > 20,
  }))
  talk.retell({ topics: told.sort((one, other) => (one.name < other.name ? -1 : 1)) })
}

const TOPIC_CONFIG = 1
const INVALID_REQUEST = 42

/** How many partitions a topic has; 0 where there is none of that name. */
async function tellPartitions(talk: DataTalk, name = talk.id): Promise<void> {
  const {
    topics: [topic],
  } = await talk.ask('admin', METADATA, 4, talk.metadataOf([name]))
  talk.note(`${name} has partitions`, topic?.partitions.length ?? 0)
}

const creations: readonly Case[] = [
  ...[2, 3, 4, 5, 6, 7].map(v =>
    topics(`CreateTopics v${v} makes a topic with a setting of its own`, 'KIP-4', async talk => {
      const configs = [{ name: 'retention.ms', value: '3600000' }]
      await create(talk, [{ name: talk.id, numPartitions: 2, configs }], { v })
      await talk.ready(talk.id, 1)
      await tellPartitions(talk)
    }),
  ),
  ...[4, 5, 7].map(v =>
    topics(`CreateTopics v${v} takes the defaults of the broker for -1`, 'KIP-464', async talk => {
      const body = {
        topics: [wanted({ name: talk.id, numPartitions: -1, replicationFactor: -1 })],
        timeoutMs: 10_000,
      }
      const { topics: made } = await talk.call('admin', CREATE_TOPICS, v, body)
      talk.retell(
        made.map(({ errorCode, numPartitions }) => [errorCode, v < 5 ? numPartitions : numPartitions > 0]),
      )
    }),
  ),
  topics(
    'A topic that exists is TOPIC_ALREADY_EXISTS, also when only asked for validation',
    'T030',
    async talk => {
      await talk.topic()
      for (const validateOnly of [false, true]) await create(talk, [{ name: talk.id }], { validateOnly })
    },
  ),
  topics('A validation tells what would be made, and makes nothing', 'T031, KIP-525', async talk => {
    await create(talk, [{ name: talk.id, numPartitions: 3 }], { validateOnly: true })
    await talk.settled()
    await tellPartitions(talk)
  }),
  topics('Good topics are made beside bad ones, each with its own answer', 'T033, T048', async talk => {
    await talk.topic('-there')
    await create(talk, [
      { name: `${talk.id}-new` },
      { name: `${talk.id}-there` },
      { name: `${talk.id}/bad` },
      { name: `${talk.id}-none`, numPartitions: 0 },
      { name: `${talk.id}-new-too` },
    ])
  }),
  topics(
    'A topic that is named twice in one request is INVALID_REQUEST, and is not made',
    'T033',
    async talk => {
      await create(talk, [
        { name: `${talk.id}-twice` },
        { name: `${talk.id}-once` },
        { name: `${talk.id}-twice` },
      ])
      await talk.ready(`${talk.id}-once`)
      await tellPartitions(talk, `${talk.id}-twice`)
    },
  ),
  topics('Names that differ in dots and underscores only collide', 'the protocol', async talk => {
    await talk.topic('.a')
    await create(talk, [{ name: `${talk.id}_a` }])
  }),
]

const refusals: readonly (readonly [string, string, (id: string, brokerId: number) => Wanted])[] = [
  ['No partitions', 'the protocol', name => ({ name, numPartitions: 0 })],
  ['Minus two partitions', 'the protocol', name => ({ name, numPartitions: -2 })],
  ['No replicas', 'the protocol', name => ({ name, replicationFactor: 0 })],
  ['Minus two replicas', 'the protocol', name => ({ name, replicationFactor: -2 })],
  ['More replicas than brokers', 'the protocol', name => ({ name, replicationFactor: 99 })],
  ['An empty name', 'T018', () => ({ name: '' })],
  ['A single dot as a name', 'T018', () => ({ name: '.' })],
  ['Two dots as a name', 'T018', () => ({ name: '..' })],
  ['A slash in a name', 'T018', name => ({ name: `${name}/x` })],
  ['A name that is too long', 'T018', name => ({ name: name + 'x'.repeat(249) })],
  [
    'A setting that does not exist',
    'T034',
    name => ({ name, configs: [{ name: 'no.such.setting', value: '1' }] }),
  ],
  ['A setting without a value', 'T034', name => ({ name, configs: [{ name: 'retention.ms', value: null }] })],
  ['A number that is none', 'T034', name => ({ name, configs: [{ name: 'retention.ms', value: 'long' }] })],
  ['A number out of range', 'T034', name => ({ name, configs: [{ name: 'retention.ms', value: '-2' }] })],
  [
    'A policy that does not exist',
    'T034',
    name => ({ name, configs: [{ name: 'cleanup.policy', value: 'burn' }] }),
  ],
  [
    'A codec that does not exist',
    'T034',
    name => ({ name, configs: [{ name: 'compression.type', value: 'rar' }] }),
  ],
  ['An assignment to a broker that does not exist', 'the protocol', name => by(name, [[0, [9_999]]])],
  ['An assignment of no brokers', 'the protocol', name => by(name, [[0, []]])],
  ['An assignment that names a broker twice', 'the protocol', (name, it) => by(name, [[0, [it, it]]])],
  [
    'Assignments with a gap between partitions',
    'the protocol',
    (name, it) =>
      by(name, [
        [0, [it]],
        [2, [it]],
      ]),
  ],
  ['Assignments that do not begin at 0', 'the protocol', (name, it) => by(name, [[1, [it]]])],
  [
    'Assignments that name a partition twice',
    'the protocol',
    (name, it) =>
      by(name, [
        [0, [it]],
        [0, [it]],
      ]),
  ],
  [
    'Assignments beside a number of partitions',
    'the protocol',
    (name, it) => ({ ...by(name, [[0, [it]]]), numPartitions: 1 }),
  ],
  [
    'Assignments beside a replication factor',
    'the protocol',
    (name, it) => ({ ...by(name, [[0, [it]]]), replicationFactor: 1 }),
  ],
]

function by(name: string, list: readonly (readonly [number, readonly number[]])[]): Wanted {
  const assignments = list.map(([partitionIndex, brokerIds]) => ({ partitionIndex, brokerIds }))
  return { name, numPartitions: -1, replicationFactor: -1, assignments }
}

const refused: readonly Case[] = refusals.map(([what, source, topicOf]) =>
  topics(`${what} is refused by CreateTopics, and nothing is made`, source, async talk => {
    const { brokers } = await talk.ask('admin', METADATA, 4, talk.metadataOf([]))
    const topic = topicOf(talk.id, brokers[0]!.nodeId)
    await create(talk, [topic])
    if (topic.name.startsWith(talk.id) && topic.name.length < 250) await tellPartitions(talk, topic.name)
  }),
)

const settings: readonly Case[] = (
  [
    ['min.insync.replicas', '1'],
    ['flush.messages', '1000'],
    ['flush.ms', '1000'],
    ['segment.bytes', '1048576'],
    ['cleanup.policy', 'compact'],
    ['cleanup.policy', 'compact,delete'],
    ['message.timestamp.type', 'LogAppendTime'],
    ['compression.type', 'zstd'],
    ['unclean.leader.election.enable', 'true'],
    ['follower.replication.throttled.replicas', '*'],
  ] as const
).map(([name, value]) =>
  topics(`A topic may be made with ${name}=${value}`, 'T034', talk =>
    create(talk, [{ name: talk.id, configs: [{ name, value }] }]),
  ),
)

const deletions: readonly Case[] = [
  ...[1, 2, 3, 4, 5].map(v =>
    topics(
      `DeleteTopics v${v} takes a topic away, and tells of one that is not there`,
      'KIP-4',
      async talk => {
        const { name } = await talk.topic()
        const topicNames = [name, `${talk.id}-missing`]
        await talk.call('admin', DELETE_TOPICS, v, { topics: [], topicNames, timeoutMs: 10_000 })
        await gone(talk, name)
        await tellPartitions(talk)
      },
    ),
  ),
  topics('DeleteTopics v6 takes names and ids', 'KIP-516', async talk => {
    const one = await talk.topic('-one')
    const other = await talk.topic('-other')
    await talk.call('admin', DELETE_TOPICS, 6, {
      topics: [
        { name: one.name, topicId: ZERO_UUID },
        { name: null, topicId: other.topicId },
        { name: `${talk.id}-missing`, topicId: ZERO_UUID },
        { name: null, topicId: NO_TOPIC_ID },
      ],
      topicNames: [],
      timeoutMs: 10_000,
    })
    for (const { name } of [one, other]) await gone(talk, name)
  }),
  topics('A topic with both a name and an id is not deleted', 'KIP-516', async talk => {
    const topic = await talk.topic()
    await talk.call('admin', DELETE_TOPICS, 6, { topics: [topic], topicNames: [], timeoutMs: 10_000 })
    await tellPartitions(talk)
  }),
  topics('A topic that is to be deleted twice, by name and by id, stays', 'KIP-516', async talk => {
    const { name, topicId } = await talk.topic()
    const both = [
      { name, topicId: ZERO_UUID },
      { name: null, topicId },
    ]
    const { responses } = await talk.call('admin', DELETE_TOPICS, 6, {
      topics: both,
      topicNames: [],
      timeoutMs: 10_000,
    })
    talk.retell({
      areRefused: responses.length > 0 && responses.every(it => it.errorCode === INVALID_REQUEST),
    })
    await tellPartitions(talk)
  }),
  topics('Records of a topic that is deleted are gone for those who come later', 'T028, T029', async talk => {
    const first = await talk.topic()
    await talk.fill(first, batch(['a', 'b', 'c']))
    await talk.call('admin', DELETE_TOPICS, 3, { topics: [], topicNames: [first.name], timeoutMs: 10_000 })
    await gone(talk, first.name)
    const second = await talk.topic()
    await talk.offset(second, -1)
    await talk.produce(second, batch(['new']))
  }),
]

async function grow(
  talk: DataTalk,
  list: readonly {
    readonly name: string
    readonly count: number
    readonly brokers?: readonly (readonly number[])[]
  }[],
  { v = 2, validateOnly = false } = {},
): Promise<void> {
  const asked = list.map(({ name, count, brokers }) => ({
    name,
    count,
    assignments: brokers?.map(brokerIds => ({ brokerIds })) ?? null,
  }))
  const answer = await talk.call('admin', CREATE_PARTITIONS, v, {
    topics: asked,
    timeoutMs: 10_000,
    validateOnly,
  })
  talk.retell([...answer.results].sort((one, other) => (one.name < other.name ? -1 : 1)))
}

const growth: readonly Case[] = [
  ...[0, 1, 2, 3].map(v =>
    topics(`CreatePartitions v${v} adds partitions behind the last`, 'T035, KIP-195', async talk => {
      const { name } = await talk.topic()
      await grow(talk, [{ name, count: 3 }], { v })
      await talk.ready(name, 2)
      await tellPartitions(talk)
      await talk.call('reader', LIST_OFFSETS, 5, talk.offsetsOf(name, { partitionIndex: 2 }))
    }),
  ),
  topics('A validation of new partitions adds none', 'T035', async talk => {
    const { name } = await talk.topic()
    await grow(talk, [{ name, count: 3 }], { validateOnly: true })
    await talk.settled()
    await tellPartitions(talk)
  }),
  topics('Fewer partitions, or as many as there are, is INVALID_PARTITIONS', 'T035', async talk => {
    const { name } = await talk.topic('', { partitions: 2 })
    for (const count of [1, 2, 0, -1]) await grow(talk, [{ name, count }])
    await tellPartitions(talk)
  }),
  topics('Each topic that is to grow has its own answer', 'T035, T048', async talk => {
    const one = await talk.topic('-one')
    const other = await talk.topic('-other')
    await grow(talk, [
      { name: one.name, count: 2 },
      { name: `${talk.id}-missing`, count: 2 },
      { name: other.name, count: 1 },
    ])
  }),
  topics('A topic that is to grow twice in one request is INVALID_REQUEST', 'T048', async talk => {
    const { name } = await talk.topic()
    await grow(talk, [
      { name, count: 2 },
      { name, count: 3 },
    ])
    await tellPartitions(talk)
  }),
  topics('New partitions need as many assignments as there are of them', 'KIP-195', async talk => {
    const { name } = await talk.topic()
    await grow(talk, [{ name, count: 3, brokers: [[9_999]] }])
    await grow(talk, [{ name, count: 2, brokers: [[9_999]] }])
    await grow(talk, [{ name, count: 2, brokers: [[]] }])
    await tellPartitions(talk)
  }),
]

export const TOPIC_CASES: readonly Case[] = [...creations, ...refused, ...settings, ...deletions, ...growth]
