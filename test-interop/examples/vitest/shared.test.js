// One broker for the whole run, which the set-up of vitest.config.js starts: other tests use it too, so this one
// has a topic of its own.
import kafkajs from 'kafkajs'
import { expect, inject, test } from 'vitest'

test('all test files find the same broker', async () => {
  const { bootstrapServers, clusterId } = inject('klamm')
  expect(process.env.KLAMM_BOOTSTRAP_SERVERS).toBe(bootstrapServers)
  const kafka = new kafkajs.Kafka({ brokers: [bootstrapServers], logLevel: kafkajs.logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'shared-test' }] })
  expect(await admin.listTopics()).toContain('shared-test')
  expect((await admin.describeCluster()).clusterId).toBe(clusterId)
  await admin.disconnect()
})
