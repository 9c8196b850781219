/** Which partition of a coordinators' topic a key belongs to. */

/** Kafka's rule: every client and tool finds the same partition for an id. */
export function partitionFor(id: string, partitionCount: number): number {
  const hash = javaHash(id)
  // The one integer that has no absolute value counts as 0.
  return (hash === -2147483648 ? 0 : Math.abs(hash)) % partitionCount
}

/**
 * Sorts ids as Kafka's coordinators have them in their hash tables, which is the order in which it lists and
 * describes them: by the multiplied hash, of which the highest bits say the place in the table.
 */
export function byTableOrder(one: string, other: string): number {
  const place = (id: string) => Math.imul(javaHash(id), -1640531527) >>> 0
  return place(one) - place(other)
}

/** `String.hashCode` of Java, over UTF-16 code units. */
function javaHash(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(31, hash) + text.charCodeAt(i)) | 0
  return hash
}
