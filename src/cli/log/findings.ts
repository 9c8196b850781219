/** What a check of files finds: each thing that is wrong, where, and whose records it concerns. */

/**
 * `damage`: what was written is not what is there. `note`: nothing is lost, and the next start of a broker
 * settles it or passes it over.
 */
export type Severity = 'damage' | 'note'

export type FindingKind =
  | 'batch'
  | 'order'
  | 'gap'
  | 'torn-end'
  | 'old-format'
  | 'epoch'
  | 'index'
  | 'timeindex'
  | 'txnindex'
  | 'snapshot'
  | 'checkpoint'
  | 'metadata'
  | 'leftover'
  | 'foreign'

/** Both included. */
export interface OffsetRange {
  readonly first: bigint
  /** Undefined where nothing tells how far it reaches. */
  readonly last: bigint | undefined
}

export interface Finding {
  readonly severity: Severity
  readonly kind: FindingKind
  readonly path: string
  /** The byte at which it begins. */
  readonly position?: number
  /** The records that are damaged or missing, or cannot be found. */
  readonly offsets?: OffsetRange
  readonly message: string
}

export type Report = (finding: Finding) => void

export function describeFinding({ severity, path, position, message, offsets }: Finding): string {
  const place = position === undefined ? path : `${path}, byte ${position}`
  const whose = offsets === undefined ? '' : `; affected: ${describeRange(offsets)}`
  return `${severity === 'damage' ? 'DAMAGE' : 'note  '} ${place}: ${message}${whose}`
}

function describeRange({ first, last }: OffsetRange): string {
  if (last === undefined) return `the records from offset ${first} on`
  return first === last ? `offset ${first}` : `offsets ${first} to ${last}`
}
