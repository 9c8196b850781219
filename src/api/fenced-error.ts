import { ErrorCode } from '../../protocol/errors.ts'

/** KIP-588: what a fenced producer was told before its client knew the word. */
export function fencedError<Code extends ErrorCode>(
  errorCode: Code,
  apiVersion: number,
  firstWithFenced: number,
): Code | typeof ErrorCode.INVALID_PRODUCER_EPOCH {
  const isUnknown = errorCode === ErrorCode.PRODUCER_FENCED && apiVersion < firstWithFenced
  return isUnknown ? ErrorCode.INVALID_PRODUCER_EPOCH : errorCode
}
