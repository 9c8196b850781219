/** Finding, describing, listing and deleting groups, and what of them is written down. */

import {
  type Conversation,
  conversation,
  DELETE_GROUPS,
  DESCRIBE,
  FIND,
  type GroupTalk,
  LIST,
  memberOf,
} from './group-talk.ts'
import { setByPrefix } from './records.ts'

export const ADMINISTRATION: readonly Conversation[] = [
  ...[0, 1, 2, 3, 4, 5, 6].map(v => conversation(`describing groups, v${v}`, talk => describing(talk, v))),
  ...[0, 1, 2, 3, 4, 5].map(v => conversation(`listing groups, v${v}`, talk => listing(talk, v))),
  ...[0, 1, 2].map(v => conversation(`deleting groups, v${v}`, talk => deleting(talk, v))),
  ...[0, 1, 2, 3, 4, 5, 6].map(v => conversation(`finding coordinators, v${v}`, talk => finding(talk, v))),
  conversation('what is written of a group', writtenGroup),
  conversation('what is written of static members', writtenStatic),
  conversation('what is written of offsets', writtenOffsets),
]

/** One group in each state; ids begin with the conversation's. */
async function inEachState(talk: GroupTalk): Promise<string[]> {
  const { groupId } = talk
  const topic = groupId.replace(/\W/g, '-')
  await talk.createTopic(topic)
  await talk.commit('a', { [`${topic}-0`]: 1 }, { groupId: `${groupId} simple` })
  const told = await talk.join('a', { groupId: `${groupId} pending` })
  const empty = await talk.enter('a', { groupId: `${groupId} empty`, syncs: false })
  await talk.leave('a', [empty], { groupId: `${groupId} empty` })
  await talk.enter('a', { groupId: `${groupId} completing`, syncs: false })
  const stable = await talk.enter('a', { groupId: `${groupId} stable`, syncs: false, groupInstanceId: 'i' })
  await talk.sync(stable, { groupId: `${groupId} stable`, to: { [stable.memberId]: 'all' } })
  const preparing = await talk.enter('a', { groupId: `${groupId} preparing`, syncs: false })
  await talk.sync(preparing, { groupId: `${groupId} preparing` })
  await talk.joining('b', { v: 3, groupId: `${groupId} preparing` })
  const worker = { groupId: `${groupId} worker`, protocolType: 'connect', syncs: false }
  await talk.enter('w', worker)
  talk.note('pending', told.memberId)
  return ['simple', 'pending', 'empty', 'completing', 'stable', 'preparing', 'worker'].map(
    state => `${groupId} ${state}`,
  )
}

async function describing(talk: GroupTalk, v: number): Promise<void> {
  const groups = await inEachState(talk)
  await talk.describe(groups, { v })
  await talk.describe(['', 'no such group', groups[0]!, groups[0]!, ''], { v })
  await talk.describe([], { v })
  await talk.call('admin', DESCRIBE, v, {
    groups: [groups[4]!, 'no such group', ''],
    includeAuthorizedOperations: v >= 3,
  })
}

async function listing(talk: GroupTalk, v: number): Promise<void> {
  await inEachState(talk)
  await list(talk, v)
  if (v < 4) return
  const states = [
    ['Stable'],
    ['stable', 'EMPTY'],
    ['PreparingRebalance', 'CompletingRebalance'],
    ['Dead'],
    ['nonsense'],
    ['nonsense', 'Stable'],
    [''],
    ['Assigning', 'Reconciling'],
    ['completingrebalance'],
  ]
  for (const statesFilter of states) await list(talk, v, { statesFilter })
  if (v < 5) return
  const types = [
    ['classic'],
    ['Classic', 'consumer'],
    ['consumer'],
    ['share'],
    ['streams'],
    ['nonsense'],
    [''],
  ]
  for (const typesFilter of types) await list(talk, v, { typesFilter })
  await list(talk, v, { statesFilter: ['Empty'], typesFilter: ['CLASSIC'] })
}

