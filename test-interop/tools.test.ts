// The command-line tools of Apache Kafka 4.3.1, as a person types them, with what they print.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Broker, startBroker } from './harness/broker.ts'
import { kafkaTool, kafkaToolOk, type Tool } from './harness/kafka-jars.ts'
import { eventually } from './harness/processes.ts'
import { connectProducer, createTopic, disconnect } from './harness/rdkafka.ts'

let broker: Broker

beforeAll(async () => {
  broker = await startBroker()
})

afterAll(async () => {
  await broker?.dispose()
})

/** Runs a tool that has to succeed against the broker; the lines that it prints. */
async function tool(name: Tool, args: string, input?: string): Promise<string[]> {
  const output = await kafkaToolOk(name, withBootstrap(args), input === undefined ? {} : { input })
  return output.split('\n').filter(line => line !== '')
}

/** Runs a tool that has to fail; all that it prints. */
async function refused(name: Tool, args: string): Promise<string> {
  const { code, stdout, stderr } = await kafkaTool(name, withBootstrap(args))
  expect(code).not.toBe(0)
  return stdout + stderr
}

function withBootstrap(args: string): string[] {
  return ['--bootstrap-server', broker.bootstrap, ...args.split(' ').filter(each => each !== '')]
}

async function write(name: string, text: string): Promise<string> {
  const file = join(broker.folder, name)
  await writeFile(file, text)
  return file
}

/** `count` lines "key-i:value i". */
function keyedLines(count: number): string {
  return Array.from({ length: count }, (_, index) => `key-${index}:value ${index}\n`).join('')
}

const keyed = '--reader-property parse.key=true --reader-property key.separator=:'
const verbose =
  '--formatter-property print.key=true --formatter-property print.offset=true --formatter-property print.partition=true'

describe('kafka-topics', () => {
  test('creates a topic, describes it, adds partitions and deletes it', async () => {
    const created = await tool(
      'kafka-topics',
      '--create --topic life --partitions 3 --config retention.ms=3600000',
    )
    expect(created).toEqual(['Created topic life.'])
    const head =
      /^Topic: life\tTopicId: [\w-]{22}\tPartitionCount: 3\tReplicationFactor: 1\tConfigs: .*retention.ms=3600000/
    const partition = (index: number) =>
      `\tTopic: life\tPartition: ${index}\tLeader: 1\tReplicas: 1\tIsr: 1\tElr: \tLastKnownElr: `
    const described = await tool('kafka-topics', '--describe --topic life')
    expect(described).toEqual([expect.stringMatching(head), partition(0), partition(1), partition(2)])

    expect(await tool('kafka-topics', '--alter --topic life --partitions 5')).toEqual([])
    expect((await tool('kafka-topics', '--describe --topic life')).slice(1)).toEqual(
      [0, 1, 2, 3, 4].map(partition),
    )
    expect(await tool('kafka-topics', '--list')).toContain('life')
    expect(await tool('kafka-topics', '--delete --topic life')).toEqual([])
    expect(await tool('kafka-topics', '--list')).not.toContain('life')
  })

  test('is refused with the words of Kafka', async () => {
    await tool('kafka-topics', '--create --topic there')
    expect(await refused('kafka-topics', '--create --topic there')).toContain("Topic 'there' already exists.")
    expect(await tool('kafka-topics', '--create --if-not-exists --topic there')).toEqual([])
    expect(await refused('kafka-topics', '--describe --topic nowhere')).toContain(
      "Topic 'nowhere' does not exist as expected",
    )
    expect(await refused('kafka-topics', '--create --topic three --replication-factor 3')).toMatch(
      /Unable to replicate the partition 3 time\(s\): The target replication factor of 3 cannot be reached/,
    )
    expect(await refused('kafka-topics', '--create --topic three --config no.such.option=1')).toContain(
      'no.such.option',
    )
    expect(await refused('kafka-topics', '--alter --topic there --partitions 1')).toMatch(
      /Topic already has 1 partition\(s\)\./,
    )
  })
})

