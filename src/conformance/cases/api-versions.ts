/** ApiVersions, and whether what it says is true. */
import { apis } from '../../../protocol/apis.ts'
import { ApiVersionsRequest, ApiVersionsResponse } from '../../../protocol/messages/api-versions.ts'
import { emptyOf, type Fields, type Message } from '../../../protocol/schema.ts'
import type { Persona } from '../../metadata/personas.ts'
import { type Case, NotApplicable } from '../kit/case.ts'
import { API_VERSIONS, type DataTalk, scripted } from './data-talk.ts'
import { frame, requestFrame } from './frames.ts'

const versions = (name: string, source: string, script: (talk: DataTalk) => Promise<void>): Case =>
  scripted({ area: 'api-versions', name, source }, script)

const CLIENT = { clientSoftwareName: 'conformance', clientSoftwareVersion: '1.0' }
const API_VERSIONS_KEY = ApiVersionsRequest.apiKey

const askVersions = (talk: DataTalk, version: number, who = 'client') =>
  talk.ask(who, API_VERSIONS, version, CLIENT)

/** Of a whole list of APIs, what is the same for every broker. */
async function tellVersions(talk: DataTalk, version: number): Promise<void> {
  const { errorCode, apiKeys } = await askVersions(talk, version)
  const isOrderly = apiKeys.every(({ minVersion, maxVersion }) => 0 <= minVersion && minVersion <= maxVersion)
  const isUnique = new Set(apiKeys.map(({ apiKey }) => apiKey)).size === apiKeys.length
  talk.note(`ApiVersions v${version}`, { errorCode, isOrderly, isUnique })
}

const answers: readonly Case[] = [0, 1, 2, 3, 4].map(version =>
  versions(
    `ApiVersions v${version} is answered, behind a header without tagged fields`,
    'T002, KIP-511',
    talk => tellVersions(talk, version),
  ),
)

/** What a broker says to an ApiVersions that is newer than it. */
async function sayTooNew(talk: DataTalk, version: number): Promise<void> {
  const bytes = frame({
    apiKey: API_VERSIONS_KEY,
    version,
    headerVersion: 2,
    body: Buffer.from([2, 0x61, 2, 0x31, 0]),
  })
  const answer = await talk.say('client', {
    said: `ApiVersions v${version}`,
    bytes,
    response: ApiVersionsResponse,
  })
  const own = answer?.apiKeys.find(({ apiKey }) => apiKey === API_VERSIONS_KEY)
  if (!answer) return
  const { errorCode } = answer
  talk.retell({ errorCode, tellsItsOwnRange: own !== undefined && own.minVersion <= own.maxVersion })
}

const tooNew: readonly Case[] = [
  ...[99, 1_000, 32_767].map(version =>
    versions(
      `ApiVersions v${version} is answered UNSUPPORTED_VERSION, as in version 0`,
      'T001, KIP-35',
      talk => sayTooNew(talk, version),
    ),
  ),
  versions('The connection lives on after an ApiVersions that was too new', 'T001, KIP-511', async talk => {
    await sayTooNew(talk, 99)
    await sayTooNew(talk, 98)
    await tellVersions(talk, 3)
    await tellVersions(talk, 0)
  }),
  versions('ApiVersions may be asked again and again on one connection', 'T017', async talk => {
    for (const version of [3, 0, 2, 3]) await tellVersions(talk, version)
  }),
  versions('Every connection is told the same versions', 'T017', async talk => {
    const told = await Promise.all(['a', 'b', 'c'].map(who => askVersions(talk, 3, who)))
    const texts = new Set(told.map(({ apiKeys }) => JSON.stringify(apiKeys)))
    talk.note('different lists among three', texts.size)
  }),
]

