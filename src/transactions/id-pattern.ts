/** Patterns of transactional ids, as ListTransactions takes them (KIP-1152). */
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'

/** Whether an id matches from end to end; undefined for the empty pattern, which all do. */
export function compilePattern(pattern: string): Result<((id: string) => boolean) | undefined> {
  if (pattern === '') return ok(undefined)
  try {
    const expression = new RegExp(`^(?:${pattern})$`, 'su')
    return ok(id => expression.test(id))
  } catch {
    return refuse(ErrorCode.INVALID_REGULAR_EXPRESSION)
  }
}
