/** Regular expressions in the subscriptions of a consumer group: kept, resolved and forgotten with the group. */

import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import type { CoordinatorRecord } from '../coordinator/shard.ts'
import type { ClusterImage } from '../metadata/image.ts'
import { GroupEdit } from './consumer-edit.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { areEqualLists, type MemberProfile } from './consumer-member.ts'
import { metadataHash } from './metadata-hash.ts'
import { regexProblem, resolveRegexes } from './topic-regex.ts'

/** Matching all topics costs: one change of the topics or of a subscription does not bring it on each time. */
const LEAST_BETWEEN_MS = 10_000

export interface NotedRegex {
  readonly hasChanged: boolean
  /** It stands for topics that are known already, or for none. */
  readonly isResolved: boolean
}

/** The member's subscription may have another regular expression from now on; it has been written already. */
export function noteRegex(edit: GroupEdit, before: MemberProfile, after: MemberProfile): Result<NotedRegex> {
  const [old, pattern] = [before.subscribedTopicRegex ?? '', after.subscribedTopicRegex ?? '']
  if (old === pattern) return ok({ hasChanged: false, isResolved: false })
  const isKnown = edit.group.regex(pattern) !== undefined
  if (pattern !== '' && !isKnown) {
    const problem = regexProblem(pattern)
    if (problem !== undefined) {
      const message = `SubscribedTopicRegex \`${pattern}\` is not a valid regular expression: ${problem}.`
      return refuse(ErrorCode.INVALID_REGULAR_EXPRESSION, message)
    }
  }
  forgetRegexOf(edit, before)
  return ok({ hasChanged: true, isResolved: pattern === '' || isKnown })
}

/** The member no longer has it: if nobody has, it goes. */
export function forgetRegexOf(edit: GroupEdit, { subscribedTopicRegex }: MemberProfile): void {
  if (!subscribedTopicRegex || edit.group.countRegex(subscribedTopicRegex) > 0) return
  if (edit.group.regex(subscribedTopicRegex)) {
    edit.write({ kind: 'regex', regex: subscribedTopicRegex, value: null })
  }
}

/** Whether the regular expressions of the group are to be matched with the topics now. */
export function regexesAreDue(
  group: ConsumerGroup,
  { image, regexRefreshMs }: { readonly image: () => ClusterImage; readonly regexRefreshMs: number },
  now: number,
): boolean {
  const patterns = patternsOf(group)
  if (patterns.size === 0) return false
  let [refreshedAt, version] = [-Infinity, -1n]
  let known = 0
  for (const [pattern, resolved] of group.regexes()) {
    if (patterns.has(pattern)) known += 1
    refreshedAt = Math.max(refreshedAt, resolved.timestampMs)
    if (resolved.version > version) version = resolved.version
  }
  if (now < refreshedAt + LEAST_BETWEEN_MS) return false
  return known < patterns.size || image().version > version || now >= refreshedAt + regexRefreshMs
}

/** What matching the group's regular expressions with the topics writes. */
export function resolveGroupRegexes(
  group: ConsumerGroup,
  image: ClusterImage,
  now: number,
): CoordinatorRecord[] {
  const edit = new GroupEdit(group)
  const before = group.subscribedTopics()
  for (const [regex, topics] of resolveRegexes(patternsOf(group), image)) {
    const known = group.regex(regex)
    if (known && areEqualLists(known.topics, topics)) continue
    edit.write({ kind: 'regex', regex, value: { topics, version: image.version, timestampMs: now } })
  }
  const after = edit.group.subscribedTopics()
  if (!areEqualLists([...before].sort(), [...after].sort())) {
    const hash = metadataHash(after, image)
    edit.write({ kind: 'epoch', value: { epoch: edit.group.epoch + 1, metadataHash: hash } })
  }
  return edit.records
}

function patternsOf(group: ConsumerGroup): Set<string> {
  const patterns = new Set<string>()
  for (const { subscribedTopicRegex } of group.members()) {
    if (subscribedTopicRegex) patterns.add(subscribedTopicRegex)
  }
  return patterns
}
