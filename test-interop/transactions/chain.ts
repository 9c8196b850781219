// One chain: an input topic, an output topic, and the processes of one client that read the one and write the other
// in transactions. Processes may leave, come and be killed; what each said is kept.

import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { KafkaConsumer, Message } from 'node-rdkafka'
import { launch, pause } from '../harness/processes.ts'
import { assignedConsumer, consume, createTopic, disconnect, watermarks } from '../harness/rdkafka.ts'
import { type Client, type Command, commandOf } from './clients.ts'
import { type Effect, type Ending, type History, parseEffect, type Report } from './history.ts'

export const INPUT_PARTITIONS = 4
const OUTPUT_PARTITIONS = 3
const LEAVE_DEADLINE_MS = 30_000
const READ_DEADLINE_MS = 40_000

export interface ChainOptions {
  readonly client: Client
  readonly bootstrap: string
  readonly seed: number
  /** How many of a hundred transactions are aborted on purpose. */
  readonly aborts: number
}

interface Process {
  readonly child: ChildProcess
  readonly ended: Promise<void>
}

export class Chain {
  readonly client: Client
  readonly reports: Report[] = []
  readonly notes: string[] = []
  starts = 0
  readonly #options: ChainOptions
  readonly #command: Command
  readonly #slots = new Map<number, Process>()

  private constructor(options: ChainOptions, command: Command) {
    this.client = options.client
    this.#options = options
    this.#command = command
  }

  static async create(options: ChainOptions): Promise<Chain> {
    const chain = new Chain(options, await commandOf(options.client))
    await createTopic(options.bootstrap, chain.input, { partitions: INPUT_PARTITIONS })
    await createTopic(options.bootstrap, chain.output, { partitions: OUTPUT_PARTITIONS })
    return chain
  }

  get input(): string {
    return `${this.client}-in`
  }

  get output(): string {
    return `${this.client}-out`
  }

  get group(): string {
    return `${this.client}-group`
  }

  /** A process of this slot, which keeps its transactional id from one to the next. */
  start(slot: number): void {
    const { bootstrap, seed, aborts, client } = this.#options
    const options = {
      bootstrap,
      group: this.group,
      input: this.input,
      output: this.output,
      transactional: `${client}-${slot}`,
      attempts: `${client}${slot}.${this.starts}`,
      seed: seed + this.starts,
      aborts,
      batch: 20,
      session: 4_000,
      timeout: 10_000,
    }
    this.starts += 1
    const words = Object.entries(options).map(([name, value]) => `${name}=${value}`)
    const child = launch(this.#command.command, [...this.#command.args, ...words], {})
    createInterface({ input: child.stdout! }).on('line', line => this.#hear(line))
    child.stderr!.resume()
    child.stdin!.on('error', () => undefined)
    const ended = new Promise<void>(resolve => child.once('close', () => resolve()))
    this.#slots.set(slot, { child, ended })
    child.once('exit', code => {
      if (code) this.notes.push(`slot ${slot} ended with ${code}`)
    })
  }

  /** kill -9: whatever it was about to do stays as it is. */
  async crash(slot: number): Promise<void> {
    const found = this.#slots.get(slot)
    this.#slots.delete(slot)
    found?.child.kill('SIGKILL')
    await found?.ended
  }

  /** Leaves the group in order, with its transaction ended. */
  async leave(slot: number): Promise<void> {
    const found = this.#slots.get(slot)
    this.#slots.delete(slot)
    if (!found) return
    found.child.stdin!.end()
    const timer = setTimeout(() => {
      this.notes.push(`slot ${slot} did not leave`)
      found.child.kill('SIGKILL')
    }, LEAVE_DEADLINE_MS)
    await found.ended
    clearTimeout(timer)
  }

  async leaveAll(): Promise<void> {
    await Promise.all([...this.#slots.keys()].map(slot => this.leave(slot)))
  }

  async crashAll(): Promise<void> {
    await Promise.all([...this.#slots.keys()].map(slot => this.crash(slot)))
  }

  #hear(line: string): void {
    const [, outcome, attempt, inputs] = /^(COMMITTED|ABORTED) (\S+) (\d+)$/.exec(line) ?? []
    if (attempt) {
      const lower = outcome === 'COMMITTED' ? 'committed' : 'aborted'
      this.reports.push({ attempt, outcome: lower, inputs: Number(inputs) })
    } else {
      this.notes.push(line.replace(/^NOTE /, ''))
    }
  }

  /** What readers of both kinds see, once nothing is running any more. */
  async history(inputs: number, consumed: readonly Ending[]): Promise<History> {
    const committed: Effect[] = []
    const uncommitted: Effect[] = []
    const stable: Ending[] = []
    for (let partition = 0; partition < OUTPUT_PARTITIONS; partition += 1) {
      stable.push((await this.#read(partition, 'read_committed', committed)).ending)
      await this.#read(partition, 'read_uncommitted', uncommitted)
    }
    const { reports } = this
    return { inputs, inputPartitions: INPUT_PARTITIONS, committed, uncommitted, reports, stable, consumed }
  }

  async #read(partition: number, isolation: string, effects: Effect[]): Promise<{ ending: Ending }> {
    const { bootstrap } = this.#options
    const consumer = await assignedConsumer(bootstrap, [], { 'isolation.level': isolation })
    try {
      const place = { topic: this.output, partition }
      const { high: end } = await watermarks(consumer, place)
      const { messages, reached } = await readTo(consumer, place, end)
      for (const { offset, value } of messages) effects.push(parseEffect(partition, offset, String(value)))
      return { ending: { partition, end, reached } }
    } finally {
      await disconnect(consumer)
    }
  }
}

/** Reads to the end, or to where a transaction that hangs lets it. */
async function readTo(
  consumer: KafkaConsumer,
  place: { readonly topic: string; readonly partition: number },
  end: number,
): Promise<{ messages: Message[]; reached: number }> {
  const messages: Message[] = []
  let reached = 0
  consumer.on('partition.eof', eof => {
    reached = Math.max(reached, eof.offset)
  })
  consumer.assign([{ ...place, offset: 0 }])
  const late = Date.now() + READ_DEADLINE_MS
  while (reached < end && Date.now() < late) {
    messages.push(...(await consume(consumer, 10_000)))
    await pause(1)
  }
  return { messages, reached }
}
