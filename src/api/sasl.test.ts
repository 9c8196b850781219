import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CONVERSATIONS, type Heard } from '../conformance/security/conversations.ts'
import { recordSasl } from '../conformance/security/record.ts'
import { nodePlatform } from '../platform/node.ts'
import { WireBroker } from './testing/wire-broker.ts'

// Expectations are what Apache Kafka 4.3.1 answered to the same bytes.

const FIXTURE = join(import.meta.dirname, '../security/fixtures/kafka-4.3-sasl.json')
const MODULE = 'org.apache.kafka.common.security.plain.PlainLoginModule'
const PREFIX = 'listener.name.sasl_plaintext.'

const kafka: Record<string, Heard> = JSON.parse(readFileSync(FIXTURE, 'utf8'))
let broker: WireBroker
let klamm: Record<string, Heard>

beforeAll(async () => {
  broker = await WireBroker.start({
    listeners: 'SASL_PLAINTEXT://127.0.0.1:0',
    [`${PREFIX}plain.sasl.jaas.config`]: `${MODULE} required user_alice="secret" user_bob="builder";`,
    [`${PREFIX}plain.connections.max.reauth.ms`]: 60_000,
    [`${PREFIX}scram-sha-256.connections.max.reauth.ms`]: 1_500,
  })
  const { network, clock } = nodePlatform()
  klamm = await recordSasl({ network, clock, host: '127.0.0.1', port: broker.port })
}, 30_000)

afterAll(() => broker.close())

test.each(CONVERSATIONS.map(({ name }) => name))('%s', name => {
  expect(klamm[name]).toEqual(kafka[name])
})
