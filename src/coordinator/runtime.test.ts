/** The runtime over real partitions and logs, on a disk in memory. */
import { describe, expect, test } from 'vitest'
import { ErrorCode, ok } from '../../protocol/errors.ts'
import { buildBatch } from '../records/builder.ts'
import { reply } from './shard.ts'
import {
  batchesInLog,
  COMMIT_TIMEOUT_MS,
  FOLLOWER,
  host,
  listen,
  machine,
  machines,
  park,
  record,
  restart,
  runtime,
  say,
  soFar,
  start,
  TOPIC,
  turns,
  useWords,
  withFollower,
} from './testing/words.ts'

useWords()

describe('replies', () => {
  test('leave when the high watermark has passed what they wrote', async () => {
    await withFollower()
    await start()
    const said = say('one')
    expect(await soFar(said)).toBe('waiting')
    expect(machine().words).toEqual(['one'])
    host.partition(TOPIC).recordFollowerFetch(FOLLOWER, 1n)
    expect(await said).toEqual(ok('one'))
  })

  test('of reads wait for what they saw', async () => {
    await withFollower()
    await start()
    expect(await listen()).toEqual(ok(''))
    void say('one')
    const heard = listen()
    expect(await soFar(heard)).toBe('waiting')
    host.partition(TOPIC).recordFollowerFetch(FOLLOWER, 1n)
    expect(await heard).toEqual(ok('one'))
  })

  test('that wait too long are COORDINATOR_NOT_AVAILABLE, though the records may yet count', async () => {
    await withFollower()
    await start()
    const said = say('one')
    await host.clock.run(COMMIT_TIMEOUT_MS - 1)
    expect(await soFar(said)).toBe('waiting')
    await host.clock.run(1)
    expect(await said).toEqual({ error: ErrorCode.COORDINATOR_NOT_AVAILABLE })
    host.partition(TOPIC).recordFollowerFetch(FOLLOWER, 1n)
    expect(await listen()).toEqual(ok('one'))
  })

  test('leave in the order of their commands', async () => {
    await withFollower()
    await start()
    const order: string[] = []
    for (const word of ['a', 'b', 'c']) void say(word).then(() => order.push(word))
    void listen().then(() => order.push('read'))
    await turns()
    host.partition(TOPIC).recordFollowerFetch(FOLLOWER, 3n)
    await turns()
    expect(order).toEqual(['a', 'b', 'c', 'read'])
  })

  test('of parked callers come with a later command', async () => {
    await start()
    const parked = park()
    expect(await soFar(parked)).toBe('waiting')
    void runtime.run(0, state => ({ replies: [reply(state.waiting[0]!, 'at last')] }))
    expect(await parked).toEqual(ok('at last'))
  })
})

