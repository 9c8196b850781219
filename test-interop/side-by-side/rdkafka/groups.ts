import { expect } from 'vitest'
import { eventually } from '../../harness/processes.ts'
import { rdkafka } from '../../harness/rdkafka.ts'
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

export function groupCases(suite: Suite): void {
  sharingCases(suite)
  changeCases(suite)
  staticCases(suite)
}

async function two(run: Run, topic: string, config: Config = {}): Promise<[Reader, Reader]> {
  return [await subscribed(run, [topic], config), await subscribed(run, [topic], config)]
}

function leave(reader: Reader): Promise<void> {
  return new Promise(resolve => reader.consumer.disconnect(() => resolve()))
}

function sharingCases(suite: Suite): void {
  for (const strategy of ['range', 'roundrobin', 'cooperative-sticky']) {
    suite.case(`two members share four partitions by ${strategy}, and each record comes once`, async run => {
      const topic = await topicOf(run, { partitions: 4 })
      const members = await two(run, topic, { 'partition.assignment.strategy': strategy })
      await shared(members, [2, 2])
      await send(
        run,
        topic,
        values(40).map((value, index) => ({ value, partition: index % 4 })),
      )
      await eventually(
        'all',
        () => members[0].received.length + members[1].received.length >= 40 || undefined,
      )
      expect([...members[0].values, ...members[1].values].sort()).toEqual(values(40).sort())
      expect(members[0].consumer.rebalanceProtocol()).toBe(
        strategy === 'cooperative-sticky' ? 'COOPERATIVE' : 'EAGER',
      )
    })
  }

  suite.case('two groups read the same records', async run => {
    const topic = await topicOf(run)
    await send(run, topic, numbered(10))
    for (const group of ['a', 'b']) {
      const reader = await subscribed(run, [topic], { 'group.id': run.name(group) })
      await reader.until(10)
      expect(reader.values).toEqual(values(10))
    }
  })

  suite.case('a pattern subscribes to the topics that match it', async run => {
    for (const name of ['red-1', 'red-2', 'blue-1']) {
      await topicOf(run, { name: run.name(name) })
      await send(run, run.name(name), [{ value: name }])
    }
    const reader = await subscribed(run, [new RegExp(`^${run.name('red')}-.*`)])
    await reader.until(2)
    expect(reader.values.sort()).toEqual(['red-1', 'red-2'])
  })

  suite.case('a member that shares no assignor with the group is refused', async run => {
    const topic = await topicOf(run)
    const first = await subscribed(run, [topic], { 'partition.assignment.strategy': 'range' })
    await shared([first], [1])
    const other = await readerOf(run, { 'partition.assignment.strategy': 'roundrobin' })
    other.consumer.subscribe([topic])
    expect(await other.poll(() => false)).toBe(rdkafka().CODES.ERRORS.ERR_INCONSISTENT_GROUP_PROTOCOL)
  })
}

function changeCases(suite: Suite): void {
  suite.case('events tell of partitions that come and go', async run => {
    const topic = await topicOf(run, { partitions: 2 })
    const reader = await subscribed(run, [topic])
    await shared([reader], [2])
    await leave(reader)
    expect(reader.told).toEqual(['+0,1', '-0,1'])
  })

  suite.case('under eager rebalancing everything is revoked first', async run => {
    const topic = await topicOf(run, { partitions: 2 })
    const one = await subscribed(run, [topic])
    await shared([one], [2])
    const other = await subscribed(run, [topic])
    await shared([one, other], [1, 1])
    expect(one.told.slice(0, 2)).toEqual(['+0,1', '-0,1'])
    expect(one.told[2]).toMatch(/^\+[01]$/)
  })

  suite.case('under cooperative rebalancing only what moves is revoked', async run => {
    const topic = await topicOf(run, { partitions: 4 })
    const config = { 'partition.assignment.strategy': 'cooperative-sticky' }
    const one = await subscribed(run, [topic], config)
    await shared([one], [4])
    const other = await subscribed(run, [topic], config)
    await shared([one, other], [2, 2])
    const moved = other.assigned.map(each => each.at(-1)).sort()
    expect(one.told.filter(each => each.startsWith('-') && each !== '-')).toEqual([`-${moved}`])
  })

  suite.case('what a leaving member owned is taken over at once', async run => {
    const topic = await topicOf(run, { partitions: 4 })
    const [stays, leaves] = await two(run, topic, { 'session.timeout.ms': 60_000 })
    await shared([stays, leaves], [2, 2])
    await leave(leaves)
    await shared([stays], [4])
    await send(
      run,
      topic,
      values(4).map((value, partition) => ({ value, partition })),
    )
    await stays.until(4)
    expect(stays.values.sort()).toEqual(values(4))
  })

  suite.case('unsubscribe leaves the group', async run => {
    const topic = await topicOf(run, { partitions: 2 })
    const [one, other] = await two(run, topic)
    await shared([one, other], [1, 1])
    one.consumer.unsubscribe()
    await shared([one, other], [0, 2])
  })
}

function staticCases(suite: Suite): void {
  suite.case('a static member that restarts keeps its partitions without a rebalance', async run => {
    const topic = await topicOf(run, { partitions: 4 })
    const one = await subscribed(run, [topic], { 'group.instance.id': 'one' })
    const other = await subscribed(run, [topic], { 'group.instance.id': 'other' })
    await shared([one, other], [2, 2])
    const owned = one.assigned.sort()
    const told = other.told.length
    await leave(one)
    const again = await subscribed(run, [topic], { 'group.instance.id': 'one' })
    await shared([again, other], [2, 2])
    expect(again.assigned.sort()).toEqual(owned)
    expect(other.told).toHaveLength(told)
  })

  suite.case('of two members with one instance id the older is fenced', async run => {
    const topic = await topicOf(run)
    const older = await readerOf(run, { 'group.instance.id': 'same' })
    older.consumer.subscribe([topic])
    expect(await older.poll(() => older.assigned.length === 1)).toBe(0)
    const newer = await subscribed(run, [topic], { 'group.instance.id': 'same' })
    await shared([newer], [1])
    expect(await older.poll(() => false)).toBe(rdkafka().CODES.ERRORS.ERR__FATAL)
  })
}
