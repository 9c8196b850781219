/** A whole broker on a simulated machine: any protocol can be put through crashes in this way. */
import { expect, test } from 'vitest'
import { FetchRequest, FetchResponse } from '../../protocol/messages/fetch.ts'
import { MetadataRequest, MetadataResponse } from '../../protocol/messages/metadata.ts'
import { ProduceRequest, ProduceResponse } from '../../protocol/messages/produce.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import { Broker } from '../broker.ts'
import { loadConfig } from '../config.ts'
import { WireClient } from '../conformance/wire-client.ts'
import { silentLogger } from '../observe/logger.ts'
import { type SimulatedProcess, World } from '../platform/simulated/world.ts'
import { buildBatch } from '../records/builder.ts'

const PORT = 9092
const TOPIC = 'topic'

class Machine {
  readonly world: World
  private process!: SimulatedProcess
  client!: WireClient

  constructor(seed: number) {
    // A request and its answer take a few turns of the event loop.
    this.world = new World({ seed, turns: 6 })
  }

  async start(): Promise<void> {
    const { config } = loadConfig({
      profile: 'ci',
      options: {
        listeners: `PLAINTEXT://127.0.0.1:${PORT}`,
        'klamm.storage': 'disk',
        'klamm.durability': 'fsync',
        'log.dirs': '/data',
      },
    })
    this.process = this.world.boot()
    const { platform } = this.process
    await this.world.finish(Broker.start({ config: config!, platform, logger: silentLogger }))
    const at = { host: '127.0.0.1', port: PORT, clientId: 'simulated' }
    this.client = await this.world.finish(WireClient.connect(this.world.network, at))
  }

  async crash(): Promise<void> {
    if (this.world.random.below(2) === 0) this.process.kill()
    else this.world.failPower()
    await this.start()
  }

  async createTopic(): Promise<void> {
    const body = {
      topics: [{ topicId: ZERO_UUID, name: TOPIC }],
      allowAutoTopicCreation: true,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    }
    const call = this.client.call({ request: MetadataRequest, response: MetadataResponse, version: 12, body })
    const { topics } = await this.world.finish(call)
    expect(topics[0]!.errorCode).toBe(0)
  }

  produce(value: string): Promise<number> {
    const at = BigInt(this.world.clock.now())
    const records = buildBatch({ records: [{ timestamp: at, key: null, value: Buffer.from(value) }] })
    const topicData = [{ name: TOPIC, topicId: ZERO_UUID, partitionData: [{ index: 0, records }] }]
    const body = { transactionalId: null, acks: -1, timeoutMs: 30_000, topicData }
    return this.client
      .call({ request: ProduceRequest, response: ProduceResponse, version: 9, body })
      .then(({ responses }) => responses[0]!.partitionResponses[0]!.errorCode)
  }

  async fetch(): Promise<string> {
    const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1_000_000 }]
    const topics = [{ topic: TOPIC, topicId: ZERO_UUID, partitions }]
    const body = { maxWaitMs: 0, minBytes: 0, maxBytes: 1_000_000, topics, forgottenTopicsData: [] }
    const call = this.client.call({ request: FetchRequest, response: FetchResponse, version: 11, body })
    return String((await this.world.finish(call)).responses[0]!.partitions[0]!.records)
  }
}

async function story(seed: number): Promise<string> {
  const machine = new Machine(seed)
  await machine.start()
  await machine.createTopic()
  const acknowledged: string[] = []
  for (let i = 0; i < 12; i++) {
    const value = `value ${i}.`
    const sent = machine.produce(value).then(
      error => error === 0 && acknowledged.push(value),
      () => undefined,
    )
    if (machine.world.random.below(3) > 0) await machine.world.finish(sent)
    else {
      await machine.world.run(machine.world.random.below(4))
      await machine.crash()
    }
  }
  await machine.crash()
  const found = await machine.fetch()
  for (const value of acknowledged) expect(found).toContain(value)
  expect(acknowledged.length).toBeGreaterThan(2)
  return `${machine.world.clock.elapsed()} ${found}`
}

test('a broker keeps what it acknowledged through crashes at any moment, the same from the same seed', async () => {
  const seeds = [1, 2, 3, 4, 5]
  const stories: string[] = []
  for (const seed of seeds) stories.push(await story(seed))
  expect(new Set(stories).size).toBe(seeds.length)
  expect(await story(3)).toBe(stories[2])
})
