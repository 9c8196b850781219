// What brokers refuse, with the error that kafkajs makes of it.

import kafkajs, { type ITopicConfig } from 'kafkajs'
import { expect } from 'vitest'
import type { Suite } from '../suite.ts'
import { adminOf, createTopic, deleteRecords, kafka, reader } from './clients.ts'

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ConfigResourceTypes, ResourcePatternTypes } =
  kafkajs

export function refusalCases(suite: Suite): void {
  topicRefusals(suite)
  changeRefusals(suite)
  produceRefusals(suite)
  aclRefusals(suite)
}

function topicRefusals(suite: Suite): void {
  const refused: { what: string; topic: Omit<ITopicConfig, 'topic'>; name?: string; type: string }[] = [
    { what: 'an invalid name', topic: {}, name: 'in/valid', type: 'INVALID_TOPIC_EXCEPTION' },
    { what: 'a name of 250 characters', topic: {}, name: 'x'.repeat(250), type: 'INVALID_TOPIC_EXCEPTION' },
    { what: 'no partitions', topic: { numPartitions: 0 }, type: 'INVALID_PARTITIONS' },
    {
      what: 'more replicas than brokers',
      topic: { replicationFactor: 2 },
      type: 'INVALID_REPLICATION_FACTOR',
    },
    {
      what: 'a configuration that does not exist',
      topic: { configEntries: [{ name: 'no.such.thing', value: '1' }] },
      type: 'INVALID_CONFIG',
    },
    {
      what: 'an assignment to an unknown broker',
      topic: { replicaAssignment: [{ partition: 0, replicas: [9] }] },
      type: 'INVALID_REPLICA_ASSIGNMENT',
    },
  ]
  for (const { what, topic, name, type } of refused) {
    suite.case(`is refused a topic with ${what}`, async run => {
      const admin = await adminOf(run, 0)
      const creating = admin.createTopics({ topics: [{ topic: name ?? run.name(), ...topic }] })
      await expect(creating).rejects.toMatchObject({ errors: [expect.objectContaining({ type })] })
    })
  }
}

function changeRefusals(suite: Suite): void {
  suite.case('is refused fewer partitions', async run => {
    const topic = await createTopic(run, { partitions: 3 })
    const admin = await adminOf(run, 0)
    const shrinking = admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] })
    await expect(shrinking).rejects.toMatchObject({ type: 'INVALID_PARTITIONS' })
  })

  suite.case('is refused a bad value, and the old one stays', async run => {
    const topic = await createTopic(run)
    const admin = await adminOf(run, 0)
    const resource = { type: ConfigResourceTypes.TOPIC, name: topic }
    const configEntries = [{ name: 'cleanup.policy', value: 'burn' }]
    const altering = admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries }] })
    await expect(altering).rejects.toMatchObject({ type: 'INVALID_CONFIG' })
    const resources = [{ ...resource, configNames: ['cleanup.policy'] }]
    const described = await admin.describeConfigs({ includeSynonyms: false, resources })
    expect(described.resources[0]?.configEntries[0]?.configValue).toBe('delete')
  })

  suite.case('cannot delete records beyond the end', async run => {
    const topic = await createTopic(run)
    const admin = await adminOf(run, 0)
    const deleting = deleteRecords(admin, topic, '5')
    await expect(deleting).rejects.toMatchObject({
      cause: { partitions: [{ partition: 0, offset: '5', error: { type: 'OFFSET_OUT_OF_RANGE' } }] },
    })
  })

  suite.case('metadata of a topic that does not exist is an error', async run => {
    const admin = await adminOf(run, 0)
    const fetching = admin.fetchTopicMetadata({ topics: [run.name('nothing')] })
    await expect(fetching).rejects.toMatchObject({ type: 'UNKNOWN_TOPIC_OR_PARTITION' })
    expect(await admin.listTopics()).not.toContain(run.name('nothing'))
  })

  suite.case('a commit of a generation that is over is refused', async run => {
    const topic = await createTopic(run, { partitions: 2 })
    const member = await reader(run, [topic])
    await member.consumer.stop()
    const committing = member.consumer.commitOffsets([{ topic, partition: 0, offset: '1' }])
    await expect(committing).rejects.toThrow()
  })
}

function produceRefusals(suite: Suite): void {
  suite.case('producing to a missing topic fails where creation is off', async run => {
    const producer = kafka(run, 'interop', 0).producer({ allowAutoTopicCreation: false })
    await producer.connect()
    run.after(() => producer.disconnect())
    const sending = producer.send({ topic: run.name('nothing'), messages: [{ value: 'x' }] })
    await expect(sending).rejects.toMatchObject({ cause: { type: 'UNKNOWN_TOPIC_OR_PARTITION' } })
    const admin = await adminOf(run)
    expect(await admin.listTopics()).not.toContain(run.name('nothing'))
  })

  suite.case('a compacted topic refuses a record without a key', async run => {
    const topic = await createTopic(run, { config: { 'cleanup.policy': 'compact' } })
    const producer = kafka(run, 'interop', 0).producer()
    await producer.connect()
    run.after(() => producer.disconnect())
    const sending = producer.send({ topic, messages: [{ key: 'k', value: 'fine' }, { value: 'without' }] })
    // The error has a code that kafkajs does not know by name.
    await expect(sending).rejects.toMatchObject({ code: 87 })
    const [result] = await producer.send({ topic, messages: [{ key: 'k', value: 'fine' }] })
    expect(result?.baseOffset).toBe('0')
  })

  suite.case('min.insync.replicas never asks for more replicas than there are', async run => {
    const topic = await createTopic(run, { config: { 'min.insync.replicas': '2' } })
    const producer = kafka(run, 'interop', 0).producer()
    await producer.connect()
    run.after(() => producer.disconnect())
    const [result] = await producer.send({ topic, acks: -1, messages: [{ value: 'x' }] })
    expect(result).toMatchObject({ errorCode: 0, baseOffset: '0' })
  })
}

function aclRefusals(suite: Suite): void {
  const acl = {
    resourceType: AclResourceTypes.TOPIC,
    resourceName: 'any',
    resourcePatternType: ResourcePatternTypes.LITERAL,
    principal: 'User:somebody',
    host: '*',
    operation: AclOperationTypes.READ,
    permissionType: AclPermissionTypes.ALLOW,
  }

  suite.case('access lists are off without an authorizer', async run => {
    const admin = await adminOf(run, 0)
    await expect(admin.describeAcls(acl)).rejects.toMatchObject({ type: 'SECURITY_DISABLED' })
    await expect(admin.createAcls({ acl: [acl] })).rejects.toMatchObject({ type: 'SECURITY_DISABLED' })
    await expect(admin.deleteAcls({ filters: [acl] })).rejects.toMatchObject({ type: 'SECURITY_DISABLED' })
  })
}
