// A broker whose starts are measured: with what Kafka's own scripts give its JVM, and no deadline but a distant one.

import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Broker, type BrokerKind, klammMain, newBroker } from '../harness/broker.ts'
import { classPath } from '../harness/kafka-jars.ts'
import { eventually, launch, pause } from '../harness/processes.ts'
import { connectProducer, disconnect } from '../harness/rdkafka.ts'
import { answers, ledPartitions } from './wire.ts'

/** kafka-server-start.sh and kafka-run-class.sh. */
const jvm = [
  ...['-Xmx1G', '-Xms1G', '-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20'],
  ...['-XX:InitiatingHeapOccupancyPercent=35', '-XX:+ExplicitGCInvokesConcurrent', '-XX:MaxInlineLevel=15'],
  '-Djava.awt.headless=true',
]
const deadlineMs = 600_000

export interface Start {
  /** From the command to the first answer, to a leader for every partition, and to a record in each of some. */
  readonly answersMs: number
  readonly leadsMs: number
  readonly servesMs: number
  readonly cpuSeconds: number
  readonly residentMiB: number
  readonly peakMiB: number
  readonly openFiles: number
}

export class MeasuredBroker {
  readonly broker: Broker
  #process: ChildProcess | undefined

  static async make(kind: BrokerKind): Promise<MeasuredBroker> {
    return new MeasuredBroker(await newBroker({}, kind))
  }

  constructor(broker: Broker) {
    this.broker = broker
  }

  get bootstrap(): string {
    return this.broker.bootstrap
  }

  /** Resolves when it answers. */
  async launch(): Promise<void> {
    const { kind, folder, port } = this.broker
    const properties = join(folder, 'server.properties')
    const out = openSync(join(folder, 'broker.out'), 'a')
    const stdio = ['ignore', out, out] as ['ignore', number, number]
    const child =
      kind === 'kafka'
        ? launch('java', [...jvm, '-cp', classPath, 'kafka.Kafka', properties], { stdio })
        : launch(process.execPath, [klammMain, 'start', '--config', properties], { stdio })
    closeSync(out)
    this.#process = child
    const isThere = async () => {
      if (child.exitCode !== null) throw new Error(`${kind} ended with ${child.exitCode}\n${this.broker.log}`)
      return (await answers(port)) || undefined
    }
    await eventually(`${kind} on port ${port}`, isThere, deadlineMs)
  }

  /** A start up to the point where all partitions are led and some written to, and what it takes then. */
  async start(partitions: number, sample: readonly { topic: string; partition: number }[]): Promise<Start> {
    const begin = performance.now()
    const passed = () => Math.round(performance.now() - begin)
    await this.launch()
    const answersMs = passed()
    await this.allLed(partitions)
    const leadsMs = passed()
    await this.writeTo(sample)
    const servesMs = passed()
    const cpuSeconds = this.#cpuSeconds()
    // Many take a while to come to rest.
    await pause(partitions < 2_000 ? 2_000 : 10_000)
    const { pid } = this.#process!
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const mib = (name: string) =>
      Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)![1]) / 1_024)
    return {
      answersMs,
      leadsMs,
      servesMs,
      cpuSeconds,
      residentMiB: mib('VmRSS'),
      peakMiB: mib('VmHWM'),
      openFiles: readdirSync(`/proc/${pid}/fd`).length,
    }
  }

  async allLed(partitions: number): Promise<void> {
    const { kind, port } = this.broker
    await eventually(
      `leaders of ${kind}`,
      async () => ((await ledPartitions(port)) ?? 0) >= partitions || undefined,
      deadlineMs,
    )
  }

  async writeTo(targets: readonly { topic: string; partition: number }[]): Promise<void> {
    const { producer, reports } = await connectProducer(this.bootstrap, { 'message.timeout.ms': deadlineMs })
    for (const { topic, partition } of targets) producer.produce(topic, partition, Buffer.alloc(100, 'x'))
    await eventually('the reports', () => reports.length >= targets.length || undefined, deadlineMs)
    await disconnect(producer)
  }

  #cpuSeconds(): number {
    const fields = readFileSync(`/proc/${this.#process!.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  }

  /** How long the end takes. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number> {
    const begin = performance.now()
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return 0
    const exit = new Promise<void>(resolve => child.once('exit', () => resolve()))
    child.kill(signal)
    await exit
    return Math.round(performance.now() - begin)
  }

  async dispose(): Promise<void> {
    await this.end('SIGKILL')
    await this.broker.dispose()
  }
}
