// One consumer in a group of its own: positions, commits, pausing, seeking, batches.

import kafkajs, { type Batch } from 'kafkajs'
import { expect } from 'vitest'
import { eventually } from '../../harness/processes.ts'
import type { Suite } from '../suite.ts'
import {
  adminOf,
  committed,
  createTopic,
  deleteRecords,
  memberOf,
  numbered,
  producerOf,
  reader,
  send,
  values,
} from './clients.ts'

export function consumingCases(suite: Suite): void {
  positionCases(suite)
  commitCases(suite)
  commitByHandCases(suite)
  batchCases(suite)
  seekCases(suite)
  pauseCases(suite)
  fetchCases(suite)
  changeCases(suite)
}

function positionCases(suite: Suite): void {
  suite.case('a new group reads from the beginning where it asks so', async run => {
    const topic = await createTopic(run, { partitions: 3 })
    await send(
      run,
      topic,
      [0, 1, 2].flatMap(partition => numbered(10).map(each => ({ ...each, partition }))),
    )
    const member = await reader(run, [topic])
    await member.until(30)
    for (const partition of [0, 1, 2]) {
      const own = member.received.filter(each => each.partition === partition)
      expect(own.map(each => [each.offset, each.value?.toString()])).toEqual(
        values(10).map((value, index) => [String(index), value]),
      )
    }
  })

  suite.case('a new group starts at the end by default', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(5))
    const member = await memberOf(run)
    await member.consumer.subscribe({ topic })
    const fetched = new Promise(resolve => member.consumer.on(member.consumer.events.FETCH, resolve))
    await member.run()
    await fetched
    await send(run, topic, numbered(3, 5))
    await member.until(3)
    expect(member.received.map(each => each.offset)).toEqual(['5', '6', '7'])
  })

  suite.case('a group goes on where its last consumer stopped', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(10))
    const first = await reader(run, [topic])
    await first.until(10)
    await first.consumer.disconnect()
    await send(run, topic, numbered(5, 10))
    const second = await reader(run, [topic])
    await second.until(5)
    expect(second.values).toEqual(values(5, 10))
  })

  suite.case('two groups read the same records, each at its own pace', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(20))
    const one = await reader(run, [topic], { groupId: run.name('one') })
    const two = await reader(run, [topic], { groupId: run.name('two') })
    await one.until(20)
    await two.until(20)
    expect(one.values).toEqual(values(20))
    expect(two.values).toEqual(values(20))
  })

  suite.case('a committed offset below the log start falls back to the beginning', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(10))
    const admin = await adminOf(run)
    const groupId = run.name('group')
    await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '2' }] })
    await deleteRecords(admin, topic, '6')
    const member = await reader(run, [topic])
    await member.until(4)
    expect(member.values).toEqual(values(4, 6))
  })

  suite.case('starts at the log start where older records were deleted', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(10))
    const admin = await adminOf(run)
    await deleteRecords(admin, topic, '7')
    const member = await reader(run, [topic])
    await member.until(3)
    expect(member.received.map(each => each.offset)).toEqual(['7', '8', '9'])
  })
}

function commitCases(suite: Suite): void {
  suite.case('commits by itself when it leaves', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(7))
    const member = await reader(run, [topic])
    await member.until(7)
    await member.consumer.disconnect()
    expect(await committed(run, run.name('group'), topic)).toEqual([7])
  })

  suite.case('commits after as many records as the threshold says', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(10))
    const member = await memberOf(run)
    await member.consumer.subscribe({ topic, fromBeginning: true })
    const commits: string[] = []
    member.consumer.on(member.consumer.events.COMMIT_OFFSETS, ({ payload }) => {
      commits.push(payload.topics[0]!.partitions[0]!.offset)
    })
    await member.run({ autoCommitThreshold: 1 })
    await member.until(10)
    await eventually('the last commit', () => commits.includes('10') || undefined)
    expect(commits).toEqual(values(10).map((_, index) => String(index + 1)))
    expect(await committed(run, run.name('group'), topic)).toEqual([10])
  })

  suite.case('commits at the interval that it is given', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(3))
    const member = await memberOf(run)
    await member.consumer.subscribe({ topic, fromBeginning: true })
    await member.consumer.run({
      autoCommitInterval: 50,
      eachMessage: async ({ partition, message }) => {
        member.received.push({ topic, partition, ...message })
      },
    })
    await member.until(3)
    await eventually(
      'a commit',
      async () => (await committed(run, run.name('group'), topic))[0] === 3 || undefined,
    )
  })

  suite.case('without autoCommit nothing is committed, and the next consumer reads all again', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(5))
    for (const _ of ['first', 'second']) {
      const member = await memberOf(run)
      await member.consumer.subscribe({ topic, fromBeginning: true })
      await member.run({ autoCommit: false })
      await member.until(5)
      expect(member.values).toEqual(values(5))
      await member.consumer.disconnect()
      expect(await committed(run, run.name('group'), topic)).toEqual([-1])
    }
  })
}

