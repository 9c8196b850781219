/** Log directories, leaders, reassignments, features, and the cluster itself. */
import type { Case, Heading } from '../kit/case.ts'
import {
  type AdminTalk,
  DESCRIBE_CLUSTER,
  ELECT_LEADERS,
  LOG_DIRS,
  MOVE_REPLICAS,
  REASSIGN,
  REASSIGNMENTS,
  scripted,
  UPDATE_FEATURES,
} from './admin-talk.ts'
import { batch } from './data-talk.ts'

type Script = (talk: AdminTalk, v: number) => Promise<void>
type Place = Pick<Heading, 'area'> & Partial<Heading>

const ADMIN: Place = { area: 'admin' }

function inVersions(
  place: Place,
  versions: readonly number[],
  [name, source, script]: [string, string, Script],
) {
  return versions.map(v => scripted({ ...place, name: `${name} (v${v})`, source }, talk => script(talk, v)))
}

function one(place: Place, name: string, source: string, script: (talk: AdminTalk) => Promise<void>) {
  return scripted({ ...place, name, source }, script)
}

const LOG_DIRS_VERSIONS = [1, 2, 3, 4]
const ELECTION_VERSIONS = [0, 1, 2]

export const ADMIN_CASES: readonly Case[] = [
  ...inVersions(ADMIN, LOG_DIRS_VERSIONS, ['DescribeLogDirs tells the size of each replica', 'T049', sizes]),
  one(ADMIN, 'DescribeLogDirs says nothing of what does not exist', 'T049', noSizes),
  one(ADMIN, 'AlterReplicaLogDirs to a directory that is not there', 'KIP-113', movesNowhere),
  ...inVersions(ADMIN, ELECTION_VERSIONS, [
    'ElectLeaders of whom leads already is ELECTION_NOT_NEEDED',
    'T045',
    electsNobody,
  ]),
  one(ADMIN, 'ElectLeaders of what does not exist is refused', 'T045', electsNothing),
  ...inVersions(
    ADMIN,
    [0, 1],
    ['A reassignment to the same broker is done at once', 'T044', reassignsToItself],
  ),
  one(ADMIN, 'A reassignment that cannot be is INVALID_REPLICA_ASSIGNMENT', 'T044', reassignsBadly),
  one(ADMIN, 'A reassignment that is not going on cannot be cancelled', 'T044', cancelsNothing),
  one(ADMIN, 'A reassignment of what does not exist is refused', 'T044', reassignsNothing),
  one(ADMIN, 'ListPartitionReassignments tells of none', 'T044', listsReassignments),
  one(ADMIN, 'UpdateFeatures refuses levels that there are not', 'KIP-584', badFeatures),
  one(ADMIN, 'UpdateFeatures that only validates changes nothing', 'KIP-584', validatesFeatures),
  ...inVersions(
    { area: 'admin', varies: ['brokers', 'endpointType'] },
    [0, 1, 2],
    ['DescribeCluster tells the cluster and what is allowed there', 'KIP-700', describesCluster],
  ),
  one(ADMIN, 'DescribeCluster by a broker knows no controllers', 'KIP-919', describesControllers),
]

/** Where the directories are, and how much is in them besides, is the broker's business. */
async function describeLogDirs(
  talk: AdminTalk,
  v: number,
  topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[],
): Promise<void> {
  const { errorCode, results } = await talk.call('admin', LOG_DIRS, v, { topics: [...topics] })
  const told = results.filter(each => each.topics.length > 0 || topics.length === 0)
  talk.retell({ errorCode, results: told.map(each => ({ errorCode: each.errorCode, topics: each.topics })) })
}

async function sizes(talk: AdminTalk, v: number): Promise<void> {
  const topic = await talk.topic('', { partitions: 2 })
  await talk.fill(topic, batch(['a', 'b', 'c']))
  await describeLogDirs(talk, v, [{ topic: topic.name, partitions: [0, 1] }])
  await describeLogDirs(talk, v, [{ topic: topic.name, partitions: [1] }])
}

async function noSizes(talk: AdminTalk): Promise<void> {
  const topic = await talk.topic()
  for (const v of LOG_DIRS_VERSIONS) {
    await describeLogDirs(talk, v, [
      { topic: topic.name, partitions: [5] },
      { topic: `${topic.name}-none`, partitions: [0] },
    ])
  }
}

async function movesNowhere(talk: AdminTalk): Promise<void> {
  const topic = await talk.topic()
  for (const v of [1, 2]) {
    await talk.call('admin', MOVE_REPLICAS, v, {
      dirs: [{ path: '/no/such/directory', topics: [{ name: topic.name, partitions: [0] }] }],
    })
    await talk.call('admin', MOVE_REPLICAS, v, { dirs: [] })
  }
}

async function electsNobody(talk: AdminTalk, v: number): Promise<void> {
  const topic = await talk.topic('', { partitions: 2 })
  for (const electionType of v === 0 ? [0] : [0, 1]) {
    await talk.call('admin', ELECT_LEADERS, v, {
      electionType,
      topicPartitions: [{ topic: topic.name, partitions: [0, 1] }],
      timeoutMs: 5_000,
    })
  }
}

