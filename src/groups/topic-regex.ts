/** Regular expressions in subscriptions (KIP-848): which topics they stand for. */

import type { ClusterImage } from '../metadata/image.ts'
import { compileRe2, re2Problem } from '../metadata/re2.ts'

/** Why the text is no regular expression; undefined where it is one. */
export function regexProblem(pattern: string): string | undefined {
  return re2Problem(pattern)
}

/** The names of the topics that each pattern matches from end to end, sorted. */
export function resolveRegexes(
  patterns: Iterable<string>,
  image: ClusterImage,
): ReadonlyMap<string, readonly string[]> {
  const names = [...image.topics].map(({ name }) => name).sort()
  return new Map(
    [...patterns].map(pattern => {
      const matches = compileRe2(pattern)
      return [pattern, matches ? names.filter(matches) : []]
    }),
  )
}
