// Regular expressions of subscriptions beside RE2/J, which Kafka matches them with: the same patterns are refused, and
// the others match the same names, whole.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { compileRe2, re2Problem } from '../../src/metadata/re2.ts'
import { type Dice, diceOf } from '../transactions/random.ts'
import { Oracle } from './oracle.ts'

const NAMES = [
  ...[
    'a',
    'b',
    'ab',
    'ba',
    'aab',
    'abab',
    'orders',
    'orders-1',
    'orders.v2',
    'Orders_1',
    'x.y-z_0',
    '__consumer_offsets',
  ],
  ...[
    'A',
    '1',
    '12',
    '123',
    '-',
    '.',
    '_',
    'a.b',
    'a-b',
    'a_b',
    'ab1',
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    'b'.repeat(249),
  ],
]

const WRITTEN = [
  ...[
    '',
    '.',
    '.*',
    'orders.*',
    'orders[-.].*',
    '(orders|a+)',
    '(?i)orders.*',
    '(?i:O)rders',
    '^a$',
    '\\Aab\\z',
    'a\\b.*',
  ],
  ...[
    '[[:alpha:]]+',
    '[[:^alpha:]]',
    '[^a]',
    '[]a]',
    '[a',
    'a]',
    '(',
    ')',
    '((a)',
    'a)b',
    '*',
    '+',
    '?',
    'a**',
    'a*+',
    'a+?',
  ],
  ...[
    'a{2}',
    'a{2,}',
    'a{,2}',
    'a{2,1}',
    'a{1000}',
    'a{1001}',
    '(a{100}){11}',
    'a{1',
    'a{a}',
    '{1}',
    '(?=a)',
    '(?!a)',
    '(?<=a)a',
  ],
  ...[
    '(?<!a)a',
    '(?>a)',
    '\\1',
    '(a)\\1',
    '\\k<n>',
    '(?P<n>a)',
    '(?<n>a)',
    '(?P<n>a)(?P<n>b)',
    '(?P<>a)',
    '(?P<1>a)',
    '(?P=n)',
  ],
  ...[
    '\\Qa.b\\E',
    '\\Qa.b',
    '\\E',
    '\\d+',
    '\\D',
    '\\w+',
    '\\W',
    '\\s',
    '\\h',
    '\\R',
    '\\X',
    '\\pL+',
    '\\p{Lu}',
    '\\p{Greek}',
    '\\p{Nope}',
  ],
  ...[
    '\\x41',
    '\\x{41}',
    '\\x4',
    '\\101',
    '\\8',
    '\\0',
    '\\z',
    '\\Z',
    '\\a',
    '\\C',
    '\\u0041',
    '\\cA',
    '\\_',
    '\\-',
    '\\y',
    '\\',
  ],
  ...[
    '(?i)',
    '(?x)a',
    '(?s).',
    '(?m)^a$',
    '(?U)a+',
    '(?is-m:a)',
    '(?-)a',
    '(?i-)a',
    '(?ii)a',
    '(?P)',
    '(?',
    '(?:',
    '(?:a',
  ],
  ...[
    '[a-z]',
    '[z-a]',
    '[a-]',
    '[-a]',
    '[a-\\d]',
    '[\\d-z]',
    '[a-b-c]',
    '[\\w.-]+',
    '[^]',
    '[]',
    '[[a]]',
    '[[:nope:]]',
    '[[:word:]]+',
  ],
  ...[
    'a||b',
    '|',
    'a|',
    '|a',
    '()',
    '(|)',
    '(?:)',
    '^*',
    '$+',
    '\\b*',
    '^{2}',
    '(?:a*)*b',
    '(a*)+',
    '.{0,3}',
    'x{0}',
    '[.]',
    '\\.',
    '\\.\\.',
  ],
]

let oracle: Oracle
beforeAll(async () => {
  oracle = await Oracle.start()
})
afterAll(() => oracle?.close())

interface Judgement {
  readonly matching: readonly string[]
  readonly refusal: string | undefined
}

async function judged(pattern: string): Promise<{ readonly kafka: Judgement; readonly klamm: Judgement }> {
  const { matching = [], refusal } = await oracle.match(pattern, NAMES)
  const matches = compileRe2(pattern)
  const klamm = { matching: matches ? NAMES.filter(matches) : [], refusal: re2Problem(pattern) }
  return { kafka: { matching, refusal }, klamm }
}

test.each(WRITTEN)('%j', async pattern => {
  const { kafka, klamm } = await judged(pattern)
  expect(klamm).toEqual(kafka)
})

test('three thousand random patterns', async () => {
  let accepted = 0
  for (let seed = 0; seed < 3_000; seed++) {
    const pattern = randomPattern(diceOf(seed), 3)
    const { kafka, klamm } = await judged(pattern)
    expect(klamm, pattern).toEqual(kafka)
    if (kafka.refusal === undefined) accepted += 1
  }
  expect(accepted).toBeGreaterThan(500)
})

const ATOMS = [
  'a',
  'b',
  '1',
  '.',
  '-',
  '_',
  '[ab]',
  '[^a]',
  '\\d',
  '\\w',
  '\\.',
  '[a-z]',
  '^',
  '$',
  '\\b',
  'orders',
  '\\B',
  '(?i)',
]
const REPEATS = ['', '', '', '*', '+', '?', '*?', '{2}', '{1,3}', '{0,}', '**', '+*']

function randomPattern(dice: Dice, depth: number): string {
  const pieces = Array.from({ length: dice(4) }, () => {
    const kind = dice(6)
    const repeat = REPEATS[dice(REPEATS.length)]!
    if (kind === 0 && depth > 0) return `(${randomPattern(dice, depth - 1)})${repeat}`
    if (kind === 1 && depth > 0)
      return `(?:${randomPattern(dice, depth - 1)}|${randomPattern(dice, depth - 1)})${repeat}`
    return `${ATOMS[dice(ATOMS.length)]!}${repeat}`
  })
  return pieces.join('')
}
