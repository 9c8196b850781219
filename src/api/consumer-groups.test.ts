/** Consumer groups at the wire: the conversations that Apache Kafka 4.3 was recorded in, held with Klamm. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CONSUMER_CONVERSATIONS } from '../conformance/groups/consumer-conversations.ts'
import { CONSUMER_SETTINGS, type ConsumerSetting } from '../conformance/groups/consumer-talk.ts'
import { hold } from '../conformance/groups/conversations.ts'
import { prepareGroups } from '../conformance/groups/record.ts'
import type { Entry } from '../conformance/talk.ts'
import { SimulatedBroker } from './testing/simulated-broker.ts'

const file = new URL('../groups/fixtures/kafka-4.3-consumer-groups.json.gz', import.meta.url)
const recorded = JSON.parse(gunzipSync(readFileSync(file)).toString()) as Record<
  ConsumerSetting,
  Record<string, readonly Entry[]>
>

describe.each(Object.keys(CONSUMER_SETTINGS) as ConsumerSetting[])(
  'as Apache Kafka answers, setting %s',
  setting => {
    let simulated: SimulatedBroker

    beforeAll(async () => {
      simulated = await SimulatedBroker.start(CONSUMER_SETTINGS[setting])
      await prepareGroups(simulated.side)
    })
    afterAll(() => simulated.close())

    const conversations = CONSUMER_CONVERSATIONS.filter(each => each.setting === setting)
    test.each(conversations)('$name', async conversation => {
      const held = await hold(conversation, simulated.side)
      expect(JSON.parse(JSON.stringify(held))).toEqual(recorded[setting][conversation.name])
    })
  },
)
