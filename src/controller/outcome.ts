/** What a pure command says: how the image changes, and the answer to give once that is durable. */
import { ErrorCode, type Refusal, refuse } from '../../protocol/errors.ts'
import type { ImageChanges } from '../metadata/image.ts'

export interface Outcome<Answer> {
  /** Null where nothing changes. */
  readonly changes: ImageChanges | null
  readonly answer: Answer
}

/** Names that are there more than once. */
export function duplicatesOf<Name>(names: Iterable<Name>): ReadonlySet<Name> {
  const seen = new Set<Name>()
  const twice = new Set<Name>()
  for (const name of names) {
    if (seen.has(name)) twice.add(name)
    seen.add(name)
  }
  return twice
}

/**
 * Kafka's bound on what one request may create (as many records as one step of its metadata log may have).
 */
export const MOST_PARTITIONS_AT_ONCE = 9_999

export const TOO_MANY_PARTITIONS: Refusal = refuse(
  ErrorCode.POLICY_VIOLATION,
  'Excessively large number of partitions per request.',
)
