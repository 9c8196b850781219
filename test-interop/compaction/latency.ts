// How long produce takes at a steady rate, while a cleaner works through a large topic and while it does not. Each run
// begins with the same prepared data, so that the cleaner always has all of it to do.

import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { type Broker, newBroker } from '../harness/broker.ts'
import { kafkaToolOk } from '../harness/kafka-jars.ts'
import { eventually, pause, runOk } from '../harness/processes.ts'
import { javaProgram } from './campaign.ts'

export interface LatencyOptions {
  readonly bytes: number
  readonly runs: number
  readonly seconds: number
  readonly recordsPerSecond: number
  /** `log.cleaner.io.max.bytes.per.second` */
  readonly cleanerRate: number
}

/** Milliseconds. */
export interface Latencies {
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

export interface LatencyRun {
  readonly without: Latencies
  readonly during: Latencies
  /** What of the topic the cleaner had copied and put in place when the measurement ended. */
  readonly cleanedSegments: number
  /** The machine's load average of the last minute, at the end. */
  readonly load: number
}

const LARGE = 'large'
const STEADY = 'steady'
const IDLE = { 'min.cleanable.dirty.ratio': '1.0' }
const BUSY = { 'min.cleanable.dirty.ratio': '0.01' }

export async function measure(
  options: LatencyOptions,
  onRun: (run: LatencyRun) => void,
): Promise<LatencyRun[]> {
  const broker = await newBroker({
    'log.cleaner.backoff.ms': '100',
    'log.cleaner.io.max.bytes.per.second': String(options.cleanerRate),
  })
  const prepared = join(broker.folder, 'prepared')
  try {
    await fill(broker, options)
    cpSync(broker.data, prepared, { recursive: true })
    const runs: LatencyRun[] = []
    for (let i = 0; i < options.runs; i++) {
      rmSync(broker.data, { recursive: true })
      cpSync(prepared, broker.data, { recursive: true })
      const run = await oneRun(broker, options)
      onRun(run)
      runs.push(run)
    }
    return runs
  } finally {
    await broker.dispose()
  }
}

async function fill(broker: Broker, { bytes }: LatencyOptions): Promise<void> {
  await broker.start()
  const segments = { 'segment.bytes': '67108864', 'cleanup.policy': 'compact', ...IDLE }
  await createTopic(broker, LARGE, segments)
  await createTopic(broker, STEADY, {})
  const keys = Math.floor(bytes / 2_048)
  await runOk(
    'java',
    [...javaProgram('SteadyLoad', '256m'), 'fill', broker.bootstrap, LARGE, String(bytes), String(keys)],
    { deadlineMs: 600_000 },
  )
  await broker.stop()
}

async function createTopic(
  broker: Broker,
  topic: string,
  configs: Readonly<Record<string, string>>,
): Promise<void> {
  const settings = Object.entries(configs).flatMap(([name, value]) => ['--config', `${name}=${value}`])
  const where = ['--bootstrap-server', broker.bootstrap, '--create', '--topic', topic]
  await kafkaToolOk('kafka-topics', [...where, '--partitions', '1', '--replication-factor', '1', ...settings])
}

async function oneRun(broker: Broker, options: LatencyOptions): Promise<LatencyRun> {
  await broker.start()
  const without = await steady(broker, options)
  const changes = Object.entries(BUSY).map(([name, value]) => `${name}=${value}`)
  const where = ['--bootstrap-server', broker.bootstrap, '--entity-type', 'topics', '--entity-name', LARGE]
  await kafkaToolOk('kafka-configs', [...where, '--alter', '--add-config', changes.join(',')])
  // The keys are noted first, from all of it; then segments are copied. The measurement sees something of both.
  await pause(1_000)
  const during = await steady(broker, options)
  const cleanedSegments = replacedSegments(broker)
  await eventually('the end of the cleaning', () => hasCheckpoint(broker) || undefined, 900_000)
  await broker.stop()
  return { without, during, cleanedSegments, load: Math.round(loadavg()[0]! * 100) / 100 }
}

function replacedSegments(broker: Broker): number {
  return readdirSync(join(broker.data, `${LARGE}-0`)).filter(name => name.endsWith('.log.deleted')).length
}

function hasCheckpoint(broker: Broker): boolean {
  try {
    return readFileSync(join(broker.data, 'cleaner-offset-checkpoint'), 'utf8').includes(`${LARGE} 0 `)
  } catch {
    return false
  }
}

async function steady(broker: Broker, options: LatencyOptions): Promise<Latencies> {
  const { recordsPerSecond, seconds } = options
  const numbers = [recordsPerSecond, seconds].map(String)
  const output = await runOk(
    'java',
    [...javaProgram('SteadyLoad', '256m'), 'steady', broker.bootstrap, STEADY, ...numbers],
    { deadlineMs: 60_000 + seconds * 3_000 },
  )
  const found = /p50 (\d+) p99 (\d+) p999 (\d+) max (\d+) failed (\d+)/.exec(output)
  if (found === null || found[5] !== '0') throw new Error(`the load said: ${output}`)
  const [p50, p99, p999, max] = found.slice(1, 5).map(micros => Number(micros) / 1_000)
  return { p50: p50!, p99: p99!, p999: p999!, max: max! }
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}
