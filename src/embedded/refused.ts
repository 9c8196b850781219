/**
 * What a caller of the stand-in asked for that cannot be done: one line that says what is there, and what to
 * do. Anything else that is thrown is a bug.
 */

/**
 * `missing`: there is no such thing; `invalid`: it cannot be meant; `timeout`: it did not come to be in time.
 */
export type RefusalKind = 'missing' | 'invalid' | 'timeout' | 'refused'

export class Refused extends Error {
  override readonly name = 'Refused'
  readonly kind: RefusalKind

  constructor(kind: RefusalKind, message: string) {
    super(message)
    this.kind = kind
  }
}

/** A list for a sentence, cut where it would be no sentence any more. */
export function listed(names: Iterable<string>, none = 'none', most = 20): string {
  const all = [...names]
  if (all.length === 0) return none
  const shown = all.slice(0, most).join(', ')
  return all.length > most ? `${shown} and ${all.length - most} more` : shown
}
