// Apache Kafka's own programs, from Maven Central: the broker and the command-line tools of one version.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, cacheRoot } from './cache.ts'
import { type Finished, type RunOptions, run, runOk } from './processes.ts'

const pom = join(import.meta.dirname, '..', 'kafka', 'pom.xml')
export const kafkaVersion = /<kafka.version>(.+?)</.exec(readFileSync(pom, 'utf8'))![1]!
const folderName = `kafka-${kafkaVersion}`

export const classPath = join(cacheRoot, folderName, '*')

export async function fetchKafkaJars(): Promise<void> {
  await cached(folderName, folder => copyJars(pom, folder))
}

/** Quick to start rather than quick in the long run: most tools live for a second. */
export const javaOptions = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto']

/** Those of Kafka's own start script, for measurements (KAFKA_JVM=server): slower to start, and as fast as it gets. */
export const serverJavaOptions = [
  ...['-Xmx1G', '-Xms1G', '-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20'],
  ...['-XX:InitiatingHeapOccupancyPercent=35', '-XX:+ExplicitGCInvokesConcurrent', '-XX:MaxInlineLevel=15'],
]

/** The class behind each of Kafka's shell scripts that the suites use. */
const tools = {
  'kafka-topics': 'org.apache.kafka.tools.TopicCommand',
  'kafka-configs': 'kafka.admin.ConfigCommand',
  'kafka-get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  'kafka-delete-records': 'org.apache.kafka.tools.DeleteRecordsCommand',
  'kafka-log-dirs': 'org.apache.kafka.tools.LogDirsCommand',
  'kafka-broker-api-versions': 'org.apache.kafka.tools.BrokerApiVersionsCommand',
  'kafka-cluster': 'org.apache.kafka.tools.ClusterTool',
  'kafka-console-producer': 'org.apache.kafka.tools.ConsoleProducer',
  'kafka-console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'kafka-producer-perf-test': 'org.apache.kafka.tools.ProducerPerformance',
  'kafka-verifiable-producer': 'org.apache.kafka.tools.VerifiableProducer',
  'kafka-dump-log': 'org.apache.kafka.tools.DumpLogSegments',
  'kafka-storage': 'kafka.tools.StorageTool',
  'kafka-reassign-partitions': 'org.apache.kafka.tools.reassign.ReassignPartitionsCommand',
  'kafka-features': 'org.apache.kafka.tools.FeatureCommand',
} as const

export type Tool = keyof typeof tools

export function toolCommand(tool: Tool, args: readonly string[]): string[] {
  return [...javaOptions, '-cp', classPath, tools[tool], ...args]
}

export function kafkaTool(tool: Tool, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return run('java', toolCommand(tool, args), options)
}

/** A tool that must succeed; its standard output. */
export function kafkaToolOk(tool: Tool, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return runOk('java', toolCommand(tool, args), options)
}

const streamsFolder = `kafka-streams-${kafkaVersion}`
export const streamsClassPath = join(cacheRoot, streamsFolder, '*')

/** Kafka Streams with RocksDB and the client, in a folder of their own: they are large, and one suite needs them. */
export async function fetchStreamsJars(): Promise<void> {
  await cached(streamsFolder, folder =>
    copyJars(join(import.meta.dirname, '..', 'kafka', 'streams', 'pom.xml'), folder),
  )
}

async function copyJars(from: string, folder: string): Promise<void> {
  const goals = ['dependency:copy-dependencies', `-DoutputDirectory=${folder}`, '-DincludeScope=runtime']
  await runOk('mvn', ['-q', '-B', '-f', from, ...goals], { deadlineMs: 600_000, echo: true })
}
