/**
 * What a request of the fuzz says in a field: by the field's name something that means something to a broker,
 * so that requests meet in the same topics, groups and producers; or what is at the edge of the field's type.
 */
import {
  BROKER_OPTIONS,
  CLIENT_METRICS_OPTIONS,
  GROUP_OPTIONS,
  TOPIC_OPTIONS,
} from '../../metadata/configs.ts'
import type { Random } from '../../platform/platform.ts'

const TOPICS = [
  'alpha',
  'alpha',
  'beta',
  'packed',
  'packed',
  'gamma',
  'alpha.b',
  'alpha_b',
  '__proto__',
  'constructor',
]
const INTERNAL_TOPICS = ['__consumer_offsets', '__transaction_state', '__cluster_metadata']
const ODD_NAMES = [
  '',
  '.',
  '..',
  'a/b',
  '../up',
  'x'.repeat(249),
  'x'.repeat(250),
  'nul\0',
  'toString',
  'è☃𝒳',
]
const GROUPS = ['classic', 'modern', 'shared', 'shared', '', '__proto__', 'fresh']
/** With these set, whoever comes next is refused. */
const SHUTTING_OUT = /^max\.connections/
const CONFIG_NAMES = [TOPIC_OPTIONS, BROKER_OPTIONS, GROUP_OPTIONS, CLIENT_METRICS_OPTIONS]
  .flatMap(options => [...options.keys()])
  .filter(name => !SHUTTING_OUT.test(name))
/** Of these some say how long records live, and none how much a request may hold. */
const CONFIG_VALUES = [
  '0',
  '1',
  '-1',
  '100',
  '65536',
  '9223372036854775807',
  '1e3',
  ' 7 ',
  '',
  'true',
  'compact',
]
const MORE_CONFIG_VALUES = [
  'compact,delete',
  ',',
  'none',
  'zstd',
  'producer',
  'LogAppendTime',
  '1.0',
  '*',
  '0.5',
]
const PATTERNS = ['.*', 'al.*', '(', '(a+)+$', '[[:alpha:]]+', '\\p{L}+', '(?i)ALPHA', '\\Q', 'a{1000}', '']

