import assert from 'node:assert/strict'
import {
  ConfigResourceTypes,
  FindCoordinatorKeyTypes,
  IncrementalAlterConfigOperationTypes,
  ListOffsetTimestamps,
} from '@platformatic/kafka'
import { bytes, type Cases, eventually, numbered, type Run, refused, shared, values } from './cases.ts'

export function adminCases(cases: Cases): void {
  topicCases(cases)
  offsetCases(cases)
  configCases(cases)
  groupCases(cases)
}

function topicCases(cases: Cases): void {
  cases.add('createTopics answers with id, partitions, replicas and configuration', async run => {
    const topic = run.name()
    const configs = [{ name: 'retention.ms', value: '5000' }]
    const [created] = await run.admin.createTopics({ topics: [topic], partitions: 3, replicas: 1, configs })
    assert.deepEqual([created?.name, created?.partitions, created?.replicas], [topic, 3, 1])
    assert.equal(created?.configuration['retention.ms'], '5000')
    assert.match(created!.id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    await eventually('the topic', async () => (await run.admin.listTopics()).includes(topic) || undefined)
  })

  cases.add('createTopics refuses what exists, what is invalid, and too many replicas', async run => {
    const topic = await run.topic()
    const create =
      (name: string, replicas = 1) =>
      () =>
        run.admin.createTopics({ topics: [name], partitions: 1, replicas })
    await refused('TOPIC_ALREADY_EXISTS', create(topic))
    await refused('INVALID_TOPIC_EXCEPTION', create('in/valid'))
    await refused('INVALID_REPLICATION_FACTOR', create(run.name('other'), 2))
  })

  cases.add('deletes a topic, which is then unknown', async run => {
    const topic = await run.topic()
    await run.admin.deleteTopics({ topics: [topic] })
    await refused('UNKNOWN_TOPIC_OR_PARTITION', () => run.admin.deleteTopics({ topics: [topic] }))
  })

  cases.add('adds partitions, and is refused fewer', async run => {
    const topic = await run.topic()
    const grow = (count: number, added: number) => {
      const assignments = Array.from({ length: added }, () => ({ brokerIds: [1] }))
      return run.admin.createPartitions({ topics: [{ name: topic, count, assignments }] })
    }
    await grow(3, 2)
    await eventually('three partitions', () => run.ends(topic, 3).catch(() => undefined))
    await refused('INVALID_PARTITIONS', () => grow(2, 0))
  })

  cases.add('metadata shows brokers, leaders and replicas', async run => {
    const topic = await run.topic(2)
    const metadata = await run.admin.metadata({ topics: [topic] })
    assert.match(metadata.id, /^[A-Za-z0-9_-]{22}$/)
    const { host, port } = metadata.brokers.get(1)!
    assert.equal(`${host}:${port}`, run.bootstrap)
    const { partitions } = metadata.topics.get(topic)!
    assert.deepEqual(
      partitions.map(each => [each.leader, each.replicas, each.isr]),
      [
        [1, [1], [1]],
        [1, [1], [1]],
      ],
    )
  })
}

function offsetCases(cases: Cases): void {
  cases.add('listOffsets finds earliest, latest, by time and the largest time', async run => {
    const topic = await run.topic()
    for (const timestamp of [100n, 300n, 200n]) await run.send(topic, [{ value: bytes('x')!, timestamp }])
    const { EARLIEST, LATEST, MAX } = ListOffsetTimestamps
    const found: bigint[] = []
    for (const asked of [EARLIEST, LATEST, MAX, 0n, 150n, 301n])
      found.push(...(await run.offsets(topic, 1, asked)))
    assert.deepEqual(found, [0n, 3n, 1n, 0n, 1n, -1n])
  })

  cases.add('deletes records, and not beyond the end', async run => {
    const topic = await run.topic()
    await run.send(topic, numbered(10))
    const before = (offset: bigint) =>
      run.admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset }] }] })
    const [deleted] = await before(4n)
    assert.deepEqual(deleted?.partitions, [{ partition: 0, lowWatermark: 4n }])
    const reader = await run.reader([topic])
    await reader.until(6)
    assert.deepEqual(reader.values, values(6, 4))
    await refused('OFFSET_OUT_OF_RANGE', () => before(40n))
  })

  cases.add('log directories show the size of a partition', async run => {
    const topic = await run.topic()
    await run.send(topic, [{ value: Buffer.alloc(50_000) }])
    const [broker] = await run.admin.describeLogDirs({ topics: [{ name: topic, partitions: [0] }] })
    const size = broker?.results[0]?.topics[0]?.partitions[0]?.partitionSize
    assert.ok(size! > 50_000n && size! < 51_000n, String(size))
  })
}