describe('appends', () => {
  test('commands that come while one is in flight share the next batch', async () => {
    await start()
    let open = () => {}
    const gate = new Promise<void>(resolve => (open = resolve))
    host.disk.intercept = ({ name }) => (name === 'write' ? gate : undefined)
    const all = ['a', 'b', 'c', 'd'].map(word => say(word))
    await turns()
    expect(machine().words).toEqual(['a', 'b', 'c', 'd'])
    host.disk.intercept = undefined
    open()
    expect((await Promise.all(all)).map(result => result.error)).toEqual([0, 0, 0, 0])
    expect(await batchesInLog()).toBe(2)
    expect(machine().offsets).toEqual([0n, 1n, 2n, 3n])
  })

  test('a batch never grows over what the topic takes', async () => {
    await start({ maxBatchBytes: () => 250 })
    const long = 'x'.repeat(60)
    await Promise.all([say('a'), say(long), say(long), say(long), say(long)])
    expect(await batchesInLog()).toBe(3)
  })

  test('what does not fit into one batch is refused as a whole, to everyone whom it answers', async () => {
    await start()
    const parked = park()
    const said = runtime.run<string>(0, (state, ticket) => ({
      records: [record('x'.repeat(2_000))],
      replies: [reply(ticket, 'no'), reply(state.waiting[0]!, 'no')],
    }))
    expect(await said).toMatchObject({ error: ErrorCode.UNKNOWN_SERVER_ERROR })
    expect(await parked).toMatchObject({ error: ErrorCode.UNKNOWN_SERVER_ERROR })
    expect(machine().words).toEqual([])
    expect(await say('next')).toEqual(ok('next'))
  })

  test('records that stand for themselves go out in several batches', async () => {
    await start()
    const words = Array.from({ length: 30 }, (_, i) => `${i}`.padEnd(60, '.'))
    const said = await runtime.run<string>(0, (_, ticket) => ({
      records: words.map(record),
      isSplittable: true,
      replies: [reply(ticket, 'done')],
    }))
    expect(said).toEqual(ok('done'))
    expect(machine().words).toEqual(words)
    expect(await batchesInLog()).toBeGreaterThan(1)
  })

  test('a transaction has batches and a marker of its own', async () => {
    await start()
    const producer = { producerId: 7n, producerEpoch: 1 }
    const staged = runtime.run<string>(0, (_, ticket) => ({
      records: [record('staged')],
      producer,
      replies: [reply(ticket, 'staged')],
    }))
    const marker = { ...producer, coordinatorEpoch: 3, isCommit: true }
    const ended = runtime.run<string>(0, (_, ticket) => ({ marker, replies: [reply(ticket, 'ended')] }))
    expect(await Promise.all([staged, ended, say('plain')])).toEqual([ok('staged'), ok('ended'), ok('plain')])
    expect(machine().words).toEqual(['staged of 7', 'plain'])
    await restart()
    expect(machine().words).toEqual(['staged of 7', 'plain'])
    expect(machine().offsets).toEqual([0n, 2n])
    expect(machine().markers).toEqual([marker])
  })
})

describe('loading', () => {
  test('finds the state again, and goes on behind it', async () => {
    await start()
    await say('a', 'b')
    await say('c')
    await restart()
    expect(machine().words).toEqual(['a', 'b', 'c'])
    expect(machine().loadedAt).toBe(host.clock.now())
    await say('d')
    expect(machine().offsets).toEqual([0n, 1n, 2n, 3n])
  })

  test('nothing is served meanwhile', async () => {
    await start()
    await say('a')
    await runtime.close()
    await host.restart()
    const starting = start()
    expect(await listen()).toEqual({ error: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS })
    await starting
    expect(await listen()).toEqual(ok('a'))
  })

  test('a record that nobody understands keeps the shard from serving', async () => {
    const batch = buildBatch({
      records: [{ timestamp: 0n, key: Buffer.from('nonsense'), value: Buffer.alloc(0) }],
    })
    await host.partition(TOPIC).append(batch, { acks: -1, origin: 'coordinator' })
    await start()
    expect(await listen()).toEqual({ error: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS })
    await host.clock.run(1_000)
    await turns()
    expect(machines.length).toBe(2)
    expect(await listen()).toEqual({ error: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS })
  })
})

describe('fail-stop', () => {
  test('T139 an append that fails answers everyone, and the state is again what the log says', async () => {
    await start()
    await say('a')
    const parked = park()
    // No room for more than is there.
    host.disk.capacityBytes = 0
    const failed = [say('lost'), listen(), say('lost too')]
    const codes = (await Promise.all([...failed, parked])).map(result => result.error)
    expect(codes).toEqual(new Array(4).fill(ErrorCode.NOT_COORDINATOR))
    host.disk.capacityBytes = 2 ** 40
    await turns()
    await host.clock.run(5_000)
    await turns()
    expect(await listen()).toEqual(ok('a'))
    expect(await say('b')).toEqual(ok('b'))
    expect(machine().words).toEqual(['a', 'b'])
  })

  test('a bug in a command makes the machine begin anew', async () => {
    await start()
    await say('a')
    const bug = runtime.run(0, state => {
      state.words.push('half done')
      throw new Error('a bug')
    })
    await expect(bug).rejects.toThrow('a bug')
    await runtime.loaded()
    expect(await listen()).toEqual(ok('a'))
  })

  test('a bug in what is due makes the machine begin anew', async () => {
    await start()
    machine().alarmAt = host.clock.now() + 10
    machine().expire = () => {
      throw new Error('a bug')
    }
    await listen()
    await host.clock.run(10)
    await runtime.loaded()
    expect(machines.length).toBe(2)
    expect(await say('a')).toEqual(ok('a'))
  })
})

