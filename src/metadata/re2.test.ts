import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileRe2 } from './re2.ts'

const MATCHING: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['abc', ['abc'], ['ab', 'abcd', 'xabc', '']],
  ['a.c', ['abc', 'a😀c'], ['a\nc', 'ac']],
  ['(?s)a.c', ['a\nc'], ['ac']],
  ['tx-[0-9]+', ['tx-0', 'tx-42'], ['tx-', 'tx-4a']],
  ['tx-\\d{2,3}', ['tx-12', 'tx-123'], ['tx-1', 'tx-1234']],
  ['a{2}', ['aa'], ['a', 'aaa']],
  ['a{2,}', ['aa', 'aaaa'], ['a']],
  ['a{,2}', ['a{,2}'], ['a']],
  ['(a|b)*c', ['c', 'abac'], ['ab', 'xc']],
  ['one|two|', ['one', 'two', ''], ['three']],
  ['(?:x)(?P<name>y)(?<other>z)?', ['xy', 'xyz'], ['x']],
  ['a*?b+?', ['b', 'aabb'], ['a']],
  ['^a$', ['a'], ['aa']],
  ['\\Aa\\z', ['a'], ['ab']],
  ['(?m)a$\\n^b', ['a\nb'], ['a b']],
  ['\\bword\\b', ['word'], ['words']],
  ['a\\Bb', ['ab'], ['a']],
  ['(?i)TX-é', ['tx-É', 'Tx-é'], ['t-é']],
  ['(?i:a)b', ['Ab'], ['AB']],
  ['(?i)[^a][[:^lower:]]', ['b1'], ['a1', 'A1', 'bb', 'BB']],
  ['a(?i)*b', ['aaB', 'b'], ['AB']],
  ['[^a-c]', ['d', '-'], ['b', '']],
  ['[]a]+', [']a'], ['b']],
  ['[a-]+', ['a-'], ['b']],
  ['[[:alpha:]_]+[[:^digit:]]', ['ab_x'], ['ab1']],
  ['[\\w.]+', ['a.b_1'], ['a-b']],
  ['\\pL\\p{Lu}\\P{L}\\p{Greek}', ['aA1α'], ['aa1α']],
  ['\\Qa.b*\\E+c', ['a.b*c', 'a.b**c'], ['aab', 'a.bc']],
  ['\\x41\\x{1F600}\\101\\t', ['A😀A\t'], ['A']],
  ['\\.\\*\\[\\_', ['.*[_'], ['a']],
]

test.each(MATCHING)('%s', (pattern, matching, others) => {
  const matches = compileRe2(pattern)!
  expect(matching.filter(text => !matches(text))).toEqual([])
  expect(others.filter(matches)).toEqual([])
})

test.each([
  '(',
  ')',
  'a)',
  '[',
  '[a',
  '[b-a]',
  '[[:nothing:]]',
  '*',
  '+a',
  'a**',
  'a+*',
  '{1}',
  '(?i)*',
  'a{1001}',
  'a{2,1}',
  '\\',
  '\\1',
  '\\k',
  '\\p',
  '\\p{Nothing}',
  '(?=a)',
  '(?!a)',
  '(?<=a)',
  '(?<!a)',
  '(?>a)',
  '(?x)a',
  '(?P<n>a)(?P<n>b)',
  '\\x{110000}',
  '((a{100}){100}){100}',
])('%s is refused', pattern => {
  expect(compileRe2(pattern)).toBeUndefined()
})

test('a pattern that would never end elsewhere takes no time', () => {
  const matches = compileRe2('(a*)*(a|aa)+(a?){30}b')!
  expect(matches(`${'a'.repeat(2_000)}c`)).toBe(false)
  expect(matches(`${'a'.repeat(200)}b`)).toBe(true)
})

test('what the language itself understands alike is matched alike', () => {
  const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '(a|b)', '(ab)', '\\d', 'a?')
  const piece = fc
    .tuple(atom, fc.constantFrom('', '*', '+', '{2}', '{1,2}'))
    .map(([one, many]) => `(?:${one})${many}`)
  const pattern = fc.array(piece, { maxLength: 5 }).map(pieces => pieces.join(''))
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '1', '\n'), maxLength: 8 })
  fc.assert(
    fc.property(pattern, text, (written, asked) => {
      expect(compileRe2(written)!(asked)).toBe(new RegExp(`^(?:${written})$`, 'u').test(asked))
    }),
    { numRuns: 2_000 },
  )
})
