/** Brokers inside the process for tests, ended with each of them, and what raw clients ask of them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { ErrorCode } from '../../../protocol/errors.ts'
import {
  FindCoordinatorRequest,
  FindCoordinatorResponse,
} from '../../../protocol/messages/find-coordinator.ts'
import { HeartbeatRequest, HeartbeatResponse } from '../../../protocol/messages/heartbeat.ts'
import { JoinGroupRequest, JoinGroupResponse } from '../../../protocol/messages/join-group.ts'
import { OffsetCommitRequest, OffsetCommitResponse } from '../../../protocol/messages/offset-commit.ts'
import { OffsetFetchRequest, OffsetFetchResponse } from '../../../protocol/messages/offset-fetch.ts'
import { ZERO_UUID } from '../../../protocol/wire.ts'
import { metadataOf } from '../../api/testing/wire-broker.ts'
import { WireClient } from '../../conformance/wire-client.ts'
import { Klamm, type KlammOptions } from '../../embedded.ts'
import { nodePlatform } from '../../platform/node.ts'

/** To be closed when the test is over, the latest first. */
export const open: { close(): Promise<void> }[] = []
const directories: string[] = []

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

export async function started(options: KlammOptions = {}): Promise<Klamm> {
  const klamm = await Klamm.start(options)
  open.push(klamm)
  return klamm
}

export async function clientOf({ host, port }: Klamm): Promise<WireClient> {
  const client = await WireClient.connect(nodePlatform().network, { host, port })
  open.push(client)
  return client
}

export function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'klamm-life-'))
  directories.push(directory)
  return directory
}

export async function topicNames(client: WireClient): Promise<string[]> {
  return (await metadataOf(client, null)).topics.map(({ name }) => name!).sort()
}

/** As every client does before it has to do with a group, and until its coordinator has loaded. */
export async function findCoordinator(client: WireClient): Promise<void> {
  for (;;) {
    const { errorCode } = await client.call({
      request: FindCoordinatorRequest,
      response: FindCoordinatorResponse,
      version: 3,
      body: { key: 'g', keyType: 0, coordinatorKeys: [] },
    })
    const heartbeat = await heartbeatOf(client, 'nobody', 0)
    if (errorCode === ErrorCode.NONE && heartbeat === ErrorCode.UNKNOWN_MEMBER_ID) return
  }
}

export async function commit(client: WireClient, topic: string, committedOffset: bigint) {
  await findCoordinator(client)
  return client.call({
    request: OffsetCommitRequest,
    response: OffsetCommitResponse,
    version: 8,
    body: {
      groupId: 'g',
      generationIdOrMemberEpoch: -1,
      memberId: '',
      topics: [
        {
          name: topic,
          topicId: ZERO_UUID,
          partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: '' }],
        },
      ],
    },
  })
}

export async function committed(client: WireClient, topic: string): Promise<bigint | undefined> {
  await findCoordinator(client)
  const { groups } = await client.call({
    request: OffsetFetchRequest,
    response: OffsetFetchResponse,
    version: 8,
    body: {
      groupId: '',
      topics: null,
      groups: [{ groupId: 'g', topics: [{ name: topic, topicId: ZERO_UUID, partitionIndexes: [0] }] }],
    },
  })
  return groups[0]?.topics[0]?.partitions[0]?.committedOffset
}

export async function joinGroup(client: WireClient, memberId = '') {
  await findCoordinator(client)
  return client.call({
    request: JoinGroupRequest,
    response: JoinGroupResponse,
    version: 5,
    body: {
      groupId: 'g',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      memberId,
      groupInstanceId: null,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from('000100000000000000000000', 'hex') }],
    },
  })
}

export const values = async (klamm: Klamm, topic: string) =>
  (await klamm.contents(topic)).map(({ value }) => value)

export async function heartbeatOf(
  client: WireClient,
  memberId: string,
  generationId: number,
): Promise<ErrorCode> {
  const { errorCode } = await client.call({
    request: HeartbeatRequest,
    response: HeartbeatResponse,
    version: 4,
    body: { groupId: 'g', generationId, memberId },
  })
  return errorCode as ErrorCode
}