/** The order is nobody's business, and other conversations have groups too. */
async function list(
  talk: GroupTalk,
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

async function deleting(talk: GroupTalk, v: number): Promise<void> {
  const groups = await inEachState(talk)
  const del = (groupsNames: string[]) => talk.call('admin', DELETE_GROUPS, v, { groupsNames })
  await del(['no such group', ''])
  await del([])
  await del(groups)
  await del(groups.slice(0, 3))
  await talk.describe(groups, { v: 5 })
  await list(talk, 5)
  await talk.offsets(null, { groupId: groups[0]! })
  await del([groups[4]!, groups[4]!])
  await talk.commit('a', { [`${talk.groupId.replace(/\W/g, '-')}-0`]: 1 }, { groupId: groups[0]! })
  await del([groups[0]!, groups[0]!])
}

async function finding(talk: GroupTalk, v: number): Promise<void> {
  const find = async (keyType: number, ...coordinatorKeys: string[]) => {
    const answer = await talk.call('admin', FIND, v, {
      key: coordinatorKeys[0] ?? '',
      keyType,
      coordinatorKeys,
    })
    const { said } = talk.transcript.pop()!
    const unplaced = <T extends { port: number; nodeId: number }>(at: T) => ({
      ...at,
      port: Math.sign(at.port),
      nodeId: Math.sign(at.nodeId),
    })
    const coordinators = answer.coordinators.map(unplaced)
    talk.note(`${said} type ${keyType} ${coordinatorKeys}`, { ...unplaced(answer), coordinators })
  }
  await find(0, 'group')
  await find(0, '')
  if (v < 1) return
  await find(2, 'group')
  await find(3, 'group')
  await find(-1, 'group')
  if (v < 4) return
  await find(0, 'group', 'other', 'group', '')
  await find(0)
}

async function writtenGroup(talk: GroupTalk): Promise<void> {
  const first = await talk.enter('a')
  const told = await talk.join('b')
  const parked = await talk.joining('b', { memberId: told.memberId, rebalanceTimeoutMs: 1_234 })
  const again = memberOf('a', await talk.join('a', { memberId: first.memberId }))
  const second = memberOf('b', await parked.answer())
  const waits = await talk.syncing(second)
  await talk.sync(again, { to: { [again.memberId]: '1' } })
  await waits.answer()
  await talk.leave('admin', [again, second])
  await talk.call('admin', DELETE_GROUPS, 2, { groupsNames: [talk.groupId] })
  await setByPrefix(talk)
}

async function writtenStatic(talk: GroupTalk): Promise<void> {
  const first = await talk.enter('a', { groupInstanceId: 'i1' })
  await talk.join('a', { groupInstanceId: 'i1' })
  await talk.join('a', { groupInstanceId: 'i1', v: 8 })
  await talk.leave('a', [{ memberId: '', groupInstanceId: 'i1' }])
  talk.note('member', first.memberId)
  await talk.join('b', { groupId: `${talk.groupId} pending` })
  await talk.join('b', { v: 3, groupId: `${talk.groupId} joined` })
  await talk.join('b', { groupInstanceId: 'i9', groupId: `${talk.groupId} static` })
  await setByPrefix(talk)
}

async function writtenOffsets(talk: GroupTalk): Promise<void> {
  const topic = talk.groupId.replace(/\W/g, '-')
  await talk.createTopic(topic)
  await talk.commit('a', { [`${topic}-0`]: 1, [`${topic}-1`]: 2 }, { v: 2 })
  await talk.commit('a', { [`${topic}-0`]: 3 }, { v: 4, retentionTimeMs: 5_000n })
  await talk.commit('a', { [`${topic}-0`]: 4 }, { v: 9 })
  await talk.commit('a', { [`${topic}-0`]: 4 }, { v: 9, metadata: null })
  await talk.call('admin', DELETE_GROUPS, 2, { groupsNames: [talk.groupId] })
  const member = await talk.enter('a', { groupId: `${talk.groupId} live`, syncs: false })
  await talk.sync(member, { groupId: `${talk.groupId} live` })
  await setByPrefix(talk)
}
