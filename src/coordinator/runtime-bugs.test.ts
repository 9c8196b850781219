/** What is left of a shard whose machine, or log, does what it must not. */
import { describe, expect, test } from 'vitest'
import { ErrorCode, ok } from '../../protocol/errors.ts'
import { CoordinatorLog } from '../replication/coordinator-log.ts'
import {
  appending,
  fail,
  host,
  listen,
  machine,
  machines,
  park,
  recordingLogger,
  runtime,
  say,
  start,
  TOPIC,
  turns,
  useWords,
  Words,
} from './testing/words.ts'

useWords()

describe('a bug is logged and costs no more than the state in memory', () => {
  test('when a machine cannot be made again', async () => {
    const log = recordingLogger()
    let isBroken = false
    await start({
      logger: log.logger,
      newMachine: () => {
        if (isBroken) throw new Error('a bug')
        machines.push(new Words())
        return machine()
      },
    })
    await say('a')
    isBroken = true
    await expect(runtime.run(0, fail)).rejects.toThrow('a bug')
    await turns()
    expect(await listen()).toEqual({ error: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS })
    expect(log.messages).toContain('Could not load a coordinator shard')
    isBroken = false
    await host.clock.run(1_000)
    await turns()
    expect(await listen()).toEqual(ok('a'))
  })

  test('when a machine fails at the end of its replay', async () => {
    let failures = 0
    await start({
      newMachine: () => {
        const made = new Words()
        made.loaded = () => {
          if (failures++ === 0) throw new Error('a bug')
        }
        machines.push(made)
        return made
      },
    })
    expect(await say('a')).toEqual({ error: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS })
    await host.clock.run(1_000)
    await turns()
    expect(await say('a')).toEqual(ok('a'))
  })

  test('when the log throws instead of answering', async () => {
    const log = recordingLogger()
    let isBroken = true
    await start({ logger: log.logger }, inner =>
      appending(inner, batch => {
        if (isBroken) throw new Error('the disk is on fire')
        return inner.append(batch)
      }),
    )
    const parked = park()
    expect(await say('lost')).toEqual({ error: ErrorCode.UNKNOWN_SERVER_ERROR })
    expect(await parked).toEqual({ error: ErrorCode.UNKNOWN_SERVER_ERROR })
    expect(log.messages).toContain('A bug: a coordinator shard stopped')
    isBroken = false
    await runtime.loaded()
    expect(await say('a')).toEqual(ok('a'))
    expect(machine().words).toEqual(['a'])
  })

  test('when the log assigns other offsets than those that were replayed', async () => {
    let skip = 1n
    const log = recordingLogger()
    await start({ logger: log.logger }, inner =>
      appending(inner, async batch => {
        const appended = await inner.append(batch)
        return appended.error ? appended : ok({ lastOffset: appended.value.lastOffset + skip })
      }),
    )
    // It is committed by then, so that much is true.
    expect(await say('a')).toEqual(ok('a'))
    await turns()
    expect(log.messages).toContain('A bug: a coordinator shard stopped')
    skip = 0n
    expect(machines.length).toBe(2)
    expect(await listen()).toEqual(ok('a'))
    expect(await say('b')).toEqual(ok('b'))
  })

  test('again and again, which costs a replay a second and not the processor', async () => {
    await start({
      newMachine: () => {
        const made = new Words()
        made.alarmAt = 0
        made.expire = () => fail()
        machines.push(made)
        return made
      },
    })
    await host.clock.run(10_000)
    expect(machines.length).toBeGreaterThan(5)
    expect(machines.length).toBeLessThan(15)
  })

  test('and an append that was in flight is part of the state that comes after', async () => {
    await start()
    let open = () => {}
    const gate = new Promise<void>(resolve => (open = resolve))
    host.disk.intercept = ({ name }) => (name === 'write' ? gate : undefined)
    const said = say('a')
    await turns()
    await expect(runtime.run(0, fail)).rejects.toThrow('a bug')
    expect(await said).toEqual({ error: ErrorCode.UNKNOWN_SERVER_ERROR })
    await turns()
    expect(await listen()).toEqual({ error: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS })
    host.disk.intercept = undefined
    open()
    await turns()
    expect(await listen()).toEqual(ok('a'))
    expect(await say('b')).toEqual(ok('b'))
    expect(machine().offsets).toEqual([0n, 1n])
  })

  test('also that of the leader before', async () => {
    await start()
    let open = () => {}
    const gate = new Promise<void>(resolve => (open = resolve))
    host.disk.intercept = ({ name }) => (name === 'write' ? gate : undefined)
    void say('a')
    await turns()
    runtime.start(0, new CoordinatorLog(host.partition(TOPIC)))
    await turns()
    host.disk.intercept = undefined
    open()
    await turns()
    expect(await listen()).toEqual(ok('a'))
    expect(await say('b')).toEqual(ok('b'))
  })
})
