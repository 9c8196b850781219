// Topics, partitions, records, configurations and the cluster, with the admin client of kafkajs.

import kafkajs from 'kafkajs'
import { expect } from 'vitest'
import { eventually } from '../../harness/processes.ts'
import type { Suite } from '../suite.ts'
import { adminOf, createTopic, deleteRecords, memberOf, producerOf, send } from './clients.ts'
import { readAll } from './producing.ts'

const { ConfigResourceTypes } = kafkajs

export function adminCases(suite: Suite): void {
  topicCases(suite)
  placementCases(suite)
  offsetCases(suite)
  configCases(suite)
}

function topicCases(suite: Suite): void {
  suite.case('creates a topic, lists it, and is told that it is there', async run => {
    const admin = await adminOf(run)
    const topics = [{ topic: run.name(), numPartitions: 4, replicationFactor: 1 }]
    expect(await admin.createTopics({ topics })).toBe(true)
    expect(await admin.listTopics()).toContain(run.name())
    expect(await admin.createTopics({ topics })).toBe(false)
  })

  suite.case('validateOnly creates nothing', async run => {
    const admin = await adminOf(run)
    const topics = [{ topic: run.name() }]
    expect(await admin.createTopics({ topics, validateOnly: true, waitForLeaders: false })).toBe(true)
    expect(await admin.listTopics()).not.toContain(run.name())
  })

  suite.case('a topic without a number of partitions gets the default', async run => {
    const admin = await adminOf(run)
    await admin.createTopics({ topics: [{ topic: run.name(), numPartitions: -1, replicationFactor: -1 }] })
    const { topics } = await admin.fetchTopicMetadata({ topics: [run.name()] })
    expect(topics[0]?.partitions).toHaveLength(1)
  })

  suite.case('shows leader, replicas and in-sync replicas of each partition', async run => {
    const topic = await createTopic(run, { partitions: 3 })
    const admin = await adminOf(run)
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    expect(topics).toHaveLength(1)
    const partitions = topics[0]!.partitions.sort((a, b) => a.partitionId - b.partitionId)
    expect(partitions).toMatchObject(
      [0, 1, 2].map(partitionId => ({
        partitionErrorCode: 0,
        partitionId,
        leader: 1,
        replicas: [1],
        isr: [1],
      })),
    )
  })

  suite.case('deletes a topic, which is then unknown', async run => {
    const topic = await createTopic(run)
    const admin = await adminOf(run)
    await admin.deleteTopics({ topics: [topic] })
    await eventually('the deletion', async () => !(await admin.listTopics()).includes(topic) || undefined)
    const impatient = await adminOf(run, 0)
    await expect(impatient.deleteTopics({ topics: [topic] })).rejects.toMatchObject({
      cause: { type: 'UNKNOWN_TOPIC_OR_PARTITION' },
    })
  })

  suite.case('a topic created anew under an old name is empty', async run => {
    const topic = await createTopic(run)
    await send(run, topic, [{ value: 'old' }])
    const admin = await adminOf(run)
    await admin.deleteTopics({ topics: [topic] })
    await eventually('the deletion', async () => !(await admin.listTopics()).includes(topic) || undefined)
    await createTopic(run)
    expect(await admin.fetchTopicOffsets(topic)).toEqual([{ partition: 0, offset: '0', low: '0', high: '0' }])
    await send(run, topic, [{ value: 'new' }])
    const [received] = await readAll(run, topic, 1)
    expect(received).toMatchObject({ offset: '0', value: Buffer.from('new') })
  })

  suite.case('adds partitions, which can be written at once', async run => {
    const topic = await createTopic(run)
    const admin = await adminOf(run)
    await admin.createPartitions({ topicPartitions: [{ topic, count: 4 }] })
    await eventually('four partitions', async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      return topics[0]?.partitions.length === 4 || undefined
    })
    const results = await send(run, topic, [{ value: 'x', partition: 3 }])
    expect(results).toMatchObject([{ partition: 3, baseOffset: '0', errorCode: 0 }])
  })
}

function placementCases(suite: Suite): void {
  suite.case('creates a topic with the assignment that it is given', async run => {
    const admin = await adminOf(run)
    const replicaAssignment = [0, 1].map(partition => ({ partition, replicas: [1] }))
    const topics = [{ topic: run.name(), numPartitions: -1, replicationFactor: -1, replicaAssignment }]
    expect(await admin.createTopics({ topics })).toBe(true)
    const described = await admin.fetchTopicMetadata({ topics: [run.name()] })
    expect(described.topics[0]?.partitions.map(each => each.partitionId).sort()).toEqual([0, 1])
  })

  suite.case('describes the cluster', async run => {
    const admin = await adminOf(run)
    const cluster = await admin.describeCluster()
    expect(cluster.brokers).toEqual([{ nodeId: 1, host: '127.0.0.1', port: run.broker.port }])
    expect(cluster.controller).toBe(1)
    expect(cluster.clusterId).toMatch(/^[A-Za-z0-9_-]{22}$/)
  })

  suite.case('lists no reassignments, and takes one that changes nothing', async run => {
    const topic = await createTopic(run)
    const admin = await adminOf(run)
    const partitionAssignment = [{ partition: 0, replicas: [1] }]
    await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] })
    const listed = await admin.listPartitionReassignments({ topics: [{ topic, partitions: [0] }] })
    expect(listed).toEqual({ topics: [] })
  })
}

