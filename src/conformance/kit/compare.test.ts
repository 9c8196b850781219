import { expect, test } from 'vitest'
import { compareTranscripts } from './compare.ts'

const differences = (came: unknown, expected: unknown, varies: readonly string[] = []) =>
  compareTranscripts([{ said: 'x', heard: came }], [{ said: 'x', heard: expected }], varies).flatMap(it =>
    it.differences.map(({ path }) => path),
  )

test('answers are compared to the last field, and the place of a difference is told', () => {
  expect(differences({ a: [{ b: 1 }, { b: 2 }] }, { a: [{ b: 1 }, { b: 3 }] })).toEqual(['a[1].b'])
  expect(differences({ a: 1 }, { a: 1, b: 2 })).toEqual(['b'])
  expect(differences({ a: 1, b: 2 }, { a: 1 })).toEqual(['b'])
  expect(differences([1], [1, 2])).toEqual(['[1]'])
  expect(differences('the broker hung up', { a: 1 })).toEqual(['the answer'])
  expect(differences(undefined, 'nothing')).toEqual([])
})

test('words for people and throttle times are the broker’s own', () => {
  expect(
    differences({ errorMessage: 'no', throttleTimeMs: 5 }, { errorMessage: null, throttleTimeMs: 0 }),
  ).toEqual([])
  expect(
    differences(
      { recordErrors: [{ batchIndexErrorMessage: 'x' }] },
      { recordErrors: [{ batchIndexErrorMessage: 'y' }] },
    ),
  ).toEqual([])
})

test('what a case lets vary is not compared, and the rest is', () => {
  expect(differences({ a: 1, b: 1 }, { a: 2, b: 2 }, ['a'])).toEqual(['b'])
})

test('of what is refused, placeholders are of no matter; of what is granted, they are', () => {
  const refused = { errorCode: 'CORRUPT_MESSAGE' }
  expect(differences({ ...refused, baseOffset: 0 }, { ...refused, baseOffset: -1 })).toEqual([])
  const granted = { errorCode: 'NONE' }
  expect(differences({ ...granted, baseOffset: 0 }, { ...granted, baseOffset: -1 })).toEqual(['baseOffset'])
  expect(differences({ ...refused, baseOffset: 0 }, { ...granted, baseOffset: -1 })).toEqual([
    'errorCode',
    'baseOffset',
  ])
})

test('T014 no list is as good as an empty one, but never for records', () => {
  expect(differences({ topics: null }, { topics: [] })).toEqual([])
  expect(differences({ records: null }, { records: [] })).toEqual(['records'])
})

test('a conversation that takes another course is told from one with other answers', () => {
  const came = [
    { said: 'a', heard: 1 },
    { said: 'ended by', heard: 'no answer' },
  ]
  const expected = [
    { said: 'a', heard: 1 },
    { said: 'b', heard: 2 },
    { said: 'c', heard: 3 },
  ]
  const exchanges = compareTranscripts(came, expected)
  expect(exchanges.map(({ differences: [first] }) => first && [first.came, first.expected])).toEqual([
    undefined,
    ['ended by', 'b'],
    [undefined, 'c'],
  ])
})

test('what was asked for the script only is shown and not compared', () => {
  const came = [
    { said: 'aside', heard: 1, isAside: true },
    { said: 'a', heard: 1 },
  ]
  expect(compareTranscripts(came, [{ said: 'a', heard: 1 }]).flatMap(it => it.differences)).toEqual([])
})
