// A suite in another language: a program that runs all its cases against one broker and prints a line for each,
//   CASE {"index": 0, "name": "…", "ok": true, "ms": 12}
// in any order, and at last END. It is run against both sides at once; its cases then become tests like others.

import { afterAll, test } from 'vitest'
import { type RunOptions, run } from '../harness/processes.ts'
import { disposeSides, startSides } from './brokers.ts'
import { type CaseResult, type Outcome, saveResult } from './results.ts'
import { judge, type SuiteOptions } from './suite.ts'

const DEADLINE_MS = 240_000

export interface Program extends SuiteOptions {
  readonly command: string
  /** The bootstrap address comes behind these. */
  readonly args: readonly string[]
  readonly options?: RunOptions
}

interface Line extends Outcome {
  readonly index: number
  readonly name: string
}

type Outcomes = ReadonlyMap<string, Outcome>

export async function programSuite(program: Program): Promise<void> {
  const { client, position } = program
  const sides = await startSides()
  const [kafka, klamm] = await Promise.all([
    sides.kafka && outcomes(program, sides.kafka.bootstrap),
    sides.klamm && outcomes(program, sides.klamm.bootstrap),
  ]).finally(() => disposeSides(sides))
  const names = new Set([...(kafka?.keys() ?? []), ...(klamm?.keys() ?? [])])
  const cases = [...names].map(name => ({ name, kafka: pick(kafka, name), klamm: pick(klamm, name) }))
  afterAll(() => saveResult({ client, position, cases }))
  for (const each of cases) test(each.name, () => judge(each, errorsOf(each)))
}

function pick(all: Outcomes | undefined, name: string): Outcome | undefined {
  return all && (all.get(name) ?? { ok: false, ms: 0, error: 'the program ended before' })
}

function errorsOf({ kafka, klamm }: CaseResult): { kafka: Error; klamm: Error } {
  return { kafka: new Error(kafka?.error), klamm: new Error(klamm?.error) }
}

async function outcomes({ command, args, options }: Program, bootstrap: string): Promise<Outcomes> {
  const all = new Map<string, Outcome>()
  const deadline = { deadlineMs: DEADLINE_MS, ...options }
  const { code, stdout, stderr } = await run(command, [...args, bootstrap], deadline)
  const lines = stdout.split('\n')
  const cases = lines
    .filter(line => line.startsWith('CASE '))
    .map(line => JSON.parse(line.slice('CASE '.length)) as Line)
    .sort((a, b) => a.index - b.index)
  for (const { name, index, ...outcome } of cases) {
    if (all.has(name)) throw new Error(`cases ${index} has the name of another: "${name}"`)
    all.set(name, outcome)
  }
  if (code !== 0 || !lines.includes('END')) {
    throw new Error(`${command} against ${bootstrap} ended with ${code}:\n${stdout}\n${stderr.slice(-5_000)}`)
  }
  return all
}
