// Members of the consumer protocol (KIP-848), alone and beside classic ones.

import { expect } from 'vitest'
import { eventually } from '../../harness/processes.ts'
import { reader as kafkajsReader } from '../kafkajs/clients.ts'
import type { Run, Suite } from '../suite.ts'
import {
  type Config,
  numbered,
  type Reader,
  readerOf,
  send,
  shared,
  subscribed,
  topicOf,
  values,
} from './clients.ts'

export function modern(run: Run, topics: (string | RegExp)[], config: Config = {}): Promise<Reader> {
  return subscribed(run, topics, { 'group.protocol': 'consumer', ...config })
}

function leave(reader: Reader): Promise<void> {
  return new Promise(resolve => reader.consumer.disconnect(() => resolve()))
}

export function modernCases(suite: Suite): void {
  for (const assignor of ['uniform', 'range']) {
    suite.case(
      `consumer protocol: two members share four partitions by ${assignor}, and each record comes once`,
      async run => {
        const topic = await topicOf(run, { partitions: 4 })
        const config = { 'group.remote.assignor': assignor }
        const members = [await modern(run, [topic], config), await modern(run, [topic], config)]
        await shared(members, [2, 2])
        await send(
          run,
          topic,
          values(40).map((value, index) => ({ value, partition: index % 4 })),
        )
        const received = () => members.flatMap(each => each.values)
        await eventually('all', () => received().length >= 40 || undefined)
        expect(received().sort()).toEqual(values(40).sort())
      },
    )
  }

  suite.case('consumer protocol: a member that leaves hands its partitions over', async run => {
    const topic = await topicOf(run, { partitions: 4 })
    const [stays, leaves] = [await modern(run, [topic]), await modern(run, [topic])]
    await shared([stays, leaves], [2, 2])
    await leave(leaves)
    await shared([stays], [4])
  })

  suite.case('consumer protocol: reading goes on where it was committed', async run => {
    const topic = await topicOf(run)
    await send(run, topic, numbered(10))
    const first = await modern(run, [topic])
    await first.until(10)
    first.consumer.commitSync({ topic, partition: 0, offset: 4 })
    await leave(first)
    const second = await modern(run, [topic])
    await second.until(6)
    expect(second.values).toEqual(values(6, 4))
  })

  suite.case('consumer protocol: a pattern is matched by the broker', async run => {
    for (const name of ['red-1', 'red-2', 'blue']) {
      await topicOf(run, { name: run.name(name) })
      await send(run, run.name(name), [{ value: name }])
    }
    const reader = await modern(run, [new RegExp(`^${run.name('red')}.*`)])
    await reader.until(2)
    expect(reader.values.sort()).toEqual(['red-1', 'red-2'])
  })

  mixedCases(suite)
}

function mixedCases(suite: Suite): void {
  suite.case('a classic member of kafkajs and one of the consumer protocol share a topic', async run => {
    const topic = await topicOf(run, { partitions: 4 })
    const classic = await kafkajsReader(run, [topic])
    const member = await modern(run, [topic])
    await shared([member], [2])
    await send(
      run,
      topic,
      values(40).map((value, index) => ({ value, partition: index % 4 })),
    )
    await classic.until(20)
    await member.until(20)
    const all = [...classic.values, ...member.values]
    expect(all.sort()).toEqual(values(40).sort())
  })

  suite.case('a group of kafkajs goes on as ever beside a group of the consumer protocol', async run => {
    const topic = await topicOf(run, { partitions: 2 })
    await send(run, topic, numbered(10))
    const classic = await kafkajsReader(run, [topic], { groupId: run.name('classic') })
    const member = await modern(run, [topic])
    await classic.until(10)
    await member.until(10)
    expect(classic.received).toHaveLength(10)
  })

  suite.case('a commit from outside is refused while members are there', async run => {
    const topic = await topicOf(run)
    const member = await modern(run, [topic])
    await shared([member], [1])
    const outside = await readerOf(run)
    expect(() => outside.consumer.commitSync({ topic, partition: 0, offset: 4 })).toThrow()
  })
}
