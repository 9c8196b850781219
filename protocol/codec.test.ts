import { expect, test } from 'vitest'
import { apis } from './apis.ts'
import { decode, encode, encodeToBuffer } from './codec.ts'
import { ApiVersionsResponse } from './messages/api-versions.ts'
import { ConsumerGroupDescribeResponse } from './messages/consumer-group-describe.ts'
import { FetchRequest, FetchResponse } from './messages/fetch.ts'
import { JoinGroupResponse } from './messages/join-group.ts'
import { MetadataRequest } from './messages/metadata.ts'
import { ProduceRequest, ProduceResponse } from './messages/produce.ts'
import { ShareGroupDescribeResponse } from './messages/share-group-describe.ts'
import { array, at, int32, message, nullable, string, struct, tagged } from './schema.ts'
import { versionsOf } from './testing/vectors.ts'
import { type DeferredBytes, EMPTY_BYTES, type RecordsSource, ZERO_UUID } from './wire.ts'

function fetched(records?: Uint8Array | RecordsSource) {
  const partition = { partitionIndex: 0, errorCode: 0, highWatermark: 1n, abortedTransactions: [] }
  const given = records === undefined ? partition : { ...partition, records }
  return { errorCode: 0, responses: [{ topic: 't', topicId: ZERO_UUID, partitions: [given] }] }
}

test('T014 records of a fetch that nobody gave are zero-length, not null, in every version', () => {
  for (const version of versionsOf(FetchResponse)) {
    const bytes = encodeToBuffer(FetchResponse, version, fetched())
    const none = encodeToBuffer(FetchResponse, version, fetched(EMPTY_BYTES))
    expect(bytes).toEqual(none)
    const [topic] = decode(FetchResponse, version, bytes).responses
    expect(topic?.partitions[0]?.records).toEqual(EMPTY_BYTES)
    const compactEmpty = version >= 12 ? '01' + '00' + '00' + '00' : '00000000'
    expect(bytes.toString('hex').endsWith(compactEmpty), `v${version}`).toBe(true)
  }
})

test('T014 null never becomes a length of -1 in a field that cannot be null', () => {
  const Strict = message('Strict', -1, '0-1', '1+', {
    name: string,
    note: nullable('1+', string),
    ids: nullable('1+', array(int32)),
  })
  const broken = { name: null as unknown as string, note: null, ids: null }
  expect(() => encodeToBuffer(Strict, 0, broken)).toThrow(/^Strict v0, name: /)
  expect(() => encodeToBuffer(Strict, 1, broken)).toThrow(/^Strict v1, name: /)
  // Where only other versions allow null, it says "empty", as Kafka's broker does in JoinGroup.
  expect(encodeToBuffer(Strict, 0, { name: '', note: null, ids: null }).toString('hex')).toBe(
    '0000' + '0000' + '00000000',
  )
  expect(encodeToBuffer(Strict, 1, { name: '', note: null, ids: null }).toString('hex')).toBe(
    '01' + '00' + '00' + '00',
  )
  const response = {
    errorCode: 0,
    generationId: 1,
    protocolName: null,
    leader: '',
    memberId: '',
    members: [],
  }
  expect(decode(JoinGroupResponse, 6, encodeToBuffer(JoinGroupResponse, 6, response)).protocolName).toBe('')
  expect(decode(JoinGroupResponse, 7, encodeToBuffer(JoinGroupResponse, 7, response)).protocolName).toBeNull()
})

test('T015 a tagged field is written only in versions that have it', () => {
  const request = {
    maxWaitMs: 0,
    minBytes: 0,
    topics: [],
    forgottenTopicsData: [],
    clusterId: 'cluster',
    replicaState: { replicaId: 4, replicaEpoch: 5n },
  }
  for (const version of versionsOf(FetchRequest)) {
    const { clusterId, replicaState } = decode(
      FetchRequest,
      version,
      encodeToBuffer(FetchRequest, version, request),
    )
    expect(clusterId).toBe(version >= 12 ? 'cluster' : null)
    expect(replicaState.replicaId).toBe(version >= 15 ? 4 : -1)
  }
})

const Tagged = message('Tagged', -1, '0', '0+', {
  word: tagged(0, '0+', nullable(string), null),
  words: tagged(1, '0+', nullable(array(int32)), []),
  inner: tagged(2, '0+', nullable(struct({ id: int32 })), { id: 0 }),
  number: tagged(7, '0+', int32, -1),
})

test('T015 a tagged nullable field has its own encoding, and none where it has its default', () => {
  const hex = (value: Parameters<typeof encode<typeof Tagged.fields>>[2]) =>
    encodeToBuffer(Tagged, 0, value).toString('hex')
  expect(hex({})).toBe('00')
  expect(hex({ word: null, words: [], inner: { id: 0 }, number: -1 })).toBe('00')
  expect(hex({ word: '' })).toBe('01' + '000101')
  expect(hex({ words: null })).toBe('01' + '010100')
  // A struct has a prefix of its own where it is tagged: 0 for null, 1 before a value.
  expect(hex({ inner: null })).toBe('01' + '020100')
  expect(hex({ inner: { id: 5 } })).toBe('01' + '0206' + '01' + '00000005' + '00')
  expect(hex({ number: 9, word: 'a' })).toBe('02' + '00020261' + '070400000009')
})

