/** What came of a run: the table of areas and the failures, as text and as JUnit's XML. */
import { AREAS, type Area } from './case.ts'
import type { Outcome, Result } from './runner.ts'

export interface Count {
  readonly area: string
  readonly passed: number
  readonly failed: number
  readonly notApplicable: number
  readonly tookMs: number
}

export function countsOf(results: readonly Result[]): readonly Count[] {
  const areas = AREAS.filter(area => results.some(it => it.case.area === area))
  return areas.map(area =>
    countOf(
      area,
      results.filter(it => it.case.area === area),
    ),
  )
}

export function totalOf(results: readonly Result[]): Count {
  return countOf('all', results)
}

function countOf(area: Area | 'all', results: readonly Result[]): Count {
  const having = (outcome: Outcome) => results.filter(it => it.outcome === outcome).length
  const tookMs = results.reduce((sum, it) => sum + it.tookMs, 0)
  return {
    area,
    passed: having('passed'),
    failed: having('failed'),
    notApplicable: having('not applicable'),
    tookMs,
  }
}

/** One line for each area, and one for the whole. */
export function tableOf(results: readonly Result[]): string {
  const heads = ['area', 'passed', 'failed', 'not applicable']
  const rows = [...countsOf(results), totalOf(results)].map(it => [
    it.area,
    String(it.passed),
    String(it.failed),
    String(it.notApplicable),
  ])
  const widths = heads.map((head, at) => Math.max(head.length, ...rows.map(row => row[at]!.length)))
  const line = (cells: readonly string[]) =>
    cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join('   ')
  const rule = widths.map(width => '-'.repeat(width)).join('   ')
  return [line(heads), rule, ...rows.slice(0, -1).map(line), rule, line(rows.at(-1)!)].join('\n')
}

const SHOWN = 25

/** What failed, and how it differs from Kafka. */
export function failuresOf(results: readonly Result[], most = SHOWN): string {
  const failed = results.filter(it => it.outcome === 'failed')
  const shown = failed.slice(0, most).map(it => {
    const { area, name, source } = it.case
    return `${area}: ${name} (${source})\n    ${it.reason}`
  })
  const rest = failed.length - shown.length
  return [...shown, ...(rest > 0 ? [`and ${rest} more; --html <file> shows them all`] : [])].join('\n')
}

/** Why cases do not apply, the most frequent first. */
export function reasonsNotToApply(results: readonly Result[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>()
  for (const { outcome, reason } of results) {
    if (outcome === 'not applicable') counts.set(reason, (counts.get(reason) ?? 0) + 1)
  }
  return [...counts].sort(([, one], [, other]) => other - one)
}

export function junitOf(results: readonly Result[]): string {
  const total = totalOf(results)
  const suites = countsOf(results).map(count => {
    const cases = results.filter(it => it.case.area === count.area).map(testCase)
    const sums = `tests="${cases.length}" failures="${count.failed}" skipped="${count.notApplicable}"`
    const head = `<testsuite name="${count.area}" ${sums} time="${seconds(count.tookMs)}">`
    return [`  ${head}`, ...cases, '  </testsuite>'].join('\n')
  })
  const sums = `tests="${results.length}" failures="${total.failed}" skipped="${total.notApplicable}"`
  const head = `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="klamm conformance" ${sums}>`
  return `${[head, ...suites, '</testsuites>'].join('\n')}\n`
}

function testCase({ case: { area, name, source }, outcome, reason, tookMs }: Result): string {
  const title = `name="${escaped(`${name} (${source})`)}" classname="${area}" time="${seconds(tookMs)}"`
  if (outcome === 'passed') return `    <testcase ${title}/>`
  const tag = outcome === 'failed' ? 'failure' : 'skipped'
  return `    <testcase ${title}><${tag} message="${escaped(reason)}"/></testcase>`
}

const seconds = (ms: number) => (ms / 1_000).toFixed(3)

/** For XML and HTML: control characters have no place in either. */
export function escaped(text: string): string {
  const named: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  const plain = [...text].map(letter => (letter < ' ' && letter !== '\n' ? '\u{fffd}' : letter)).join('')
  return plain.replace(/[&<>"]/g, letter => named[letter]!)
}
