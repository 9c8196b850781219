import { describe, expect, test } from 'vitest'
import { LeaderEpochs } from './leader-epochs.ts'

const history = () =>
  new LeaderEpochs([
    { epoch: 2, startOffset: 10n },
    { epoch: 4, startOffset: 20n },
    { epoch: 7, startOffset: 30n },
  ])

describe('T084 the end of an epoch', () => {
  test.each([
    ['the current epoch ends at the log end', 7, 7, 45n],
    ['an earlier one where the next begins', 4, 4, 30n],
    ['an epoch between two is answered with the one before it', 5, 4, 30n],
    ['one before all has no data of its own', 1, 1, 10n],
    ['one that is yet to come is not known', 8, -1, -1n],
    ['none at all is not known', -1, -1, -1n],
  ])('%s', (_, asked, leaderEpoch, endOffset) => {
    expect(history().endOffsetFor(asked, 45n)).toEqual({ leaderEpoch, endOffset })
  })

  test('is not known to an empty history', () => {
    expect(new LeaderEpochs().endOffsetFor(0, 5n)).toEqual({ leaderEpoch: -1, endOffset: -1n })
  })
})

describe('assignment', () => {
  test('the same epoch again changes nothing', () => {
    const epochs = history()
    const before = epochs.version
    epochs.assign(7, 40n)
    expect(epochs.version).toBe(before)
    expect(epochs.latest).toEqual({ epoch: 7, startOffset: 30n })
  })

  test('entries that a new one contradicts go', () => {
    const epochs = history()
    epochs.assign(5, 25n)
    expect(epochs.list().map(entry => entry.epoch)).toEqual([2, 4, 5])
    epochs.assign(6, 20n)
    expect(epochs.list()).toEqual([
      { epoch: 2, startOffset: 10n },
      { epoch: 6, startOffset: 20n },
    ])
  })

  test('an epoch that wrote nothing is overtaken by the next', () => {
    const epochs = new LeaderEpochs()
    epochs.assign(0, 0n)
    epochs.assign(1, 0n)
    expect(epochs.list()).toEqual([{ epoch: 1, startOffset: 0n }])
  })
})

describe('truncation', () => {
  test('from the end drops epochs that begin there or later', () => {
    const epochs = history()
    epochs.truncateFromEnd(20n)
    expect(epochs.list().map(entry => entry.epoch)).toEqual([2])
  })

  test('from the start makes the epoch in force begin there', () => {
    const epochs = history()
    epochs.truncateFromStart(25n)
    expect(epochs.list()).toEqual([
      { epoch: 4, startOffset: 25n },
      { epoch: 7, startOffset: 30n },
    ])
    expect(epochs.epochForOffset(24n)).toBeUndefined()
    expect(epochs.epochForOffset(29n)).toBe(4)
  })

  test('before the first epoch changes nothing', () => {
    const epochs = history()
    epochs.truncateFromStart(5n)
    expect(epochs.earliest).toEqual({ epoch: 2, startOffset: 10n })
  })
})
