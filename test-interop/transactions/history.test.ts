// The checker on planted histories: a sound one passes, and each way of breaking exactly-once is told.

import { expect, test } from 'vitest'
import { type Effect, type History, parseEffect, violations } from './history.ts'

/** Ten inputs in two partitions, two a transaction, written by one process, with an aborted attempt before each. */
function sound(): { -readonly [Key in keyof History]: History[Key] } {
  const committed: Effect[] = []
  const uncommitted: Effect[] = []
  const reports: History['reports'][number][] = []
  const ends = [0, 0, 0]
  const write = (first: number, attempt: string, into: Effect[][]) => {
    for (const input of [first, first + 1]) {
      for (const [shift, kind] of ['a', 'b'].entries()) {
        const partition = (input + shift) % 3
        const effect = parseEffect(partition, ends[partition]!, `${kind} ${input} ${attempt}`)
        ends[partition]! += 1
        for (const list of into) list.push(effect)
      }
    }
    // The marker.
    for (const partition of ends.keys()) ends[partition]! += 1
  }
  for (let first = 0; first < 10; first += 2) {
    write(first, `w.0.${first}`, [uncommitted])
    reports.push({ attempt: `w.0.${first}`, outcome: 'aborted', inputs: 2 })
    write(first, `w.0.${first + 1}`, [uncommitted, committed])
    reports.push({ attempt: `w.0.${first + 1}`, outcome: 'committed', inputs: 2 })
  }
  const order = (one: Effect, two: Effect) => one.partition - two.partition || one.offset - two.offset
  return {
    inputs: 10,
    inputPartitions: 2,
    committed: committed.sort(order),
    uncommitted: uncommitted.sort(order),
    reports,
    stable: ends.map((end, partition) => ({ partition, end, reached: end })),
    consumed: [0, 1].map(partition => ({ partition, end: 5, reached: 5 })),
  }
}

test('a sound history has no violations', () => {
  expect(violations(sound())).toEqual([])
})

test('an attempt of which nothing was told may be visible or not', () => {
  const history = sound()
  history.reports = history.reports.filter(each => !each.attempt.endsWith('4') && !each.attempt.endsWith('5'))
  expect(violations(history)).toEqual([])
})

test('a lost input is told, once for each effect', () => {
  const history = sound()
  const without = (effects: readonly Effect[]) => effects.filter(each => each.input !== 4)
  history.committed = without(history.committed)
  history.uncommitted = without(history.uncommitted)
  history.reports = history.reports.filter(each => each.attempt !== 'w.0.5')
  expect(violations(history)).toEqual([
    'effect a of input 4 is visible 0',
    'effect b of input 4 is visible 0',
  ])
})

test('an input that was processed twice is told', () => {
  const history = sound()
  const again = [parseEffect(0, 90, 'a 9 w.1.0'), parseEffect(1, 90, 'b 9 w.1.0')]
  history.committed = [...history.committed, ...again]
  history.uncommitted = [...history.uncommitted, ...again]
  expect(violations(history)).toEqual(
    expect.arrayContaining([
      'effect a of input 9 is visible 2 w.0.9 w.1.0',
      'effect b of input 9 is visible 2 w.0.9 w.1.0',
    ]),
  )
})

test('an aborted attempt that shows is told', () => {
  const history = sound()
  history.committed = [...history.committed, ...history.uncommitted.filter(each => each.attempt === 'w.0.8')]
  expect(violations(history)).toContain('w.0.8 was aborted, with 4 records visible, not 0')
})

test('a committed attempt that does not show is told', () => {
  const history = sound()
  history.committed = history.committed.filter(each => each.attempt !== 'w.0.3')
  expect(violations(history)).toContain('w.0.3 was committed, with 0 records visible, not 4')
})

test('an attempt that shows in one partition and not in another is told', () => {
  const history = sound()
  history.reports = []
  history.committed = history.committed.filter(
    each => each.attempt !== 'w.0.1' || each.kind !== 'b' || each.input !== 1,
  )
  expect(violations(history)).toEqual([
    'effect b of input 1 is visible 0',
    'w.0.1 is torn: 3 of 4 records visible',
    'w.0.1 is torn: effects a of 0,1, effects b of 0',
  ])
})

test('a record that only the committed reader sees is told', () => {
  const history = sound()
  const first = history.committed.find(each => each.input === 0 && each.kind === 'a')
  history.uncommitted = history.uncommitted.filter(each => each !== first)
  expect(violations(history)).toContain(
    `read_uncommitted misses a 0 w.0.1 at ${first!.partition}:${first!.offset}`,
  )
})

test('inputs of one partition that swap places are told', () => {
  const history = sound()
  const lane = (each: Effect) => each.kind === 'a' && each.input % 2 === 0 && each.partition === 0
  const [one, two] = history.committed.filter(lane)
  const swapped = new Map([
    [one, { ...two!, offset: one!.offset }],
    [two, { ...one!, offset: two!.offset }],
  ])
  history.committed = history.committed.map(each => swapped.get(each) ?? each)
  expect(violations(history).some(each => each.startsWith('a 0 w.0.1 at 0:'))).toBe(true)
})

test('a transaction that hangs and a group that stopped short are told', () => {
  const history = sound()
  history.stable = [{ partition: 2, end: 20, reached: 17 }]
  history.consumed = [{ partition: 1, end: 5, reached: 4 }]
  expect(violations(history)).toEqual([
    'output partition 2 ends at 20, reached 17',
    'input partition 1 ends at 5, reached 4',
  ])
})

test('an effect of no input is told', () => {
  const history = sound()
  history.inputs = 9
  expect(violations(history)).toEqual([
    'effect a of input 9 has no such input',
    'effect b of input 9 has no such input',
  ])
})
