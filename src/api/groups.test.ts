/** Groups at the wire: the conversations that Apache Kafka 4.3 was recorded in, held with Klamm. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CONVERSATIONS, hold } from '../conformance/groups/conversations.ts'
import { SETTINGS, type Setting } from '../conformance/groups/group-talk.ts'
import { prepareGroups } from '../conformance/groups/record.ts'
import type { Entry } from '../conformance/talk.ts'
import { SimulatedBroker } from './testing/simulated-broker.ts'

function recorded(setting: Setting): Record<string, readonly Entry[]> {
  const file = new URL(`../groups/fixtures/kafka-4.3-${setting}.json.gz`, import.meta.url)
  return JSON.parse(gunzipSync(readFileSync(file)).toString())
}

describe.each(['plain', 'crowded'] as const)('as Apache Kafka answers, setting %s', setting => {
  const expected = recorded(setting)
  let simulated: SimulatedBroker

  beforeAll(async () => {
    simulated = await SimulatedBroker.start(SETTINGS[setting])
    await prepareGroups(simulated.side)
  })
  afterAll(() => simulated.close())

  const conversations = CONVERSATIONS.filter(each => each.setting === setting)
  test.each(conversations)('$name', async conversation => {
    const held = await hold(conversation, simulated.side)
    expect(JSON.parse(JSON.stringify(held))).toEqual(expected[conversation.name])
  })
})
