/** Transactions at the wire: the conversations that Apache Kafka 4.3 was recorded in, held with Klamm. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Entry } from '../conformance/talk.ts'
import { CONVERSATIONS, hold } from '../conformance/transactions/conversations.ts'
import { prepareTransactions } from '../conformance/transactions/record.ts'
import { SETTING } from '../conformance/transactions/transaction-talk.ts'
import { SimulatedBroker } from './testing/simulated-broker.ts'

const file = new URL('../transactions/fixtures/kafka-4.3.json.gz', import.meta.url)
const expected: Record<string, readonly Entry[]> = JSON.parse(gunzipSync(readFileSync(file)).toString())

describe('as Apache Kafka answers', () => {
  let simulated: SimulatedBroker

  beforeAll(async () => {
    simulated = await SimulatedBroker.start(SETTING)
    await prepareTransactions(simulated.side)
  })
  afterAll(() => simulated.close())

  test.each(CONVERSATIONS)('$name', async conversation => {
    const held = await hold(conversation, simulated.side)
    expect(JSON.parse(JSON.stringify(held))).toEqual(expected[conversation.name])
  })
})