function commitByHandCases(suite: Suite): void {
  suite.case('commits offsets with metadata by hand', async run => {
    const topic = await createTopic(run, { partitions: 2 })
    const member = await reader(run, [topic])
    await member.consumer.commitOffsets([
      { topic, partition: 0, offset: '31', metadata: 'where we were' },
      { topic, partition: 1, offset: '0' },
    ])
    const admin = await adminOf(run)
    const [answer] = await admin.fetchOffsets({ groupId: run.name('group'), topics: [topic] })
    expect(answer?.partitions.sort((a, b) => a.partition - b.partition)).toEqual([
      { partition: 0, offset: '31', metadata: 'where we were' },
      // kafkajs shows no metadata as null, and Kafka stores none as an empty text.
      { partition: 1, offset: '0', metadata: null },
    ])
  })

  suite.case('a commit replaces the one before, also with a smaller offset', async run => {
    const topic = await createTopic(run)
    const member = await reader(run, [topic])
    for (const offset of ['5', '9', '3']) {
      await member.consumer.commitOffsets([{ topic, partition: 0, offset }])
      expect(await committed(run, run.name('group'), topic)).toEqual([Number(offset)])
    }
  })

  suite.case('metadata of 4,096 bytes is kept, and one byte more is refused', async run => {
    const topic = await createTopic(run)
    const member = await reader(run, [topic])
    const commit = (length: number) =>
      member.consumer.commitOffsets([{ topic, partition: 0, offset: '1', metadata: 'm'.repeat(length) }])
    await commit(4_096)
    await expect(commit(4_097)).rejects.toThrow('The metadata field of the offset request was too large')
    const admin = await adminOf(run)
    const [answer] = await admin.fetchOffsets({ groupId: run.name('group'), topics: [topic] })
    expect(answer?.partitions[0]?.metadata).toBe('m'.repeat(4_096))
  })
}

function batchCases(suite: Suite): void {
  suite.case('eachBatch sees offsets, lag and high watermark of its batch', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(10))
    const member = await memberOf(run)
    await member.consumer.subscribe({ topic, fromBeginning: true })
    const batches: Batch[] = []
    await member.consumer.run({
      eachBatch: async ({ batch }) => {
        batches.push(batch)
      },
    })
    const batch = await eventually('a batch', () => batches[0])
    expect(batch).toMatchObject({ topic, partition: 0, highWatermark: '10' })
    expect([batch.firstOffset(), batch.lastOffset(), batch.offsetLag(), batch.isEmpty()]).toEqual([
      '0',
      '9',
      '0',
      false,
    ])
    expect(batch.messages.map(each => each.value?.toString())).toEqual(values(10))
  })

  suite.case('what eachBatch did not resolve comes again', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(10))
    const rounds: string[][] = []
    const member = await memberOf(run)
    await member.consumer.subscribe({ topic, fromBeginning: true })
    await member.consumer.run({
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset }) => {
        rounds.push(batch.messages.map(each => each.offset))
        resolveOffset(batch.messages[Math.min(3, batch.messages.length - 1)]!.offset)
      },
    })
    await eventually('three rounds', () => rounds.length >= 3 || undefined)
    expect(rounds.map(each => each[0])).toEqual(['0', '4', '8'])
    expect(rounds.map(each => each.at(-1))).toEqual(['9', '9', '9'])
  })

  suite.case('eachBatch commits what it resolved so far, in the middle of a batch', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(10))
    const member = await memberOf(run)
    await member.consumer.subscribe({ topic, fromBeginning: true })
    const seen: number[][] = []
    await member.consumer.run({
      autoCommitThreshold: 1,
      eachBatch: async ({ batch, resolveOffset, commitOffsetsIfNecessary, uncommittedOffsets }) => {
        resolveOffset(batch.messages[4]!.offset)
        const waiting = uncommittedOffsets().topics[0]!.partitions[0]!.offset
        await commitOffsetsIfNecessary()
        seen.push([Number(waiting), ...(await committed(run, run.name('group'), topic))])
      },
    })
    await eventually('the batch', () => seen.length > 0 || undefined)
    expect(seen[0]).toEqual([5, 5])
  })

  suite.case('several partitions are consumed at once where it asks so', async run => {
    const topic = await createTopic(run, { partitions: 3 })
    await send(
      run,
      topic,
      [0, 1, 2].map(partition => ({ partition, value: `p${partition}` })),
    )
    const member = await memberOf(run)
    await member.consumer.subscribe({ topic, fromBeginning: true })
    const inside = new Set<number>()
    await member.consumer.run({
      partitionsConsumedConcurrently: 3,
      // Each waits for the two others, which would never come one after another.
      eachMessage: async ({ partition, message }) => {
        inside.add(partition)
        await eventually('the others', () => inside.size === 3 || undefined)
        member.received.push({ topic, partition, ...message })
      },
    })
    await member.until(3)
    expect(member.values.sort()).toEqual(['p0', 'p1', 'p2'])
  })
}

