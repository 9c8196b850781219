// What came of each case on each side. The suites leave it in files, from which docs/interop.md is made.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Outcome {
  readonly ok: boolean
  readonly ms: number
  readonly error?: string
}

export interface CaseResult {
  readonly name: string
  readonly kafka: Outcome | undefined
  readonly klamm: Outcome | undefined
}

export interface SuiteResult {
  readonly client: string
  /** Where the suite stands in the table. */
  readonly position: number
  readonly cases: readonly CaseResult[]
}

/** How many suites there are: a table is whole when it has them all. */
export const SUITES = 7

const folder = join(import.meta.dirname, '..', 'dist', 'side-by-side')
export const table = join(import.meta.dirname, '..', '..', 'docs', 'interop.md')

export function clearResults(): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
}

export function saveResult(result: SuiteResult): void {
  writeFileSync(join(folder, `${result.position}.json`), `${JSON.stringify(result, null, 2)}\n`)
}

export function loadResults(): SuiteResult[] {
  const files = readdirSync(folder).filter(name => name.endsWith('.json'))
  return files
    .map(name => JSON.parse(readFileSync(join(folder, name), 'utf8')) as SuiteResult)
    .sort((a, b) => a.position - b.position)
}

/** Klamm has to pass what Kafka passes; where the client fails on Kafka itself, nothing is asked of Klamm. */
export function isMissed({ kafka, klamm }: CaseResult): boolean {
  return kafka !== undefined && klamm !== undefined && kafka.ok && !klamm.ok
}

/** What fails a run; Kafka alone, which is how a case is proved, may miss nothing either. */
export function isFailure(result: CaseResult): boolean {
  const { kafka, klamm } = result
  return kafka && klamm ? isMissed(result) : !(kafka ?? klamm)?.ok
}

function mark(outcome: Outcome | undefined): string {
  if (!outcome) return 'not run'
  return outcome.ok ? 'passes' : 'fails'
}

export function renderTable(suites: readonly SuiteResult[]): string {
  const lines = [
    '# Clients side by side',
    '',
    'Every case below runs against Apache Kafka 4.3.1 and against Klamm in the same run, with equal settings.',
    'A case that Kafka passes has to pass on Klamm. Where a client fails on Kafka itself, the table says so.',
    'This file is made by `npm --prefix test-interop run side-by-side`; the cases are in `test-interop/side-by-side`.',
    '',
    '| client | cases | Kafka passes | Klamm passes |',
    '| --- | ---: | ---: | ---: |',
    ...suites.map(summaryLine),
    '',
    '| client | case | Kafka | Klamm |',
    '| --- | --- | --- | --- |',
    ...suites.flatMap(({ client, cases }) => cases.map(each => caseLine(client, each))),
  ]
  return `${lines.join('\n')}\n`
}

function summaryLine({ client, cases }: SuiteResult): string {
  const count = (side: 'kafka' | 'klamm') => cases.filter(each => each[side]?.ok).length
  return `| ${client} | ${cases.length} | ${count('kafka')} | ${count('klamm')} |`
}

function caseLine(client: string, { name, kafka, klamm }: CaseResult): string {
  const clientFails = kafka !== undefined && !kafka.ok
  const onKafka = clientFails ? 'the client itself fails' : mark(kafka)
  const onKlamm = clientFails && klamm && !klamm.ok ? 'fails alike' : mark(klamm)
  return `| ${client} | ${name.replaceAll('|', '\\|')} | ${onKafka} | ${onKlamm} |`
}
