import { expect, test } from 'vitest'
import { DamagedSegment } from '../log/damaged-segment.ts'
import { RottenLogs, storyLogger } from './story.ts'

/** What a log that complains of its bytes ends a run with, where anything. */
function complaint(rotten: RottenLogs, log: string): string | undefined {
  let failure: string | undefined
  const listener = {
    note: () => {},
    fail: (error: Error) => {
      failure = error.message
    },
    isRotten: (name: string) => rotten.has(name),
  }
  storyLogger(listener).error('A log could not be opened', { log, error: new DamagedSegment('it is cut') })
  return failure
}

test('a damaged log may complain after its topic was deleted, and the next one of its name may not', () => {
  const rotten = new RottenLogs()
  expect(complaint(rotten, 'a-0')).toBe('it is cut')
  rotten.add('a-0')
  expect(complaint(rotten, 'a-0')).toBeUndefined()
  expect(complaint(rotten, 'a-1')).toBe('it is cut')
  rotten.replaced('a-0')
  expect(complaint(rotten, 'a-0')).toBe('it is cut')
})
