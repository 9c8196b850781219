/** The data of a real Kafka, imported and served: all that is read over the wire is as Kafka said it was. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  DescribeConfigsRequest,
  DescribeConfigsResponse,
} from '../../../protocol/messages/describe-configs.ts'
import { FetchRequest, FetchResponse } from '../../../protocol/messages/fetch.ts'
import { InitProducerIdRequest, InitProducerIdResponse } from '../../../protocol/messages/init-producer-id.ts'
import { ListOffsetsRequest, ListOffsetsResponse } from '../../../protocol/messages/list-offsets.ts'
import { type MemoryBroker, startBroker } from '../../api/testing/memory-broker.ts'
import { metadataOf, produceTo } from '../../api/testing/wire-broker.ts'
import type { WireClient } from '../../conformance/wire-client.ts'
import type { KafkaPartition, KafkaRecord } from '../../log/testing/kafka-directory.ts'
import { splitBatches } from '../../records/batch.ts'
import { decodeRecords } from '../../records/lookup.ts'
import { diskWithKafka, imported, manifest } from './testing/kafka-node.ts'

/** What the node's server.properties said, where it matters: its records carry times of long ago. */
const SETTINGS = { 'log.retention.ms': -1, 'log.index.size.max.bytes': 65_536 }
const EARLIEST = -2n
const LATEST = -1n
const MAX_TIMESTAMP = -3n

const partitions = Object.entries(manifest.topics).flatMap(([topic, { topicId, partitions: all }]) =>
  all.map(expected => ({ topic, topicId, name: `${topic}-${expected.partition}`, expected })),
)

interface Read {
  readonly records: readonly KafkaRecord[]
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
}

interface Place {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
}

async function fetchFrom(
  client: WireClient,
  { topicId, partition }: Place,
  rest: { offset: bigint; isolation: 0 | 1 },
) {
  const { offset: fetchOffset, isolation: isolationLevel } = rest
  const response = await client.call({
    request: FetchRequest,
    response: FetchResponse,
    version: 17,
    body: {
      maxWaitMs: 0,
      minBytes: 0,
      isolationLevel,
      sessionEpoch: -1,
      forgottenTopicsData: [],
      // Small, so that a partition takes many fetches.
      topics: [{ topic: '', topicId, partitions: [{ partition, fetchOffset, partitionMaxBytes: 2_000 }] }],
    },
  })
  const found = response.responses[0]!.partitions[0]!
  expect(found.errorCode).toBe(0)
  return found
}

/** As a consumer does: fetch after fetch, without control batches, and on demand without aborted ranges. */
async function readAll(client: WireClient, place: Place, isolation: 0 | 1): Promise<Read> {
  const records: KafkaRecord[] = []
  let offset = await offsetOf(client, place, { timestamp: EARLIEST })
  for (;;) {
    const found = await fetchFrom(client, place, { offset: offset.offset, isolation })
    const pending = [...(found.abortedTransactions ?? [])]
    const aborted = new Set<bigint>()
    let next = offset.offset
    for (const batch of splitBatches(found.records as Buffer)) {
      for (const entry of pending.filter(it => it.firstOffset <= batch.lastOffset)) {
        aborted.add(entry.producerId)
        pending.splice(pending.indexOf(entry), 1)
      }
      next = batch.nextOffset
      if (batch.isControl) aborted.delete(batch.producerId)
      if (batch.isControl || (batch.isTransactional && aborted.has(batch.producerId))) continue
      const decoded = decodeRecords(batch)
      if (decoded.error) throw new Error(decoded.message)
      for (const record of decoded.value) {
        if (record.offset >= offset.offset) records.push(plain(record, batch.partitionLeaderEpoch))
      }
    }
    if (next === offset.offset) {
      const { highWatermark, lastStableOffset, logStartOffset } = found
      return {
        records,
        highWatermark: Number(highWatermark),
        lastStableOffset: Number(lastStableOffset),
        logStartOffset: Number(logStartOffset),
      }
    }
    offset = { ...offset, offset: next }
  }
}

type Decoded = Extract<ReturnType<typeof decodeRecords>, { error: 0 }>['value'][number]

function plain(record: Decoded, leaderEpoch: number): KafkaRecord {
  const headers = record.headers.map(({ key, value }) => ({ key, value: hex(value) }))
  return {
    offset: Number(record.offset),
    timestamp: Number(record.timestamp),
    leaderEpoch,
    key: hex(record.key),
    value: hex(record.value),
    ...(headers.length > 0 && { headers }),
  }
}

const hex = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString('hex'))

function expectedRecords({ records }: KafkaPartition): KafkaRecord[] {
  return records.map(({ offset, timestamp, leaderEpoch, key, value, headers = [] }) => ({
    offset,
    timestamp,
    leaderEpoch,
    key,
    value,
    ...(headers.length > 0 && { headers }),
  }))
}

