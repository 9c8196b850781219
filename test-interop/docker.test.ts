// The image that docker/Dockerfile makes, built and run as a user's Docker would: what is in it, who it runs as, its
// healthcheck, its volume, its end, and which address it tells to whom.

import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import kafkajs, { type Kafka } from 'kafkajs'
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
    expect(modules).toEqual(expect.arrayContaining(Object.keys(dependencies)))
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
