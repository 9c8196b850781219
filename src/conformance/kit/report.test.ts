import { expect, test } from 'vitest'
import { Talk } from '../talk.ts'
import { type Area, casesWith } from './case.ts'
import { pageOf } from './html.ts'
import { failuresOf, junitOf, reasonsNotToApply, tableOf } from './report.ts'
import type { Result } from './runner.ts'

const scripted = casesWith(side => new Talk(side))

function result(area: Area, name: string, rest: Partial<Result> = {}): Result {
  const item = scripted({ area, name, source: 'T001' }, async () => {})
  return { case: item, outcome: 'passed', reason: '', exchanges: [], tookMs: 1_500, ...rest }
}

const RESULTS: readonly Result[] = [
  result('produce', 'A produce is answered'),
  result('produce', 'A <produce> & "so on" is answered', {
    outcome: 'failed',
    reason: 'producer: Produce v9: errorCode is "X", Kafka answers "NONE"',
    exchanges: [
      {
        said: 'producer: Produce v9',
        asked: { acks: -1, big: 7n, records: Buffer.of(0, 255) },
        came: { errorCode: 'X', text: '<script>' },
        expected: { errorCode: 'NONE' },
        frame: Buffer.of(0, 0, 0, 1),
        differences: [{ path: 'errorCode', came: 'X', expected: 'NONE' }],
      },
    ],
  }),
  result('framing', 'A frame is read', { outcome: 'not applicable', reason: 'it is not served' }),
]

test('the table tells the areas in their order, and the whole', () => {
  expect(tableOf(RESULTS)).toBe(
    [
      'area      passed   failed   not applicable',
      '-------   ------   ------   --------------',
      'framing        0        0                1',
      'produce        1        1                0',
      '-------   ------   ------   --------------',
      'all            1        1                1',
    ].join('\n'),
  )
})

test('failures are told with their reason, and how many more there are', () => {
  const reason = 'producer: Produce v9: errorCode is "X", Kafka answers "NONE"'
  expect(failuresOf(RESULTS)).toBe(`produce: A <produce> & "so on" is answered (T001)\n    ${reason}`)
  expect(failuresOf(RESULTS, 0)).toContain('and 1 more')
  expect(reasonsNotToApply(RESULTS)).toEqual([['it is not served', 1]])
})

test('JUnit’s XML has suites, failures and what was skipped', () => {
  const xml = junitOf(RESULTS)
  expect(xml).toContain('<testsuites name="klamm conformance" tests="3" failures="1" skipped="1">')
  expect(xml).toContain('<testsuite name="produce" tests="2" failures="1" skipped="0" time="3.000">')
  expect(xml).toContain('name="A &lt;produce&gt; &amp; &quot;so on&quot; is answered (T001)"')
  expect(xml).toContain('<skipped message="it is not served"/>')
})

test('the page stands on its own and shows the frames of a failure, harmlessly', () => {
  const page = pageOf(RESULTS, { target: 'a<b', persona: '4.3', version: '1', tookMs: 10 })
  expect(page).toContain('Conformance with Apache Kafka as Kafka 4.3')
  expect(page).toContain('a&lt;b: <b class="bad">differs in 1</b>; 1 passed, 1 failed,')
  expect(page).toContain('&quot;records&quot;: &quot;0x00ff&quot;')
  expect(page).toContain('&quot;big&quot;: 7')
  expect(page).toContain('frame: <code>00000001</code>')
  expect(page).toContain('&lt;script&gt;')
  expect(page).not.toMatch(/<script|src=|href=/)
})
