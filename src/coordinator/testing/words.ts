/** A machine that remembers words, in a runtime over real partitions and logs, on a disk in memory. */
import { afterEach, beforeEach } from 'vitest'
import type { Result } from '../../../protocol/errors.ts'
import { type Logger, silentLogger } from '../../observe/logger.ts'
import { settled } from '../../platform/simulated/manual-clock.ts'
import { splitBatches } from '../../records/batch.ts'
import { CoordinatorLog } from '../../replication/coordinator-log.ts'
import { LOCAL_BROKER, ReplicaHost } from '../../replication/testing/replica-host.ts'
import { CoordinatorRuntime, type PartitionLog, type RuntimeOptions } from '../runtime.ts'
import {
  type Outcome,
  type ReplayedRecord,
  reply,
  type StateMachine,
  type Ticket,
  type TransactionMarker,
} from '../shard.ts'

export const TOPIC = '__consumer_offsets'
export const FOLLOWER = 2
export const COMMIT_TIMEOUT_MS = 5_000

/** Remembers words; everything about it can be seen. */
export class Words implements StateMachine {
  readonly words: string[] = []
  readonly offsets: bigint[] = []
  readonly markers: TransactionMarker[] = []
  readonly waiting: Ticket<string>[] = []
  loadedAt: number | undefined
  alarmAt = Infinity
  readonly wallSteps: number[] = []

  wallStepped(byMs: number): void {
    this.wallSteps.push(byMs)
    this.alarmAt += byMs
  }

  replay({ key, offset, producerId }: ReplayedRecord): void {
    const word = key.toString()
    if (word === 'nonsense') throw new Error('what is this?')
    this.words.push(producerId === -1n ? word : `${word} of ${producerId}`)
    this.offsets.push(offset)
  }

  replayMarker(marker: TransactionMarker): void {
    this.markers.push(marker)
  }

  loaded(now: number): void {
    this.loadedAt = now
  }

  deadline(): number {
    return this.alarmAt
  }

  expire(now: number): Outcome {
    this.alarmAt = Infinity
    const replies = this.waiting.splice(0).map(ticket => reply(ticket, `alarm at ${now}`))
    return { records: [record('alarm')], replies }
  }
}

export const record = (word: string) => ({ key: Buffer.from(word), value: Buffer.alloc(0) })

export let host: ReplicaHost
export let runtime: CoordinatorRuntime<Words>
export let machines: Words[]

/** For each test of a file: a broker with an empty internal topic, closed behind it. */
export function useWords(): void {
  beforeEach(async () => {
    host = await ReplicaHost.start()
    await host.createTopic(TOPIC)
  })
  afterEach(async () => {
    await runtime.close()
    await host.stop()
  })
}

type Wrap = (log: CoordinatorLog) => PartitionLog

export async function start(
  options: Partial<RuntimeOptions<Words>> = {},
  wrap: Wrap = log => log,
): Promise<void> {
  machines = []
  runtime = new CoordinatorRuntime<Words>({
    clock: host.clock,
    logger: silentLogger,
    newMachine: () => {
      const machine = new Words()
      machines.push(machine)
      return machine
    },
    commitTimeoutMs: COMMIT_TIMEOUT_MS,
    maxBatchBytes: () => 1_000,
    ...options,
  })
  runtime.start(0, wrap(new CoordinatorLog(host.partition(TOPIC))))
  await runtime.loaded()
}

/** A second replica that has nothing yet holds the high watermark back. */
export async function withFollower(): Promise<void> {
  const replicas = [LOCAL_BROKER, FOLLOWER]
  await host.changePartition(TOPIC, 0, { replicas, isr: replicas })
}

export const machine = () => machines.at(-1)!

export function say(...words: string[]): Promise<Result<string>> {
  return runtime.run<string>(0, (_, ticket) => ({
    records: words.map(record),
    replies: [reply(ticket, words.join(' '))],
  }))
}

export function listen(): Promise<Result<string>> {
  return runtime.run<string>(0, (state, ticket) => ({ replies: [reply(ticket, state.words.join(' '))] }))
}

export function park(): Promise<Result<string>> {
  return runtime.run<string>(0, (state, ticket) => {
    state.waiting.push(ticket)
    return {}
  })
}

export async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await settled()
}

/** What a promise has come to by now. */
export async function soFar<T>(promise: Promise<T>): Promise<T | 'waiting'> {
  await turns()
  return Promise.race([promise, Promise.resolve('waiting' as const)])
}

export async function compressionsInLog(): Promise<string[]> {
  const read = await new CoordinatorLog(host.partition(TOPIC)).read(0n)
  if (read.error) throw new Error(`error ${read.error}`)
  return [...splitBatches(read.value)].map(batch => batch.compression ?? '?')
}

export async function batchesInLog(): Promise<number> {
  return (await compressionsInLog()).length
}

export function fail(): Outcome {
  throw new Error('a bug')
}

/** The log with another way to append. */
export function appending(log: PartitionLog, append: PartitionLog['append']): PartitionLog {
  return Object.assign(Object.create(log) as PartitionLog, { append })
}

export function recordingLogger(): { logger: Logger; messages: string[] } {
  const messages: string[] = []
  const error = (message: string) => void messages.push(message)
  return { logger: { ...silentLogger, error }, messages }
}

/** The broker closes and starts again. */
export async function restart(): Promise<void> {
  await runtime.close()
  await host.restart()
  await start()
}
