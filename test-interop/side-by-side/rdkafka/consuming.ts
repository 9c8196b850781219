import { expect } from 'vitest'
import { eventually } from '../../harness/processes.ts'
import { rdkafka } from '../../harness/rdkafka.ts'
import type { Suite } from '../suite.ts'
import {
  answer,
  assigned,
  marks,
  numbered,
  producerOf,
  readerOf,
  send,
  subscribed,
  topicOf,
  values,
} from './clients.ts'

export function consumingCases(suite: Suite): void {
  positionCases(suite)
  fetchCases(suite)
  offsetCases(suite)
  commitCases(suite)
}

function positionCases(suite: Suite): void {
  suite.case('starts at an offset, at the beginning and at the end', async run => {
    const topic = await topicOf(run)
    await send(run, topic, numbered(10))
    const at = (offset: number) =>
      assigned(run, [{ topic, partition: 0, offset }], { 'enable.partition.eof': true })
    const [seven, beginning, end] = [await at(7), await at(-2), await at(-1)]
    await seven.until(3)
    expect(seven.values).toEqual(values(3, 7))
    await beginning.until(10)
    expect(beginning.values).toEqual(values(10))
    await eventually('the end', () => end.ends[0])
    await send(run, topic, [{ value: 'new' }])
    await end.until(1)
    expect(end.received[0]).toMatchObject({ offset: 10, value: Buffer.from('new') })
  })

  suite.case('seeks back, and position follows', async run => {
    const topic = await topicOf(run)
    await send(run, topic, numbered(10))
    const reader = await assigned(run, [{ topic, partition: 0, offset: 0 }])
    await reader.until(10)
    expect(reader.consumer.position([{ topic, partition: 0 }])).toMatchObject([{ offset: 10 }])
    const target = { topic, partition: 0, offset: 6 }
    await answer<void>(callback => reader.consumer.seek(target, 10_000, error => callback(error, undefined)))
    await reader.until(14)
    expect(reader.values.slice(10)).toEqual(values(4, 6))
  })

  suite.case('a paused partition brings nothing until it is resumed', async run => {
    const topic = await topicOf(run, { partitions: 2 })
    const reader = await readerOf(run)
    const [first, second] = [0, 1].map(partition => ({ topic, partition, offset: 0 }))
    reader.consumer.assign([first!, second!])
    reader.consumer.pause([first!])
    reader.start()
    await send(run, topic, [...numbered(5), ...numbered(5, 5, 1)])
    await reader.until(5)
    await send(run, topic, numbered(1, 10, 1))
    await reader.until(6)
    expect(reader.values).toEqual(values(6, 5))
    reader.consumer.resume([first!])
    await reader.until(11)
    expect(reader.values.slice(6)).toEqual(values(5))
  })

  suite.case('an offset out of range is reset to the earliest', async run => {
    const topic = await topicOf(run)
    await send(run, topic, numbered(3))
    const reader = await assigned(run, [{ topic, partition: 0, offset: 50 }])
    await reader.until(3)
    expect(reader.values).toEqual(values(3))
  })

  suite.case('the end of a partition is an event', async run => {
    const topic = await topicOf(run)
    await send(run, topic, numbered(4))
    const reader = await assigned(run, [{ topic, partition: 0, offset: 0 }], { 'enable.partition.eof': true })
    await reader.until(4)
    expect(await eventually('the end', () => reader.ends[0])).toMatchObject({
      topic,
      partition: 0,
      offset: 4,
    })
  })
}

function fetchCases(suite: Suite): void {
  suite.case('a limit smaller than any record still makes progress', async run => {
    const topic = await topicOf(run)
    await send(run, topic, numbered(10), { 'batch.num.messages': 1 })
    const limits = { 'fetch.message.max.bytes': 1, 'fetch.max.bytes': 1_000, 'message.max.bytes': 1_000 }
    const reader = await assigned(run, [{ topic, partition: 0, offset: 0 }], limits)
    await reader.until(10)
    expect(reader.values).toEqual(values(10))
  })

  for (const level of ['read_committed', 'read_uncommitted']) {
    suite.case(`reads with isolation.level ${level}`, async run => {
      const topic = await topicOf(run)
      await send(run, topic, numbered(20))
      const reader = await assigned(run, [{ topic, partition: 0, offset: 0 }], { 'isolation.level': level })
      await reader.until(20)
      expect(reader.values).toEqual(values(20))
    })
  }

  suite.case('consumes in batches as large as it asks', async run => {
    const topic = await topicOf(run)
    await send(run, topic, numbered(25))
    const reader = await readerOf(run)
    reader.consumer.assign([{ topic, partition: 0, offset: 0 }])
    const read: string[] = []
    await eventually('25 records', async () => {
      const batch = await answer<{ value: Buffer }[]>(callback =>
        reader.consumer.consume(10, callback as never),
      )
      expect(batch.length).toBeLessThanOrEqual(10)
      read.push(...batch.map(each => each.value.toString()))
      return read.length >= 25 || undefined
    })
    expect(read).toEqual(values(25))
  })

  suite.case('reads ten partitions, each in its order', async run => {
    const topic = await topicOf(run, { partitions: 10 })
    await send(
      run,
      topic,
      values(500).map((value, index) => ({ value, partition: index % 10 })),
    )
    const partitions = values(10).map((_, partition) => ({ topic, partition, offset: 0 }))
    const reader = await assigned(run, partitions)
    await reader.until(500)
    for (const { partition } of partitions) {
      const own = reader.received.filter(each => each.partition === partition).map(each => each.offset)
      expect(own).toEqual(values(50).map((_, index) => index))
    }
  })
}

