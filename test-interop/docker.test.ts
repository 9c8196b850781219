// The image that docker/Dockerfile makes, built and run as a user's Docker would: what is in it, who it runs as, its
// healthcheck, its volume, its end, and which address it tells to whom.

import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import kafkajs, { type Kafka, type KafkaConfig } from 'kafkajs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  Container,
  type ContainerOptions,
  Forwarder,
  type ImageConfig,
  ImageStore,
  makeVolume,
  PrivateNetwork,
} from './harness/containers.ts'
import { eventually } from './harness/processes.ts'

const root = join(import.meta.dirname, '..')
const listener = 9092

let folder: string
let store: ImageStore
let network: PrivateNetwork
let image: ImageConfig
let published: Forwarder
const containers: Container[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'klamm-docker-'))
  store = await ImageStore.open()
  await store.importBase()
  const start = performance.now()
  await store.build('klamm', join(root, 'docker', 'Dockerfile'), root)
  console.log(`built in ${((performance.now() - start) / 1000).toFixed(0)} s`)
  image = await store.config('klamm')
  network = await PrivateNetwork.make()
  published = await Forwarder.open(network.address, listener)
}, 900_000)

afterEach(async () => {
  for (const container of containers.splice(0)) await container.dispose()
})

afterAll(async () => {
  published?.close()
  await network?.dispose()
  await store?.dispose()
  await rm(folder, { recursive: true, force: true })
})

async function launch(options: ContainerOptions = {}): Promise<Container> {
  const container = await Container.start(store, 'klamm', network, options)
  containers.push(container)
  return container
}

/** A container whose own healthcheck says that it is ready. */
async function started(options: ContainerOptions = {}): Promise<Container> {
  const container = await launch(options)
  const ready = async () => {
    if (!container.isRunning)
      throw new Error(`the container has ended
${container.log}`)
    return (await isHealthy(container)) || undefined
  }
  await eventually('a healthy container', ready, 30_000)
  return container
}

async function isHealthy(container: Container): Promise<boolean> {
  const [form, ...command] = image.Healthcheck.Test
  expect(form).toBe('CMD')
  return (await container.run(command)).code === 0
}

const newVolume = (name: string) => makeVolume(folder, name, image.User)

function clientOf(bootstrap: string, localAddress?: string): Kafka {
  return new kafkajs.Kafka({
    clientId: 'docker',
    brokers: [bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries: 10 },
    ...(localAddress && {
      // The loopback has an address of its own.
      socketFactory: ({ host, port, onConnect }) =>
        connect({ host, port, ...(host !== 'localhost' && { localAddress }) }, onConnect),
    }),
  })
}

async function produce(kafka: Kafka, topic: string, values: readonly string[]): Promise<void> {
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic, acks: -1, messages: values.map(value => ({ value })) })
  await producer.disconnect()
}

async function consume(kafka: Kafka, topic: string, count: number): Promise<string[]> {
  const consumer = kafka.consumer({ groupId: `reader-of-${topic}` })
  const values: string[] = []
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message }) => {
      values.push(message.value!.toString())
    },
  })
  await eventually(`${count} records`, () => (values.length >= count ? true : undefined), 30_000)
  await consumer.disconnect()
  return values
}

async function withAdmin<T>(
  kafka: Kafka,
  ask: (admin: ReturnType<Kafka['admin']>) => Promise<T>,
): Promise<T> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await ask(admin)
  } finally {
    await admin.disconnect()
  }
}

async function toldAddress(kafka: Kafka): Promise<string> {
  const { brokers } = await withAdmin(kafka, admin => admin.describeCluster())
  return brokers.map(({ host, port }) => `${host}:${port}`).join()
}

