import { expect, test } from 'vitest'
import { durationMs } from './duration.ts'
import { UsageError } from './usage-error.ts'

test('spans of time are read as people write them', () => {
  const spans: readonly (readonly [number | string, number])[] = [
    [0, 0],
    [1_500, 1_500],
    ['250ms', 250],
    ['90s', 90_000],
    ['15m', 900_000],
    ['15 min', 900_000],
    ['36h', 129_600_000],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
    ['1.5h', 5_400_000],
    ['1d 12h', 129_600_000],
    ['1d12h30m', 131_400_000],
    [' 7D ', 604_800_000],
  ]
  for (const [span, ms] of spans) expect(durationMs(span), String(span)).toBe(ms)
})

test('what is none is refused with the reason, and so is a step back', () => {
  for (const span of ['', '7', 'd', '7 days ago', '7x', 'tomorrow', Number.NaN]) {
    expect(() => durationMs(span), String(span)).toThrow(/is no span of time; write it as 90s/)
  }
  for (const span of [undefined, null, 5n, {}, new Date()] as never[]) {
    expect(() => durationMs(span), String(span)).toThrow(UsageError)
  }
  for (const span of [-1, '-7d', Number.NEGATIVE_INFINITY]) {
    expect(() => durationMs(span), String(span)).toThrow(/only goes forward/)
  }
  expect(() => durationMs(Number.POSITIVE_INFINITY)).toThrow(UsageError)
  expect(() => durationMs('1001000w')).toThrow(/thousand years/)
})