function offsetCases(suite: Suite): void {
  suite.case('watermarks follow what is sent', async run => {
    const topic = await topicOf(run, { partitions: 2 })
    await send(run, topic, numbered(7, 0, 1))
    const { producer } = await producerOf(run)
    expect(await marks(producer, { topic, partition: 0 })).toEqual({ low: 0, high: 0 })
    expect(await marks(producer, { topic, partition: 1 })).toEqual({ low: 0, high: 7 })
  })

  suite.case('offsetsForTimes finds the first record at or after a time', async run => {
    const topic = await topicOf(run)
    const records = [100, 300, 200, 400].map(timestamp => ({ value: 'x', timestamp }))
    await send(run, topic, records, { 'batch.num.messages': 1 })
    const reader = await readerOf(run)
    const found = async (time: number) => {
      const asked = [{ topic, partition: 0, offset: time }]
      const [first] = await answer<{ offset: number }[]>(back =>
        reader.consumer.offsetsForTimes(asked, 20_000, back),
      )
      return first?.offset
    }
    const offsets: unknown[] = []
    for (const time of [1, 100, 101, 300, 301, 401]) offsets.push(await found(time))
    // Beyond the last record librdkafka answers with its number for the end.
    expect(offsets).toEqual([0, 0, 1, 1, 3, -1])
  })

  suite.case('watermarks of an unknown partition are an error', async run => {
    const topic = await topicOf(run)
    const { producer } = await producerOf(run)
    await expect(marks(producer, { topic, partition: 4 })).rejects.toMatchObject({
      code: rdkafka().CODES.ERRORS.ERR__UNKNOWN_PARTITION,
    })
  })
}

function commitCases(suite: Suite): void {
  suite.case('a synchronous commit is seen by committed', async run => {
    const topic = await topicOf(run)
    const reader = await readerOf(run)
    reader.consumer.commitSync({ topic, partition: 0, offset: 42 })
    expect(await reader.committed(topic)).toMatchObject([{ topic, partition: 0, offset: 42 }])
  })

  suite.case('an asynchronous commit is reported by an event', async run => {
    const topic = await topicOf(run)
    await send(run, topic, numbered(3))
    const reader = await subscribed(run, [topic])
    const commits: unknown[] = []
    reader.consumer.on('offset.commit', (error, offsets) =>
      commits.push([error?.code ?? 0, offsets[0]?.offset]),
    )
    const received = await reader.until(3)
    reader.consumer.commitMessage(received[1]!)
    await eventually('the event', () => commits.length > 0 || undefined)
    expect(commits).toEqual([[0, 2]])
    expect(await reader.committed(topic)).toMatchObject([{ offset: 2 }])
  })

  suite.case('a group goes on at its commit', async run => {
    const topic = await topicOf(run)
    await send(run, topic, numbered(10))
    const first = await subscribed(run, [topic])
    const received = await first.until(10)
    first.consumer.commitMessageSync(received[5]!)
    await new Promise<void>(resolve => first.consumer.disconnect(() => resolve()))
    const second = await subscribed(run, [topic])
    await second.until(4)
    expect(second.values).toEqual(values(4, 6))
  })

  suite.case('auto commit commits when the consumer disconnects', async run => {
    const topic = await topicOf(run)
    await send(run, topic, numbered(6))
    const config = { 'enable.auto.commit': true, 'auto.commit.interval.ms': 600_000 }
    const reader = await subscribed(run, [topic], config)
    await reader.until(6)
    await new Promise<void>(resolve => reader.consumer.disconnect(() => resolve()))
    const other = await readerOf(run)
    expect(await other.committed(topic)).toMatchObject([{ offset: 6 }])
  })

  suite.case('a partition without a commit has none', async run => {
    const topic = await topicOf(run)
    const reader = await readerOf(run)
    const [found] = await reader.committed(topic)
    expect(found?.offset).toBeUndefined()
  })
}
