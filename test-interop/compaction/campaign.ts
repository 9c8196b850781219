// Compaction under kill -9: a feed of keyed records with a model, a broker that compacts all the time, and kills in the
// middle of it. Readers compare all of the log with the model before, during and after. The feed and the model are one
// Java program, KeyedFeed; the same feed goes into Apache Kafka.

import type { ChildProcess } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Broker, newBroker } from '../harness/broker.ts'
import { classPath, javaOptions, kafkaToolOk } from '../harness/kafka-jars.ts'
import { eventually, launch, pause, runOk } from '../harness/processes.ts'

export interface CampaignOptions {
  readonly records: number
  readonly keys: number
  readonly kills: number
  readonly seed: number
  readonly partitions: number
  /** Records go in transactions, some of which are aborted. */
  readonly transactionalId?: string
}

export const TOPIC = 'compacted'

/** What a reader found, once it has found it right. */
export interface Checked {
  readonly records: number
  readonly liveKeys: number
  /** Of keys and the numbers of their records. */
  readonly state: string
}

const classes = join(import.meta.dirname, '..', 'dist', 'compaction')

export async function compileJava(...programs: readonly string[]): Promise<void> {
  mkdirSync(classes, { recursive: true })
  const files = programs.map(program => `${program}.java`)
  await runOk('javac', ['-Xlint:all', '-Werror', '-cp', classPath, '-d', classes, ...files], {
    cwd: import.meta.dirname,
  })
}

export function javaProgram(program: string, heap: string): string[] {
  return [...javaOptions, `-Xmx${heap}`, '-cp', `${classes}:${classPath}`, program]
}

/** Small segments, compaction without pause, and a rate at which it takes its time. */
const brokerSettings = {
  'log.cleaner.backoff.ms': '50',
  'log.cleaner.io.max.bytes.per.second': '40000000',
  'log.cleaner.dedupe.buffer.size': '16777216',
  'log.initial.task.delay.ms': '50',
}

const topicSettings = {
  'cleanup.policy': 'compact',
  'min.cleanable.dirty.ratio': '0.01',
  'segment.bytes': '4194304',
  'file.delete.delay.ms': '1000',
  'delete.retention.ms': '2000',
}

/** A broker with the topic, and a feed that runs over all kills. */
export class Campaign {
  readonly broker: Broker
  readonly options: CampaignOptions
  /** By what lay in the partitions' directories: a cleaning that copies, or one that changes names. */
  readonly killedWhile = { copying: 0, swapping: 0 }
  /** As the feed has counted them. */
  transactions: string | undefined
  private acknowledged = 0
  private fed: Promise<void> | undefined
  private feeder: ChildProcess | undefined
  private dice: number

  private constructor(broker: Broker, options: CampaignOptions) {
    this.broker = broker
    this.options = options
    this.dice = options.seed | 1
  }

  static async start(options: CampaignOptions, kind: 'klamm' | 'kafka'): Promise<Campaign> {
    const broker = await newBroker(brokerSettings, kind)
    await broker.start()
    const campaign = new Campaign(broker, options)
    const configs = Object.entries(topicSettings).flatMap(([name, value]) => ['--config', `${name}=${value}`])
    const shape = ['--partitions', String(options.partitions), '--replication-factor', '1']
    const where = ['--bootstrap-server', broker.bootstrap, '--topic', TOPIC]
    await kafkaToolOk('kafka-topics', ['--create', ...where, ...shape, ...configs])
    return campaign
  }