describe('the image', () => {
  test('adds little to its base: the built broker and what it needs to run', async () => {
    const sizes = [await store.sizeBytes('klamm'), await store.sizeBytes('base')].map(it => it / 1e6)
    const [size = 0, base = 0] = sizes
    console.log(`the image has ${size.toFixed(0)} MB, ${(size - base).toFixed(0)} of them over its base`)
    expect(size - base).toBeLessThan(20)
    const container = await started()
    const list = async (path: string) =>
      (await container.run(['ls', path])).stdout.split('\n').filter(Boolean)
    expect(await list('/klamm')).toEqual(['LICENSE', 'bin', 'dist', 'node_modules', 'package.json'])
    const { dependencies, devDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    const modules = await list('/klamm/node_modules')
    const needed = Object.keys(dependencies).map(name => name.split('/')[0])
    expect(modules).toEqual(expect.arrayContaining(needed))
    expect(modules).not.toEqual(expect.arrayContaining([expect.stringMatching(/^(typescript|vitest)$/)]))
    expect(Object.keys(devDependencies)).toContain('typescript')
    const { stdout } = await container.run([
      'find',
      '/klamm/dist',
      '-name',
      '*.test.*',
      '-o',
      '-name',
      '*.ts',
    ])
    expect(stdout).toBe('')
  })

  test('says where its data is, where it listens and what it tells clients of a published port', () => {
    expect(image).toMatchObject({ Volumes: { '/data': {} }, ExposedPorts: { '9092/tcp': {} } })
    expect(image.Env).toContain('KLAMM_PUBLISHED_ADDRESS=localhost')
  })

  test('runs as a user that is not root and can write to its data alone', async () => {
    const container = await started()
    const status = await readFile(`/proc/${container.firstProcess}/status`, 'utf8')
    expect(status).toMatch(/^NSpid:.*\t1$/m)
    expect(status).toMatch(/^Uid:\t1000\t1000\t1000\t1000$/m)
    expect(status).toMatch(/^CapEff:\t0+$/m)
    expect((await container.run(['id', '--user'])).stdout.trim()).toBe('1000')
    expect((await container.run(['touch', '/data/mine'])).code).toBe(0)
    for (const path of ['/klamm/not-mine', '/not-mine', '/klamm/dist/src/cli/main.js']) {
      expect((await container.run(['touch', path])).code, path).not.toBe(0)
    }
  })

  test('has all codecs, natively', async () => {
    const { stdout, code } = await (await started()).run(['klamm', 'doctor'])
    expect(code).toBe(0)
    expect(stdout.match(/ works/g)).toHaveLength(5)
    expect(stdout).toMatch(/snappy +snappy \(native\)/)
  })
})

describe('a container', () => {
  test('is healthy when it answers, on whatever port its variables say, and at no other time', async () => {
    const idle = await launch({ command: ['doctor'] })
    await idle.ended()
    expect(await isHealthy(idle)).toBe(false)
    const container = await started({ env: { KAFKA_LISTENERS: 'PLAINTEXT://:19093' } })
    expect(container.log).toContain('is ready on localhost:19093')
    const pid = container.firstProcess
    process.kill(pid, 'SIGSTOP')
    expect(await isHealthy(container)).toBe(false)
    process.kill(pid, 'SIGCONT')
    expect(await isHealthy(container)).toBe(true)
    await container.end('SIGTERM')
    expect(await isHealthy(container)).toBe(false)
  })

  test('serves the published port, ends in order, and leaves its data to the next one on the volume', async () => {
    const volumes = [`${await newVolume('kept')}:/data`]
    const env = {
      KLAMM_PUBLISHED_ADDRESS: `localhost:${published.port}`,
      KAFKA_NUM_PARTITIONS: '3',
      KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
    }
    const kafka = clientOf(`localhost:${published.port}`)
    const values = Array.from({ length: 100 }, (_, i) => `value ${i}`)

    const first = await started({ env, volumes })
    expect(await toldAddress(kafka)).toBe(`localhost:${published.port}`)
    await produce(kafka, 'greetings', values)
    const { topics } = await withAdmin(kafka, it => it.fetchTopicMetadata({ topics: ['greetings'] }))
    expect(topics[0]!.partitions).toHaveLength(3)
    expect((await consume(kafka, 'greetings', values.length)).sort()).toEqual([...values].sort())
    const begin = performance.now()
    expect(await first.end('SIGTERM'), first.log).toBe(0)
    expect(performance.now() - begin).toBeLessThan(5_000)

    const second = await started({ env, volumes })
    await produce(kafka, 'greetings', ['afterwards'])
    expect(await consume(kafka, 'greetings', 1)).toEqual(['afterwards'])
    expect(await second.end('SIGKILL')).not.toBe(0)

    await started({ env, volumes })
    const offsets = await withAdmin(kafka, admin => admin.fetchTopicOffsets('greetings'))
    expect(offsets.reduce((sum, { high }) => sum + Number(high), 0)).toBe(values.length + 1)
  })

  test('tells neighbours its own address, and clients from outside the published one', async () => {
    await started({ env: { KLAMM_PUBLISHED_ADDRESS: `localhost:${published.port}` } })
    const own = `${network.address}:${listener}`
    // The host has the gateway's address and one more, which could be any other container's.
    const neighbour = clientOf(own, network.neighbour)
    expect(await toldAddress(neighbour)).toBe(own)
    await produce(neighbour, 'near', ['hello'])
    expect(await consume(neighbour, 'near', 1)).toEqual(['hello'])
    expect(await toldAddress(clientOf(own, network.gateway))).toBe(`localhost:${published.port}`)
  })

  test('does not take a volume that another one uses, nor one that it cannot write to', async () => {
    const folder = await newVolume('contested')
    const volumes = [`${folder}:/data`]
    await started({ volumes })
    const second = await launch({ volumes, env: { KAFKA_LISTENERS: 'PLAINTEXT://:19094' } })
    expect(await second.ended()).toBe(1)
    expect(second.log).toMatch(/klamm: .*\/data is in use by another broker.*log\.dirs/)

    const foreign = await newVolume('foreign')
    await chmod(foreign, 0o500)
    const third = await launch({
      volumes: [`${foreign}:/data`],
      env: { KAFKA_LISTENERS: 'PLAINTEXT://:19095' },
    })
    expect(await third.ended()).toBe(1)
    expect(third.log).toMatch(/klamm: The data directory \/data cannot be used .*EACCES.*log\.dirs/)
  })
})

/** Single nodes as the examples of the image apache/kafka describe them; only the image's name is another. */
describe('a compose file written for the image apache/kafka', () => {
  const forwarders: Forwarder[] = []
  afterEach(() => {
    for (const forwarder of forwarders.splice(0)) forwarder.close()
  })
  /** `ports: - '9092:9092'` */
  const publish = async (port: number) => {
    forwarders.push(await Forwarder.open(network.address, port, port))
  }
  const CLUSTER_ID = '4L6g3nShT-eMCtK--X86sw'
  const inAllOfThem = {
    KAFKA_NODE_ID: '1',
    KAFKA_PROCESS_ROLES: 'broker,controller',
    KAFKA_CONTROLLER_QUORUM_VOTERS: '1@broker:29093',
    KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
    CLUSTER_ID,
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
    KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
    KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
    KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
    KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR: '1',
    KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR: '1',
    KAFKA_LOG_DIRS: '/tmp/kraft-combined-logs',
  }
  /** `broker` is what the network of the compose file calls the container. */
  const byNames = (options: Partial<KafkaConfig>) =>
    new kafkajs.Kafka({
      brokers: [],
      logLevel: kafkajs.logLevel.NOTHING,
      retry: { initialRetryTime: 50, retries: 10 },
      socketFactory: ({ host, port, ssl, onConnect }) => {
        const address = { host: host === 'broker' ? network.address : host, port }
        return ssl
          ? connectTls({ ...address, ...ssl, servername: 'localhost' }, onConnect)
          : connect(address, onConnect)
      },
      ...options,
    })
  const roundTrip = async (kafka: Kafka, topic: string) => {
    await produce(kafka, topic, ['one', 'two'])
    expect(await consume(kafka, topic, 2)).toEqual(['one', 'two'])
  }

  test('in plain text, for the host and for neighbours, with a health check by its own tools', async () => {
    await publish(9092)
    const container = await started({
      env: {
        ...inAllOfThem,
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP:
          'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT',
        KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT_HOST://localhost:9092,PLAINTEXT://broker:19092',
        KAFKA_LISTENERS: 'CONTROLLER://:29093,PLAINTEXT_HOST://:9092,PLAINTEXT://:19092',
        KAFKA_INTER_BROKER_LISTENER_NAME: 'PLAINTEXT',
        KAFKA_HEAP_OPTS: '-Xmx512m',
      },
    })
    const fromHost = byNames({ brokers: ['localhost:9092'] })
    expect(await toldAddress(fromHost)).toBe('localhost:9092')
    await roundTrip(fromHost, 'from-host')
    const neighbour = byNames({ brokers: ['broker:19092'] })
    expect(await toldAddress(neighbour)).toBe('broker:19092')
    await roundTrip(neighbour, 'from-neighbour')
    const { clusterId } = await withAdmin(fromHost, admin => admin.describeCluster())
    expect(clusterId).toBe(CLUSTER_ID)
    const check = ['/opt/kafka/bin/kafka-topics.sh', '--bootstrap-server', 'localhost:9092', '--list']
    expect((await container.run(check)).stdout).toMatch(/^from-host\nfrom-neighbour\n/m)
    expect((await container.run(['kafka-broker-api-versions', ...check.slice(1, 3)])).code).toBe(0)
    expect(container.log).toContain('data: /tmp/kraft-combined-logs\n')
    expect(container.log).toMatch(/mean nothing here: KAFKA_HEAP_OPTS/)
    await expect(listensAt(network.address, 29093)).resolves.toBe(false)
  })

  test('with certificates of both sides in key stores of Java', async () => {
    await publish(9093)
    const stores = JSON.parse(
      await readFile(join(root, 'src', 'security', 'fixtures', 'java-key-stores.json'), 'utf8'),
    ) as Record<string, string>
    const secrets = await newVolume('secrets')
    const bytesOf = (name: string) => Buffer.from(stores[name]!, 'base64')
    await writeFile(join(secrets, 'kafka01.keystore.jks'), bytesOf('key.jks'))
    await writeFile(join(secrets, 'kafka.truststore.jks'), bytesOf('trust.pkcs12'))
    await writeFile(join(secrets, 'kafka_keystore_creds'), 'changeit\n')
    await writeFile(join(secrets, 'kafka_ssl_key_creds'), 'keypass\n')
    await writeFile(join(secrets, 'kafka_truststore_creds'), 'changeit\n')
    await started({
      volumes: [`${secrets}:/etc/kafka/secrets`],
      env: {
        ...inAllOfThem,
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'SSL:SSL,CONTROLLER:PLAINTEXT,SSL-INTERNAL:SSL,PLAIN:PLAINTEXT',
        KAFKA_ADVERTISED_LISTENERS: 'SSL://localhost:9093,SSL-INTERNAL://broker:19093,PLAIN://localhost:9092',
        KAFKA_LISTENERS: 'PLAIN://:9092,SSL://:9093,CONTROLLER://:29093,SSL-INTERNAL://:19093',
        KAFKA_INTER_BROKER_LISTENER_NAME: 'SSL-INTERNAL',
        KAFKA_SSL_KEYSTORE_FILENAME: 'kafka01.keystore.jks',
        KAFKA_SSL_KEYSTORE_CREDENTIALS: 'kafka_keystore_creds',
        KAFKA_SSL_KEY_CREDENTIALS: 'kafka_ssl_key_creds',
        KAFKA_SSL_TRUSTSTORE_FILENAME: 'kafka.truststore.jks',
        KAFKA_SSL_TRUSTSTORE_CREDENTIALS: 'kafka_truststore_creds',
        KAFKA_SSL_CLIENT_AUTH: 'required',
        KAFKA_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM: '',
      },
    })
    const ca = [stores['certificate.jks']!]
    const known = { ca, pfx: bytesOf('key.pkcs12'), passphrase: 'changeit' }
    await roundTrip(byNames({ brokers: ['localhost:9093'], ssl: known }), 'encrypted')
    const stranger = byNames({ brokers: ['localhost:9093'], ssl: { ca }, retry: { retries: 0 } })
    await expect(withAdmin(stranger, admin => admin.listTopics())).rejects.toThrow()
  })

  test('with users of a JAAS file', async () => {
    await publish(9094)
    const secrets = await newVolume('sasl')
    const jaas = [
      'KafkaServer {',
      '    org.apache.kafka.common.security.plain.PlainLoginModule required',
      '    username="admin" password="admin-secret"',
      '    user_admin="admin-secret" user_alice="alice-secret";',
      '};',
    ]
    await writeFile(join(secrets, 'broker_jaas.conf'), jaas.join('\n'))
    await started({
      volumes: [`${secrets}:/etc/kafka/secrets`],
      env: {
        ...inAllOfThem,
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP:
          'PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_PLAINTEXT_HOST:SASL_PLAINTEXT',
        KAFKA_ADVERTISED_LISTENERS:
          'SASL_PLAINTEXT_HOST://localhost:9094,SASL_PLAINTEXT://broker:19094,PLAIN://localhost:9092',
        KAFKA_LISTENERS:
          'PLAIN://:9092,CONTROLLER://:29093,SASL_PLAINTEXT_HOST://:9094,SASL_PLAINTEXT://:19094',
        KAFKA_INTER_BROKER_LISTENER_NAME: 'SASL_PLAINTEXT',
        KAFKA_SASL_ENABLED_MECHANISMS: 'PLAIN',
        KAFKA_SASL_MECHANISM_INTER_BROKER_PROTOCOL: 'PLAIN',
        KAFKA_OPTS: '-Djava.security.auth.login.config=/etc/kafka/secrets/broker_jaas.conf',
      },
    })
    const withPassword = (password: string) =>
      byNames({
        brokers: ['localhost:9094'],
        sasl: { mechanism: 'plain', username: 'alice', password },
        retry: { retries: 2, initialRetryTime: 50 },
      })
    await roundTrip(withPassword('alice-secret'), 'authenticated')
    await expect(withAdmin(withPassword('wrong'), admin => admin.listTopics())).rejects.toThrow(
      /authentication/i,
    )
  })

  test('with a server.properties that is mounted, over which the variables go', async () => {
    await publish(9092)
    const config = await newVolume('config')
    const properties = {
      'advertised.listeners': 'PLAINTEXT_HOST://localhost:9092,PLAINTEXT://broker:19092',
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'PLAINTEXT',
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT',
      'log.dirs': '/tmp/kraft-combined-logs',
      'num.partitions': '2',
      'process.roles': 'broker',
    }
    const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}`)
    await writeFile(join(config, 'server.properties'), lines.join('\n'))
    const container = await started({
      volumes: [`${config}:/mnt/shared/config`],
      env: {
        CLUSTER_ID,
        KAFKA_NODE_ID: '1',
        KAFKA_CONTROLLER_QUORUM_VOTERS: '1@broker:29093',
        KAFKA_LISTENERS: 'PLAINTEXT_HOST://:9092,CONTROLLER://:29093,PLAINTEXT://:19092',
        KAFKA_NUM_PARTITIONS: '3',
        KAFKA_PROCESS_ROLES: 'broker,controller',
      },
    })
    const kafka = byNames({ brokers: ['localhost:9092'] })
    await produce(kafka, 'mounted', ['x'])
    const { topics } = await withAdmin(kafka, it => it.fetchTopicMetadata({ topics: ['mounted'] }))
    expect(topics[0]!.partitions).toHaveLength(3)
    const data = await container.run(['ls', '/tmp/kraft-combined-logs'])
    expect(data, data.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('mounted-0') })
  })

  test('that says nothing but image and port, as the README does', async () => {
    await publish(9092)
    await started()
    const kafka = byNames({ brokers: ['localhost:9092'] })
    expect(await toldAddress(kafka)).toBe('localhost:9092')
    await roundTrip(kafka, 'plain')
  })

  test('that asks for the control API', async () => {
    await started({ env: { KLAMM_CONTROL_LISTENER: '0.0.0.0:8080', KLAMM_STORAGE: 'memory' } })
    const control = `http://${network.address}:8080`
    const records = { method: 'POST', body: JSON.stringify({ records: ['x'] }) }
    expect((await fetch(`${control}/topics/told/records`, records)).status).toBe(201)
    expect((await fetch(`${control}/reset`, { method: 'POST' })).status).toBe(200)
    expect(await (await fetch(`${control}/topics`)).json()).toEqual([])
    expect((await fetch(`${control}/ready`)).status).toBe(200)
  })

  test('with a misspelt variable, or a secret that is not there, says so', async () => {
    const misspelt = await launch({ env: { KAFKA_NUM_PARTITION: '3' } })
    expect(await misspelt.ended()).toBe(1)
    expect(misspelt.log).toContain('did you mean num.partitions?')
    const without = await launch({ env: { KAFKA_SSL_KEYSTORE_FILENAME: 'none.jks' } })
    expect(await without.ended()).toBe(1)
    expect(without.log).toMatch(
      /KAFKA_SSL_KEYSTORE_FILENAME: \/etc\/kafka\/secrets\/none\.jks cannot be read/,
    )
  })
})

function listensAt(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, host, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