async function offsetOf(
  client: WireClient,
  { topic, partition }: Place,
  { timestamp, isolation = 0 }: { timestamp: bigint; isolation?: 0 | 1 },
) {
  const response = await client.call({
    request: ListOffsetsRequest,
    response: ListOffsetsResponse,
    version: 10,
    body: {
      replicaId: -1,
      isolationLevel: isolation,
      topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp }] }],
      timeoutMs: 1_000,
    },
  })
  const found = response.topics[0]!.partitions[0]!
  expect(found.errorCode).toBe(0)
  return found
}

async function configsOf(client: WireClient, topic: string): Promise<Record<string, string | null>> {
  const response = await client.call({
    request: DescribeConfigsRequest,
    response: DescribeConfigsResponse,
    version: 4,
    body: {
      resources: [{ resourceType: 2, resourceName: topic, configurationKeys: null }],
      includeSynonyms: false,
      includeDocumentation: false,
    },
  })
  const own = response.results[0]!.configs.filter(it => it.configSource === 1)
  return Object.fromEntries(own.map(({ name, value }) => [name, value]))
}

describe.each([
  ['in place', '/kafka', undefined, /^$/],
  ['as a copy', '/copy', '/copy', /^$/],
  ['after a crash', '/kafka', undefined, /kafka_cleanshutdown|recovery-point|\.(index|timeindex|txnindex)$/],
])('a Kafka taken over %s', (_, dataDir, to, lost) => {
  let running: MemoryBroker
  let client: WireClient

  beforeAll(async () => {
    const disk = await diskWithKafka(lost)
    await imported(disk, { isUncleanAccepted: true, ...(to !== undefined && { to }) })
    running = await startBroker(disk, { ...SETTINGS, 'log.dirs': dataDir })
    client = await running.connect()
  })
  afterAll(() => running.broker.close())

  test('is the same cluster with the same topics, and this node leads them all', async () => {
    const metadata = await metadataOf(client, null)
    expect(metadata.clusterId).toBe(manifest.clusterId)
    expect(running.lines).toEqual([])
    const topics = metadata.topics.toSorted((a, b) => (a.name! < b.name! ? -1 : 1))
    expect(topics.map(({ name, topicId, partitions: { length } }) => [name, topicId, length])).toEqual(
      Object.entries(manifest.topics).map(([name, it]) => [name, it.topicId, it.partitions.length]),
    )
    for (const partition of topics.flatMap(topic => topic.partitions)) {
      expect(partition).toMatchObject({ errorCode: 0, leaderId: 1, replicaNodes: [1], isrNodes: [1] })
    }
  })

  test.each(Object.keys(manifest.topics))('%s has the configs that Kafka stored', async topic => {
    expect(await configsOf(client, topic)).toEqual(manifest.topics[topic]!.overrides)
  })

  test.each(partitions)('$name has the offsets of the manifest', async ({ topic, topicId, expected }) => {
    const place = { topic, topicId, partition: expected.partition }
    const asked = async (timestamp: bigint, isolation: 0 | 1 = 0) => {
      const found = await offsetOf(client, place, { timestamp, isolation })
      return {
        offset: Number(found.offset),
        timestamp: Number(found.timestamp),
        leaderEpoch: found.leaderEpoch,
      }
    }
    const { offset, timestamp } = expected.earliest
    expect(await asked(EARLIEST)).toMatchObject({ offset, timestamp })
    expect(await asked(LATEST)).toMatchObject({ offset: expected.latest.offset, timestamp: -1 })
    expect((await asked(LATEST, 1)).offset).toBe(expected.lastStableOffset)
    expect(await asked(MAX_TIMESTAMP)).toEqual(expected.maxTimestamp)
  })

  test.each(partitions)('$name has the records of the manifest', async ({ topic, topicId, expected }) => {
    const place = { topic, topicId, partition: expected.partition }
    const uncommitted = await readAll(client, place, 0)
    expect(uncommitted).toEqual({
      records: expectedRecords(expected),
      highWatermark: expected.latest.offset,
      lastStableOffset: expected.lastStableOffset,
      logStartOffset: expected.earliest.offset,
    })
    const committed = await readAll(client, place, 1)
    expect(committed.records.map(record => record.offset)).toEqual(expected.readCommittedOffsets)
    expect(committed.lastStableOffset).toBe(expected.lastStableOffset)
  })

  test('goes on from there: new records behind the old, producer ids that were never given out', async () => {
    const { latest } = manifest.topics.idem!.partitions[0]!
    expect(await produceTo(client, 'idem')).toMatchObject({ errorCode: 0, baseOffset: BigInt(latest.offset) })
    const { errorCode, producerId } = await client.call({
      request: InitProducerIdRequest,
      response: InitProducerIdResponse,
      version: 4,
      body: { transactionalId: null, transactionTimeoutMs: 60_000, producerId: -1n, producerEpoch: -1 },
    })
    expect(errorCode).toBe(0)
    expect(producerId).toBe(2_000n)
  })
})
