// kafka-consumer-groups and kafka-groups on groups of the consumer protocol (KIP-848).

import { expect } from 'vitest'
import { eventually } from '../../harness/processes.ts'
import { reader } from '../kafkajs/clients.ts'
import { type Config, type Reader, shared } from '../rdkafka/clients.ts'
import { modern } from '../rdkafka/modern.ts'
import type { Run, Suite } from '../suite.ts'
import { filledTopic, groups, rows } from './run.ts'

/** A stable group of one, and its member's id, which the client makes anew each time. */
async function stable(run: Run, topic: string, config: Config = {}): Promise<Reader> {
  const member = await modern(run, [topic], config)
  await shared([member], [2])
  return member
}

async function emptied(run: Run, topic: string): Promise<string> {
  const member = await stable(run, topic)
  member.consumer.commitSync([
    { topic, partition: 0, offset: 6 },
    { topic, partition: 1, offset: 10 },
  ])
  member.consumer.unsubscribe()
  const group = run.name('group')
  await eventually('an empty group', async () => {
    const [line] = await groups(run, `--describe --group ${group} --state`)
    return line?.includes(' Empty ') || undefined
  })
  return group
}

export function consumerGroupToolCases(suite: Suite): void {
  listCases(suite)
  describeCases(suite)
  changeCases(suite)
}

function listCases(suite: Suite): void {
  suite.case('--list tells consumer groups from classic ones', async run => {
    const topic = await filledTopic(run)
    await reader(run, [topic], { groupId: run.name('classic') })
    await stable(run, topic, { 'group.id': run.name('modern') })
    const mine = (all: string[]) => all.filter(each => each.startsWith(run.name('')))
    expect(mine(await groups(run, '--list --type consumer'))).toEqual([`${run.name('modern')} Consumer`])
    expect(mine(await groups(run, '--list --type classic'))).toEqual([`${run.name('classic')} Classic`])
    expect(mine(await groups(run, '--list --state stable --type consumer'))).toHaveLength(1)
    expect(mine(await groups(run, '--list --state assigning'))).toEqual([])
  })

  suite.case('kafka-groups --list shows consumer groups', async run => {
    await stable(run, await filledTopic(run))
    const group = run.name('group')
    expect(await rows(run, 'kafka-groups', '--list')).toContain(`${group} Consumer consumer`)
    expect(await rows(run, 'kafka-groups', '--list --consumer')).toContain(`${group} Consumer consumer`)
    expect(await rows(run, 'kafka-groups', '--list --group-type classic')).not.toContain(group)
  })
}

function describeCases(suite: Suite): void {
  suite.case('--describe shows who owns each partition of a consumer group', async run => {
    const topic = await filledTopic(run)
    const member = await stable(run, topic, { 'client.id': 'describing' })
    await member.until(18)
    member.consumer.commitSync([{ topic, partition: 0, offset: 6 }])
    const lines = await groups(run, `--describe --group ${run.name('group')}`)
    expect(lines.map(each => each.replace(/\S+ \/127/, 'ID /127'))).toEqual([
      `${run.name('group')} ${topic} 0 6 10 4 ID /127.0.0.1 describing`,
      `${run.name('group')} ${topic} 1 - 10 - ID /127.0.0.1 describing`,
    ])
  })

  suite.case('--describe --members --verbose shows epochs and targets of a consumer group', async run => {
    const topic = await filledTopic(run)
    await stable(run, topic, { 'client.id': 'describing' })
    const members = await groups(run, `--describe --group ${run.name('group')} --members --verbose`)
    expect(members.map(each => each.replace(/\S+ \/127/, 'ID /127'))).toEqual([
      `${run.name('group')} ID /127.0.0.1 describing 2 2 ${topic}:0,1 2 ${topic}:0,1`,
    ])
    const brief = await groups(run, `--describe --group ${run.name('group')} --members`)
    expect(brief.map(each => each.replace(/\S+ \/127/, 'ID /127'))).toEqual([
      `${run.name('group')} ID /127.0.0.1 describing 2`,
    ])
  })

  suite.case('--describe --state shows the assignor and the epochs of a consumer group', async run => {
    await stable(run, await filledTopic(run))
    const group = run.name('group')
    expect(await groups(run, `--describe --group ${group} --state`)).toEqual([
      `${group} ${run.bootstrap} (1) uniform Stable 1`,
    ])
    expect(await groups(run, `--describe --group ${group} --state --verbose`)).toEqual([
      `${group} ${run.bootstrap} (1) uniform Stable 2 2 1`,
    ])
  })

  suite.case('--describe shows an empty consumer group', async run => {
    const topic = await filledTopic(run)
    const group = await emptied(run, topic)
    expect(await groups(run, `--describe --group ${group}`)).toEqual([
      `${group} ${topic} 0 6 10 4 - - -`,
      `${group} ${topic} 1 10 10 0 - - -`,
    ])
    expect(await groups(run, `--describe --group ${group} --state`)).toEqual([
      `${group} ${run.bootstrap} (1) uniform Empty 0`,
    ])
  })
}

function changeCases(suite: Suite): void {
  suite.case('--delete deletes a consumer group when it is empty, and not before', async run => {
    const topic = await filledTopic(run)
    await stable(run, topic, { 'group.id': run.name('live') })
    expect(await groups(run, `--delete --group ${run.name('live')}`)).toContain(
      `* Group '${run.name('live')}' could not be deleted due to: org.apache.kafka.common.errors.GroupNotEmptyException: The group is not empty.`,
    )
    const group = await emptied(run, topic)
    expect(await groups(run, `--delete --group ${group}`)).toEqual([
      `Deletion of requested consumer groups ('${group}') was successful.`,
    ])
    expect(await groups(run, '--list')).not.toContain(group)
  })

  suite.case('--reset-offsets moves an empty consumer group, and not one with members', async run => {
    const topic = await filledTopic(run)
    await stable(run, topic, { 'group.id': run.name('live') })
    const reset = (group: string) =>
      groups(run, `--reset-offsets --group ${group} --topic ${topic} --to-offset 7 --execute`)
    expect((await reset(run.name('live'))).join('\n')).toContain('but the current state is Stable')
    const group = await emptied(run, topic)
    expect(await reset(group)).toEqual([`${group} ${topic} 0 7`, `${group} ${topic} 1 7`])
    expect(await groups(run, `--describe --group ${group}`)).toEqual([
      `${group} ${topic} 0 7 10 3 - - -`,
      `${group} ${topic} 1 7 10 3 - - -`,
    ])
  })

  suite.case('--delete-offsets is refused for a topic that a consumer group subscribes to', async run => {
    const topic = await filledTopic(run)
    await stable(run, topic)
    const refused = await groups(run, `--delete-offsets --group ${run.name('group')} --topic ${topic}:0`)
    expect(refused).toEqual([
      'Error: Encountered some partition-level error, see the follow-up details.',
      `${topic} 0 Error: org.apache.kafka.common.errors.GroupSubscribedToTopicException: Deleting offsets of a topic is forbidden while the consumer group is actively subscribed to it.`,
    ])
  })
}