  feed(): void {
    const child = launch('java', [...javaProgram('KeyedFeed', '256m'), 'feed', ...this.arguments()], {})
    this.feeder = child
    let complaints = ''
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      complaints += text
    })
    createInterface({ input: child.stdout! }).on('line', line => {
      const count = /^acknowledged (\d+)$/.exec(line)?.[1]
      if (count !== undefined) this.acknowledged = Number(count)
      else if (line.startsWith('transactions')) this.transactions = line
    })
    this.fed = new Promise((resolve, reject) => {
      child.once('close', code => {
        if (code === 0) resolve()
        else reject(new Error(`the feed ended with ${code} after ${this.acknowledged}: ${complaints}`))
      })
    })
    // Whoever waits for it hears of it.
    this.fed.catch(() => undefined)
  }

  /** What is left of it. */
  async finishFeed(): Promise<void> {
    this.allow(this.options.records)
    await this.fed
  }

  private allow(records: number): void {
    this.feeder!.stdin!.write(`up to ${records}\n`)
  }

  /** Kills spread over the feed, each in the middle of a cleaning of what was just fed. */
  async killAll(onKill: (count: number) => Promise<void>): Promise<void> {
    const { kills, records } = this.options
    for (let count = 1; count <= kills; count++) {
      const target = Math.floor((records / (kills + 1)) * count)
      this.allow(target)
      await this.killInCleaning(count)
      await pause(this.below(200))
      await this.broker.start()
      await this.progress(target)
      await onKill(count)
    }
  }

  private async progress(records: number): Promise<void> {
    const reached = eventually(
      `${records} records`,
      () => this.acknowledged >= records || undefined,
      1_200_000,
    )
    await Promise.race([reached, this.fed])
  }

  /** Every third kill waits for files that change their names. */
  private async killInCleaning(count: number): Promise<void> {
    const isForSwap = count % 3 === 0
    const end = Date.now() + 60_000
    for (let turns = 0; Date.now() < end; turns++) {
      const names = this.files()
      const isSwapping = names.some(name => name.endsWith('.swap'))
      const isCopying = names.some(name => name.endsWith('.cleaned'))
      if (isSwapping || (isCopying && (!isForSwap || turns > 20_000))) {
        if (!isForSwap) await pause(this.below(150))
        break
      }
      // Names change within a few milliseconds: nobody waits for a timer then.
      if (!isForSwap) await pause(1)
      else await new Promise(resolve => setImmediate(resolve))
    }
    await this.broker.kill()
    const left = this.files()
    if (left.some(name => name.endsWith('.swap'))) this.killedWhile.swapping++
    else if (left.some(name => name.endsWith('.cleaned'))) this.killedWhile.copying++
  }

  private files(): string[] {
    return this.directories().flatMap(directory => readdirSync(directory))
  }

  private directories(): string[] {
    return Array.from({ length: this.options.partitions }, (_, i) => join(this.broker.data, `${TOPIC}-${i}`))
  }

  /** Reads all of it, and compares. */
  async check(): Promise<Checked> {
    const output = await runOk('java', [...javaProgram('KeyedFeed', '512m'), 'check', ...this.arguments()], {
      deadlineMs: 300_000,
    })
    const found = /^checked (\d+) records, (\d+) live keys, state ([0-9a-f]+)$/m.exec(output)
    if (found === null) throw new Error(`the reader said: ${output}`)
    return { records: Number(found[1]), liveKeys: Number(found[2]), state: found[3]! }
  }

  /** Resolves when all but the active segments is compacted. */
  async compacted(): Promise<void> {
    await eventually('compaction', () => this.isCompacted() || undefined, 300_000)
  }

  private isCompacted(): boolean {
    if (this.files().some(name => /\.(cleaned|swap)$/.test(name))) return false
    const checkpoint = this.checkpoint()
    return this.directories().every((directory, i) => {
      const bases = readdirSync(directory).filter(name => /^\d{20}\.log$/.test(name))
      return checkpoint.get(`${TOPIC} ${i}`) === Number.parseInt(bases.sort().at(-1)!, 10)
    })
  }

  private checkpoint(): Map<string, number> {
    try {
      const text = readFileSync(join(this.broker.data, 'cleaner-offset-checkpoint'), 'utf8')
      const rows = text.trim().split('\n').slice(2)
      return new Map(rows.map(row => [row.slice(0, row.lastIndexOf(' ')), Number(row.split(' ').at(-1))]))
    } catch {
      return new Map()
    }
  }

  private arguments(): string[] {
    const { partitions, seed, keys, records, transactionalId } = this.options
    const numbers = [partitions, seed, keys, records].map(String)
    return [this.broker.bootstrap, TOPIC, ...numbers, ...(transactionalId ? [transactionalId] : [])]
  }

  private below(bound: number): number {
    this.dice = (Math.imul(this.dice, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((this.dice / 2 ** 32) * bound)
  }
}
