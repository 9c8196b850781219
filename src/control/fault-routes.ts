/** Fault rules over HTTP. */

import { Refused } from '../embedded/refused.ts'
import type { FaultDefinition, FaultRule, Klamm } from '../embedded.ts'
import { FAULT_SCHEMA } from '../faults/parse.ts'
import { Answer, anything, fields, listOf, NOTHING, type Route, route, text, whole } from './route.ts'

const RULE = fields({
  id: whole('What delete goes by; from 1 on.'),
  match: anything('Which requests it is about.'),
  effect: anything('What becomes of them.'),
  matched: whole('How many requests it was about, whether it fired or not.'),
  count: whole('How often it fired.'),
})
const FIRING = fields({
  rule: whole('The rule.'),
  at: whole('Ms since 1970.'),
  api: text('Of the request.'),
  apiVersion: whole('Of the request.'),
  client: text('Its client id.', { type: ['string', 'null'] }),
  connection: text('Its connection.'),
  correlationId: whole('Of the request.'),
  partitions: listOf(text('orders-0'), 'Those that were struck, where the rule is about some.'),
  effect: text('In words.'),
})

export function faultRoutes({ faults }: Klamm): Route[] {
  const tag = 'faults'
  return [
    route<{ body: FaultDefinition }>({
      method: 'POST',
      path: '/faults',
      tag,
      summary: 'Put a rule in force',
      description: 'For example { "api": "Produce", "nth": 2, "effect": "NOT_LEADER_OR_FOLLOWER" }.',
      body: FAULT_SCHEMA,
      isCheckedByHandler: true,
      answer: RULE,
      handle: ({ body }) => new Answer(201, shown(faults.define(body))),
    }),
    route({
      method: 'GET',
      path: '/faults',
      tag,
      summary: 'The rules that can still fire',
      answer: listOf(RULE),
      handle: () => faults.active.map(shown),
    }),
    route({
      method: 'GET',
      path: '/faults/fired',
      tag,
      summary: 'What fired since the start, a reset or a clear',
      answer: listOf(FIRING),
      handle: () => faults.fired,
    }),
    route({
      method: 'DELETE',
      path: '/faults',
      tag,
      summary: 'Take all rules back, and forget what fired',
      answer: NOTHING,
      handle: () => {
        faults.clear()
        return {}
      },
    }),
    route({
      method: 'DELETE',
      path: '/faults/{id}',
      tag,
      summary: 'Take a rule back',
      params: fields({ id: text('The rule.', { pattern: '^[0-9]+$' }) }, 'id'),
      answer: NOTHING,
      handle: ({ params }) => {
        const rule = faults.active.find(({ id }) => id === Number(params.id))
        const ids = faults.active.map(({ id }) => id).join(', ') || 'none'
        if (!rule) throw new Refused('missing', `there is no rule ${params.id} in force; in force: ${ids}`)
        rule.remove()
        return {}
      },
    }),
  ]
}

function shown({ id, match, effect, matched, count }: FaultRule): object {
  return { id, match, effect, matched, count }
}
