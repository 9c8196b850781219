/** Klamm was asked for what cannot be; the message says what to do instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
