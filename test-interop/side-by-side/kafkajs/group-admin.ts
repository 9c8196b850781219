// Groups and their offsets, with the admin client of kafkajs.

import { expect } from 'vitest'
import type { Run, Suite } from '../suite.ts'
import { adminOf, committed, createTopic, deleteRecords, numbered, reader, send } from './clients.ts'

/** A group that has read ten records of a topic and left. */
async function emptyGroup(run: Run): Promise<{ topic: string; groupId: string }> {
  const topic = await createTopic(run)
  await send(run, topic, numbered(10))
  const member = await reader(run, [topic])
  await member.until(10)
  await member.consumer.disconnect()
  return { topic, groupId: run.name('group') }
}

export function groupAdminCases(suite: Suite): void {
  listingCases(suite)
  deletingCases(suite)
  offsetCases(suite)
}

function listingCases(suite: Suite): void {
  suite.case('lists groups with their protocol type', async run => {
    const { groupId } = await emptyGroup(run)
    const admin = await adminOf(run)
    const { groups } = await admin.listGroups()
    expect(groups.find(each => each.groupId === groupId)).toEqual({ groupId, protocolType: 'consumer' })
  })

  suite.case('describes stable, empty and unknown groups', async run => {
    const { topic, groupId } = await emptyGroup(run)
    const stable = run.name('stable')
    await reader(run, [topic], { groupId: stable, clientId: 'described' })
    const admin = await adminOf(run)
    const { groups } = await admin.describeGroups([groupId, stable, run.name('nobody')])
    expect(groups.map(each => [each.groupId, each.state, each.members.length, each.protocolType])).toEqual([
      [groupId, 'Empty', 0, 'consumer'],
      [stable, 'Stable', 1, 'consumer'],
      [run.name('nobody'), 'Dead', 0, ''],
    ])
    expect(groups[1]?.members[0]).toMatchObject({ clientId: 'described', clientHost: '/127.0.0.1' })
  })
}

function deletingCases(suite: Suite): void {
  suite.case('deletes an empty group with its offsets', async run => {
    const { topic, groupId } = await emptyGroup(run)
    const admin = await adminOf(run)
    expect(await admin.deleteGroups([groupId])).toEqual([{ groupId, errorCode: 0 }])
    expect(await committed(run, groupId, topic)).toEqual([-1])
    const { groups } = await admin.listGroups()
    expect(groups.map(each => each.groupId)).not.toContain(groupId)
  })

  suite.case('does not delete a group that has members', async run => {
    const topic = await createTopic(run)
    await reader(run, [topic])
    const admin = await adminOf(run, 0)
    await expect(admin.deleteGroups([run.name('group')])).rejects.toMatchObject({
      groups: [{ groupId: run.name('group'), errorCode: 68, error: { type: 'NON_EMPTY_GROUP' } }],
    })
  })

  suite.case('cannot delete a group that does not exist', async run => {
    const admin = await adminOf(run, 0)
    await expect(admin.deleteGroups([run.name('nobody')])).rejects.toMatchObject({
      groups: [{ groupId: run.name('nobody'), errorCode: 69, error: { type: 'GROUP_ID_NOT_FOUND' } }],
    })
  })
}

function offsetCases(suite: Suite): void {
  suite.case('shows the offsets of a group, of one topic or of all', async run => {
    const { topic, groupId } = await emptyGroup(run)
    const admin = await adminOf(run)
    const wanted = [{ topic, partitions: [{ partition: 0, offset: '10', metadata: null }] }]
    expect(await admin.fetchOffsets({ groupId, topics: [topic] })).toEqual(wanted)
    expect(await admin.fetchOffsets({ groupId })).toEqual(wanted)
  })

  suite.case('a partition without a commit shows -1', async run => {
    const topic = await createTopic(run, { partitions: 3 })
    const admin = await adminOf(run)
    const groupId = run.name('group')
    await admin.setOffsets({ groupId, topic, partitions: [{ partition: 1, offset: '4' }] })
    expect(await committed(run, groupId, topic)).toEqual([-1, 4, -1])
  })

  suite.case('sets the offsets of an empty group, from which its next member reads', async run => {
    const { topic, groupId } = await emptyGroup(run)
    const admin = await adminOf(run)
    await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '7' }] })
    expect(await committed(run, groupId, topic)).toEqual([7])
    const member = await reader(run, [topic])
    await member.until(3)
    expect(member.values).toEqual(['v7', 'v8', 'v9'])
  })

  suite.case('creates a group by setting its offsets', async run => {
    const topic = await createTopic(run)
    const admin = await adminOf(run)
    const groupId = run.name('made')
    await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '0' }] })
    const { groups } = await admin.describeGroups([groupId])
    expect(groups[0]).toMatchObject({ state: 'Empty', members: [] })
  })

  for (const earliest of [true, false]) {
    suite.case(`resets the offsets of a group to the ${earliest ? 'earliest' : 'latest'}`, async run => {
      const topic = await createTopic(run)
      await send(run, topic, numbered(6))
      const admin = await adminOf(run)
      const groupId = run.name('group')
      await deleteRecords(admin, topic, '2')
      await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '4' }] })
      await admin.resetOffsets({ groupId, topic, earliest })
      const [{ partitions } = { partitions: [] }] = await admin.fetchOffsets({
        groupId,
        topics: [topic],
        resolveOffsets: true,
      })
      expect(partitions).toMatchObject([{ partition: 0, offset: earliest ? '2' : '6' }])
    })
  }

  suite.case('refuses to set the offsets of a group with members', async run => {
    const topic = await createTopic(run)
    await reader(run, [topic])
    const admin = await adminOf(run, 0)
    const groupId = run.name('group')
    const setting = admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '1' }] })
    await expect(setting).rejects.toThrow(
      'The consumer group must have no running instances, current state: Stable',
    )
  })
}
