// One chain: an input topic, an output topic, and the processes of one client that read the one and write the other
// in transactions. Processes may leave, come and be killed; what each said is kept.

import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { launch } from '../harness/processes.ts'
import { createTopic } from '../harness/rdkafka.ts'
import { type Client, type Command, commandOf } from './clients.ts'
import { type Effect, type Ending, type History, parseEffect, type Report } from './history.ts'
import { readAs } from './reading.ts'

export const INPUT_PARTITIONS = 4
const OUTPUT_PARTITIONS = 3
const LEAVE_DEADLINE_MS = 30_000

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
  /** All that came, with the second in which it did. */
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

  /** Those that have a process now. */
  get slots(): number[] {
    return [...this.#slots.keys()]
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
      // Now and then the broker is away for longer: it comes back to transactions that have timed out.
      timeout: 3_000,
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
      if (this.#slots.get(slot)?.child !== child) return
      this.notes.push(`slot ${slot} ended by itself, with ${code}`)
      this.start(slot)
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
    if (process.env.NOTES === 'all') this.notes.push(`${(performance.now() / 1_000).toFixed(2)} ${line}`)
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
      const place = { topic: this.output, partition }
      for (const [isolation, effects] of [
        ['read_committed', committed],
        ['read_uncommitted', uncommitted],
      ] as const) {
        const { messages, end, reached } = await readAs(this.#options.bootstrap, place, isolation)
        for (const { offset, value } of messages) effects.push(parseEffect(partition, offset, String(value)))
        if (isolation === 'read_committed') stable.push({ partition, end, reached })
      }
    }
    const { reports } = this
    return { inputs, inputPartitions: INPUT_PARTITIONS, committed, uncommitted, reports, stable, consumed }
  }
}
