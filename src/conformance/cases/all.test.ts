import { describe, expect, test } from 'vitest'
import { AREAS, idOf } from '../kit/case.ts'
import { CASES } from './all.ts'
import { RECORDINGS } from './recordings.ts'

test('there are at least four hundred cases, in every area', () => {
  expect(CASES.length).toBeGreaterThanOrEqual(400)
  expect(new Set(CASES.map(({ area }) => area))).toEqual(new Set(AREAS))
})

test('each case has a name of its own, a source, and names on the broker of its own', () => {
  const twice = (list: readonly string[]) => list.filter((each, at) => list.indexOf(each) !== at)
  expect(twice(CASES.map(({ area, name }) => `${area}: ${name}`))).toEqual([])
  expect(twice(CASES.map(idOf))).toEqual([])
  expect(
    CASES.filter(({ source }) => !/^(T\d{3}|KIP-\d+|KAFKA-\d+|the protocol)(, |$)/.test(source)),
  ).toEqual([])
  // A topic's name is 249 characters at most, and cases add to it.
  expect(Math.max(...CASES.map(it => idOf(it).length))).toBeLessThan(90)
})

describe('Kafka was asked', () => {
  test('each case', () => {
    const missing = CASES.filter(it => !it.expected && !RECORDINGS[it.area]?.[it.name])
    expect(missing.map(({ area, name }) => `${area}: ${name}`)).toEqual([])
  })

  test('nothing that is no case', () => {
    const names = new Set(CASES.map(({ area, name }) => `${area}: ${name}`))
    const recorded = Object.entries(RECORDINGS).flatMap(([area, each]) =>
      Object.keys(each).map(name => `${area}: ${name}`),
    )
    expect(recorded.filter(name => !names.has(name))).toEqual([])
  })

  test('and said something in each', () => {
    const silent = Object.entries(RECORDINGS).flatMap(([area, each]) =>
      Object.entries(each).flatMap(([name, entries]) => {
        const failed = entries.some(({ heard }) =>
          /^no answer within|is not (a function|defined)/.test(`${heard}`),
        )
        return entries.length === 0 || failed ? [`${area}: ${name}`] : []
      }),
    )
    expect(silent).toEqual([])
  })
})
