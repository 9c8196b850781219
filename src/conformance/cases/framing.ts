/** Frames, headers and the order of responses. */
import { encodeToBuffer } from '../../../protocol/codec.ts'
import { HeartbeatRequest } from '../../../protocol/messages/heartbeat.ts'
import {
  ListGroupsResponse as LIST_GROUPS,
  ListGroupsRequest,
} from '../../../protocol/messages/list-groups.ts'
import { OffsetFetchRequest } from '../../../protocol/messages/offset-fetch.ts'
import type { Fields, Message } from '../../../protocol/schema.ts'
import type { Case } from '../kit/case.ts'
import {
  API_VERSIONS,
  batch,
  CREATE_TOPICS,
  type DataTalk,
  DELETE_TOPICS,
  DESCRIBE_CONFIGS,
  FETCH,
  INIT_PRODUCER_ID,
  LIST_OFFSETS,
  METADATA,
  PRODUCE,
  scripted,
} from './data-talk.ts'
import { frame, requestFrame, shortString, sized, tagged, varint } from './frames.ts'

const framing = (name: string, source: string, script: (talk: DataTalk) => Promise<void>): Case =>
  scripted({ area: 'framing', name, source }, script)

/** A broker that only has to hang up does so within a moment, or not at all. */
const SILENT_MS = 5_000

const CLIENT = { clientSoftwareName: 'conformance', clientSoftwareVersion: '1.0' }

/** Metadata of no topics, at a version with plain and one with flexible encoding. */
const noTopics = (version: number) => ({
  request: METADATA.request,
  version,
  body: {
    topics: [],
    allowAutoTopicCreation: false,
    includeClusterAuthorizedOperations: false,
    includeTopicAuthorizedOperations: false,
  },
})

/** Whether the connection is still good. */
async function answersOn(talk: DataTalk, who: string): Promise<void> {
  const { apiKeys } = await talk.ask(who, API_VERSIONS, 0, CLIENT)
  talk.note(`${who} asks for versions`, apiKeys.length > 0 ? 'answered' : 'without APIs')
}

async function sayMetadata(talk: DataTalk, said: string, bytes: Buffer, version = 9): Promise<void> {
  const answer = await talk.say('raw', { said, bytes, response: METADATA.response, version })
  if (answer) talk.retell({ correlationId: answer.correlationId, topics: answer.topics })
}

/** Bytes behind which the broker hangs up, and nobody else notices. */
function hangsUp(name: string, source: string, bytes: Buffer): Case {
  // It may bring a broker down, which is not to be blamed on others.
  return scripted({ area: 'framing', name, source, alone: true, limitMs: SILENT_MS }, async talk => {
    await answersOn(talk, 'bystander')
    await talk.say('raw', { said: 'what no broker can make sense of', bytes, response: METADATA.response })
    await answersOn(talk, 'bystander')
    await answersOn(talk, 'newcomer')
  })
}

const unknownVersions: readonly Case[] = (
  [
    ['Produce', PRODUCE.request.apiKey],
    ['Fetch', FETCH.request.apiKey],
    ['ListOffsets', LIST_OFFSETS.request.apiKey],
    ['Metadata', METADATA.request.apiKey],
    ['CreateTopics', CREATE_TOPICS.request.apiKey],
    ['OffsetFetch', OffsetFetchRequest.apiKey],
  ] as const
).map(([name, apiKey]) =>
  hangsUp(
    `${name} in a version that does not exist ends the connection, and is not read as another version`,
    'T010',
    frame({ apiKey, version: 99, headerVersion: 2, body: Buffer.alloc(16) }),
  ),
)

const unknownApis: readonly Case[] = [999, -1, 32_767].map(apiKey =>
  hangsUp(
    `An API of the number ${apiKey} ends the connection, and only that`,
    'T011',
    frame({ apiKey, version: 0, headerVersion: 1, body: Buffer.alloc(8) }),
  ),
)