async function electsNothing(talk: AdminTalk): Promise<void> {
  const topic = await talk.topic()
  for (const v of ELECTION_VERSIONS) {
    await talk.call('admin', ELECT_LEADERS, v, {
      electionType: 0,
      topicPartitions: [
        { topic: topic.name, partitions: [9] },
        { topic: `${topic.name}-none`, partitions: [0] },
      ],
      timeoutMs: 5_000,
    })
  }
}

function reassign(talk: AdminTalk, name: string, replicas: Record<number, number[] | null>, v = 0) {
  const partitions = Object.entries(replicas).map(([index, to]) => ({
    partitionIndex: Number(index),
    replicas: to,
  }))
  return talk.call('admin', REASSIGN, v, { timeoutMs: 5_000, topics: [{ name, partitions }] })
}

async function reassignsToItself(talk: AdminTalk, v: number): Promise<void> {
  const topic = await talk.topic('', { partitions: 2 })
  const id = await talk.brokerId()
  await reassign(talk, topic.name, { 0: [id], 1: [id] }, v)
  await talk.fill(topic, batch(['a']))
  await talk.fetch(topic)
}

async function reassignsBadly(talk: AdminTalk): Promise<void> {
  const topic = await talk.topic()
  const id = await talk.brokerId()
  for (const replicas of [[], [id, id], [77_777], [-1]]) await reassign(talk, topic.name, { 0: replicas })
  await talk.fetch(topic)
}

async function cancelsNothing(talk: AdminTalk): Promise<void> {
  const topic = await talk.topic()
  await reassign(talk, topic.name, { 0: null })
  await reassign(talk, topic.name, { 5: null })
}

async function reassignsNothing(talk: AdminTalk): Promise<void> {
  const topic = await talk.topic()
  const id = await talk.brokerId()
  await reassign(talk, `${topic.name}-none`, { 0: [id] })
  await reassign(talk, topic.name, { 0: [id], 9: [id] })
  for (const v of [0, 1]) await talk.call('admin', REASSIGN, v, { timeoutMs: 5_000, topics: [] })
}

async function listsReassignments(talk: AdminTalk): Promise<void> {
  const topic = await talk.topic()
  const list = (name: string, ...partitionIndexes: number[]) =>
    talk.call('admin', REASSIGNMENTS, 0, { timeoutMs: 5_000, topics: [{ name, partitionIndexes }] })
  await list(topic.name, 0)
  await list(topic.name, 0, 9)
  await list(`${topic.name}-none`, 0)
  await talk.call('admin', REASSIGNMENTS, 0, { timeoutMs: 5_000, topics: [] })
}

/** Updates that no broker takes, so that a shared one stays as it is. */
async function badFeatures(talk: AdminTalk): Promise<void> {
  for (const v of [0, 1, 2]) {
    for (const [feature, maxVersionLevel] of [
      ['no.such.feature', 1],
      ['metadata.version', 10_000],
      ['metadata.version', -1],
      ['group.version', 100],
    ] as const) {
      await talk.call('admin', UPDATE_FEATURES, v, {
        timeoutMs: 5_000,
        featureUpdates: [{ feature, maxVersionLevel, allowDowngrade: false, upgradeType: 1 }],
        validateOnly: true,
      })
    }
  }
  for (const upgradeType of [0, 4]) {
    await talk.call('admin', UPDATE_FEATURES, 1, {
      timeoutMs: 5_000,
      featureUpdates: [{ feature: 'group.version', maxVersionLevel: 1, allowDowngrade: false, upgradeType }],
      validateOnly: true,
    })
  }
}

async function validatesFeatures(talk: AdminTalk): Promise<void> {
  for (const v of [1, 2]) {
    for (const [maxVersionLevel, upgradeType] of [
      [1, 1],
      [0, 1],
      [0, 2],
      [0, 3],
    ] as const) {
      await talk.call('admin', UPDATE_FEATURES, v, {
        timeoutMs: 5_000,
        featureUpdates: [{ feature: 'group.version', maxVersionLevel, allowDowngrade: false, upgradeType }],
        validateOnly: true,
      })
    }
    await talk.call('admin', UPDATE_FEATURES, v, { timeoutMs: 5_000, featureUpdates: [], validateOnly: true })
  }
}

async function describesCluster(talk: AdminTalk, v: number): Promise<void> {
  for (const includeClusterAuthorizedOperations of [false, true]) {
    await talk.call('admin', DESCRIBE_CLUSTER, v, {
      includeClusterAuthorizedOperations,
      includeFencedBrokers: false,
    })
  }
}

async function describesControllers(talk: AdminTalk): Promise<void> {
  for (const endpointType of [2, 0, 9]) {
    await talk.call('admin', DESCRIBE_CLUSTER, 1, {
      includeClusterAuthorizedOperations: false,
      endpointType,
      includeFencedBrokers: false,
    })
  }
}