function offsetCases(suite: Suite): void {
  suite.case('shows the first and the next offset of every partition', async run => {
    const topic = await createTopic(run, { partitions: 2 })
    await send(
      run,
      topic,
      [0, 0, 0, 1].map(partition => ({ partition, value: 'x' })),
    )
    const admin = await adminOf(run)
    const offsets = await admin.fetchTopicOffsets(topic)
    expect(offsets.sort((a, b) => a.partition - b.partition)).toEqual([
      { partition: 0, offset: '3', low: '0', high: '3' },
      { partition: 1, offset: '1', low: '0', high: '1' },
    ])
  })

  suite.case('finds offsets by timestamp, within a batch and over batches', async run => {
    const topic = await createTopic(run)
    const producer = await producerOf(run)
    const at = (...times: number[]) => times.map(each => ({ value: 'x', timestamp: String(each) }))
    await producer.send({ topic, messages: at(100, 300, 200) })
    await producer.send({ topic, messages: at(400) })
    const admin = await adminOf(run)
    const found = async (timestamp: number) =>
      (await admin.fetchTopicOffsetsByTimestamp(topic, timestamp))[0]?.offset
    const asked = [0, 100, 101, 200, 300, 301, 400, 401]
    // Beyond the last timestamp kafkajs falls back to the end of the log.
    expect(await Promise.all(asked.map(found))).toEqual(['0', '0', '1', '1', '1', '3', '3', '4'])
  })

  suite.case('deletes records up to an offset, or all', async run => {
    const topic = await createTopic(run)
    await send(
      run,
      topic,
      [1, 2, 3, 4].map(each => ({ value: `v${each}` })),
    )
    const admin = await adminOf(run)
    await deleteRecords(admin, topic, '3')
    expect(await admin.fetchTopicOffsets(topic)).toEqual([{ partition: 0, offset: '4', low: '3', high: '4' }])
    expect(await readAll(run, topic, 1)).toMatchObject([{ offset: '3' }])
    await deleteRecords(admin, topic, '-1')
    expect(await admin.fetchTopicOffsets(topic)).toEqual([{ partition: 0, offset: '4', low: '4', high: '4' }])
  })

  suite.case('a consumer sees the log start offset after a deletion', async run => {
    const topic = await createTopic(run)
    await send(
      run,
      topic,
      [1, 2, 3].map(each => ({ value: `v${each}` })),
    )
    const admin = await adminOf(run)
    await deleteRecords(admin, topic, '2')
    const [result] = await send(run, topic, [{ value: 'v4' }])
    expect(result).toMatchObject({ baseOffset: '3', logStartOffset: '2' })
    const member = await memberOf(run)
    await member.consumer.subscribe({ topic, fromBeginning: true })
    await member.run()
    await member.until(2)
    expect(member.values).toEqual(['v3', 'v4'])
  })
}

function configCases(suite: Suite): void {
  suite.case('describes the configuration of a topic', async run => {
    const topic = await createTopic(run, {
      config: { 'retention.ms': '86400000', 'segment.bytes': '2097152' },
    })
    const admin = await adminOf(run)
    const { resources } = await admin.describeConfigs({
      includeSynonyms: true,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }],
    })
    const entries = new Map(resources[0]!.configEntries.map(each => [each.configName, each]))
    expect(entries.get('retention.ms')).toMatchObject({ configValue: '86400000', isDefault: false })
    expect(entries.get('segment.bytes')?.configSynonyms.map(each => each.configName)).toEqual([
      'segment.bytes',
      'log.segment.bytes',
    ])
    expect(entries.get('cleanup.policy')).toMatchObject({
      configValue: 'delete',
      readOnly: false,
      isSensitive: false,
    })
    expect([...entries.keys()].length).toBeGreaterThanOrEqual(30)
  })

  suite.case('describes only the entries that it asks for', async run => {
    const topic = await createTopic(run)
    const admin = await adminOf(run)
    const configNames = ['segment.bytes', 'max.message.bytes', 'no.such.name']
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames }],
    })
    const entries = resources[0]!.configEntries.map(each => [each.configName, each.configValue])
    expect(entries.sort()).toEqual([
      ['max.message.bytes', '1048588'],
      ['segment.bytes', '1073741824'],
    ])
  })

  suite.case('alters the configuration of a topic, the whole of it', async run => {
    const topic = await createTopic(run, { config: { 'retention.ms': '86400000' } })
    const admin = await adminOf(run)
    const resource = { type: ConfigResourceTypes.TOPIC, name: topic }
    const configEntries = [{ name: 'segment.bytes', value: '2097152' }]
    await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries }] })
    const value = async (name: string) => {
      const resources = [{ ...resource, configNames: [name] }]
      const described = await admin.describeConfigs({ includeSynonyms: false, resources })
      return described.resources[0]?.configEntries[0]?.configValue
    }
    await eventually('the new value', async () => (await value('segment.bytes')) === '2097152' || undefined)
    expect(await value('retention.ms')).toBe('-1')
  })

  suite.case('describes the configuration of the broker', async run => {
    const admin = await adminOf(run)
    const configNames = [
      'node.id',
      'group.min.session.timeout.ms',
      'group.initial.rebalance.delay.ms',
      'num.partitions',
    ]
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.BROKER, name: '1', configNames }],
    })
    const entries = resources[0]!.configEntries.map(each => [each.configName, each.configValue])
    expect(Object.fromEntries(entries)).toEqual({
      'node.id': '1',
      'group.min.session.timeout.ms': '1000',
      'group.initial.rebalance.delay.ms': '0',
      'num.partitions': '1',
    })
  })
}
