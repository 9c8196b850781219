// The broker under test: Klamm as a child process, or Apache Kafka itself (BROKER=kafka), which every case has to pass
// as well. It keeps its port and its data over stop, kill -9 and start.

import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { classPath, javaOptions, kafkaToolOk, serverJavaOptions } from './kafka-jars.ts'
import { eventually, launch } from './processes.ts'

export type BrokerKind = 'klamm' | 'kafka'

export const brokerKind: BrokerKind = process.env.BROKER === 'kafka' ? 'kafka' : 'klamm'
export const klammMain =
  process.env.KLAMM_MAIN ?? join(import.meta.dirname, '..', '..', 'dist', 'src', 'cli', 'main.js')

/** A kill has to leave time for what it interrupts; a stop flushes and writes checkpoints first. */
const START_DEADLINE_MS = 60_000
const STOP_DEADLINE_MS = 30_000

interface BrokerOptions {
  readonly config: Readonly<Record<string, string>>
  /** Of `klamm start`, beside its properties. */
  readonly klammArgs: readonly string[]
}

export class Broker {
  readonly kind: BrokerKind
  readonly port: number
  readonly folder: string
  readonly #config: Readonly<Record<string, string>>
  readonly #klammArgs: readonly string[]
  #process: ChildProcess | undefined

  constructor(kind: BrokerKind, port: number, folder: string, options: BrokerOptions) {
    this.kind = kind
    this.port = port
    this.folder = folder
    this.#config = options.config
    this.#klammArgs = options.klammArgs
  }

  get bootstrap(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Of the process that runs now. */
  get pid(): number {
    return this.#process!.pid!
  }

  /** The log directory, which holds one folder for each partition. */
  get data(): string {
    return join(this.folder, 'data')
  }

  get log(): string {
    return readFileSync(join(this.folder, 'broker.out'), 'utf8')
  }

  async start(): Promise<void> {
    const properties = join(this.folder, 'server.properties')
    const out = openSync(join(this.folder, 'broker.out'), 'a')
    const [command, args] =
      this.kind === 'kafka' ? kafkaCommand(properties) : klammCommand(properties, this.#klammArgs)
    const child = launch(command, args, { stdio: ['ignore', out, out] })
    closeSync(out)
    this.#process = child
    await eventually(
      `${this.kind} on port ${this.port}`,
      async () => {
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new Error(`${this.kind} ended with ${child.exitCode ?? child.signalCode}\n${this.log}`)
        }
        return (await connects(this.port)) || undefined
      },
      START_DEADLINE_MS,
    )
  }

  /** SIGTERM, as an operator would. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  /** SIGKILL: nothing gets the chance to flush or to close. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Ends the broker, whatever its state, and removes its data. */
  async dispose(): Promise<void> {
    await this.#end('SIGKILL')
    await rm(this.folder, { recursive: true, force: true })
  }

  /** Writes server.properties and, for Kafka, formats the log directory. */
  async prepare(): Promise<void> {
    const properties = await this.writeProperties()
    if (this.kind === 'klamm') return
    await kafkaToolOk('kafka-storage', ['format', '-t', 'MkU3OEVBNTcwNTJENDM2Qk', '-c', properties])
  }

  /** For a broker that adopts a directory as it is. */
  async writeProperties(): Promise<string> {
    await mkdir(this.data, { recursive: true })
    const properties = join(this.folder, 'server.properties')
    const lines = { ...this.#listeners(), 'log.dirs': this.data, ...singleNode, ...this.#config }
    const text = Object.entries(lines).map(([name, value]) => `${name}=${value}\n`)
    await writeFile(properties, text.join(''))
    return properties
  }

  #listeners(): Record<string, string> {
    if (this.kind === 'klamm') return { 'node.id': '1', listeners: `PLAINTEXT://127.0.0.1:${this.port}` }
    const controller = this.port + 1
    return {
      'node.id': '1',
      'process.roles': 'broker,controller',
      'controller.quorum.voters': `1@127.0.0.1:${controller}`,
      'controller.listener.names': 'CONTROLLER',
      listeners: `PLAINTEXT://127.0.0.1:${this.port},CONTROLLER://127.0.0.1:${controller}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${this.port}`,
    }
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exit = new Promise<void>(resolve => child.once('exit', () => resolve()))
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS)
    await exit
    clearTimeout(timer)
    if (signal === 'SIGTERM' && child.signalCode === 'SIGKILL') {
      throw new Error(`${this.kind} did not stop within ${STOP_DEADLINE_MS} ms of SIGTERM\n${this.log}`)
    }
  }
}

/** A running broker with an empty data directory and the ordinary settings of a single node. */
export async function startBroker(
  config: Readonly<Record<string, string>> = {},
  kind: BrokerKind = brokerKind,
  klammArgs: readonly string[] = [],
): Promise<Broker> {
  const broker = await newBroker(config, kind, klammArgs)
  await broker.start()
  return broker
}

/** A broker that is ready to start. */
export async function newBroker(
  config: Readonly<Record<string, string>> = {},
  kind: BrokerKind = brokerKind,
  klammArgs: readonly string[] = [],
): Promise<Broker> {
  const folder = await mkdtemp(join(tmpdir(), `klamm-interop-${kind}-`))
  const broker = new Broker(kind, await freePort(), folder, { config, klammArgs })
  await broker.prepare()
  return broker
}

const singleNode = {
  'offsets.topic.num.partitions': '1',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'group.initial.rebalance.delay.ms': '0',
}

function klammCommand(properties: string, args: readonly string[]): [string, string[]] {
  return [process.execPath, [klammMain, 'start', '--config', properties, ...args]]
}

function kafkaCommand(properties: string): [string, string[]] {
  const options = process.env.KAFKA_JVM === 'server' ? serverJavaOptions : [...javaOptions, '-Xmx512m']
  return ['java', [...options, '-cp', classPath, 'kafka.Kafka', properties]]
}

let nextPort = 20_000 + (process.pid % 600) * 16

/** Below the range that the kernel hands out, so that a restarted broker finds its port free; the next one is free too. */
export async function freePort(): Promise<number> {
  for (;;) {
    nextPort = nextPort + 2 < 32_000 ? nextPort + 2 : 20_000
    if ((await isFree(nextPort)) && (await isFree(nextPort + 1))) return nextPort
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

function connects(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