const impossibleSizes: readonly Case[] = [
  ...(
    [
      ['A frame of a negative size', sized(Buffer.alloc(8), -1)],
      ['A frame of the least size that an int32 can say', sized(Buffer.alloc(8), -0x8000_0000)],
      ['A frame of two gigabytes', sized(Buffer.alloc(8), 0x7fff_ffff)],
      ['A frame that is too short for a header', sized(Buffer.of(0, 3, 0))],
      [
        'A request header that ends within the client id',
        sized(Buffer.of(0, 3, 0, 1, 0, 0, 0, 7, 0, 9, 0x61)),
      ],
      [
        'A list with two billion entries',
        frame({ apiKey: 3, version: 1, body: Buffer.of(0x7f, 0xff, 0xff, 0xff) }),
      ],
      [
        'A list with minus two entries',
        frame({
          apiKey: 0,
          version: 3,
          body: Buffer.of(0xff, 0xff, 0, 1, 0, 0, 0, 9, 0xff, 0xff, 0xff, 0xfe),
        }),
      ],
      [
        'A compact list with two billion entries',
        frame({ apiKey: 3, version: 9, body: Buffer.concat([varint(0x7fff_ffff), Buffer.of(0, 0, 0, 0)]) }),
      ],
      [
        'A string that is longer than its frame',
        frame({ apiKey: 3, version: 1, body: Buffer.of(0, 0, 0, 1, 0x7f, 0xff, 0x61) }),
      ],
      [
        'A compact string that is longer than its frame',
        frame({ apiKey: 3, version: 9, body: Buffer.concat([varint(2), varint(1_000), Buffer.from('a')]) }),
      ],
      [
        'A null where a string must be',
        frame({
          apiKey: HeartbeatRequest.apiKey,
          version: 0,
          body: Buffer.concat([shortString(null), Buffer.alloc(10)]),
        }),
      ],
      [
        'A tagged field that is longer than its frame',
        frame({
          apiKey: 3,
          version: 9,
          tags: Buffer.concat([varint(1), varint(5), varint(1_000)]),
          body: Buffer.of(1, 0, 0, 0, 0),
        }),
      ],
    ] as const
  ).map(([name, bytes]) => hangsUp(`${name} ends the connection, and the broker lives on`, 'T018', bytes)),
]

/** Cut off in the body: too short for what its version must have. */
const truncated: readonly Case[] = (
  [
    [PRODUCE.request, 9],
    [FETCH.request, 12],
    [LIST_OFFSETS.request, 6],
    [METADATA.request, 12],
    [CREATE_TOPICS.request, 5],
    [DELETE_TOPICS.request, 4],
    [DESCRIBE_CONFIGS.request, 4],
    [INIT_PRODUCER_ID.request, 2],
    [OffsetFetchRequest, 8],
    [HeartbeatRequest, 4],
  ] as readonly (readonly [Message<Fields>, number])[]
).map(([request, version]) => {
  const name = request.name.replace('Request', '')
  const bytes = frame({ apiKey: request.apiKey, version, body: Buffer.of(2) })
  return hangsUp(`A ${name} that is cut off ends the connection, and only that`, 'T018', bytes)
})

const headers: readonly Case[] = [
  ...([0, -1, 0x7fff_ffff, -0x8000_0000] as const).map(correlationId =>
    framing(`The correlation id ${correlationId} comes back as it was`, 'the protocol', async talk => {
      for (const version of [1, 9]) {
        await sayMetadata(
          talk,
          `Metadata v${version}`,
          requestFrame(noTopics(version), { correlationId }),
          version,
        )
      }
    }),
  ),
  ...(
    [
      ['no client id', null],
      ['an empty client id', ''],
      ['a client id of 32,767 bytes', 'x'.repeat(32_767)],
      ['a client id that is not UTF-8', Buffer.of(0xc3, 0x28, 0xff)],
      ['a client id with blanks and umlauts', 'ein Gerät'],
    ] as const
  ).map(([name, clientId]) =>
    framing(
      `A header with ${name} is read to its end, also where tagged fields follow`,
      'T004',
      async talk => {
        for (const version of [1, 9]) {
          await sayMetadata(
            talk,
            `Metadata v${version}`,
            requestFrame(noTopics(version), { clientId }),
            version,
          )
        }
      },
    ),
  ),
  framing('Tagged fields in a header that nobody knows are skipped', 'T015, KIP-482', async talk => {
    const tags = tagged({ 77: 'whatever', 10000: '' })
    await sayMetadata(talk, 'Metadata v9 with two tags in its header', requestFrame(noTopics(9), { tags }))
  }),
  framing('Tagged fields in a body that nobody knows are skipped', 'T015, KIP-482', async talk => {
    const plain = encodeToBuffer(METADATA.request, 9, noTopics(9).body)
    const body = Buffer.concat([plain.subarray(0, -1), tagged({ 3: 'x', 900: 'whatever' })])
    await sayMetadata(talk, 'Metadata v9 with two tags', frame({ apiKey: 3, version: 9, body }))
  }),
  framing('Tagged fields within a list that nobody knows are skipped', 'T015, KIP-482', async talk => {
    const topic = await talk.topic()
    const body = encodeToBuffer(LIST_OFFSETS.request, 6, talk.offsetsOf(topic.name, { timestamp: -1n }))
    // The tags of the partition, of the topic, and of the request are the last three bytes.
    const parts = [body.subarray(0, -3), tagged({ 9: 'unknown' }), tagged({ 9: 'unknown' }), tagged({})]
    const bytes = frame({ apiKey: LIST_OFFSETS.request.apiKey, version: 6, body: Buffer.concat(parts) })
    await talk.say('raw', {
      said: 'ListOffsets v6 with tags',
      bytes,
      response: LIST_OFFSETS.response,
      version: 6,
    })
  }),
]

