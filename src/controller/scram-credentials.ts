/**
 * AlterUserScramCredentials as a pure command (KIP-554). A user may have one credential of each mechanism;
 * the password never gets here, only what it was salted to.
 */
import { ErrorCode, ok, type Refusal, type Result, refuse } from '../../protocol/errors.ts'
import { type ClusterImage, type ScramCredential, scramKey } from '../metadata/image.ts'
import { credentialOf, MAX_SCRAM_ITERATIONS, MIN_SCRAM_ITERATIONS, SCRAM_TYPES } from '../security/scram.ts'
import type { Outcome } from './outcome.ts'

export interface ScramDeletion {
  readonly name: string
  readonly mechanism: number
}

export interface ScramUpsertion extends ScramDeletion {
  readonly iterations: number
  readonly salt: Uint8Array
  readonly saltedPassword: Uint8Array
}

export interface AlterScramCredentials {
  readonly deletions: readonly ScramDeletion[]
  readonly upsertions: readonly ScramUpsertion[]
}

/**
 * One for each user that the request names, and each may be named once. A user of whom anything is refused is
 * left as it was.
 */
export interface AlteredScramUser {
  readonly user: string
  readonly result: Result<void>
}

export function alterScramCredentials(
  request: AlterScramCredentials,
  image: ClusterImage,
): Outcome<readonly AlteredScramUser[]> {
  const refusals = new Map<string, Refusal>()
  const seen = new Set<string>()
  const judge = (name: string, ...problems: (() => Refusal | undefined)[]) => {
    const isTwice = seen.has(name)
    const twice = () => (isTwice ? TWICE : undefined)
    const [form, ...others] = problems
    const refusal = refusals.get(name) ?? firstOf([form!, twice, ...others])
    if (refusal) refusals.set(name, refusal)
    seen.add(name)
  }
  for (const deletion of request.deletions) {
    judge(
      deletion.name,
      () => formProblem(deletion),
      () => absenceProblem(deletion, image),
    )
  }
  for (const upsertion of request.upsertions) judge(upsertion.name, () => upsertionProblem(upsertion))
  const changes = new Map<string, ScramCredential | undefined>()
  for (const { name, mechanism } of request.deletions) {
    if (!refusals.has(name)) changes.set(scramKey(SCRAM_TYPES.get(mechanism)!, name), undefined)
  }
  for (const upsertion of request.upsertions) {
    if (refusals.has(upsertion.name)) continue
    const mechanism = SCRAM_TYPES.get(upsertion.mechanism)!
    changes.set(scramKey(mechanism, upsertion.name), madeOf(upsertion))
  }
  const names = new Set([...request.deletions, ...request.upsertions].map(({ name }) => name))
  return {
    changes: changes.size > 0 ? { scram: changes } : null,
    answer: Array.from(names, user => ({ user, result: refusals.get(user) ?? ok(undefined) })),
  }
}

const TWICE = refuse(
  ErrorCode.DUPLICATE_RESOURCE,
  'A user credential cannot be altered twice in the same request',
)

function firstOf(problems: readonly (() => Refusal | undefined)[]): Refusal | undefined {
  for (const problem of problems) {
    const refusal = problem()
    if (refusal) return refusal
  }
  return undefined
}

function formProblem({ name, mechanism }: ScramDeletion): Refusal | undefined {
  if (name === '') return refuse(ErrorCode.UNACCEPTABLE_CREDENTIAL, 'Username must not be empty')
  if (SCRAM_TYPES.has(mechanism)) return undefined
  return refuse(ErrorCode.UNSUPPORTED_SASL_MECHANISM, 'Unknown SCRAM mechanism')
}

function absenceProblem({ name, mechanism }: ScramDeletion, image: ClusterImage): Refusal | undefined {
  if (image.scram.has(scramKey(SCRAM_TYPES.get(mechanism)!, name))) return undefined
  return refuse(ErrorCode.RESOURCE_NOT_FOUND, 'Attempt to delete a user credential that does not exist')
}

function upsertionProblem(upsertion: ScramUpsertion): Refusal | undefined {
  const { iterations } = upsertion
  const problem = formProblem(upsertion)
  if (problem) return problem
  if (iterations < MIN_SCRAM_ITERATIONS) {
    return refuse(ErrorCode.UNACCEPTABLE_CREDENTIAL, 'Too few iterations')
  }
  if (iterations > MAX_SCRAM_ITERATIONS) {
    return refuse(ErrorCode.UNACCEPTABLE_CREDENTIAL, 'Too many iterations')
  }
  return undefined
}

function madeOf({ mechanism, iterations, salt, saltedPassword }: ScramUpsertion): ScramCredential {
  // Views of the request's frame, which goes.
  const parts = { salted: Buffer.from(saltedPassword), salt: Buffer.from(salt), iterations }
  return credentialOf(SCRAM_TYPES.get(mechanism)!, parts)
}
