import assert from 'node:assert/strict'
import { ListOffsetTimestamps } from '@platformatic/kafka'
import { bytes, type Cases, eventually, numbered, Reader, values } from './cases.ts'

export function consumingCases(cases: Cases): void {
  positionCases(cases)
  commitCases(cases)
  fetchCases(cases)
}

function positionCases(cases: Cases): void {
  cases.add('a stream starts at the beginning, at the end, or by hand', async run => {
    const topic = await run.topic()
    await run.send(topic, numbered(10))
    const start = async (group: string, options: object) => {
      const reader = new Reader(run.consumer({ groupId: run.name(group) }))
      reader.attach(await reader.consumer.consume({ topics: [topic], autocommit: false, ...options }))
      return reader
    }
    const earliest = await start('earliest', { mode: 'earliest' })
    await earliest.until(10)
    assert.deepEqual(earliest.values, values(10))
    const manual = await start('manual', { mode: 'manual', offsets: [{ topic, partition: 0, offset: 7n }] })
    await manual.until(3)
    assert.deepEqual(manual.values, values(3, 7))
    const latest = await start('latest', { mode: 'latest' })
    await eventually('a fetch', () => latest.stream!.offsetsToFetch.get(`${topic}:0`) === 10n || undefined)
    await run.send(topic, numbered(1, 10))
    await latest.until(1)
    assert.deepEqual(latest.values, ['v10'])
  })

  cases.add('listOffsets of a consumer finds earliest and latest', async run => {
    const topic = await run.topic(2)
    await run.send(topic, numbered(5, 0, 1))
    const consumer = run.consumer()
    const found = async (timestamp: bigint) =>
      (await consumer.listOffsets({ topics: [topic], timestamp })).get(topic)
    assert.deepEqual(await found(ListOffsetTimestamps.EARLIEST), [0n, 0n])
    assert.deepEqual(await found(ListOffsetTimestamps.LATEST), [0n, 5n])
  })

  cases.add('listOffsetsWithTimestamps finds the first record at or after a time', async run => {
    const topic = await run.topic()
    for (const timestamp of [100n, 300n, 200n]) await run.send(topic, [{ value: bytes('x')!, timestamp }])
    const consumer = run.consumer()
    const found = await consumer.listOffsetsWithTimestamps({ topics: [topic], timestamp: 150n })
    assert.deepEqual(found.get(topic)?.get(0), { offset: 1n, timestamp: 300n })
  })
}

function commitCases(cases: Cases): void {
  cases.add('a commit is listed, and the next consumer goes on there', async run => {
    const topic = await run.topic()
    await run.send(topic, numbered(10))
    const first = await run.reader([topic])
    await first.until(10)
    await first.consumer.commit({ offsets: [{ topic, partition: 0, offset: 6n, leaderEpoch: 0 }] })
    const asked = { topics: [{ topic, partitions: [0] }] }
    assert.deepEqual((await first.consumer.listCommittedOffsets(asked)).get(topic), [6n])
    await first.leave()
    const second = await run.reader([topic])
    await second.until(4)
    assert.deepEqual(second.values, values(4, 6))
  })

  cases.add('a message commits itself', async run => {
    const topic = await run.topic()
    await run.send(topic, numbered(5))
    const reader = await run.reader([topic])
    const received = await reader.until(5)
    await received[2]!.commit()
    const [group] = await run.admin.listConsumerGroupOffsets({ groups: [run.group] })
    assert.equal(group?.topics[0]?.partitions[0]?.committedOffset, 3n)
  })

  cases.add('autocommit commits what was read', async run => {
    const topic = await run.topic()
    await run.send(topic, numbered(5))
    const reader = await run.reader([topic], {}, { autocommit: 100 })
    await reader.until(5)
    await eventually('the commit', async () => {
      const [group] = await run.admin.listConsumerGroupOffsets({ groups: [run.group] })
      return group?.topics[0]?.partitions[0]?.committedOffset === 5n || undefined
    })
  })

  cases.add('the lag of a consumer is what it has not read', async run => {
    const topic = await run.topic()
    await run.send(topic, numbered(8))
    const reader = await run.reader([topic])
    await reader.until(8)
    await reader.consumer.commit({ offsets: [{ topic, partition: 0, offset: 8n, leaderEpoch: 0 }] })
    assert.deepEqual((await reader.consumer.getLag({ topics: [topic] })).get(topic), [0n])
  })
}

function fetchCases(cases: Cases): void {
  cases.add('a limit smaller than any record still makes progress', async run => {
    const topic = await run.topic()
    for (const each of numbered(5)) await run.send(topic, [each])
    const reader = await run.reader([topic], {}, { maxBytes: 1, maxBytesPerPartition: 1 })
    await reader.until(5)
    assert.deepEqual(reader.values, values(5))
  })

  for (const isolationLevel of [0, 1]) {
    cases.add(`reads with isolation level ${isolationLevel}`, async run => {
      const topic = await run.topic()
      await run.send(topic, numbered(20))
      const reader = await run.reader([topic], {}, { isolationLevel })
      await reader.until(20)
      assert.deepEqual(reader.values, values(20))
    })
  }

  cases.add('a stream that is paused brings nothing until it is resumed', async run => {
    const topic = await run.topic()
    await run.send(topic, numbered(3))
    const reader = await run.reader([topic])
    await reader.until(3)
    reader.stream!.pause()
    await run.send(topic, numbered(3, 3))
    assert.equal(reader.received.length, 3)
    reader.stream!.resume()
    await reader.until(6)
    assert.deepEqual(reader.values, values(6))
  })

  cases.add('reads eight partitions, each in its order', async run => {
    const topic = await run.topic(8)
    await run.send(
      topic,
      values(400).map((value, index) => ({ value: bytes(value)!, partition: index % 8 })),
    )
    const reader = await run.reader([topic])
    await reader.until(400)
    for (let partition = 0; partition < 8; partition += 1) {
      const own = reader.received
        .filter(each => each.partition === partition)
        .map(each => Number(each.offset))
      assert.deepEqual(own, [...Array(50).keys()])
    }
  })
}
