// TLS and SASL with real clients: kafkajs, librdkafka, Java's tools and franz-go come in with the right password over a
// verified certificate, and do not with a wrong one.

import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import kafkajs, { type SASLOptions } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Broker, freePort } from '../harness/broker.ts'
import { cacheRoot } from '../harness/cache.ts'
import { kafkaTool, kafkaToolOk } from '../harness/kafka-jars.ts'
import { eventually, run, runOk } from '../harness/processes.ts'
import { connectProducer, disconnect, rdkafka } from '../harness/rdkafka.ts'

const USER = 'alice'
const PASSWORD = 'wonder land'
const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const
const WRONG = 'wonderland'

let broker: Broker
let ca: string
let certificate: string
const roundTrip = join(cacheRoot, 'franz-go', 'security')

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'klamm-interop-security-'))
  const tls = join(folder, 'tls')
  const port = await freePort()
  const klammArgs = ['--port', String(port), '--tls', tls, '--user', `${USER}:${PASSWORD}`]
  broker = new Broker('klamm', port, folder, { config: {}, klammArgs })
  await broker.prepare()
  await broker.start()
  ca = join(tls, 'ca.pem')
  certificate = await readFile(ca, 'utf8')
  const sources = join(import.meta.dirname, 'go')
  await runOk('go', ['build', '-o', roundTrip, '.'], {
    cwd: sources,
    env: { CGO_ENABLED: '0' },
    deadlineMs: 300_000,
  })
})

afterAll(async () => {
  await broker?.dispose()
})

/** `who-how-what` as a topic, so that no case sees the records of another. */
const topicOf = (client: string, mechanism: string) => `${client}-${mechanism.toLowerCase()}`

describe('kafkajs', () => {
  const clientWith = (mechanism: string, password: string) =>
    new kafkajs.Kafka({
      brokers: [broker.bootstrap],
      logLevel: kafkajs.logLevel.NOTHING,
      retry: { retries: 2, initialRetryTime: 50 },
      ssl: { ca: [certificate] },
      sasl: { mechanism: mechanism.toLowerCase(), username: USER, password } as SASLOptions,
    })

  test.each(MECHANISMS)('%s lets the right password in, and no other', async mechanism => {
    const topic = topicOf('kafkajs', mechanism)
    const kafka = clientWith(mechanism, PASSWORD)
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic, messages: [{ value: 'hello' }] })
    await producer.disconnect()
    const admin = kafka.admin()
    await admin.connect()
    expect((await admin.fetchTopicOffsets(topic))[0]!.high).toBe('1')
    await admin.disconnect()
    await expect(clientWith(mechanism, WRONG).admin().connect()).rejects.toThrow('authentication failed')
  })

  test('a client without TLS or without the authority gets nowhere', async () => {
    const options = { brokers: [broker.bootstrap], logLevel: kafkajs.logLevel.NOTHING, retry: { retries: 0 } }
    await expect(new kafkajs.Kafka(options).admin().connect()).rejects.toThrow()
    await expect(new kafkajs.Kafka({ ...options, ssl: true }).admin().connect()).rejects.toThrow(
      'certificate',
    )
  })
})

describe('librdkafka', () => {
  /** It tries on and on, so a moment without success has to do. */
  const failure = (config: Readonly<Record<string, string>>) =>
    new Promise<string | undefined>(resolve => {
      const producer = new (rdkafka().Producer)({ 'bootstrap.servers': broker.bootstrap, ...config })
      producer.connect({ timeout: 3_000 }, error => resolve(error?.message))
    })

  const settings = (mechanism: string, password: string) => ({
    'security.protocol': 'sasl_ssl',
    'ssl.ca.location': ca,
    'sasl.mechanisms': mechanism,
    'sasl.username': USER,
    'sasl.password': password,
  })

  test.each(MECHANISMS)('%s lets the right password in, and no other', async mechanism => {
    const { producer, reports } = await connectProducer(broker.bootstrap, settings(mechanism, PASSWORD))
    producer.produce(topicOf('rdkafka', mechanism), null, Buffer.from('hello'))
    await eventually('the delivery report', () => reports.length > 0 || undefined)
    expect(reports.map(({ offset }) => offset)).toEqual([0])
    await disconnect(producer)
    expect(await failure(settings(mechanism, WRONG))).toBeDefined()
  })
})

describe("Java's tools", () => {
  async function settings(mechanism: string, password: string): Promise<string> {
    const module = mechanism === 'PLAIN' ? 'plain.PlainLoginModule' : 'scram.ScramLoginModule'
    const file = join(broker.folder, `${mechanism}-${password === PASSWORD}.properties`)
    const login = `org.apache.kafka.common.security.${module}`
    await writeFile(
      file,
      `security.protocol=SASL_SSL
ssl.truststore.type=PEM
ssl.truststore.location=${ca}
sasl.mechanism=${mechanism}
sasl.jaas.config=${login} required username="${USER}" password="${password}";
default.api.timeout.ms=8000
request.timeout.ms=5000
`,
    )
    return file
  }
  const topics = (file: string, ...rest: string[]) => [
    '--bootstrap-server',
    broker.bootstrap,
    '--command-config',
    file,
    ...rest,
  ]

  test.each(MECHANISMS)('%s lets the right password in, and no other', async mechanism => {
    const right = await settings(mechanism, PASSWORD)
    const name = topicOf('java', mechanism)
    expect(await kafkaToolOk('kafka-topics', topics(right, '--create', '--topic', name))).toContain('Created')
    const wrong = await settings(mechanism, WRONG)
    const { code, stdout, stderr } = await kafkaTool('kafka-topics', topics(wrong, '--list'))
    expect(code).not.toBe(0)
    expect(stdout + stderr).toMatch(/Authentication failed/)
  })

  test('a user with SCRAM credentials set by kafka-configs comes in, until they are deleted', async () => {
    const right = await settings('SCRAM-SHA-512', PASSWORD)
    const user = ['--entity-type', 'users', '--entity-name', 'bob']
    const config = (...rest: string[]) => kafkaToolOk('kafka-configs', topics(right, ...user, ...rest))
    await config('--alter', '--add-config', 'SCRAM-SHA-512=[iterations=8192,password=builder]')
    const bob = new kafkajs.Kafka({
      brokers: [broker.bootstrap],
      logLevel: kafkajs.logLevel.NOTHING,
      retry: { retries: 0 },
      ssl: { ca: [certificate] },
      sasl: { mechanism: 'scram-sha-512', username: 'bob', password: 'builder' },
    })
    await broker.kill()
    await broker.start()
    const admin = bob.admin()
    await admin.connect()
    await admin.disconnect()
    await config('--alter', '--delete-config', 'SCRAM-SHA-512')
    await expect(bob.admin().connect()).rejects.toThrow('authentication failed')
  })
})

describe('franz-go', () => {
  test.each(MECHANISMS)('%s lets the right password in, and no other', async mechanism => {
    const args = (password: string) => [
      `localhost:${broker.port}`,
      ca,
      mechanism,
      USER,
      password,
      topicOf('go', mechanism),
    ]
    expect(await runOk(roundTrip, args(PASSWORD))).toBe('from Go\n')
    const { code, stderr } = await run(roundTrip, args(WRONG))
    expect([code, stderr]).toEqual([1, expect.stringMatching(/SASL_AUTHENTICATION_FAILED/)])
  })
})
