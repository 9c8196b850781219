// Klamm as each Kafka that there is a persona of, before clients that are old and new: they fare as they did with that Kafka
// itself, which `npm run personas:record` writes down, together with its ApiVersions (src/api/fixtures/personas).

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { klammMain, startBroker } from '../harness/broker.ts'
import { runOk } from '../harness/processes.ts'
import { connectProducer, disconnect, readPartition } from '../harness/rdkafka.ts'
import { buildClients, type Clients } from './clients.ts'
import { KAFKAS, startKafka } from './kafkas.ts'

const isRecording = process.env.PERSONAS === 'record'
const recorded = join(import.meta.dirname, 'recorded')
const fixtures = join(import.meta.dirname, '..', '..', 'src', 'api', 'fixtures', 'personas')
const recorder = join(dirname(klammMain), '..', 'conformance', 'personas', 'record.js')

let clients: Clients
beforeAll(async () => {
  clients = await buildClients()
}, 600_000)

afterAll(() => clients?.dispose())

async function record(version: string): Promise<void> {
  const kafka = await startKafka(version)
  try {
    const answers = await runOk(process.execPath, [recorder, kafka.bootstrap, version])
    await mkdir(fixtures, { recursive: true })
    await writeFile(join(fixtures, `kafka-${version}.json`), answers)
    const lines = await clients.ask(kafka.bootstrap)
    await mkdir(recorded, { recursive: true })
    await writeFile(join(recorded, `kafka-${version}.json`), `${JSON.stringify(lines, undefined, 2)}\n`)
  } finally {
    await kafka.stop()
  }
}

describe.each(Object.entries(KAFKAS))('as Kafka %s', (persona, version) => {
  const name = isRecording ? `Kafka ${version} is recorded` : 'Java clients fare as they do with it'
  test(name, async () => {
    if (isRecording) return record(version)
    const expected = JSON.parse(await readFile(join(recorded, `kafka-${version}.json`), 'utf8'))
    const broker = await startBroker({}, 'klamm', ['--persona', persona])
    try {
      expect(await clients.ask(broker.bootstrap)).toEqual(expected)
    } finally {
      await broker.dispose()
    }
  }, 300_000)
})

describe('as Kafka 2.8', () => {
  test('kafkajs and librdkafka produce and read', async () => {
    const broker = await startBroker({}, 'klamm', ['--persona', '2.8'])
    try {
      const kafka = new kafkajs.Kafka({ brokers: [broker.bootstrap], logLevel: kafkajs.logLevel.NOTHING })
      const producer = kafka.producer({ idempotent: true })
      await producer.connect()
      await producer.send({ topic: 'old', messages: [{ value: 'from kafkajs' }] })
      await producer.disconnect()
      const other = await connectProducer(broker.bootstrap, { 'compression.codec': 'zstd' })
      other.producer.produce('old', 0, Buffer.from('from librdkafka'))
      await disconnect(other.producer)
      const values = await readPartition(broker.bootstrap, { topic: 'old', partition: 0 })
      expect(values.map(({ value }) => String(value))).toEqual(['from kafkajs', 'from librdkafka'])
    } finally {
      await broker.dispose()
    }
  })
})
