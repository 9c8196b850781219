/** Consumer groups as administrators see them, in each of their states, and beside classic groups. */
import { type ConsumerConversation, type ConsumerScript, consumerConversation } from './consumer-talk.ts'
import { DELETE_GROUPS, DELETE_OFFSETS, DESCRIBE, LIST } from './group-talk.ts'

const conversation = consumerConversation

export const CONSUMER_ADMINISTRATION: readonly ConsumerConversation[] = [
  ...[0, 1].map(v => conversation(`describing consumer groups, v${v}`, script => describing(script, v))),
  ...[0, 1, 2, 3, 4, 5, 6].map(v =>
    conversation(`describing consumer groups as classic ones, v${v}`, script => describingClassic(script, v)),
  ),
  ...[3, 4, 5].map(v => conversation(`listing consumer groups, v${v}`, script => listing(script, v))),
  conversation('deleting consumer groups', deleting),
  conversation('deleting offsets of consumer groups', deletingOffsets),
  conversation('what is described of members', members),
  conversation('a described group whose topic is gone', topicGone),
]

/** A group in each state; ids begin with the conversation's. */
async function inEachState(script: ConsumerScript): Promise<string[]> {
  const { groupId } = script.talk
  const topic = await script.topic('t', 2)
  const member = (who: string, state: string) => script.member(who, { groupId: `${groupId} ${state}` })
  const empty = member('a', 'empty')
  await empty.join([topic])
  await empty.leave()
  const stable = member('a', 'stable')
  await stable.join([topic])
  await stable.owns()
  const reconciling = member('a', 'reconciling')
  await reconciling.join([topic])
  await reconciling.owns()
  await member('b', 'reconciling').join([topic])
  await script.configure({ 'consumer.assignment.interval.ms': '15000' }, `${groupId} assigning`)
  const assigning = member('a', 'assigning')
  await assigning.join([topic])
  await assigning.owns()
  await member('b', 'assigning').join([topic])
  await script.talk.enter('c', { groupId: `${groupId} classic`, syncs: false })
  await script.talk.commit('d', { [`${topic}-0`]: 1 }, { groupId: `${groupId} simple` })
  return ['empty', 'stable', 'reconciling', 'assigning', 'classic', 'simple'].map(
    state => `${groupId} ${state}`,
  )
}

async function describing(script: ConsumerScript, v: number): Promise<void> {
  const groups = await inEachState(script)
  await script.describe(groups, { v })
  await script.describe(['', 'no such group', groups[1]!, groups[1]!], { v })
  await script.describe([], { v })
  await script.describe([groups[1]!, groups[4]!, 'no such group'], { v, includeAuthorizedOperations: true })
}

async function describingClassic(script: ConsumerScript, v: number): Promise<void> {
  const groups = await inEachState(script)
  await script.talk.describe(groups, { v })
  await script.talk.call('admin', DESCRIBE, v, { groups: [groups[1]!], includeAuthorizedOperations: v >= 3 })
}

async function listing(script: ConsumerScript, v: number): Promise<void> {
  await inEachState(script)
  await list(script, v)
  if (v < 4) return
  const states = [
    ['Stable'],
    ['stable', 'EMPTY'],
    ['Assigning', 'reconciling'],
    ['CompletingRebalance', 'Assigning'],
    ['Dead', 'nonsense'],
  ]
  for (const statesFilter of states) await list(script, v, { statesFilter })
  if (v < 5) return
  for (const typesFilter of [['consumer'], ['Classic'], ['CONSUMER', 'classic'], ['share'], ['nonsense']]) {
    await list(script, v, { typesFilter })
  }
  await list(script, v, { statesFilter: ['Empty'], typesFilter: ['consumer'] })
}

/** The order is nobody's business, and other conversations have groups too. */
async function list(
  { talk }: ConsumerScript,
  v: number,
  filters: { statesFilter?: string[]; typesFilter?: string[] } = {},
): Promise<void> {
  const answer = await talk.call('admin', LIST, v, { statesFilter: [], typesFilter: [], ...filters })
  const { said } = talk.transcript.pop()!
  const groups = answer.groups
    .filter(({ groupId }) => groupId.startsWith(`${talk.groupId} `))
    .sort((one, other) => (one.groupId < other.groupId ? -1 : 1))
  talk.note(`${said} ${JSON.stringify(filters)}`, { ...answer, groups })
}

async function deleting(script: ConsumerScript): Promise<void> {
  const groups = await inEachState(script)
  const { talk } = script
  const del = (groupsNames: string[]) => talk.call('admin', DELETE_GROUPS, 2, { groupsNames })
  const topic = script.nameOf('t')
  await talk.commit('a', { [`${topic}-0`]: 5 }, { groupId: groups[0]! })
  await del(groups)
  await script.describe(groups.slice(0, 4))
  await talk.offsets([`${topic}-0`], { groupId: groups[0]! })
  await del([groups[0]!])
  const again = script.member('a', { groupId: groups[0]! })
  await again.join([topic])
  await script.describe(groups.slice(0, 1))
}

async function deletingOffsets(script: ConsumerScript): Promise<void> {
  const [one, other] = [await script.topic('one', 2), await script.topic('other', 2)]
  const { talk } = script
  const [a] = await script.settled([one], 'a')
  const { memberId, memberEpoch } = a!
  await talk.commit(
    'a',
    { [`${one}-0`]: 1, [`${other}-0`]: 2 },
    { memberId, generationIdOrMemberEpoch: memberEpoch },
  )
  const topics = [one, other].map(name => ({
    name,
    partitions: [{ partitionIndex: 0 }, { partitionIndex: 1 }],
  }))
  const del = () => talk.call('admin', DELETE_OFFSETS, 0, { groupId: talk.groupId, topics })
  await del()
  await talk.offsets([`${one}-0`, `${other}-0`])
  await a!.leave()
  await del()
  await talk.offsets([`${one}-0`, `${other}-0`])
}

async function members(script: ConsumerScript): Promise<void> {
  const [one, other] = [await script.topic('one', 2), await script.topic('other', 1)]
  const a = script.member('a', { memberId: 'a1', instanceId: 'i' })
  await a.join([one, other], { rackId: 'r', serverAssignor: 'range' })
  await a.owns()
  const b = script.member('b')
  await b.join([other], { rackId: 'r2' })
  await b.owns()
  await script.describe()
  await script.describe(undefined, { v: 0 })
}

async function topicGone(script: ConsumerScript): Promise<void> {
  const [one, other] = [await script.topic('one', 2), await script.topic('other', 1)]
  await script.settled([one, other], 'a')
  await script.removeTopic(one)
  await script.describe()
}