function seekCases(suite: Suite): void {
  suite.case('seeks back and reads again', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(10))
    const member = await reader(run, [topic])
    await member.until(10)
    member.consumer.seek({ topic, partition: 0, offset: '6' })
    await member.until(14)
    expect(member.received.map(each => Number(each.offset)).slice(10)).toEqual([6, 7, 8, 9])
  })

  suite.case('seeks forward over records', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(10))
    const member = await memberOf(run)
    await member.consumer.subscribe({ topic, fromBeginning: true })
    await member.run()
    member.consumer.seek({ topic, partition: 0, offset: '8' })
    await member.until(2)
    expect(member.values).toEqual(['v8', 'v9'])
  })

  suite.case('a seek beyond the end falls back to where a new group starts', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(4))
    const member = await memberOf(run)
    await member.consumer.subscribe({ topic, fromBeginning: true })
    await member.run()
    member.consumer.seek({ topic, partition: 0, offset: '1000' })
    await member.until(4)
    expect(member.values).toEqual(values(4))
  })

  suite.case('seeks in one partition and leaves the others', async run => {
    const topic = await createTopic(run, { partitions: 2 })
    await send(
      run,
      topic,
      [0, 1].flatMap(partition => numbered(5).map(each => ({ ...each, partition }))),
    )
    const member = await reader(run, [topic])
    await member.until(10)
    member.consumer.seek({ topic, partition: 1, offset: '3' })
    await member.until(12)
    expect(member.received.slice(10).map(each => [each.partition, each.offset])).toEqual([
      [1, '3'],
      [1, '4'],
    ])
  })
}

function pauseCases(suite: Suite): void {
  suite.case('a paused partition brings nothing until it is resumed', async run => {
    const topic = await createTopic(run, { partitions: 2 })
    const member = await reader(run, [topic])
    member.consumer.pause([{ topic, partitions: [0] }])
    expect(member.consumer.paused()).toEqual([{ topic, partitions: [0] }])
    await send(
      run,
      topic,
      [0, 1].flatMap(partition => numbered(5).map(each => ({ ...each, partition }))),
    )
    await member.until(5)
    // What comes now was asked for after the pause.
    await send(run, topic, [{ value: 'later', partition: 1 }])
    await member.until(6)
    expect(member.received.every(each => each.partition === 1)).toBe(true)
    member.consumer.resume([{ topic, partitions: [0] }])
    await member.until(11)
    expect(member.values.slice(6)).toEqual(values(5))
  })

  suite.case('a paused topic does not hold up another', async run => {
    const [slow, quick] = [run.name('slow'), run.name('quick')]
    for (const name of [slow, quick]) await createTopic(run, { name })
    const member = await reader(run, [slow, quick])
    member.consumer.pause([{ topic: slow }])
    await send(run, slow, numbered(3))
    await send(run, quick, numbered(3))
    await member.until(3)
    expect(new Set(member.received.map(each => each.topic))).toEqual(new Set([quick]))
    member.consumer.resume([{ topic: slow }])
    await member.until(6)
    expect(member.received.slice(3).map(each => each.topic)).toEqual([slow, slow, slow])
  })

  suite.case('a consumer that pauses in the middle of a batch goes on behind it', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(6))
    const member = await memberOf(run)
    await member.consumer.subscribe({ topic, fromBeginning: true })
    let resume: (() => void) | undefined
    await member.consumer.run({
      eachMessage: async ({ partition, message, pause }) => {
        member.received.push({ topic, partition, ...message })
        if (member.received.length !== 3) return
        resume = pause()
        throw new Error('not now')
      },
    })
    const goOn = await eventually('the pause', () => resume)
    goOn()
    await member.until(7)
    // The record at which it paused was not done, so it comes again.
    expect(member.values).toEqual(['v0', 'v1', 'v2', 'v2', 'v3', 'v4', 'v5'])
  })
}

