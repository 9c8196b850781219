// kafka-consumer-groups but for its resets, and kafka-groups.

import { expect } from 'vitest'
import { createTopic, reader } from '../kafkajs/clients.ts'
import type { Suite } from '../suite.ts'
import { committedGroup, filledTopic, groups, lines, rows } from './run.ts'

export function groupToolCases(suite: Suite): void {
  listCases(suite)
  describeCases(suite)
  deleteCases(suite)
}

function listCases(suite: Suite): void {
  suite.case('kafka-consumer-groups --list shows groups, their states and their types', async run => {
    const topic = await filledTopic(run)
    const empty = await committedGroup(run, topic, [5, 5], 'empty')
    await reader(run, [topic], { groupId: run.name('stable') })
    const mine = (all: string[]) => all.filter(each => each.startsWith(run.name('')))
    expect(mine(await groups(run, '--list'))).toEqual([empty, run.name('stable')])
    expect(mine(await groups(run, '--list --state'))).toEqual([
      `${empty} Empty`,
      `${run.name('stable')} Stable`,
    ])
    expect(mine(await groups(run, '--list --state stable'))).toEqual([`${run.name('stable')} Stable`])
    expect(mine(await groups(run, '--list --type classic'))).toHaveLength(2)
    expect(mine(await groups(run, '--list --type consumer'))).toEqual([])
  })

  suite.case('kafka-groups --list shows type and protocol', async run => {
    const group = await committedGroup(run, await filledTopic(run), [5, 5])
    await reader(run, [run.name()], { groupId: run.name('stable') })
    const all = await rows(run, 'kafka-groups', '--list')
    expect(all).toContain(`${run.name('stable')} Classic consumer`)
    expect(all.find(each => each.startsWith(group))).toMatch(/ Classic/)
    const consumers = await rows(run, 'kafka-groups', '--list --consumer')
    expect(consumers).toContain(`${run.name('stable')} Classic consumer`)
  })
}

function describeCases(suite: Suite): void {
  suite.case('--describe shows offsets and lag of an empty group', async run => {
    const topic = await filledTopic(run)
    const group = await committedGroup(run, topic, [3, 10])
    expect(await groups(run, `--describe --group ${group}`)).toEqual([
      `${group} ${topic} 0 3 10 7 - - -`,
      `${group} ${topic} 1 10 10 0 - - -`,
    ])
  })

  suite.case('--describe shows who owns each partition of a live group', async run => {
    const topic = await filledTopic(run)
    const member = await reader(run, [topic], { clientId: 'describing' })
    const received = await member.until(18)
    await member.consumer.commitOffsets([
      { topic, partition: 0, offset: '6' },
      { topic, partition: 1, offset: '10' },
    ])
    expect(received).toHaveLength(18)
    const owner = `${member.joins[0]!.memberId} /127.0.0.1 describing`
    expect(await groups(run, `--describe --group ${run.name('group')}`)).toEqual([
      `${run.name('group')} ${topic} 0 6 10 4 ${owner}`,
      `${run.name('group')} ${topic} 1 10 10 0 ${owner}`,
    ])
  })

  suite.case('--describe --members --verbose shows assignments', async run => {
    const topic = await createTopic(run, { partitions: 3 })
    const member = await reader(run, [topic], { clientId: 'describing' })
    const [row] = await groups(run, `--describe --group ${run.name('group')} --members --verbose`)
    expect(row).toBe(
      `${run.name('group')} ${member.joins[0]!.memberId} /127.0.0.1 describing 3 - ${topic}:0,1,2 - -`,
    )
  })

  suite.case('--describe --state shows coordinator, strategy, state and members', async run => {
    await reader(run, [await createTopic(run)])
    const group = run.name('group')
    expect(await groups(run, `--describe --group ${group} --state`)).toEqual([
      `${group} ${run.bootstrap} (1) RoundRobinAssigner Stable 1`,
    ])
  })

  suite.case('--describe of a group that does not exist says so', async run => {
    expect(await groups(run, `--describe --group ${run.name('nobody')}`)).toEqual([
      `Error: Executing consumer group command failed due to org.apache.kafka.common.errors.GroupIdNotFoundException: Group ${run.name('nobody')} not found.`,
    ])
  })
}

function deleteCases(suite: Suite): void {
  suite.case('--delete deletes an empty group, once', async run => {
    const group = await committedGroup(run, await filledTopic(run), [3, 10])
    expect(await groups(run, `--delete --group ${group}`)).toEqual([
      `Deletion of requested consumer groups ('${group}') was successful.`,
    ])
    expect(await groups(run, `--delete --group ${group}`)).toEqual([
      `* Group '${group}' could not be deleted due to: org.apache.kafka.common.errors.GroupIdNotFoundException: The group id does not exist.`,
      'Error: Deletion of some consumer groups failed:',
    ])
  })

  suite.case('--delete leaves a group with members alone', async run => {
    await reader(run, [await createTopic(run)])
    expect(await groups(run, `--delete --group ${run.name('group')}`)).toContain(
      `* Group '${run.name('group')}' could not be deleted due to: org.apache.kafka.common.errors.GroupNotEmptyException: The group is not empty.`,
    )
    expect(await groups(run, '--list')).toContain(run.name('group'))
  })

  suite.case('--delete-offsets forgets partitions, and shows the outcome of each', async run => {
    const topic = await filledTopic(run)
    const group = await committedGroup(run, topic, [3, 10])
    expect(
      await lines(run, 'kafka-consumer-groups', `--delete-offsets --group ${group} --topic ${topic}:1`),
    ).toEqual([
      `Request succeeded for deleting offsets from group ${group}.`,
      'TOPIC           PARTITION  STATUS         ',
      expect.stringMatching(new RegExp(`^${topic} +1 +Successful +$`)),
    ])
    expect(await groups(run, `--describe --group ${group}`)).toEqual([`${group} ${topic} 0 3 10 7 - - -`])
  })

  suite.case('--delete-offsets is refused for a topic that the group subscribes to', async run => {
    const topic = await createTopic(run)
    await reader(run, [topic])
    const refused = await groups(run, `--delete-offsets --group ${run.name('group')} --topic ${topic}`)
    expect(refused).toEqual([
      'Error: Encountered some partition-level error, see the follow-up details.',
      `${topic} 0 Error: org.apache.kafka.common.errors.GroupSubscribedToTopicException: Deleting offsets of a topic is forbidden while the consumer group is actively subscribed to it.`,
    ])
  })
}