test('T015 tags that no definition knows are skipped', () => {
  const bytes = Buffer.from('03' + '00020261' + '0503aabbcc' + 'e80700', 'hex')
  expect(decode(Tagged, 0, bytes)).toEqual({ word: 'a', words: [], inner: { id: 0 }, number: -1 })
})

test('T016 structures of the same name in different messages keep their own fields', () => {
  const assignedTo = (
    definition: typeof ConsumerGroupDescribeResponse | typeof ShareGroupDescribeResponse,
  ) => {
    const { groups } = definition.fields
    if (groups.type.kind !== 'array' || groups.type.element.kind !== 'struct') throw new Error('groups')
    const members = groups.type.element.fields.members?.type
    if (members?.kind !== 'array' || members.element.kind !== 'struct') throw new Error('members')
    return Object.keys(members.element.fields)
  }
  expect(assignedTo(ConsumerGroupDescribeResponse)).toContain('targetAssignment')
  expect(assignedTo(ShareGroupDescribeResponse)).not.toContain('targetAssignment')
})

test('a byte field is a view on the frame, and a large one is not copied into a message', () => {
  const batch = Buffer.alloc(5_000, 7)
  const request = {
    acks: -1,
    timeoutMs: 1,
    topicData: [{ name: 't', topicId: ZERO_UUID, partitionData: [{ index: 0, records: batch }] }],
  }
  const encoded = encode(ProduceRequest, 9, request)
  expect(encoded.chunks).toHaveLength(3)
  expect(encoded.chunks[1]).toBe(batch)
  expect(encoded.byteLength).toBe(encoded.chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0))

  const frame = encodeToBuffer(ProduceRequest, 9, request)
  const records = decode(ProduceRequest, 9, frame).topicData[0]?.partitionData[0]?.records
  expect(records?.buffer).toBe(frame.buffer)
  expect(records).toEqual(batch)
})

test('deferred bytes go through an encoder unread, between the small parts around them', () => {
  const range: DeferredBytes = {
    byteLength: 70_000,
    read: () => Promise.reject(new Error('an encoder must not read')),
    release: () => {
      throw new Error('an encoder must not release')
    },
  }
  const cached = Buffer.alloc(2_000, 1)
  const encoded = encode(FetchResponse, 12, fetched({ byteLength: 72_000, parts: [range, cached] }))
  expect(encoded.chunks).toHaveLength(4)
  expect(encoded.chunks.slice(1, 3)).toEqual([range, cached])
  expect((encoded.chunks[0] as Buffer).subarray(-3).toString('hex')).toBe('c1b204')
  expect(() => encode(FetchResponse, 12, fetched({ byteLength: 5, parts: [cached] }))).toThrow(
    'FetchResponse v12, responses[0].partitions[0].records: a source has other bytes than it says',
  )
})

test('a field has its default where its caller omits it, and decoded where the version lacks it', () => {
  const response = encodeToBuffer(ApiVersionsResponse, 0, { errorCode: 0, apiKeys: [] })
  expect(response.toString('hex')).toBe('000000000000')
  expect(decode(ApiVersionsResponse, 0, response)).toMatchObject({
    throttleTimeMs: 0,
    finalizedFeaturesEpoch: -1n,
    supportedFeatures: [],
  })
  expect(decode(MetadataRequest, 0, Buffer.alloc(4))).toMatchObject({
    topics: [],
    allowAutoTopicCreation: true,
  })
})

test('a value that its definition cannot hold is our mistake, told with its path', () => {
  const wrong = { responses: [{ name: 't', topicId: 'short', partitionResponses: [] }] }
  expect(() => encode(ProduceResponse, 13, wrong)).toThrow(
    /^ProduceResponse v13, responses\[0\].topicId: 'short' is not a UUID/,
  )
  const Note = message('Note', -1, '0', '0+', { text: at('0+', string) })
  expect(() => encode(Note, 0, { text: 'x'.repeat(0x8000) })).toThrow(
    'Note v0, text: a string of 32768 bytes is too long',
  )
  expect(() => encode(Note, 1, { text: '' })).toThrow('Note has no version 1')
})

test('each API has a request and a response of the same versions', () => {
  expect(apis.size).toBe(91)
  for (const [apiKey, { name, request, response }] of apis) {
    expect(request).toMatchObject({ apiKey, name: `${name}Request`, versions: response.versions })
    expect(response).toMatchObject({ apiKey, name: `${name}Response`, flexible: request.flexible })
  }
})