describe('kafka-configs', () => {
  test('alters and describes the configuration of a topic', async () => {
    await tool('kafka-topics', '--create --topic configured')
    const entity = '--entity-type topics --entity-name configured'
    const change = `${entity} --alter --add-config segment.bytes=2097152,cleanup.policy=[compact,delete]`
    expect(await tool('kafka-configs', change)).toEqual(['Completed updating config for topic configured.'])
    expect(await tool('kafka-configs', `${entity} --describe`)).toEqual([
      'Dynamic configs for topic configured are:',
      '  cleanup.policy=compact,delete sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact,delete, DEFAULT_CONFIG:log.cleanup.policy=delete}',
      '  segment.bytes=2097152 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:segment.bytes=2097152, DEFAULT_CONFIG:log.segment.bytes=1073741824}',
    ])
    await tool('kafka-configs', `${entity} --alter --delete-config cleanup.policy`)
    const all = await tool('kafka-configs', `${entity} --describe --all`)
    expect(all).toContain(
      '  cleanup.policy=delete sensitive=false synonyms={DEFAULT_CONFIG:log.cleanup.policy=delete}',
    )
    expect(all).toContain(
      '  retention.bytes=-1 sensitive=false synonyms={DEFAULT_CONFIG:log.retention.bytes=-1}',
    )
    expect(await refused('kafka-configs', `${entity} --alter --add-config retention.ms=soon`)).toContain(
      'InvalidConfigurationException: Invalid value soon for configuration retention.ms: Not a number of type LONG',
    )
  })

  test('alters and describes the configuration of one broker and of all', async () => {
    const one = '--entity-type brokers --entity-name 1'
    const synonyms =
      'DYNAMIC_BROKER_CONFIG:log.retention.ms=123456789, DYNAMIC_DEFAULT_BROKER_CONFIG:log.retention.ms=223456789, DEFAULT_CONFIG:log.retention.hours=168'
    const all = '--entity-type brokers --entity-default'
    const changed = await tool('kafka-configs', `${one} --alter --add-config log.retention.ms=123456789`)
    expect(changed).toEqual(['Completed updating config for broker 1.'])
    const changedAll = await tool('kafka-configs', `${all} --alter --add-config log.retention.ms=223456789`)
    expect(changedAll).toEqual(['Completed updating default config for brokers in the cluster.'])
    expect(await tool('kafka-configs', `${one} --describe`)).toContain(
      `  log.retention.ms=123456789 sensitive=false synonyms={${synonyms}}`,
    )
    expect(await tool('kafka-configs', `${all} --describe`)).toContain(
      '  log.retention.ms=223456789 sensitive=false synonyms={DYNAMIC_DEFAULT_BROKER_CONFIG:log.retention.ms=223456789}',
    )
    const described = await tool('kafka-configs', '--entity-type topics --entity-name there --describe --all')
    expect(described.filter(line => line.includes(' retention.ms='))).toEqual([
      `  retention.ms=123456789 sensitive=false synonyms={${synonyms}}`,
    ])
  })
})

describe('the console producer and consumer', () => {
  test('pass keys, values and headers through one partition', async () => {
    const lines = 'a:1,b:2;key-0:value 0\nc:3;key-1:value 1\n'
    const headers = '--reader-property parse.headers=true --reader-property headers.delimiter=;'
    await tool('kafka-console-producer', `--topic console ${keyed} ${headers}`, lines)
    const consume = '--topic console --partition 0 --offset earliest --max-messages 2 --timeout-ms 20000'
    expect(
      await tool('kafka-console-consumer', `${consume} ${verbose} --formatter-property print.headers=true`),
    ).toEqual([
      'Partition:0\tOffset:0\ta:1,b:2\tkey-0\tvalue 0',
      'Partition:0\tOffset:1\tc:3\tkey-1\tvalue 1',
    ])
  })

  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])('pass records compressed with %s', async codec => {
    const topic = `console-${codec}`
    await tool(
      'kafka-console-producer',
      `--topic ${topic} --compression-codec ${codec} ${keyed}`,
      keyedLines(500),
    )
    const consume = `--topic ${topic} --partition 0 --offset 498 --max-messages 2 --timeout-ms 20000`
    expect(await tool('kafka-console-consumer', `${consume} ${verbose}`)).toEqual([
      'Partition:0\tOffset:498\tkey-498\tvalue 498',
      'Partition:0\tOffset:499\tkey-499\tvalue 499',
    ])
  })

  test.each(['0', '1', 'all'])('pass records with acks %s', async acks => {
    const topic = `console-acks-${acks}`
    await tool('kafka-topics', `--create --topic ${topic}`)
    const producing = `--topic ${topic} --command-property acks=${acks} --command-property enable.idempotence=false`
    await tool('kafka-console-producer', producing, 'one\ntwo\n')
    const consume = `--topic ${topic} --partition 0 --offset earliest --max-messages 2 --timeout-ms 20000`
    expect(await tool('kafka-console-consumer', consume)).toEqual(['one', 'two'])
  })

  test('the consumer ends at its timeout where nothing comes', async () => {
    await tool('kafka-topics', '--create --topic silent')
    const consume = '--topic silent --partition 0 --offset latest --timeout-ms 1500'
    expect(await tool('kafka-console-consumer', consume)).toEqual([])
  })
})