function configCases(cases: Cases): void {
  const value = async (run: Run, topic: string, name: string) => {
    const resources = [
      { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: [name] },
    ]
    const [described] = await run.admin.describeConfigs({ resources, includeSynonyms: true })
    return described?.configs[0]?.value
  }
  const alter = (run: Run, topic: string, configOperation: 0 | 1 | 2 | 3, name: string, value: string) =>
    run.admin.incrementalAlterConfigs({
      resources: [
        {
          resourceType: ConfigResourceTypes.TOPIC,
          resourceName: topic,
          configs: [{ name, configOperation, value }],
        },
      ],
    })
  const { SET, APPEND, DELETE } = IncrementalAlterConfigOperationTypes

  cases.add('sets, appends and deletes entries of a configuration', async run => {
    const topic = await run.topic(1, { config: { 'segment.bytes': '2097152' } })
    assert.equal(await value(run, topic, 'segment.bytes'), '2097152')
    await alter(run, topic, SET, 'retention.ms', '7000')
    await eventually('7000', async () => (await value(run, topic, 'retention.ms')) === '7000' || undefined)
    await alter(run, topic, APPEND, 'cleanup.policy', 'compact')
    await eventually(
      'both',
      async () => (await value(run, topic, 'cleanup.policy')) === 'delete,compact' || undefined,
    )
    await alter(run, topic, DELETE, 'retention.ms', '')
    await eventually(
      'the default',
      async () => (await value(run, topic, 'retention.ms')) === '-1' || undefined,
    )
  })

  cases.add('is refused a bad value', async run => {
    const topic = await run.topic()
    await refused('INVALID_CONFIG', () => alter(run, topic, SET, 'retention.ms', 'soon'))
  })
}

function groupCases(cases: Cases): void {
  const offsets = (topic: string, offset: bigint) => [
    { name: topic, partitionOffsets: [{ partition: 0, offset }] },
  ]

  cases.add('lists groups by state', async run => {
    const topic = await run.topic()
    await run.admin.alterConsumerGroupOffsets({ groupId: run.name('empty'), topics: offsets(topic, 1n) })
    const reader = await run.reader([topic])
    await shared([reader], [1])
    const listed = async (state: 'Empty' | 'Stable') => {
      const groups = await run.admin.listGroups({ states: [state] })
      return [...groups.keys()].filter(each => each.startsWith(run.name('')))
    }
    assert.deepEqual(await listed('Empty'), [run.name('empty')])
    assert.deepEqual(await listed('Stable'), [run.group])
  })

  cases.add('alters the offsets of a group, from which its next member reads', async run => {
    const topic = await run.topic()
    await run.send(topic, numbered(10))
    await run.admin.alterConsumerGroupOffsets({ groupId: run.group, topics: offsets(topic, 8n) })
    const reader = await run.reader([topic])
    await reader.until(2)
    assert.deepEqual(reader.values, values(2, 8))
    await refused('UNKNOWN_MEMBER_ID', () =>
      run.admin.alterConsumerGroupOffsets({ groupId: run.group, topics: offsets(topic, 0n) }),
    )
  })

  cases.add('deletes offsets of a group', async run => {
    const topic = await run.topic()
    await run.admin.alterConsumerGroupOffsets({ groupId: run.group, topics: offsets(topic, 8n) })
    await run.admin.deleteConsumerGroupOffsets({
      groupId: run.group,
      topics: [{ name: topic, partitionIndexes: [0] }],
    })
    const [group] = await run.admin.listConsumerGroupOffsets({ groups: [run.group] })
    assert.deepEqual(group?.topics, [])
  })

  cases.add('deletes a group without members, and not one with', async run => {
    const topic = await run.topic()
    await run.admin.alterConsumerGroupOffsets({ groupId: run.name('empty'), topics: offsets(topic, 1n) })
    await run.admin.deleteGroups({ groups: [run.name('empty')] })
    await refused('GROUP_ID_NOT_FOUND', () => run.admin.deleteGroups({ groups: [run.name('empty')] }))
    const reader = await run.reader([topic])
    await shared([reader], [1])
    await refused('NON_EMPTY_GROUP', () => run.admin.deleteGroups({ groups: [run.group] }))
  })

  cases.add('finds the coordinator of several groups', async run => {
    const keys = [run.name('a'), run.name('b')]
    const found = await run.admin.findCoordinator({ keyType: FindCoordinatorKeyTypes.GROUP, keys })
    assert.deepEqual(
      found.map(each => [each.key, each.nodeId, `${each.host}:${each.port}`]),
      keys.map(key => [key, 1, run.bootstrap]),
    )
  })
}
