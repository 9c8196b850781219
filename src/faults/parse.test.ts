import { describe, expect, test } from 'vitest'
import { FAULT_SCHEMA, parseDefinition, parseFault, parseFaultText } from './parse.ts'
import { InvalidFault } from './rule.ts'

function objection(match: unknown, effect: unknown): string {
  try {
    parseFault(match, effect)
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidFault)
    return (error as Error).message
  }
  return 'none'
}

describe('a rule that cannot work is refused, and told what to write instead:', () => {
  test.each([
    [{ api: 'Prodcue' }, 'drop', 'error: there is no error code drop'],
    [{ api: 'Prodcue' }, { drop: true }, 'api: there is no API Prodcue; did you mean Produce?'],
    [{ api: 'Group' }, { drop: true }, 'api: there is no API Group; there are JoinGroup, '],
    [{ api: 7 }, { drop: true }, 'api: 7 will not do; it is a name, or list of names, of APIs'],
    [{ apis: 'Fetch' }, { drop: true }, 'A fault rule has no field apis; did you mean api?'],
    [{ delayMs: 5 }, { drop: true }, 'A fault rule has no field delayMs; it belongs to the effect'],
    [{ api: 'Fetch' }, { times: 5 }, 'An effect has no field times; it belongs to the rule'],
    [{ api: 'Fetch' }, { delay: 5 }, 'An effect has no field delay; did you mean delayMs?'],
    [{ api: 'Fetch' }, {}, 'The effect says nothing that happens: give one of error, delayMs, drop'],
    [{ api: 'Fetch' }, { drop: false }, 'The effect says nothing that happens'],
    [{ api: 'Fetch' }, 'NOT_LEADER', 'error: there is no error code NOT_LEADER; there are NOT_LEADER_OR_'],
    [{ api: 'Fetch' }, 'not_cordinator', 'there is no error code not_cordinator; did you mean NOT_COORDIN'],
    [{ api: 'Fetch' }, { error: 0 }, 'error: 0 is NONE, which is no error'],
    [{ api: 'Fetch' }, { error: 999 }, 'error: Kafka has no error code 999; the last is '],
    [{ probability: 2 }, { drop: true }, 'probability: 2 will not do; it is a number from 0 to 1'],
    [{ nth: 0 }, { drop: true }, 'nth: 0 will not do; it is a number, or list of numbers, from 1 on'],
    [{ times: 1.5 }, { drop: true }, 'times: 1.5 will not do; it is a number from 1 on'],
    [{ topic: '' }, { drop: true }, 'topic: "" will not do; it is a text'],
    [{ partition: -1 }, { drop: true }, 'partition: -1 will not do'],
    [
      { api: 'Fetch', version: 'new' },
      { drop: true },
      `version: "new" will not do; it is a number, or range`,
    ],
    [{ api: 'Fetch', version: 90 }, { drop: true }, 'version: Fetch has versions 0 to 18, and no 90'],
    [{ api: 'Heartbeat', topic: 'a' }, { drop: true }, 'Heartbeat names no topics: leave out topic'],
    [{ api: 'Produce', group: 'g' }, { drop: true }, 'Produce names no group: leave out group'],
    [{ api: 'Fetch', transactionalId: 't' }, { drop: true }, 'Fetch names no transactional id'],
    [{ api: 'CreateTopics', partition: 0 }, { drop: true }, 'none'],
    [{ api: 'Heartbeat', partition: 0 }, { drop: true }, 'Heartbeat names no partitions'],
    [{ api: 'SaslHandshake' }, { throttleMs: 1 }, 'SaslHandshake has no throttle time in its response'],
    [{ api: 'Produce' }, { corrupt: 'records' }, 'Produce has no records in its response'],
    [{ api: 'Produce' }, { corrupt: 'all' }, `corrupt: "all" will not do; it is a 'records', 'body'`],
    [{ api: 'Produce' }, { staleMetadata: true }, 'Produce does not tell what topics there are'],
    [{ api: 'Produce' }, { coordinatorMoved: true }, 'Produce goes to no coordinator'],
    [{}, { coordinatorMoved: true, error: 16 }, 'coordinatorMoved is an error of its own: leave out error'],
    [{}, { drop: true, truncate: 4 }, 'The effect has drop and truncate, of which only one can happen'],
    [
      {},
      { delayMs: [9, 1] },
      'delayMs: [9,1] will not do; it is a number of milliseconds, or [from, to], the',
    ],
    [{}, { delayMs: -1 }, 'delayMs: -1 will not do'],
    [{}, { throttleMs: 0 }, 'throttleMs: 0 will not do'],
    [{}, { drop: 'now' }, 'drop: "now" will not do; it is a true'],
    [{}, { drop: true, when: 'later' }, `when: "later" will not do; it is a 'before' or 'after'`],
    [
      {},
      null,
      'The effect is an object such as { delayMs: 100 }, or the name of an error code; this is null',
    ],
    ['Produce', { drop: true }, "The first argument says which requests, as in { api: 'Produce' }"],
  ])('%j, %j', (match, effect, message) => {
    expect(objection(match, effect)).toContain(message)
  })
})

test('without an API, a rule is about all APIs that its effect can happen to', () => {
  const { apis } = parseFault({ group: 'g' }, { coordinatorMoved: true })
  const names = [...apis.values()].map(({ api }) => api.name)
  expect(names).toContain('FindCoordinator')
  expect(names).toContain('OffsetCommit')
  expect(names).not.toContain('Produce')
  expect(names).not.toContain('EndTxn')
})

test('an error code may be said by name, in any case, or by number; an API in any case', () => {
  expect(parseFault({ api: 'produce' }, 'not_leader_or_follower').errorCode).toBe(6)
  expect(parseFault({ api: 'ProduceRequest' }, { error: 6 }).errorCode).toBe(6)
  expect(parseFault({ api: ['Produce', 'Fetch'] }, { error: '-1' }).errorCode).toBe(-1)
})

test('a text holds one rule or a list, and says where it is no JSON', () => {
  expect(parseFaultText('{ "api": "Fetch", "effect": { "drop": true } }')).toHaveLength(1)
  expect(parseFaultText('[{ "effect": { "drop": true } }, { "effect": "INVALID_TXN_STATE" }]')).toHaveLength(
    2,
  )
  expect(() => parseFaultText('{ api }')).toThrow(/^A fault rule is JSON such as \{ "api": "Produce"/)
  expect(() => parseFaultText('5')).toThrow(/^A fault rule is an object such as .*; this is 5/)
  expect(() => parseDefinition({ api: 'Fetch' })).toThrow(/^A fault rule says its effect/)
})

test('the schema has the fields that the parser takes', () => {
  const whole = {
    api: ['Fetch'],
    version: '4+',
    topic: 'a',
    partition: [0],
    client: 'c',
    nth: [1, 3],
    times: 2,
    probability: 0.5,
    effect: { error: 6, delayMs: [1, 2], when: 'before' },
  }
  expect(parseDefinition(whole).errorCode).toBe(6)
  const { properties } = FAULT_SCHEMA
  for (const name of Object.keys(whole)) expect(properties).toHaveProperty(name)
})