describe('kafka-get-offsets', () => {
  /** Of these five the fourth is the youngest; the first two are deleted. */
  const timestamps = [100, 200, 300, 500, 400]

  beforeAll(async () => {
    await createTopic(broker.bootstrap, 'offsets', { config: { 'retention.ms': '-1' } })
    const { producer, reports } = await connectProducer(broker.bootstrap, { 'batch.num.messages': 1 })
    for (const timestamp of timestamps) producer.produce('offsets', 0, Buffer.from('x'), null, timestamp)
    await eventually('the reports', () => reports.length === timestamps.length || undefined)
    await disconnect(producer)
    const file = await write('two.json', deletion('offsets', 2))
    await tool('kafka-delete-records', `--offset-json-file ${file}`)
  })

  test.each([
    ['earliest', '2'],
    ['-2', '2'],
    ['latest', '5'],
    ['-1', '5'],
    ['max-timestamp', '3'],
    ['-3', '3'],
    ['earliest-local', '2'],
    ['-4', '2'],
    ['0', '2'],
    ['301', '3'],
    ['500', '3'],
  ])('answers %s', async (time, offset) => {
    expect(await tool('kafka-get-offsets', `--topic offsets --time ${time}`)).toEqual([`offsets:0:${offset}`])
  })

  test.each(['latest-tiered', '-5', '501'])('has no offset to show for %s', async time => {
    expect(await tool('kafka-get-offsets', `--topic offsets --time ${time}`)).toEqual([])
  })

  test('has none to show for the maximum timestamp of an empty partition', async () => {
    await createTopic(broker.bootstrap, 'nothing')
    expect(await tool('kafka-get-offsets', '--topic nothing --time max-timestamp')).toEqual([])
    expect(await tool('kafka-get-offsets', '--topic nothing')).toEqual(['nothing:0:0'])
  })

  test('lists the partitions that it is asked for', async () => {
    await createTopic(broker.bootstrap, 'several', { partitions: 3 })
    const asked = '--topic-partitions several:1-3'
    expect(await tool('kafka-get-offsets', asked)).toEqual(['several:1:0', 'several:2:0'])
  })
})

describe('kafka-delete-records', () => {
  test('raises the log start offset, to the high watermark where asked, and not beyond', async () => {
    await tool('kafka-console-producer', '--topic deletable', 'a\nb\nc\n')
    const run = async (offset: number) =>
      tool(
        'kafka-delete-records',
        `--offset-json-file ${await write('delete.json', deletion('deletable', offset))}`,
      )
    const answer = (line: string) => [
      'Executing records delete operation',
      'Records delete operation completed:',
      line,
    ]
    expect(await run(1)).toEqual(answer('partition: deletable-0\tlow_watermark: 1'))
    const consume = '--topic deletable --partition 0 --offset earliest --max-messages 2 --timeout-ms 20000'
    expect(await tool('kafka-console-consumer', consume)).toEqual(['b', 'c'])
    expect(await run(9)).toEqual(
      answer(
        'partition: deletable-0\terror: org.apache.kafka.common.errors.OffsetOutOfRangeException: The requested offset is not within the range of offsets maintained by the server.',
      ),
    )
    expect(await run(-1)).toEqual(answer('partition: deletable-0\tlow_watermark: 3'))
    expect(await tool('kafka-get-offsets', '--topic deletable --time earliest')).toEqual(['deletable:0:3'])
  })
})

