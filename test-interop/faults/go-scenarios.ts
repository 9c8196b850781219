// What franz-go 1.22 does when things go wrong.

import { expect } from 'vitest'
import { runGo } from './clients.ts'
import { type Scenario, type Stage, TOPIC } from './scenario.ts'

const produce = ({ bootstrap }: Stage, count: number) => runGo('produce', { bootstrap, topic: TOPIC, count })
const consume = ({ bootstrap }: Stage, count: number) => runGo('consume', { bootstrap, topic: TOPIC, count })

export const goScenarios: readonly Scenario[] = [
  {
    client: 'franz-go',
    fault: 'the connection is lost after the write',
    rules: [{ api: 'Produce', nth: 1, effect: { drop: true, when: 'after' } }],
    does: 'sends the same sequence again; it is idempotent unless told otherwise, and the record is there once',
    story: ['Produce'],
    async play(stage) {
      stage.disturb()
      expect(await produce(stage, 1)).toEqual(['sent 0'])
      expect(await stage.stored()).toEqual(['record 0'])
    },
  },
  {
    client: 'franz-go',
    fault: 'the leader has moved',
    rules: [{ api: 'Produce', topic: TOPIC, partition: 0, nth: 1, effect: 'NOT_LEADER_OR_FOLLOWER' }],
    does: 'asks for metadata and sends again',
    story: ['Produce'],
    async play(stage) {
      stage.disturb()
      expect(await produce(stage, 2)).toEqual(['sent 0', 'sent 1'])
      expect(await stage.stored()).toEqual(['record 0', 'record 1'])
      const [failed, again] = stage.klamm.trace.exchanges('Produce')
      const between = stage.klamm.trace
        .exchanges('Metadata')
        .filter(each => each.number > failed!.number && each.number < again!.number)
      expect(between.length).toBeGreaterThan(0)
    },
  },
  {
    client: 'franz-go',
    fault: 'the fetch session is gone',
    rules: [{ api: 'Fetch', nth: 2, effect: 'FETCH_SESSION_ID_NOT_FOUND' }],
    does: 'opens another session; nothing is missed or read twice',
    story: ['Fetch'],
    async play(stage) {
      await stage.klamm.produce(TOPIC, { value: 'one', partition: 0 })
      stage.disturb()
      setTimeout(() => void stage.klamm.produce(TOPIC, { value: 'two', partition: 0 }), 700)
      const said = await consume(stage, 2)
      expect(said.filter(line => line.startsWith('record'))).toEqual(['record 0 one', 'record 1 two'])
    },
  },
  {
    client: 'franz-go',
    fault: 'a heartbeat is told of a rebalance',
    rules: [{ api: 'Heartbeat', nth: 1, effect: 'REBALANCE_IN_PROGRESS' }],
    does: 'joins again and gets its partitions back',
    story: ['JoinGroup', 'Heartbeat!'],
    async play(stage) {
      await stage.klamm.produce(TOPIC, { value: 'one', partition: 0 })
      stage.disturb()
      const said = await consume(stage, 1)
      expect(said).toContain('record 0 one')
      expect(stage.klamm.trace.exchanges('JoinGroup').length).toBeGreaterThanOrEqual(2)
    },
  },
]
