// `klamm proxy` between real clients and Apache Kafka: they stay with it, it disturbs and records them, `klamm trace`
// shows what they said, and Klamm, asked the same again, answers as Kafka did.

import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Broker, klammMain, startBroker } from '../harness/broker.ts'
import { eventually, launch, run } from '../harness/processes.ts'
import { connectProducer, disconnect, readPartition } from '../harness/rdkafka.ts'
import { JavaClients } from './clients.ts'

const { Kafka, logLevel } = kafkajs

let kafka: Broker
let java: JavaClients
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'klamm-proxy-'))
  kafka = await startBroker({}, 'kafka')
  java = await JavaClients.start()
  await warm(kafka)
})

/** A broker answers the first request to a coordinator that it is not ready yet, and makes internal topics then. */
async function warm({ bootstrap }: Broker): Promise<void> {
  const config = { topic: 'warm', 'bootstrap.servers': bootstrap }
  await java.run('transact', { ...config, 'transactional.id': 'warm' })
  await java.run('consume', { ...config, 'group.id': 'warm', 'auto.offset.reset': 'earliest', count: 1 })
}

afterAll(async () => {
  java?.close()
  await kafka?.dispose()
  await rm(folder, { recursive: true, force: true })
})

interface RunningProxy {
  readonly port: number
  readonly bootstrap: string
  /** Ends it in order; what it said about rules. */
  stop(): Promise<string>
}

async function startProxy(args: readonly string[]): Promise<RunningProxy> {
  const child: ChildProcess = launch(process.execPath, [klammMain, 'proxy', '--json', '--quiet', ...args], {})
  let complaints = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    complaints += text
  })
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string]
  const { listening } = JSON.parse(line) as { listening: { port: number }[] }
  const { port } = listening[0]!
  return {
    port,
    bootstrap: `127.0.0.1:${port}`,
    stop: async () => {
      const exit = once(child, 'exit')
      child.kill('SIGINT')
      expect((await exit)[0]).toBe(0)
      return complaints
    },
  }
}

async function talkWithKafkajs(bootstrap: string): Promise<void> {
  const retry = { initialRetryTime: 50, retries: 8 }
  const client = new Kafka({ clientId: 'kafkajs', brokers: [bootstrap], logLevel: logLevel.NOTHING, retry })
  const admin = client.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 1 }], waitForLeaders: true })
  await admin.disconnect()
  const producer = client.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  await producer.send({ topic: 'orders', messages: [{ value: 'of kafkajs' }] })
  await producer.disconnect()
  const consumer = client.consumer({ groupId: 'kafkajs', maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topics: ['orders'], fromBeginning: true })
  let read = 0
  await consumer.run({
    eachMessage: async () => {
      read++
    },
  })
  await eventually('a record', () => (read > 0 ? true : undefined), 30_000)
  await consumer.disconnect()
}

interface ShownExchange {
  readonly api: string
  readonly client: string
  readonly faults?: readonly string[]
  readonly response?: { readonly brokers?: readonly { readonly port: number }[] }
}

test('clients stay with the proxy, are disturbed and recorded; Klamm answers the same again', async () => {
  const recording = join(folder, 'run.pcapng')
  const fault = { api: 'Produce', client: 'kafkajs', nth: 1, effect: 'NOT_LEADER_OR_FOLLOWER' }
  const proxy = await startProxy([
    ...['--to', kafka.bootstrap, '--record', recording],
    ...['--fault', JSON.stringify(fault)],
  ])
  const { bootstrap } = proxy
  await talkWithKafkajs(bootstrap)
  const { producer, reports } = await connectProducer(bootstrap, { 'client.id': 'librdkafka' })
  producer.produce('orders', 0, Buffer.from('of librdkafka'))
  await eventually('a report', () => (reports.length > 0 ? true : undefined), 20_000)
  await disconnect(producer)
  const config = { topic: 'orders', 'bootstrap.servers': bootstrap, 'client.id': 'java' }
  expect(await java.run('transact', { ...config, 'transactional.id': 't' })).toEqual(['committed 1'])
  const group = { 'group.id': 'java', 'auto.offset.reset': 'earliest', 'isolation.level': 'read_committed' }
  const said = await java.run('consume', { ...config, ...group, count: 3 })
  expect(said.filter(line => line.startsWith('record'))).toEqual([
    'record 0 of kafkajs',
    'record 1 of librdkafka',
    'record 2 attempt 1',
  ])
  expect(await proxy.stop()).toBe('klamm: rule 1 fired once\n')

  // What Kafka has, without the proxy.
  const stored = await readPartition(kafka.bootstrap, { topic: 'orders', partition: 0 })
  expect(stored.map(each => String(each.value))).toEqual(['of kafkajs', 'of librdkafka', 'attempt 1'])

  const shown = await run(process.execPath, [klammMain, 'trace', recording, '--json'])
  const exchanges = shown.stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as ShownExchange)
  const ports = exchanges.flatMap(each => each.response?.brokers ?? []).map(each => each.port)
  expect(new Set(ports)).toEqual(new Set([proxy.port]))
  expect(new Set(exchanges.map(each => each.client))).toEqual(new Set(['kafkajs', 'librdkafka', 'java']))
  const struck = exchanges.filter(each => each.faults)
  expect(struck.map(each => [each.client, each.faults])).toEqual([
    ['kafkajs', ['rule 1: error NOT_LEADER_OR_FOLLOWER']],
  ])
  await replayOnKlamm(recording, exchanges.length)
})

interface ShownDifference {
  readonly api: string
  readonly client: string
  readonly problem?: string
  readonly differences: readonly {
    readonly path: string
    readonly recorded: unknown
    readonly replayed: unknown
  }[]
}

async function replayOnKlamm(recording: string, requests: number): Promise<void> {
  const klamm = await startBroker({}, 'klamm')
  try {
    await warm(klamm)
    const args = ['proxy', '--to', klamm.bootstrap, '--replay', recording, '--json']
    const { stdout, code } = await run(process.execPath, [klammMain, ...args])
    const lines = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as object)
    const summary = lines.pop()
    const different = lines as ShownDifference[]
    expect(summary).toMatchObject({ requests })
    expect(code).toBe(2)
    // The one that the fault refused in Kafka's place.
    expect(different.map(each => [each.api, each.client, each.problem])).toEqual([
      ['Produce', 'kafkajs', undefined],
    ])
  } finally {
    await klamm.dispose()
  }
}

test('what cannot be is said in one line', async () => {
  const said = async (...args: string[]) => (await run(process.execPath, [klammMain, ...args])).stderr
  expect(await said('proxy', '--to', 'nowhere')).toBe(
    'klamm: --to: nowhere is no host:port; give a broker, such as localhost:9092\n',
  )
  expect(
    await said('proxy', '--to', kafka.bootstrap, '--fault', '{"api":"Prodcue","effect":"NOT_LEADER"}'),
  ).toMatch(/^klamm: --fault: error: there is no error code NOT_LEADER; /)
  expect(await said('proxy', '--to', kafka.bootstrap, '--port', String(kafka.port))).toMatch(
    /^klamm: --host, --port: cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/,
  )
  expect(await said('trace', join(folder, 'nothing'))).toMatch(/^klamm: .*nothing cannot be read: ENOENT/)
  expect(await said('trace', klammMain)).toMatch(/^klamm: .* this is no capture in pcapng/)
  expect(await said('proxy', '--to', '127.0.0.1:1', '--replay', join(folder, 'run.pcapng'))).toMatch(
    /^klamm: --to: cannot reach 127\.0\.0\.1:1: .*ECONNREFUSED/,
  )
})
