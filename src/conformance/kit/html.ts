/**
 * A page that stands on its own: the areas, and of each failure what was sent, what came, and what Kafka
 * answers, frame by frame.
 */
import { isUtf8 } from 'node:buffer'
import type { Exchange } from './compare.ts'
import { countsOf, escaped, reasonsNotToApply, totalOf } from './report.ts'
import type { Result } from './runner.ts'

export interface PageHead {
  /** The broker, in words. */
  readonly target: string
  readonly persona: string | undefined
  readonly version: string
  readonly tookMs: number
}

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; color: #222; }
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; }
td, th { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #ddd; }
td:first-child, th:first-child { text-align: left; }
details { border: 1px solid #ddd; border-radius: 4px; margin: .5rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; } .bad { color: #b00020; } .good { color: #1b6e2c; } .quiet { color: #777; }
.step { border-top: 1px solid #eee; margin-top: .8rem; padding-top: .4rem; }
.sides { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .8rem; }
pre { background: #f6f6f6; padding: .5rem; overflow: auto; font-size: 12px; }
pre { white-space: pre-wrap; word-break: break-word; }
.wrong pre { background: #fdeaea; }
@media (prefers-color-scheme: dark) {
  body { background: #181818; color: #ddd; } pre { background: #242424; } .wrong pre { background: #3a2024; }
  details, td, th, .step { border-color: #3a3a3a; } .bad { color: #ff8a80; } .good { color: #81c784; }
}`

export function pageOf(results: readonly Result[], head: PageHead): string {
  const { passed, failed, notApplicable } = totalOf(results)
  const as = head.persona === undefined ? '' : ` as Kafka ${head.persona}`
  const took = `${(head.tookMs / 1_000).toFixed(1)} s`
  const verdict =
    failed === 0 ? '<b class="good">behaves like Kafka</b>' : `<b class="bad">differs in ${failed}</b>`
  const failures = results.filter(it => it.outcome === 'failed').map(failure)
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Conformance of ${escaped(head.target)}</title><style>${STYLE}</style>
<h1>Conformance with Apache Kafka${escaped(as)}</h1>
<p>${escaped(head.target)}: ${verdict}; ${passed} passed, ${failed} failed,
${notApplicable} not applicable, in ${took}.
<span class="quiet">klamm ${escaped(head.version)}; expected is what Apache Kafka 4.3.1 answered.</span></p>
${tableOf(results)}
${failures.length > 0 ? `<h2>Failures</h2>\n${failures.join('\n')}` : ''}
${leftOut(results)}
</html>
`
}

function tableOf(results: readonly Result[]): string {
  const rows = [...countsOf(results), totalOf(results)].map(({ area, passed, failed, notApplicable }) => {
    const mark = failed > 0 ? ' class="bad"' : ''
    return `<tr><td>${area}<td>${passed}<td${mark}>${failed}<td class="quiet">${notApplicable}`
  })
  return `<table><tr><th>area<th>passed<th>failed<th>not applicable\n${rows.join('\n')}\n</table>`
}

function leftOut(results: readonly Result[]): string {
  const reasons = reasonsNotToApply(results)
  if (reasons.length === 0) return ''
  const items = reasons.map(([reason, count]) => `<li>${escaped(reason)}: ${count}`)
  return `<h2>Not applicable</h2>\n<ul>\n${items.join('\n')}\n</ul>`
}

function failure({ case: { area, name, source }, reason, exchanges }: Result): string {
  const first = exchanges.findIndex(it => it.differences.length > 0)
  const steps = exchanges.map((it, at) => step(it, first < 0 || at <= first))
  const where = `<span class="quiet">(${escaped(source)})</span>`
  return `<details><summary><b>${area}</b>: ${escaped(name)} ${where}<br>
<span class="bad">${escaped(reason)}</span></summary>
${steps.join('\n')}
</details>`
}

function step(exchange: Exchange, isOpen: boolean): string {
  const { said, asked, came, expected, differences, frame } = exchange
  const isWrong = differences.length > 0
  const paths = differences.map(({ path }) => `<code>${escaped(path)}</code>`).join(', ')
  const bytes = frame ? `<p class="quiet">frame: <code>${hex(frame)}</code></p>` : ''
  const kafka = expected === undefined ? 'not compared' : show(expected)
  return `<details class="step${isWrong ? ' wrong' : ''}"${isWrong && isOpen ? ' open' : ''}>
<summary>${escaped(said)}${isWrong ? ` <span class="bad">differs in ${paths}</span>` : ''}</summary>
<div class="sides"><div>request<pre>${escaped(show(asked))}</pre></div>
<div>what came<pre>${escaped(show(came))}</pre></div>
<div>what Kafka answers<pre>${escaped(kafka)}</pre></div></div>
${bytes}</details>`
}

const MOST_BYTES = 256

function hex(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const rest = buffer.length - MOST_BYTES
  return buffer.toString('hex', 0, MOST_BYTES) + (rest > 0 ? ` and ${rest} bytes more` : '')
}

/** As JSON, with bytes as text where they are one, else in hexadecimal digits. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  const plain = (inner: unknown): unknown => {
    if (typeof inner === 'bigint') return Number(inner)
    if (inner instanceof Uint8Array) return bytesInWords(inner)
    if (Array.isArray(inner)) return inner.map(plain)
    if (typeof inner !== 'object' || inner === null) return inner
    return Object.fromEntries(Object.entries(inner).map(([key, each]) => [key, plain(each)]))
  }
  return JSON.stringify(plain(value), null, 1)
}

function bytesInWords(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('latin1')
  return isUtf8(bytes) && /^[\x20-\x7e]*$/.test(text) ? text.slice(0, MOST_BYTES) : `0x${hex(bytes)}`
}
