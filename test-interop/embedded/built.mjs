// What is built, for programs that are measured: nothing compiles it while they run. KLAMM_DIST names another build.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const dist = process.env.KLAMM_DIST ?? join(import.meta.dirname, '..', '..', 'dist')
const load = path => import(pathToFileURL(join(dist, path)).href)

export const { Klamm } = await load('src/embedded.js')
const { WireClient } = await load('src/conformance/wire-client.js')
const { nodePlatform } = await load('src/platform/node.js')
const { buildBatch } = await load('src/records/builder.js')
const { CreateTopicsRequest, CreateTopicsResponse } = await load('protocol/messages/create-topics.js')
const { FetchRequest, FetchResponse } = await load('protocol/messages/fetch.js')
const { ProduceRequest, ProduceResponse } = await load('protocol/messages/produce.js')

const { network } = nodePlatform()
const VALUE = Buffer.alloc(100, 'x')
const TIMEOUT_MS = 30_000

/** A client that costs next to nothing. */
export async function connect({ host, port }) {
  return new RawClient(await WireClient.connect(network, { host, port }))
}

class RawClient {
  constructor(wire) {
    this.wire = wire
  }

  async createTopics(names) {
    const rest = { numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
    const topics = names.map(name => ({ name, ...rest }))
    const body = { topics, timeoutMs: TIMEOUT_MS, validateOnly: false }
    const definitions = { request: CreateTopicsRequest, response: CreateTopicsResponse }
    const response = await this.wire.call({ ...definitions, version: 4, body })
    for (const { errorCode } of response.topics) mustBeNone(errorCode)
  }

  /** Resolves when all of the records are acknowledged. */
  async produce(topic, count = 1) {
    const timestamp = BigInt(Date.now())
    const records = buildBatch({
      records: Array.from({ length: count }, () => ({ timestamp, key: null, value: VALUE })),
    })
    const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }]
    const body = { transactionalId: null, acks: -1, timeoutMs: TIMEOUT_MS, topicData }
    const definitions = { request: ProduceRequest, response: ProduceResponse }
    const { responses } = await this.wire.call({ ...definitions, version: 9, body })
    mustBeNone(responses[0].partitionResponses[0].errorCode)
  }

  /** How many bytes there are to read. */
  async fetch(topic) {
    const partition = { partition: 0, fetchOffset: 0n, partitionMaxBytes: 1_048_576 }
    const body = {
      maxWaitMs: 1_000,
      minBytes: 1,
      topics: [{ topic, partitions: [partition] }],
      forgottenTopicsData: [],
    }
    const definitions = { request: FetchRequest, response: FetchResponse }
    const { responses } = await this.wire.call({ ...definitions, version: 11, body })
    const [{ errorCode, records }] = responses[0].partitions
    mustBeNone(errorCode)
    return records.length
  }

  close() {
    return this.wire.close()
  }
}

function mustBeNone(errorCode) {
  if (errorCode !== 0) throw new Error(`error ${errorCode}`)
}