const names: readonly Case[] = (
  [
    ['', '1.0'],
    ['conformance', ''],
    ['two words', '1.0'],
    ['-dash', '1.0'],
    ['dash-', '1.0'],
    ['umläut', '1.0'],
    ['conformance', '1.0 beta'],
    ['under_score', '1.0'],
  ] as const
).map(([clientSoftwareName, clientSoftwareVersion]) =>
  versions(
    `A client called "${clientSoftwareName}", version "${clientSoftwareVersion}", is an INVALID_REQUEST`,
    'T003, KIP-511',
    async talk => {
      const body = { clientSoftwareName, clientSoftwareVersion }
      const bytes = requestFrame({ request: ApiVersionsRequest, version: 3, body })
      const said = 'ApiVersions v3'
      const answer = await talk.say('client', { said, bytes, response: ApiVersionsResponse, version: 3 })
      if (answer) talk.retell({ errorCode: answer.errorCode, apiKeys: answer.apiKeys.length })
      await tellVersions(talk, 3)
    },
  ),
)

const goodNames: readonly Case[] = ['a', '7', 'a.b-c.9', 'Apache-Kafka-Java'].map(clientSoftwareName =>
  versions(`A client may call itself "${clientSoftwareName}"`, 'T003, KIP-511', async talk => {
    const { errorCode } = await talk.ask('client', API_VERSIONS, 3, {
      clientSoftwareName,
      clientSoftwareVersion: '0.1-rc.2',
    })
    talk.note('ApiVersions v3', { errorCode })
  }),
)

const promises: readonly Case[] = [
  versions(
    'Produce is advertised from version 0 on, for librdkafka goes by it',
    'T007, KAFKA-18659',
    async talk => {
      const { apiKeys } = await askVersions(talk, 3)
      talk.note('the first version of Produce', apiKeys.find(({ apiKey }) => apiKey === 0)?.minVersion)
    },
  ),
  {
    ...versions(
      'JoinGroup is served from version 0 on, for older clients go by it',
      'T008, KAFKA-19444',
      async talk => {
        const { apiKeys } = await askVersions(talk, 3)
        talk.note('the first version of JoinGroup', apiKeys.find(({ apiKey }) => apiKey === 11)?.minVersion)
      },
    ),
    since: '4.3',
  },
  versions(
    'Whoever serves topic ids to producers and readers tells them in Metadata',
    'T009, KIP-516',
    async talk => {
      const { apiKeys } = await askVersions(talk, 3)
      const last = (key: number) => apiKeys.find(({ apiKey }) => apiKey === key)?.maxVersion ?? -1
      const needsIds = last(0) >= 13 || last(1) >= 13 || last(8) >= 10 || last(9) >= 10
      talk.note('Metadata has topic ids where others need them', !needsIds || last(3) >= 10)
    },
  ),
  versions('Finalized features are within what is supported', 'T006, KIP-584', async talk => {
    // Version 3 leaves out of what is supported whatever begins at 0 (KAFKA-17492).
    const { supportedFeatures, finalizedFeatures, finalizedFeaturesEpoch } = await askVersions(talk, 4)
    const areWithin = finalizedFeatures.every(({ name, maxVersionLevel, minVersionLevel }) =>
      supportedFeatures.some(
        it => it.name === name && minVersionLevel <= maxVersionLevel && maxVersionLevel <= it.maxVersion,
      ),
    )
    talk.note('features', { areWithin, hasEpoch: finalizedFeaturesEpoch >= 0n })
  }),
  {
    // With ZooKeeper there were none.
    since: '3.3',
    ...versions(
      'The features of the metadata and of transactions are told',
      'KIP-584, KIP-890',
      async talk => {
        const { finalizedFeatures } = await askVersions(talk, 3)
        const found = (wanted: string) => finalizedFeatures.some(({ name }) => name === wanted)
        talk.note('finalized', { 'metadata.version': found('metadata.version') })
      },
    ),
  },
]

/** What is not empty, where nothing would be answered or too much would happen. */
const BODIES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  Produce: { acks: -1, timeoutMs: 1_000 },
  Fetch: { sessionEpoch: -1 },
  ApiVersions: CLIENT,
  OffsetFetch: {
    groupId: 'none',
    groups: [{ groupId: 'none', memberId: null, memberEpoch: -1, topics: [] }],
  },
  DescribeCluster: { endpointType: 1 },
  InitProducerId: { transactionalId: null, transactionTimeoutMs: 10_000, producerId: -1n, producerEpoch: -1 },
  // Any resource, of any name, for anyone.
  DescribeAcls: { resourceTypeFilter: 1, patternTypeFilter: 1, operation: 1, permissionType: 1 },
  UpdateFeatures: { validateOnly: true },
}

