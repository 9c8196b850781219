import { expect, test } from 'vitest'
import { ErrorCode, errorName, isRetriable, ok, type Result, refuse } from './errors.ts'

test('codes are those of Kafka 4.4, without a gap', () => {
  const codes = Object.values(ErrorCode).sort((a, b) => a - b)
  expect(codes[0]).toBe(ErrorCode.UNKNOWN_SERVER_ERROR)
  expect(codes).toEqual(Array.from({ length: 138 }, (_, i) => i - 1))
  expect(ErrorCode.CONTROLLER_ID_NOT_REGISTERED).toBe(136)
})

test('a code has a name, also one that nobody knows yet (T184)', () => {
  expect(errorName(3)).toBe('UNKNOWN_TOPIC_OR_PARTITION')
  expect(errorName(-1)).toBe('UNKNOWN_SERVER_ERROR')
  expect(errorName(9_999)).toBe('UNKNOWN_ERROR_CODE_9999')
  expect(isRetriable(9_999)).toBe(false)
})

test('what clients retry is retriable', () => {
  expect(isRetriable(ErrorCode.NOT_LEADER_OR_FOLLOWER)).toBe(true)
  expect(isRetriable(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)).toBe(true)
  expect(isRetriable(ErrorCode.INVALID_REQUIRED_ACKS)).toBe(false)
  expect(isRetriable(ErrorCode.NONE)).toBe(false)
})

test('a result is a value or a refusal', () => {
  const halve = (n: number): Result<number> => {
    return n % 2 === 0 ? ok(n / 2) : refuse(ErrorCode.INVALID_REQUEST, `${n} is odd`)
  }
  expect(halve(4)).toEqual({ error: 0, value: 2 })
  expect(halve(3)).toEqual({ error: 42, message: '3 is odd' })
  expect(refuse(ErrorCode.INVALID_REQUEST)).toEqual({ error: 42 })
  expect(ok()).toEqual({ error: 0, value: undefined })
})