/** A field is looked for with what it lies in (`configs.name`) and, where that is not here, by its name. */
export const WORDS: Readonly<Record<string, readonly unknown[]>> = {
  'configs.name': CONFIG_NAMES,
  'configs.value': [...CONFIG_VALUES, ...MORE_CONFIG_VALUES],
  configurationKeys: CONFIG_NAMES,
  resourceName: [...TOPICS, ...GROUPS, '0', '0', '1', '', '*'],
  resourceType: [2, 2, 4, 4, 8, 16, 32, 0, 1],
  configOperation: [0, 1, 2, 3],
  name: [...TOPICS, ...TOPICS, ...INTERNAL_TOPICS],
  topicNames: TOPICS,
  topicName: TOPICS,
  subscribedTopicNames: [...TOPICS, ...INTERNAL_TOPICS],
  subscribedTopicRegex: PATTERNS,
  topic: TOPICS,
  topics: TOPICS,
  groupId: GROUPS,
  groupIds: GROUPS,
  groups: GROUPS,
  groupsNames: GROUPS,
  key: GROUPS,
  coordinatorKeys: [...GROUPS, 'pay'],
  keyType: [0, 1, 2],
  memberId: ['', 'm1', 'm2', 'AAAAAAAAAAAAAAAAAAAAAQ'],
  groupInstanceId: ['i1', 'i2'],
  instanceId: ['i1', 'i2'],
  protocolType: ['consumer', 'consumer', 'connect', ''],
  protocolName: ['range', 'uniform'],
  'protocols.name': ['range', 'uniform', 'sticky'],
  serverAssignor: ['uniform', 'range', 'other'],
  transactionalId: ['pay', 'pay', 'bill', '', '__proto__'],
  transactionalIds: ['pay', 'bill', ''],
  v3AndBelowTransactionalId: ['pay', 'bill'],
  transactionalIdPattern: PATTERNS,
  statesFilter: ['Stable', 'empty', 'Dead', 'x'],
  typesFilter: ['classic', 'Consumer', 'x'],
  stateFilters: ['Ongoing', 'Empty', 'x'],
  feature: ['group.version', 'transaction.version', 'metadata.version', 'kraft.version', '__proto__'],
  'upsertions.name': ['alice', 'bob', ''],
  'deletions.name': ['alice', 'bob', ''],
  mechanism: [1, 2, 0],
  iterations: [4096, 16384, 4095],
  path: ['/data', '/nowhere', '', '.'],
  acks: [-1, -1, 1, 0, 2],
  index: [0, 0, 1, 2],
  partition: [0, 0, 1, 2],
  partitions: [0, 1, 2],
  partitionIndex: [0, 0, 1, 2],
  partitionIndexes: [0, 1, 2],
  brokerIds: [0, 0, 1],
  replicas: [0, 1],
  numPartitions: [-1, 1, 2, 3, 0],
  count: [1, 2, 3, 4, 5],
  replicationFactor: [-1, 1, 1, 2, 0],
  replicaId: [-1, -1, -1, -2, 0, 1],
  isolationLevel: [0, 1],
  timeoutMs: [0, 1, 100, 30_000],
  maxWaitMs: [0, 0, 1, 100],
  minBytes: [0, 1, 1_000],
  maxBytes: [0, 1, 100, 1_000_000, 0x7fffffff],
  partitionMaxBytes: [0, 1, 100, 1_000_000, 0x7fffffff],
  sessionTimeoutMs: [6_000, 10_000, 30_000],
  rebalanceTimeoutMs: [0, 100, 6_000],
  transactionTimeoutMs: [1, 1_000, 60_000],
  generationId: [-1, 0, 1, 2],
  memberEpoch: [0, 0, 0, -1, -2, 1, 2, 3],
  generationIdOrMemberEpoch: [-1, -1, 0, 1, 2, 3],
  sessionId: [0],
  sessionEpoch: [-1, -1, 0, 0, 1, 2],
  producerId: [-1n, 0n, 1n],
  producerEpoch: [-1, 0, 1, 0x7ffe, 0x7fff],
  fetchOffset: [0n, 0n, 1n, 2n, 10n, -1n],
  committedOffset: [0n, 1n, 10n, -1n],
  offset: [-1n, 0n, 1n, 5n],
  timestamp: [-1n, -2n, -3n, -4n, -5n, -6n, 0n, 1_704_067_200_000n],
  currentLeaderEpoch: [-1, -1, 0, 1],
  leaderEpoch: [-1, 0, 1],
  committedLeaderEpoch: [-1, 0, 1],
  lastFetchedEpoch: [-1, 0, 1],
  coordinatorEpoch: [0, 1, -1],
  responsePartitionLimit: [1, 2_000, 0, -1],
  electionType: [0, 1, 2],
}

const EDGES: Readonly<Record<string, readonly unknown[]>> = {
  bool: [true, false],
  int8: [-0x80, -1, 0, 1, 0x7f],
  int16: [-0x8000, -1, 0, 1, 0x7fff],
  uint16: [0, 1, 0xffff],
  int32: [-0x80000000, -2, -1, 0, 1, 0x7ffffffe, 0x7fffffff],
  uint32: [0, 1, 0xffffffff],
  int64: [-(2n ** 63n), -2n, -1n, 0n, 1n, 2n ** 31n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n],
  float64: [0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_VALUE],
  uuid: ['AAAAAAAAAAAAAAAAAAAAAA', 'AAAAAAAAAAAAAAAAAAAAAQ', '_____________________w'],
}
/** Bytes that are no text, and the longest string that every version can say. */
const EDGES_OF_STRINGS = [
  ...ODD_NAMES,
  Buffer.from('fffec3', 'hex'),
  Buffer.alloc(32_767, 0xff),
  'y'.repeat(32_767),
  '%s%n',
  '\ud83d',
]

export function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[random.below(choices.length)]!
}

/** True in one of so many cases. */
export function oneIn(random: Random, cases: number): boolean {
  return random.below(cases) === 0
}

/** At the edge of a type. */
export function edgeOf(random: Random, kind: string): unknown {
  if (kind === 'string') return pick(random, EDGES_OF_STRINGS)
  if (kind === 'bytes') return random.bytes(pick(random, [0, 1, 7, 100, 70_000]))
  return pick(random, EDGES[kind] ?? [0])
}
