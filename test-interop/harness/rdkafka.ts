// node-rdkafka: librdkafka 2.x, compiled once from the sources in its registry package and kept in the cache, together
// with the few modules that it needs. It is loaded from there, since `npm ci` in this folder compiles nothing.

import { existsSync } from 'node:fs'
import { cp, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type * as Rdkafka from 'node-rdkafka'
import type {
  DeliveryReport,
  KafkaConsumer,
  Message,
  Metadata,
  Producer,
  WatermarkOffsets,
} from 'node-rdkafka'
import { cached, cacheRoot } from './cache.ts'
import { run, runOk } from './processes.ts'

const installed = join(import.meta.dirname, '..', 'node_modules')
const require = createRequire(import.meta.url)
const { version } = require('node-rdkafka/package.json') as { version: string }
const nodeMajor = process.versions.node.split('.')[0]
const folderName = `node-rdkafka-${version.replace('v', '')}-node${nodeMajor}-${process.platform}-${process.arch}`

export async function buildRdkafka(): Promise<void> {
  await cached(folderName, async folder => {
    await requireHeaders()
    for (const name of ['node-rdkafka', 'bindings', 'file-uri-to-path', 'nan']) {
      await cp(join(installed, name), join(folder, 'node_modules', name), { recursive: true })
    }
    await writeFile(join(folder, 'package.json'), '{ "private": true }\n')
    // Node's own headers, where the installation has them, save a download.
    const prefix = dirname(dirname(process.execPath))
    const headers = existsSync(join(prefix, 'include', 'node', 'node.h'))
    // Its makefile has a race: more than one job at a time compiles before it configures.
    const env = { JOBS: '1', ...(headers ? { npm_config_nodedir: prefix } : {}) }
    const build = { cwd: join(folder, 'node_modules', 'node-rdkafka'), env, deadlineMs: 1_500_000 }
    const output = await runOk('npm', ['run', 'install', '--foreground-scripts'], build)
    if (!existsSync(join(build.cwd, 'build', 'Release', 'node-librdkafka.node'))) throw new Error(output)
  })
}

/** librdkafka leaves zstd out, silently, where its headers are missing; so that is checked before. */
async function requireHeaders(): Promise<void> {
  const { code } = await run('g++', ['-E', '-x', 'c', '-'], {
    input: '#include <zstd.h>\n#include <zlib.h>\n#include <openssl/ssl.h>\n',
  })
  if (code !== 0) {
    throw new Error(
      'node-rdkafka needs g++, make, python3, libzstd-dev, zlib1g-dev and libssl-dev to compile',
    )
  }
}

/** Where it is, for processes of their own. */
export const rdkafkaPath = join(cacheRoot, folderName, 'node_modules', 'node-rdkafka')

let module: typeof Rdkafka | undefined

export function rdkafka(): typeof Rdkafka {
  module ??= require(rdkafkaPath) as typeof Rdkafka
  return module
}

export interface Partition {
  readonly topic: string
  readonly partition: number
}

/** A producer that polls by itself, and all the delivery reports of its life. */
export async function connectProducer(
  bootstrap: string,
  config: Readonly<Record<string, string | number | boolean>> = {},
  topicConfig: Readonly<Record<string, string | number | boolean>> = {},
): Promise<{ producer: Producer; reports: DeliveryReport[] }> {
  const reports: DeliveryReport[] = []
  const producer = new (rdkafka().Producer)(
    { 'bootstrap.servers': bootstrap, dr_cb: true, ...config },
    topicConfig,
  )
  producer.on('delivery-report', (_error, report) => reports.push(report))
  await new Promise<void>((resolve, reject) =>
    producer.connect({ timeout: 20_000 }, error => (error ? reject(error) : resolve())),
  )
  producer.setPollInterval(10)
  return { producer, reports }
}

export interface NewTopic {
  readonly partitions?: number
  readonly config?: Readonly<Record<string, string>>
}

/** Creates a topic and waits until the broker leads it. */
export async function createTopic(bootstrap: string, topic: string, options: NewTopic = {}): Promise<void> {
  const admin = rdkafka().AdminClient.create({ 'bootstrap.servers': bootstrap })
  const { partitions: num_partitions = 1, config = {} } = options
  const definition = { topic, num_partitions, replication_factor: 1, config: { ...config } }
  await new Promise<void>((resolve, reject) =>
    admin.createTopic(definition, 20_000, error => (error ? reject(error) : resolve())),
  )
  admin.disconnect()
}

/** A consumer with the given partitions assigned: no group, no commits. */
export async function assignedConsumer(
  bootstrap: string,
  assignment: readonly (Partition & { readonly offset: number })[],
  config: Readonly<Record<string, string | number | boolean>> = {},
): Promise<KafkaConsumer> {
  const consumer = new (rdkafka().KafkaConsumer)(
    {
      'bootstrap.servers': bootstrap,
      'group.id': 'unused',
      'enable.auto.commit': false,
      'check.crcs': true,
      'enable.partition.eof': true,
      'fetch.wait.max.ms': 100,
      ...config,
    },
    // A position out of range is an error, unless the case is about it.
    { 'auto.offset.reset': config['auto.offset.reset'] === 'earliest' ? 'earliest' : 'error' },
  )
  await new Promise<Metadata>((resolve, reject) =>
    consumer.connect({ timeout: 20_000 }, (error, metadata) => (error ? reject(error) : resolve(metadata))),
  )
  consumer.setDefaultConsumeTimeout(200)
  consumer.assign(assignment.map(each => ({ ...each })))
  return consumer
}

interface Connected {
  disconnect(callback: () => void): unknown
  setPollInterval?(intervalMs: number): unknown
}

export function disconnect(client: Connected): Promise<void> {
  // A producer that is polled while it is being destroyed takes the process with it.
  client.setPollInterval?.(0)
  return new Promise(resolve => client.disconnect(() => resolve()))
}

export interface Watermarks {
  readonly low: number
  readonly high: number
}

export function watermarks(client: KafkaConsumer, { topic, partition }: Partition): Promise<Watermarks> {
  return new Promise((resolve, reject) =>
    client.queryWatermarkOffsets(topic, partition, 20_000, (error, offsets: WatermarkOffsets) =>
      error ? reject(error) : resolve({ low: offsets.lowOffset, high: offsets.highOffset }),
    ),
  )
}

/** All that a partition holds, from its log start to its end as they are now, in order. */
export async function readPartition(
  bootstrap: string,
  { topic, partition }: Partition,
  config: Readonly<Record<string, string | number | boolean>> = {},
): Promise<Message[]> {
  const consumer = await assignedConsumer(bootstrap, [], config)
  try {
    const { low, high } = await watermarks(consumer, { topic, partition })
    const messages: Message[] = []
    if (high === low) return messages
    let atEnd = false
    consumer.on('partition.eof', eof => {
      if (eof.offset >= high) atEnd = true
    })
    consumer.assign([{ topic, partition, offset: low }])
    const end = Date.now() + 60_000
    while (!atEnd) {
      if (Date.now() > end) throw new Error(`${topic}-${partition}: ${messages.length} records in a minute`)
      messages.push(...(await consume(consumer, 10_000)))
    }
    return messages
  } finally {
    await disconnect(consumer)
  }
}

export function consume(consumer: KafkaConsumer, count: number): Promise<Message[]> {
  return new Promise((resolve, reject) =>
    consumer.consume(count, (error, messages) => (error ? reject(error) : resolve(messages))),
  )
}