function fetchCases(suite: Suite): void {
  suite.case('a limit smaller than any record brings one batch at a time', async run => {
    const topic = await createTopic(run)
    const producer = await producerOf(run)
    for (const message of numbered(10)) await producer.send({ topic, messages: [message] })
    const member = await memberOf(run, { maxBytesPerPartition: 1 })
    await member.consumer.subscribe({ topic, fromBeginning: true })
    const sizes: number[] = []
    await member.consumer.run({
      eachBatch: async ({ batch }) => {
        sizes.push(batch.messages.length)
      },
    })
    await eventually('ten batches', () => sizes.length >= 10 || undefined)
    expect(sizes).toEqual(Array.from({ length: 10 }, () => 1))
  })

  for (const readUncommitted of [false, true]) {
    suite.case(`reads with readUncommitted ${readUncommitted}`, async run => {
      const topic = await createTopic(run)
      await send(run, topic, numbered(10))
      const member = await reader(run, [topic], { readUncommitted })
      await member.until(10)
      expect(member.values).toEqual(values(10))
    })
  }

  suite.case('waits for minBytes, and for no longer than maxWaitTime', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(1))
    const member = await memberOf(run, { minBytes: 1_000_000, maxWaitTimeInMs: 700 })
    const durations: number[] = []
    member.consumer.on(member.consumer.events.FETCH, ({ payload }) => durations.push(payload.duration))
    await member.consumer.subscribe({ topic, fromBeginning: true })
    await member.run()
    await member.until(1)
    await eventually('a fetch', () => durations[0])
    expect(durations[0]).toBeGreaterThanOrEqual(690)
  })

  suite.case('a rack in the fetch changes nothing on one broker', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(3))
    const member = await reader(run, [topic], { rackId: 'somewhere' })
    await member.until(3)
    expect(member.values).toEqual(values(3))
  })
}

function changeCases(suite: Suite): void {
  suite.case('a consumer that was stopped runs again from its commit', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(4))
    const member = await reader(run, [topic])
    await member.until(4)
    await member.consumer.stop()
    await send(run, topic, numbered(4, 4))
    await member.run()
    await member.until(8)
    expect(member.values).toEqual(values(8))
  })

  suite.case('new partitions are found and read from their beginning', async run => {
    const topic = await createTopic(run)
    const member = await reader(run, [topic], { metadataMaxAge: 300 })
    const admin = await adminOf(run)
    await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
    await eventually('three that are led', async () => {
      const offsets = await admin.fetchTopicOffsets(topic).catch(() => [])
      return offsets.length === 3 || undefined
    })
    await send(
      run,
      topic,
      [0, 1, 2].map(partition => ({ partition, value: `p${partition}` })),
    )
    await member.until(3)
    expect(member.values.sort()).toEqual(['p0', 'p1', 'p2'])
    expect(member.assigned[topic]?.sort()).toEqual([0, 1, 2])
  })

  suite.case('records of one partition keep their order under any number of fetches', async run => {
    const topic = await createTopic(run, { partitions: 2 })
    const member = await reader(run, [topic], { maxBytesPerPartition: 2_000 })
    const producer = await producerOf(run)
    for (let round = 0; round < 20; round += 1) {
      const messages = numbered(20, round * 20).map((each, index) => ({ ...each, partition: index % 2 }))
      await producer.send({ topic, messages, compression: kafkajs.CompressionTypes.GZIP })
    }
    await member.until(400)
    for (const partition of [0, 1]) {
      const own = member.received
        .filter(each => each.partition === partition)
        .map(each => Number(each.offset))
      expect(own).toEqual(Array.from({ length: 200 }, (_, index) => index))
    }
  })
}