/** Those whose requests are harmless when they ask for nothing. */
const HARMLESS = [
  'Produce',
  'Fetch',
  'ListOffsets',
  'Metadata',
  'OffsetCommit',
  'OffsetFetch',
  'FindCoordinator',
  'JoinGroup',
  'Heartbeat',
  'LeaveGroup',
  'SyncGroup',
  'DescribeGroups',
  'ListGroups',
  'ApiVersions',
  'CreateTopics',
  'DeleteTopics',
  'DeleteRecords',
  'InitProducerId',
  'OffsetForLeaderEpoch',
  'AddOffsetsToTxn',
  'EndTxn',
  'WriteTxnMarkers',
  'TxnOffsetCommit',
  'DescribeAcls',
  'DescribeConfigs',
  'AlterConfigs',
  'DescribeLogDirs',
  'CreatePartitions',
  'DeleteGroups',
  'ElectLeaders',
  'IncrementalAlterConfigs',
  'AlterPartitionReassignments',
  'ListPartitionReassignments',
  'OffsetDelete',
  'DescribeClientQuotas',
  'DescribeUserScramCredentials',
  'DescribeCluster',
  'DescribeProducers',
  'DescribeTransactions',
  'ListTransactions',
  'ConsumerGroupDescribe',
  'ListConfigResources',
  'DescribeTopicPartitions',
]

function emptyBody({ fields, name }: Message<Fields>): Record<string, unknown> {
  const empty = Object.entries(fields).map(([field, { type }]) => [field, emptyOf(type)])
  return { ...Object.fromEntries(empty), ...BODIES[name.replace('Request', '')] }
}

/** Kafka 4 advertises Produce from version 0 on, and serves it from version 3. */
const SERVED_FROM: Readonly<Record<string, number>> = { Produce: 3 }

const bothEnds: readonly Case[] = HARMLESS.map(name =>
  versions(
    `${name} is answered in the lowest and in the highest version that is advertised`,
    'T005',
    async talk => {
      const api = [...apis.values()].find(it => it.name === name)!
      const range = talk.brokerSide.versionsOf?.(api.apiKey)
      if (!range) throw new NotApplicable(`${name} is not served`)
      const known = api.request.versions
      const lowest = Math.max(range.first, known.first, SERVED_FROM[name] ?? 0)
      const highest = Math.min(range.last, known.last)
      if (lowest > highest) throw new NotApplicable(`${name} is served in versions that are not known here`)
      for (const [place, version] of [
        ['lowest', lowest],
        ['highest', highest],
      ] as const) {
        await talk.ask(place, api, version, emptyBody(api.request) as never)
        talk.note(`the ${place} version of ${name}`, 'answered')
      }
    },
  ),
)

export const API_VERSIONS_CASES: readonly Case[] = [
  ...answers,
  ...tooNew,
  ...names,
  ...goodNames,
  ...promises,
  ...bothEnds,
]

/** A broker that passes for a certain Kafka advertises neither more nor less of each API that it has. */
export function personaCases(persona: Persona): readonly Case[] {
  return [...(persona.apis ?? [])].flatMap(([apiKey, { advertised }]) => {
    const name = apis.get(apiKey)?.name
    if (name === undefined) return []
    const { minVersion, maxVersion } = advertised
    const heading = {
      area: 'api-versions' as const,
      name: `Kafka ${persona.name} advertises ${name} ${minVersion} to ${maxVersion}`,
      source: `Kafka ${persona.name}`,
    }
    const made = scripted(heading, async talk => {
      const range = talk.brokerSide.versionsOf?.(apiKey)
      if (!range) throw new NotApplicable(`${name} is not served`)
      talk.note(name, `${range.first} to ${range.last}`)
    })
    return [{ ...made, expected: [{ said: name, heard: `${minVersion} to ${maxVersion}` }] }]
  })
}