describe('the end', () => {
  test('of leadership is NOT_COORDINATOR to all who wait or come', async () => {
    await withFollower()
    await start()
    const said = say('one')
    const parked = park()
    await turns()
    runtime.stop(0)
    expect(await said).toEqual({ error: ErrorCode.NOT_COORDINATOR })
    expect(await parked).toEqual({ error: ErrorCode.NOT_COORDINATOR })
    expect(await listen()).toEqual({ error: ErrorCode.NOT_COORDINATOR })
    expect(runtime.partitions()).toEqual([])
  })

  test('of the broker lets what was begun come to its end, and nobody else', async () => {
    await start()
    let open = () => {}
    const gate = new Promise<void>(resolve => (open = resolve))
    host.disk.intercept = ({ name }) => (name === 'write' ? gate : undefined)
    const said = [say('one'), say('two')]
    const parked = park()
    await turns()
    const closed = runtime.close()
    expect(await parked).toEqual({ error: ErrorCode.NOT_COORDINATOR })
    expect(await listen()).toEqual({ error: ErrorCode.NOT_COORDINATOR })
    expect(await soFar(closed)).toBe('waiting')
    host.disk.intercept = undefined
    open()
    await closed
    expect(await Promise.all(said)).toEqual([ok('one'), ok('two')])
  })

  test('leaves no timer', async () => {
    await start()
    await say('zero')
    await turns()
    const before = host.clock.pendingTimers
    machine().alarmAt = host.clock.now() + 60_000
    await say('one')
    expect(host.clock.pendingTimers).toBe(before + 1)
    await runtime.close()
    expect(host.clock.pendingTimers).toBe(before)
  })
})

describe('bounds and time', () => {
  test('no more commands wait than are allowed', async () => {
    await withFollower()
    await start({ maxWaiting: 2 })
    const said = [say('a'), say('b'), say('c')]
    expect(await said[2]).toEqual({ error: ErrorCode.COORDINATOR_NOT_AVAILABLE })
    host.partition(TOPIC).recordFollowerFetch(FOLLOWER, 2n)
    expect(await Promise.all(said.slice(0, 2))).toEqual([ok('a'), ok('b')])
    expect(machine().words).toEqual(['a', 'b'])
  })

  test('what is due happens when it is due, and its records are appended', async () => {
    await start()
    const due = host.clock.now() + 700
    machine().alarmAt = due
    const parked = park()
    await host.clock.run(699)
    expect(await soFar(parked)).toBe('waiting')
    await host.clock.run(1)
    expect(await parked).toEqual(ok(`alarm at ${due}`))
    await restart()
    expect(machine().words).toEqual(['alarm'])
  })

  test.each([3_600_000, -3_600_000])(
    'a wall clock that is set by %d ms is no passing of time',
    async step => {
      await start()
      machine().alarmAt = host.clock.now() + 700
      const parked = park()
      await host.clock.run(300)
      host.clock.stepWall(step)
      await listen()
      host.clock.stepWall(5)
      await host.clock.run(399)
      expect(await soFar(parked)).toBe('waiting')
      await host.clock.run(1)
      expect((await parked).error).toBe(ErrorCode.NONE)
      expect(machine().wallSteps).toEqual([step])
    },
  )

  test('a wall clock that nobody has asked since it was set delays nothing', async () => {
    await start()
    machine().alarmAt = host.clock.now() + 700
    const parked = park()
    await turns()
    host.clock.stepWall(-3_600_000)
    await host.clock.run(700)
    expect((await parked).error).toBe(ErrorCode.NONE)
  })
})
