/** What the mechanisms of SASL have in common: a server's side of one exchange, token by token. */

/** The server's side of one exchange. After `authenticated` or `failed` it is used up. */
export interface SaslExchange {
  step(token: Buffer): SaslStep
}

export type SaslStep =
  | { readonly kind: 'challenge'; readonly token: Buffer }
  | { readonly kind: 'authenticated'; readonly token: Buffer; readonly user: string }
  | SaslFailure

export interface SaslFailure {
  readonly kind: 'failed'
  /** For the client, where the reason may be told; else it learns only that it failed. */
  readonly message?: string
}

export const SASL_MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const
export type SaslMechanism = (typeof SASL_MECHANISMS)[number]
export type ScramMechanism = Exclude<SaslMechanism, 'PLAIN'>

export const NO_TOKEN = Buffer.alloc(0)

/** Neither Kafka nor Klamm lets one user act for another. */
export const OTHER_IDENTITY: SaslFailure = {
  kind: 'failed',
  message: 'Authentication failed: Client requested an authorization id that is different from username',
}

export function isSaslMechanism(name: string): name is SaslMechanism {
  return (SASL_MECHANISMS as readonly string[]).includes(name)
}