const order: readonly Case[] = [
  framing('Responses come in the order of the requests, also behind one that waits', 'T012', async talk => {
    const topic = await talk.topic()
    const waits = await talk.park(
      'client',
      FETCH,
      12,
      talk.fetchBody([talk.fetchTopic(topic)], { maxWaitMs: 600 }),
    )
    const next = talk.call('client', DESCRIBE_CONFIGS, 2, { resources: [] })
    const last = talk.call('client', LIST_OFFSETS, 6, talk.offsetsOf(topic.name))
    await Promise.all([waits.answer(), next, last])
  }),
  framing('A hundred requests at once are answered one by one, in their order', 'T012', async talk => {
    const bytes = Array.from({ length: 100 }, (_, correlationId) =>
      requestFrame(noTopics(9), { correlationId }),
    )
    const all = Buffer.concat(bytes)
    const { response } = METADATA
    const first = await talk.say('raw', { said: 'Metadata v9', bytes: all, response, version: 9 })
    const order = [first?.correlationId]
    while (order.length < bytes.length) {
      const next = await talk.say('raw', { said: 'nothing', bytes: Buffer.alloc(0), response, version: 9 })
      talk.transcript.pop()
      order.push(next?.correlationId)
    }
    talk.retell(order.join(' '))
  }),
  framing('Produce requests of one connection are answered in their order', 'T012', async talk => {
    const topic = await talk.topic()
    const answers = ['a', 'b', 'c', 'd', 'e'].map(value => talk.produce(topic, batch([value])))
    await Promise.all(answers)
    await talk.fetch(topic)
  }),
  framing('A produce with acks=0 has no place among the responses', 'T013', async talk => {
    const topic = await talk.topic()
    const body = talk.produceBody(topic, batch(['unanswered']), { acks: 0 })
    const bytes = requestFrame({ request: PRODUCE.request, version: 9, body })
    await talk.say('raw', { said: 'Produce v9 with acks=0', bytes, response: null })
    await sayMetadata(talk, 'Metadata v9', requestFrame(noTopics(9)))
    await talk.fetch(topic)
  }),
  scripted(
    {
      area: 'framing',
      name: 'An error with acks=0 ends the connection, which is how a producer hears of it',
      source: 'T013',
      limitMs: SILENT_MS,
    },
    async talk => {
      const topic = { name: `${talk.id}-missing`, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }
      const body = talk.produceBody(topic, batch(['lost']), { acks: 0 })
      const bytes = requestFrame({ request: PRODUCE.request, version: 9, body })
      await talk.say('raw', { said: 'Produce v9 with acks=0', bytes, response: PRODUCE.response, version: 9 })
    },
  ),
]

const pieces: readonly Case[] = [
  framing('A request that comes byte by byte is answered as any other', 'the protocol', async talk => {
    const bytes = requestFrame(noTopics(9))
    for (const [at, byte] of bytes.subarray(0, -1).entries()) {
      await talk.say('raw', { said: `byte ${at}`, bytes: Buffer.of(byte), response: null })
    }
    await sayMetadata(talk, 'the last byte', bytes.subarray(-1))
  }),
  framing('Requests may be cut anywhere between two packets', 'the protocol', async talk => {
    const both = Buffer.concat([1, 2].map(correlationId => requestFrame(noTopics(9), { correlationId })))
    for (const cut of [2, 4, 9, both.length / 2 - 1, both.length / 2 + 3]) {
      await talk.say('raw', { said: `up to byte ${cut}`, bytes: both.subarray(0, cut), response: null })
      await talk.settled()
      await sayMetadata(talk, 'the rest', both.subarray(cut))
      await sayMetadata(talk, 'nothing', Buffer.alloc(0))
    }
  }),
  framing('A response has no bytes behind its end', 'the protocol', async talk => {
    await talk.ask('client', METADATA, 9, talk.metadataOf([]))
    await talk.ask('client', METADATA, 1, talk.metadataOf([]))
    await talk.ask('client', { request: ListGroupsRequest, response: LIST_GROUPS }, 3, {
      statesFilter: [],
      typesFilter: [],
    })
    talk.note('responses', 'read to their last byte')
  }),
  framing(
    'Many requests follow one another on one connection, whatever became of the last',
    'T042',
    async talk => {
      const missing = { name: `${talk.id}-missing`, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }
      await talk.produce(missing, batch(['lost']), { who: 'client' })
      await talk.fetch(missing, { who: 'client' })
      await answersOn(talk, 'client')
    },
  ),
]

export const FRAMING_CASES: readonly Case[] = [
  ...headers,
  ...order,
  ...pieces,
  ...unknownVersions,
  ...unknownApis,
  ...impossibleSizes,
  ...truncated,
]
