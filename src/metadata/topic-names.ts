/** Which topic names are legal, and which would get in each other's way. The sentences are Kafka's. */

const LONGEST = 249

/** Names of topics that belong to the cluster itself. */
export const INTERNAL_TOPICS: ReadonlySet<string> = new Set([
  '__consumer_offsets',
  '__transaction_state',
  '__share_group_state',
])

/** Where Kafka keeps its metadata: nobody may have a topic of that name. */
export const CLUSTER_METADATA_TOPIC = '__cluster_metadata'

/**
 * Why a name is not legal; undefined where it is. Names are also directory names, so nothing else may pass.
 */
export function topicNameProblem(name: string): string | undefined {
  const why = namePart(name)
  return why === undefined ? undefined : `Topic name is invalid: ${why}`
}

function namePart(name: string): string | undefined {
  if (name === '') return 'the empty string is not allowed'
  if (name === '.' || name === '..') return `'${name}' is not allowed`
  if (name.length > LONGEST) return `the length of '${name}' is longer than the max allowed length ${LONGEST}`
  if (/^[a-zA-Z0-9._-]+$/.test(name)) return undefined
  return `'${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`
}

/** Metric names write '.' as '_': two topics that differ only in these collide. */
export function collisionKey(name: string): string {
  return name.replaceAll('.', '_')
}

export function mayCollide(name: string): boolean {
  return /[._]/.test(name)
}
