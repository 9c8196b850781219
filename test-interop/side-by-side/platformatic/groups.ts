import assert from 'node:assert/strict'
import { type Cases, eventually, numbered, refused, shared, values } from './cases.ts'

export function groupCases(cases: Cases): void {
  sharingCases(cases)
  membershipCases(cases)
}

function sharingCases(cases: Cases): void {
  cases.add('two members share four partitions, and all records come', async run => {
    const topic = await run.topic(4)
    const one = await run.reader([topic])
    const two = await run.reader([topic])
    await shared([one, two], [2, 2])
    for (let partition = 0; partition < 4; partition += 1)
      await run.send(topic, numbered(5, partition * 5, partition))
    // The client may join once more after its assignment shows, and then reads again what nobody committed.
    const read = () => new Set([...one.values, ...two.values])
    await eventually('all', () => read().size === 20 || undefined)
    assert.deepEqual(read(), new Set(values(20)))
    await shared([one, two], [2, 2])
  })

  cases.add('two groups read the same records', async run => {
    const topic = await run.topic()
    await run.send(topic, numbered(10))
    for (const group of ['a', 'b']) {
      const reader = await run.reader([topic], { groupId: run.name(group) })
      await reader.until(10)
      assert.deepEqual(reader.values, values(10))
    }
  })

  cases.add('what a leaving member owned is taken over at once', async run => {
    const topic = await run.topic(4)
    const long = { sessionTimeout: 60_000, rebalanceTimeout: 60_000 }
    const stays = await run.reader([topic], long)
    const leaves = await run.reader([topic], long)
    await shared([stays, leaves], [2, 2])
    await leaves.leave()
    await shared([stays], [4])
  })

  cases.add('one member reads several topics', async run => {
    const topics = [await run.topic(1, { name: run.name('a') }), await run.topic(2, { name: run.name('b') })]
    for (const topic of topics) await run.send(topic, numbered(3))
    const reader = await run.reader(topics)
    await reader.until(6)
    assert.deepEqual([...new Set(reader.received.map(each => each.topic))].sort(), topics)
    assert.equal(reader.assigned.length, 3)
  })
}

function membershipCases(cases: Cases): void {
  cases.add('joining and leaving a group is told by events', async run => {
    const topic = await run.topic()
    const consumer = run.consumer()
    const told: string[] = []
    consumer.on('consumer:group:join', ({ groupId, isLeader }) => told.push(`join ${groupId} ${isLeader}`))
    consumer.on('consumer:group:leave', ({ groupId }) => told.push(`leave ${groupId}`))
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest' })
    await eventually('the first event', () => told.length === 1 || undefined)
    await stream.close()
    await consumer.leaveGroup()
    assert.deepEqual(told, [`join ${run.group} true`, `leave ${run.group}`])
  })

  cases.add('a member knows its id and its generation', async run => {
    const topic = await run.topic()
    const reader = await run.reader([topic])
    await shared([reader], [1])
    assert.equal(reader.consumer.generationId, 1)
    const groups = await run.admin.describeGroups({ groups: [run.group] })
    const group = groups.get(run.group)!
    assert.deepEqual([group.state, group.protocolType, group.protocol], ['Stable', 'consumer', 'roundrobin'])
    assert.deepEqual([...group.members.keys()], [reader.consumer.memberId])
    const member = group.members.get(reader.consumer.memberId!)!
    assert.deepEqual([member.clientId, member.clientHost], ['interop', '/127.0.0.1'])
    assert.deepEqual(member.assignments?.get(topic)?.partitions, [0])
  })

  cases.add('a static member shows its instance id', async run => {
    const topic = await run.topic()
    const reader = await run.reader([topic], { groupInstanceId: 'inst' })
    await shared([reader], [1])
    const groups = await run.admin.describeGroups({ groups: [run.group] })
    assert.deepEqual(
      [...groups.get(run.group)!.members.values()].map(each => each.groupInstanceId),
      ['inst'],
    )
  })

  cases.add('a session timeout out of range is refused', async run => {
    const topic = await run.topic()
    const consumer = run.consumer({ sessionTimeout: 900, rebalanceTimeout: 5_000 })
    await refused('INVALID_SESSION_TIMEOUT', () => consumer.consume({ topics: [topic] }))
  })

  cases.add('an admin removes a member', async run => {
    const topic = await run.topic()
    const reader = await run.reader([topic])
    await shared([reader], [1])
    await run.admin.removeMembersFromConsumerGroup({
      groupId: run.group,
      members: [{ memberId: reader.consumer.memberId! }],
    })
    const groups = await run.admin.describeGroups({ groups: [run.group] })
    assert.ok(!groups.get(run.group)?.members.has(reader.consumer.memberId ?? ''))
  })
}
