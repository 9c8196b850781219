// Tools that produce and consume: verifiable, performance, latency, console.

import { expect } from 'vitest'
import { committed, createTopic, numbered, send } from '../kafkajs/clients.ts'
import type { Suite } from '../suite.ts'
import { lines, linesOfProcess } from './run.ts'

interface Event {
  readonly name: string
  readonly [field: string]: unknown
}

function eventsOf(all: readonly string[]): Event[] {
  return all.map(line => JSON.parse(line) as Event)
}

export function loadToolCases(suite: Suite): void {
  verifiableCases(suite)
  performanceCases(suite)
  consoleCases(suite)
}

function verifiableCases(suite: Suite): void {
  for (const acks of ['1', '-1']) {
    suite.case(`kafka-verifiable-producer reports every record under acks ${acks}`, async run => {
      const topic = await createTopic(run)
      const args = `--topic ${topic} --max-messages 200 --acks ${acks} --value-prefix 7`
      const events = eventsOf(await linesOfProcess(run, 'kafka-verifiable-producer', args))
      const sent = events.filter(each => each.name === 'producer_send_success')
      expect(sent.map(each => [each.value, each.offset])).toEqual(
        numbered(200).map((_, index) => [`7.${index}`, index]),
      )
      expect(events.at(-1)).toMatchObject({ name: 'tool_data', sent: 200, acked: 200 })
    })
  }

  suite.case('kafka-verifiable-consumer reads, commits and leaves', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(100))
    const args = `--topic ${topic} --group-id ${run.name('group')} --max-messages 100 --reset-policy earliest`
    const events = eventsOf(await lines(run, 'kafka-verifiable-consumer', args))
    const consumed = events.filter(each => each.name === 'records_consumed')
    expect(consumed.reduce((sum, each) => sum + Number(each.count), 0)).toBe(100)
    expect(events.filter(each => each.name === 'offsets_committed').every(each => each.success)).toBe(true)
    expect(events.map(each => each.name)).toEqual(
      expect.arrayContaining(['partitions_assigned', 'shutdown_complete']),
    )
    expect(await committed(run, run.name('group'), topic)).toEqual([100])
  })

  suite.case('kafka-verifiable-consumer reads every record with its value in verbose mode', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(20))
    const args = `--topic ${topic} --group-id ${run.name('group')} --max-messages 20 --reset-policy earliest --verbose`
    const events = eventsOf(await lines(run, 'kafka-verifiable-consumer', `${args} --enable-autocommit`))
    const data = events.filter(each => each.name === 'record_data')
    expect(data.map(each => [each.value, each.offset])).toEqual(
      numbered(20).map(({ value }, index) => [value, index]),
    )
  })
}

function performanceCases(suite: Suite): void {
  for (const properties of ['acks=all compression.type=lz4', 'acks=1 enable.idempotence=false']) {
    suite.case(`kafka-producer-perf-test with ${properties}`, async run => {
      const topic = await createTopic(run, { partitions: 2 })
      const load = `--topic ${topic} --num-records 5000 --record-size 200 --throughput -1`
      const output = await lines(run, 'kafka-producer-perf-test', `${load} --command-property ${properties}`)
      expect(output.at(-1)).toMatch(/^5000 records sent, [\d.]+ records\/sec/)
      const ends = await lines(run, 'kafka-get-offsets', `--topic ${topic}`)
      expect(ends.reduce((sum, line) => sum + Number(line.split(':')[2]), 0)).toBe(5_000)
    })
  }

  suite.case('kafka-consumer-perf-test reads as many records as asked for', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(2_000))
    const args = `--topic ${topic} --num-records 2000 --group ${run.name('group')}`
    const [heading, row] = await lines(run, 'kafka-consumer-perf-test', args)
    const column = heading!.split(', ').indexOf('data.consumed.in.nMsg')
    expect(row!.split(', ')[column]).toBe('2000')
  })

  suite.case('kafka-e2e-latency sees each of its records come back', async run => {
    const topic = await createTopic(run)
    const args = `--topic ${topic} --num-records 100 --producer-acks all --record-size 100`
    const output = await lines(run, 'kafka-e2e-latency', args)
    expect(output.at(-1)).toMatch(/^Percentiles: 50th = \d+, 99th = \d+, 99.9th = \d+$/)
    expect(await lines(run, 'kafka-get-offsets', `--topic ${topic}`)).toEqual([`${topic}:0:100`])
  })
}

function consoleCases(suite: Suite): void {
  suite.case('the console consumer goes on in its group', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(10))
    const args = `--topic ${topic} --group ${run.name('group')} --timeout-ms 20000`
    const first = await lines(run, 'kafka-console-consumer', `${args} --from-beginning --max-messages 10`)
    expect(first).toEqual(numbered(10).map(each => each.value))
    await send(run, topic, numbered(5, 10))
    const second = await lines(run, 'kafka-console-consumer', `${args} --max-messages 5`)
    expect(second).toEqual(numbered(5, 10).map(each => each.value))
  })

  suite.case('the console consumer reads topics by a pattern', async run => {
    for (const name of ['red-1', 'red-2', 'blue-1']) {
      await createTopic(run, { name: run.name(name) })
      await send(run, run.name(name), [{ value: name }])
    }
    const args = `--include ${run.name('red')}-. --from-beginning --max-messages 2 --timeout-ms 20000`
    expect((await lines(run, 'kafka-console-consumer', args)).sort()).toEqual(['red-1', 'red-2'])
  })

  suite.case('the console producer passes keys and headers to the console consumer', async run => {
    const topic = await createTopic(run)
    const properties = ['parse.key=true', 'key.separator=:', 'parse.headers=true', 'headers.delimiter=;']
    const parse = properties.map(each => `--reader-property ${each}`).join(' ')
    await lines(
      run,
      'kafka-console-producer',
      `--topic ${topic} ${parse}`,
      'h:1;key-0:value 0\nh:2;key-1:value 1\n',
    )
    const print = ['print.key=true', 'print.headers=true', 'print.offset=true']
      .map(each => `--formatter-property ${each}`)
      .join(' ')
    const consume = `--topic ${topic} --from-beginning --max-messages 2 --timeout-ms 20000 ${print}`
    expect(await lines(run, 'kafka-console-consumer', consume)).toEqual([
      'Offset:0\th:1\tkey-0\tvalue 0',
      'Offset:1\th:2\tkey-1\tvalue 1',
    ])
  })

  suite.case('kafka-topics describes what it created', async run => {
    const topic = run.name()
    await lines(run, 'kafka-topics', `--create --topic ${topic} --partitions 2 --config retention.ms=9000`)
    const described = await lines(run, 'kafka-topics', `--describe --topic ${topic}`)
    expect(described[0]).toMatch(/PartitionCount: 2\s+ReplicationFactor: 1\s+Configs: .*retention.ms=9000/)
    expect(described).toHaveLength(3)
  })
}
