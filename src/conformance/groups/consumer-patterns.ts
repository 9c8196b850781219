/** Subscriptions by regular expression. Kafka matches them on another thread: the script waits for it. */
import {
  type Consumer,
  type ConsumerConversation,
  type ConsumerScript,
  consumerConversation,
} from './consumer-talk.ts'

const conversation = consumerConversation

export const CONSUMER_PATTERNS: readonly ConsumerConversation[] = [
  conversation('a subscription by regular expression', byPattern),
  conversation('regular expressions that are none', invalid),
  conversation('a regular expression that matches nothing', matchesNothing),
  conversation('a regular expression that changes', changes),
  conversation('a regular expression beside names', besideNames),
  conversation('members with the same regular expression', shared),
  conversation('topics that a regular expression did not know', later),
  conversation('internal topics and regular expressions', internal),
  conversation('a static consumer with a regular expression', ofStatic),
]

const MATCHED_MS = 500

/** Heartbeats until the topics that the pattern stands for have come to it. */
async function matched(script: ConsumerScript, ...members: readonly Consumer[]): Promise<void> {
  for (let i = 0; i < 2; i++) {
    await script.talk.wait(MATCHED_MS)
    for (const member of members) await member.beat()
  }
}

function pattern(script: ConsumerScript, rest: string): string {
  return `${script.nameOf('')}${rest}`
}

async function byPattern(script: ConsumerScript): Promise<void> {
  await script.topic('one', 2)
  await script.topic('other', 1)
  await script.topic('two', 1)
  const a = script.member('a')
  await a.join(null, { subscribedTopicRegex: pattern(script, 'o.*') })
  await matched(script, a)
  await a.owns()
  await script.describe()
  await script.describe(undefined, { v: 0 })
  await a.leave()
  await script.describe()
}

async function invalid(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 1)
  const a = script.member('a')
  for (const subscribedTopicRegex of ['(', '[a', 'a**', '(?=a)', '\\1', '(?<!b)a', 'a{1001}', '*']) {
    await a.join(null, { subscribedTopicRegex })
  }
  await a.join(null, { subscribedTopicRegex: '' })
  await a.join(null)
  await a.join([], { subscribedTopicRegex: null })
  await a.beat({ subscribedTopicRegex: '(' })
  await a.beat({ subscribedTopicRegex: topic })
  await matched(script, a)
  await script.describe()
}

async function matchesNothing(script: ConsumerScript): Promise<void> {
  await script.topic('t', 1)
  const a = script.member('a')
  await a.join(null, { subscribedTopicRegex: pattern(script, '') })
  await matched(script, a)
  await script.describe()
}

async function changes(script: ConsumerScript): Promise<void> {
  const [one] = [await script.topic('one', 1), await script.topic('two', 1)]
  const a = script.member('a')
  await a.join(null, { subscribedTopicRegex: pattern(script, 'o.*') })
  await matched(script, a)
  await a.owns()
  await a.beat({ subscribedTopicRegex: pattern(script, 't.*') })
  await matched(script, a)
  await a.owns()
  await script.describe()
  await a.beat({ subscribedTopicRegex: '', subscribedTopicNames: [one] })
  await a.beat()
  await a.owns()
  await script.describe()
}

async function besideNames(script: ConsumerScript): Promise<void> {
  const [one, two] = [await script.topic('one', 1), await script.topic('two', 1)]
  const a = script.member('a')
  await a.join([two], { subscribedTopicRegex: pattern(script, 'o.*') })
  await matched(script, a)
  await a.owns()
  await script.describe()
  await a.beat({ subscribedTopicNames: [one, two] })
  await a.beat({ subscribedTopicRegex: '' })
  await script.describe()
}

async function shared(script: ConsumerScript): Promise<void> {
  await script.topic('t', 4)
  const [a, b] = [script.member('a'), script.member('b')]
  const subscribedTopicRegex = pattern(script, '.')
  await a.join(null, { subscribedTopicRegex })
  await matched(script, a)
  await a.owns()
  await b.join(null, { subscribedTopicRegex })
  await a.beat()
  await a.owns()
  await b.beat()
  await b.owns()
  await script.describe()
  await a.leave()
  await b.beat()
  await script.describe()
}

/** Those that are there when somebody subscribes anew are found, at most every ten seconds. */
async function later(script: ConsumerScript): Promise<void> {
  await script.topic('one', 1)
  const a = script.member('a')
  const subscribedTopicRegex = pattern(script, '.*')
  await a.join(null, { subscribedTopicRegex })
  await matched(script, a)
  await a.owns()
  await script.topic('other', 1)
  await matched(script, a)
  await script.talk.wait(10_000)
  await matched(script, a)
  await a.owns()
  await script.describe()
}

async function internal(script: ConsumerScript): Promise<void> {
  await script.nameId('__consumer_offsets')
  const a = script.member('a')
  await a.join(null, { subscribedTopicRegex: '__consumer_offset.' })
  await matched(script, a)
  await script.describe()
}

async function ofStatic(script: ConsumerScript): Promise<void> {
  await script.topic('one', 2)
  const a = script.member('a', { instanceId: 'i', memberId: 'a1' })
  const subscribedTopicRegex = pattern(script, 'o.*')
  await a.join(null, { subscribedTopicRegex })
  await matched(script, a)
  await a.owns()
  await a.leave(-2)
  const again = script.member('a', { instanceId: 'i', memberId: 'a2' })
  await again.join(null, { subscribedTopicRegex })
  await again.owns()
  await script.describe()
}
