/** Consumer groups over HTTP. */
import { Refused } from '../embedded/refused.ts'
import type { Klamm, WaitForGroupOptions } from '../embedded.ts'
import { fields, listOf, type Route, route, text, whole } from './route.ts'

const PARTITIONS = listOf(
  fields({ topic: text('The topic.'), partitions: listOf(whole('A partition.')) }),
  'What is assigned to it.',
)
const LISTED = {
  groupId: text('The group.'),
  state: text('As Kafka names it: Stable, Empty, PreparingRebalance …'),
  type: text('classic, or consumer where members speak KIP-848.'),
}
const GROUP = fields({
  ...LISTED,
  members: listOf(
    fields({
      memberId: text('What the coordinator calls it.'),
      groupInstanceId: text('Of static members.', { type: ['string', 'null'] }),
      clientId: text('What the client calls itself.'),
      clientHost: text('Where it connects from.'),
      subscription: listOf(text('A topic.'), 'What it asks for.'),
      assignment: PARTITIONS,
    }),
  ),
})
const LAG = fields({
  groupId: text('The group.'),
  total: whole('Records that it has yet to commit, in all.'),
  partitions: listOf(
    fields({
      topic: text('The topic.'),
      partition: whole('The partition.'),
      committed: whole('The offset that the group would go on from.'),
      end: whole('The offset of the next record to come.'),
      lag: whole('What is between.'),
    }),
    'Those with a committed offset.',
  ),
})
const NAMED = fields({ group: text('The group id.') }, 'group')

export function groupRoutes(klamm: Klamm): Route[] {
  const tag = 'groups'
  return [
    route({
      method: 'GET',
      path: '/groups',
      tag,
      summary: 'All groups',
      answer: listOf(fields(LISTED)),
      handle: () => klamm.groups(),
    }),
    route({
      method: 'GET',
      path: '/groups/{group}',
      tag,
      summary: 'One group with its members',
      params: NAMED,
      answer: GROUP,
      handle: async ({ params }) => {
        const group = await klamm.group(params.group!)
        if (group) return group
        const names = (await klamm.groups()).map(({ groupId }) => groupId).join(', ') || 'none'
        throw new Refused('missing', `there is no group ${params.group}; groups: ${names}`)
      },
    }),
    route({
      method: 'GET',
      path: '/groups/{group}/lag',
      tag,
      summary: 'How far a group is behind',
      params: NAMED,
      answer: LAG,
      handle: ({ params }) => klamm.lag(params.group!),
    }),
    route<{ query: WaitForGroupOptions }>({
      method: 'GET',
      path: '/groups/{group}/stable',
      tag,
      summary: 'Wait until all members have their partitions',
      params: NAMED,
      query: fields({
        members: whole('As many, neither more nor fewer; at least one unless told.', { minimum: 1 }),
        timeout: whole('How long to wait, in ms; 10000 unless told.', { minimum: 0, maximum: 600_000 }),
      }),
      answer: GROUP,
      handle: ({ params, query }) => klamm.waitForGroupStable(params.group!, query),
    }),
  ]
}
