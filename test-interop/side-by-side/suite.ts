// A suite: the cases of one client. Each case is a test, which runs on both sides at once and passes unless
// Klamm misses what Kafka does.

import { afterAll, test } from 'vitest'
import type { Broker } from '../harness/broker.ts'
import { disposeSides, type Sides, startSides } from './brokers.ts'
import { type CaseResult, isMissed, type Outcome, saveResult } from './results.ts'

/** Long enough for any case on a busy machine; a case that waits for nothing ends here. */
const CASE_DEADLINE_MS = 50_000
const CLEANUP_DEADLINE_MS = 10_000

/** One run of one case on one side. Names taken from it belong to this case alone. */
export class Run {
  readonly broker: Broker
  readonly #id: string
  readonly #cleanups: (() => unknown)[] = []

  constructor(broker: Broker, id: string) {
    this.broker = broker
    this.#id = id
  }

  get bootstrap(): string {
    return this.broker.bootstrap
  }

  name(what = 'topic'): string {
    return `${this.#id}-${what}`
  }

  /** To be done after the case, whatever came of it; the last registered first. */
  after(cleanup: () => unknown): void {
    this.#cleanups.push(cleanup)
  }

  async cleanUp(): Promise<void> {
    for (const cleanup of this.#cleanups.reverse()) {
      // A client that cannot even close has already failed its case, or is about to fail nobody.
      await within(CLEANUP_DEADLINE_MS, async () => cleanup()).catch(() => undefined)
    }
  }
}

export interface Suite {
  case(name: string, body: (run: Run) => Promise<void>): void
}

export interface SuiteOptions {
  /** The client's name and version, as in the table. */
  readonly client: string
  readonly position: number
}

export async function suite({ client, position }: SuiteOptions): Promise<Suite> {
  const sides = await startSides()
  const results: CaseResult[] = []
  let count = 0
  afterAll(async () => {
    saveResult({ client, position, cases: results })
    await disposeSides(sides)
  })
  return {
    case(name, body) {
      const index = count
      count += 1
      test.concurrent(name, async () => {
        const result = await compare(sides, { name, id: `s${position}-c${index}`, body })
        results[index] = result.case
        judge(result.case, result.errors)
      })
    },
  }
}

interface Case {
  readonly name: string
  readonly id: string
  readonly body: (run: Run) => Promise<void>
}

async function compare(sides: Sides, { name, id, body }: Case) {
  const errors: { kafka?: unknown; klamm?: unknown } = {}
  const on = async (side: 'kafka' | 'klamm'): Promise<Outcome | undefined> => {
    const broker = sides[side]
    if (!broker) return undefined
    const run = new Run(broker, id)
    const began = Date.now()
    try {
      await within(CASE_DEADLINE_MS, () => body(run))
      return { ok: true, ms: Date.now() - began }
    } catch (error) {
      errors[side] = error
      return {
        ok: false,
        ms: Date.now() - began,
        error: error instanceof Error ? error.message : String(error),
      }
    } finally {
      await run.cleanUp()
    }
  }
  const [kafka, klamm] = await Promise.all([on('kafka'), on('klamm')])
  return { case: { name, kafka, klamm } satisfies CaseResult, errors }
}

export function judge(result: CaseResult, errors: { kafka?: unknown; klamm?: unknown }): void {
  if (isMissed(result)) throw errors.klamm
  if (result.kafka && !result.kafka.ok) {
    process.stderr.write(`fails on Kafka itself: ${result.name}: ${String(errors.kafka)}\n`)
    // Alone, Kafka proves a case; beside Klamm, it only says that the client cannot do it.
    if (!result.klamm) throw errors.kafka
  }
  if (!result.kafka && result.klamm && !result.klamm.ok) throw errors.klamm
}

export async function within<T>(deadlineMs: number, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${deadlineMs} ms`)), deadlineMs)
  })
  try {
    return await Promise.race([work(), late])
  } finally {
    clearTimeout(timer)
  }
}