describe('kafka-producer-perf-test', () => {
  const summary =
    /^(\d+) records sent, [\d.]+ records\/sec \([\d.]+ MB\/sec\), [\d.]+ ms avg latency, [\d.]+ ms max latency/

  test.each([
    'acks=1',
    'acks=all compression.type=lz4',
    'acks=all enable.idempotence=false linger.ms=0 batch.size=500',
  ])('sends its records with %s', async properties => {
    const topic = `perf-${properties.length}`
    await tool('kafka-topics', `--create --topic ${topic} --partitions 2`)
    const load = `--topic ${topic} --num-records 20000 --record-size 200 --throughput -1`
    const output = await tool('kafka-producer-perf-test', `${load} --command-property ${properties}`)
    expect(summary.exec(output.at(-1)!)?.[1]).toBe('20000')
    const offsets = await tool('kafka-get-offsets', `--topic ${topic}`)
    expect(offsets.reduce((sum, line) => sum + Number(line.split(':')[2]), 0)).toBe(20_000)
  })
})

describe('what describes the broker', () => {
  test('kafka-log-dirs shows the directory and the size of each partition', async () => {
    await tool('kafka-topics', '--create --topic sized --partitions 2')
    await tool(
      'kafka-console-producer',
      '--topic sized --command-property partitioner.ignore.keys=true',
      'x\n',
    )
    const output = await tool('kafka-log-dirs', '--describe --topic-list sized')
    const { version, brokers } = JSON.parse(output.at(-1)!)
    expect(version).toBe(1)
    expect(brokers).toEqual([
      { broker: 1, logDirs: [{ logDir: broker.data, error: null, partitions: expect.anything() }] },
    ])
    const partitions = brokers[0].logDirs[0].partitions
    const sizes = new Map<string, number>(
      partitions.map((each: { partition: string; size: number }) => [each.partition, each.size]),
    )
    expect([...sizes.keys()].sort()).toEqual(['sized-0', 'sized-1'])
    // One batch of one record without a key: 61 bytes of header and 8 of the record.
    expect([...sizes.values()].sort((a, b) => a - b)).toEqual([0, 69])
    expect(
      partitions.every(
        (each: { offsetLag: number; isFuture: boolean }) => each.offsetLag === 0 && !each.isFuture,
      ),
    ).toBe(true)
  })

  test('kafka-broker-api-versions finds every API of this client at a version that it can use', async () => {
    const output = await tool('kafka-broker-api-versions', '')
    expect(output[0]).toBe(`127.0.0.1:${broker.port} (id: 1 rack: null isFenced: false) -> (`)
    const usable = new Map<string, number>()
    for (const line of output) {
      const found = /^\t(\w+)\(\d+\): .*\[usable: (\d+)\]/.exec(line)
      if (found) usable.set(found[1]!, Number(found[2]))
    }
    const wanted = {
      Produce: 13,
      Fetch: 18,
      ListOffsets: 11,
      Metadata: 13,
      ApiVersions: 4,
      CreateTopics: 7,
      DeleteTopics: 6,
      DeleteRecords: 2,
      InitProducerId: 5,
      OffsetForLeaderEpoch: 4,
      DescribeConfigs: 4,
      AlterConfigs: 2,
      DescribeLogDirs: 5,
      CreatePartitions: 3,
      IncrementalAlterConfigs: 1,
      DescribeCluster: 2,
      DescribeTopicPartitions: 0,
    }
    expect(Object.fromEntries(usable)).toMatchObject(wanted)
  })

  test('kafka-cluster knows the id of the cluster and its endpoints', async () => {
    const id = await kafkaToolOk('kafka-cluster', ['cluster-id', '--bootstrap-server', broker.bootstrap])
    expect(id).toMatch(/^Cluster ID: [\w-]{22}$/m)
    const endpoints = await kafkaToolOk('kafka-cluster', [
      'list-endpoints',
      '--bootstrap-server',
      broker.bootstrap,
    ])
    expect(endpoints).toMatch(new RegExp(`^1 +127.0.0.1 +${broker.port} +null +unfenced +broker *$`, 'm'))
  })
})

function deletion(topic: string, offset: number): string {
  return JSON.stringify({ version: 1, partitions: [{ topic, partition: 0, offset }] })
}
