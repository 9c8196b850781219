import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ErrorCode } from '../../protocol/errors.ts'
import {
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponse,
} from '../../protocol/messages/alter-partition-reassignments.ts'
import { CreateAclsRequest, CreateAclsResponse } from '../../protocol/messages/create-acls.ts'
import { DeleteAclsRequest, DeleteAclsResponse } from '../../protocol/messages/delete-acls.ts'
import { DescribeAclsRequest, DescribeAclsResponse } from '../../protocol/messages/describe-acls.ts'
import { ElectLeadersRequest, ElectLeadersResponse } from '../../protocol/messages/elect-leaders.ts'
import {
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponse,
} from '../../protocol/messages/list-partition-reassignments.ts'
import type { WireClient } from '../conformance/wire-client.ts'
import { createTopics, metadataOf, newTopic, WireBroker } from './testing/wire-broker.ts'

// Expectations are what a single Apache Kafka 4.3.1 answers to the same requests.

let broker: WireBroker
let client: WireClient

beforeAll(async () => {
  broker = await WireBroker.start()
  client = await broker.connect()
  await createTopics(client, [newTopic('here', { numPartitions: 2 })])
})

afterAll(() => broker.close())

describe('reassignments', () => {
  async function reassign(replicas: number[] | null, partitionIndex = 0, name = 'here') {
    const { errorCode, responses } = await client.call({
      request: AlterPartitionReassignmentsRequest,
      response: AlterPartitionReassignmentsResponse,
      version: 1,
      body: { topics: [{ name, partitions: [{ partitionIndex, replicas }] }] },
    })
    expect(errorCode).toBe(ErrorCode.NONE)
    const { errorCode: code, errorMessage } = responses[0]!.partitions[0]!
    return [code, errorMessage]
  }
  const prefix = 'The manual partition assignment includes'
  const { INVALID_REPLICA_ASSIGNMENT, NO_REASSIGNMENT_IN_PROGRESS, UNKNOWN_TOPIC_OR_PARTITION } = ErrorCode

  test('T044 a partition may be sent to where it is, and nowhere else', async () => {
    expect(await reassign([1])).toEqual([ErrorCode.NONE, null])
    expect(await reassign(null)).toEqual([NO_REASSIGNMENT_IN_PROGRESS, null])
    expect(await reassign([])).toEqual([INVALID_REPLICA_ASSIGNMENT, `${prefix} an empty replica list.`])
    expect(await reassign([1, 1])).toEqual([
      INVALID_REPLICA_ASSIGNMENT,
      `${prefix} the broker 1 more than once.`,
    ])
    for (const replicas of [[7], [1, 7]]) {
      const message = `${prefix} broker 7, but no such broker is registered.`
      expect(await reassign(replicas)).toEqual([INVALID_REPLICA_ASSIGNMENT, message])
    }
    expect(await reassign([1], 5)).toEqual([UNKNOWN_TOPIC_OR_PARTITION, 'Unable to find partition here:5.'])
    const noTopic = [UNKNOWN_TOPIC_OR_PARTITION, 'Unable to find a topic named nowhere.']
    expect(await reassign(null, 0, 'nowhere')).toEqual(noTopic)
  })

  test('T044 none is ever in progress', async () => {
    for (const topics of [null, [], [{ name: 'here', partitionIndexes: [0, 1] }]]) {
      const listed = await client.call({
        request: ListPartitionReassignmentsRequest,
        response: ListPartitionReassignmentsResponse,
        version: 0,
        body: { topics },
      })
      expect(listed).toMatchObject({ errorCode: ErrorCode.NONE, topics: [] })
    }
  })
})

describe('elections', () => {
  async function elect(topicPartitions: { topic: string; partitions: number[] }[] | null, electionType = 0) {
    const { errorCode, replicaElectionResults } = await client.call({
      request: ElectLeadersRequest,
      response: ElectLeadersResponse,
      version: 2,
      body: { electionType, topicPartitions },
    })
    const results = replicaElectionResults.map(({ topic, partitionResult }) => [
      topic,
      ...partitionResult.map(each => [each.partitionId, each.errorCode, each.errorMessage]),
    ])
    return { errorCode, results }
  }
  const unneeded = [ErrorCode.ELECTION_NOT_NEEDED, 'Leader election not needed for topic partition.']

  test('T045 the preferred leader leads already', async () => {
    for (const type of [0, 1]) {
      const { errorCode, results } = await elect([{ topic: 'here', partitions: [0, 1] }], type)
      expect(errorCode).toBe(ErrorCode.NONE)
      expect(results).toEqual([['here', [0, ...unneeded], [1, ...unneeded]]])
    }
    expect((await elect(null)).results).toEqual([['here']])
  })

  test('of what is not there no leader is elected, and not in an unknown way', async () => {
    const missing = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    const asked = [
      { topic: 'here', partitions: [9] },
      { topic: 'nowhere', partitions: [0] },
    ]
    expect((await elect(asked)).results).toEqual([
      ['here', [9, missing, 'No such partition as here-9']],
      ['nowhere', [0, missing, 'No such topic as nowhere']],
    ])
    expect(await elect([{ topic: 'here', partitions: [0] }], 7)).toEqual({
      errorCode: ErrorCode.INVALID_REQUEST,
      results: [['here', [0, ErrorCode.INVALID_REQUEST, 'Unknown election type 7']]],
    })
  })
})

test('T037 the brokers that are told of are those that are there', async () => {
  const { brokers, controllerId } = await metadataOf(client, [])
  expect(brokers.map(({ nodeId }) => nodeId)).toEqual([1])
  expect(controllerId).toBe(1)
})

test('without an authorizer there are no access lists, and every request for them is told so', async () => {
  const code = ErrorCode.SECURITY_DISABLED
  const any = { principalFilter: null, hostFilter: null, operation: 1, permissionType: 1 }
  const filter = { resourceTypeFilter: 1, resourceNameFilter: null, patternTypeFilter: 1, ...any }
  const described = await client.call({
    request: DescribeAclsRequest,
    response: DescribeAclsResponse,
    version: 3,
    body: filter,
  })
  expect(described).toMatchObject({
    errorCode: code,
    errorMessage: 'No Authorizer is configured on the broker',
  })
  const acl = { resourceType: 2, resourceName: 'here', principal: 'User:a', host: '*' }
  const created = await client.call({
    request: CreateAclsRequest,
    response: CreateAclsResponse,
    version: 3,
    body: { creations: [1, 2].map(() => ({ ...acl, operation: 3, permissionType: 3 })) },
  })
  const refused = { errorCode: code, errorMessage: 'No Authorizer is configured.' }
  expect(created.results).toEqual([refused, refused])
  const deleted = await client.call({
    request: DeleteAclsRequest,
    response: DeleteAclsResponse,
    version: 3,
    body: { filters: [filter] },
  })
  expect(deleted.filterResults).toEqual([{ ...refused, matchingAcls: [] }])
})
