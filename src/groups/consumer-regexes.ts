/**
 * Regular expressions in the subscriptions of a consumer group: kept, resolved and forgotten with the group.
 */

import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import type { CoordinatorRecord } from '../coordinator/shard.ts'
import type { ClusterImage } from '../metadata/image.ts'
import { GroupEdit } from './consumer-edit.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { areEqualLists, type MemberProfile } from './consumer-member.ts'
import { metadataHash } from './metadata-hash.ts'
import { regexProblem, resolveRegexes } from './topic-regex.ts'

/**
 * Matching all topics costs: one change of the topics or of a subscription does not bring it on each time.
 */
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
  edit.write({ kind: 'regex', regex: subscribedTopicRegex, value: null })
}

/** Whether the regular expressions of the group are to be matched with the topics now. */
export function regexesAreDue(group: ConsumerGroup, options: RegexOptions, now: number): boolean {
  if (group.patternCount === 0) return false
  let [refreshedAt, version] = [-Infinity, -1n]
  let count = 0
  for (const [, resolved] of group.regexes()) {
    count += 1
    refreshedAt = Math.max(refreshedAt, resolved.timestampMs)
    if (resolved.version > version) version = resolved.version
  }
  if (refreshedAt <= now && now <= refreshedAt + LEAST_BETWEEN_MS) return false
  const isStale = version < options.newTopicsVersion() || now >= refreshedAt + options.regexRefreshMs
  return count !== group.patternCount || isStale
}

export interface RegexOptions {
  /** `group.consumer.regex.refresh.interval.ms` */
  readonly regexRefreshMs: number
  /** Of the metadata that last had a topic more. */
  readonly newTopicsVersion: () => bigint
}

/** What matching the group's regular expressions with the topics writes. */
export function resolveGroupRegexes(
  group: ConsumerGroup,
  image: ClusterImage,
  now: number,
): CoordinatorRecord[] {
  const edit = new GroupEdit(group)
  let hasChanged = false
  for (const [regex, topics] of resolveRegexes(group.patterns(), image)) {
    if (!areEqualLists(group.regex(regex)?.topics ?? [], topics)) hasChanged = true
    edit.write({ kind: 'regex', regex, value: { topics, version: image.version, timestampMs: now } })
  }
  const hash = metadataHash(edit.group.subscribedTopics(), image)
  if (hasChanged || hash !== group.metadataHash) {
    edit.write({ kind: 'epoch', value: { epoch: group.epoch + 1, metadataHash: hash } })
  }
  return edit.records
}
