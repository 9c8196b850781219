// Every way in which kafka-consumer-groups resets offsets.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { committed, createTopic, reader } from '../kafkajs/clients.ts'
import type { Suite } from '../suite.ts'
import { committedGroup, FIRST_RECORD_MS, filledTopic, groups, lines } from './run.ts'

export function resetCases(suite: Suite): void {
  targetCases(suite)
  modeCases(suite)
  scopeCases(suite)
  refusalCases(suite)
}

function targetCases(suite: Suite): void {
  const second = (seconds: number) =>
    new Date(FIRST_RECORD_MS + seconds * 1_000).toISOString().replace('Z', '')
  const targets: [string, number[]][] = [
    ['--to-earliest', [2, 0]],
    ['--to-latest', [10, 10]],
    ['--to-current', [5, 6]],
    ['--to-offset 7', [7, 7]],
    ['--to-offset 0', [2, 0]],
    ['--to-offset 99', [10, 10]],
    ['--shift-by 2', [7, 8]],
    ['--shift-by -2', [3, 4]],
    ['--shift-by 100', [10, 10]],
    ['--shift-by -100', [2, 0]],
    [`--to-datetime ${second(4)}`, [4, 4]],
    [`--to-datetime ${second(60)}`, [10, 10]],
    [`--to-datetime ${second(4)}+01:00`, [2, 0]],
    ['--by-duration P3650D', [2, 0]],
    ['--by-duration PT1H', [10, 10]],
  ]
  for (const [option, expected] of targets) {
    suite.case(`--reset-offsets ${option}`, async run => {
      const topic = await filledTopic(run)
      const group = await committedGroup(run, topic, [5, 6])
      const reset = await groups(run, `--reset-offsets --group ${group} --topic ${topic} ${option} --execute`)
      // Where no record is as young as asked, the tool says so before its table.
      const table = reset.filter(row => row.startsWith(group))
      expect(table).toEqual(expected.map((offset, partition) => `${group} ${topic} ${partition} ${offset}`))
      expect(await committed(run, group, topic)).toEqual(expected)
    })
  }
}

function modeCases(suite: Suite): void {
  suite.case('--reset-offsets --dry-run shows, and changes nothing', async run => {
    const topic = await filledTopic(run)
    const group = await committedGroup(run, topic, [5, 6])
    const shown = await groups(
      run,
      `--reset-offsets --group ${group} --topic ${topic} --to-earliest --dry-run`,
    )
    expect(shown).toEqual([`${group} ${topic} 0 2`, `${group} ${topic} 1 0`])
    expect(await committed(run, group, topic)).toEqual([5, 6])
  })

  suite.case('--reset-offsets --export writes lines that --from-file reads', async run => {
    const topic = await filledTopic(run)
    const group = await committedGroup(run, topic, [5, 6])
    const one = `--reset-offsets --group ${group}`
    const exported = await lines(
      run,
      'kafka-consumer-groups',
      `${one} --topic ${topic} --to-offset 8 --dry-run --export`,
    )
    expect(exported.sort()).toEqual([`${topic},0,8`, `${topic},1,8`])
    const file = join(run.broker.folder, `${run.name('offsets')}.csv`)
    await writeFile(file, `${topic},0,9\n${topic},1,4\n`)
    expect(await groups(run, `${one} --from-file ${file} --execute`)).toEqual([
      `${group} ${topic} 0 9`,
      `${group} ${topic} 1 4`,
    ])
    expect(await committed(run, group, topic)).toEqual([9, 4])
  })

  suite.case('--reset-offsets --from-file of several groups', async run => {
    const topic = await filledTopic(run)
    const [a, b] = [
      await committedGroup(run, topic, [5, 6], 'a'),
      await committedGroup(run, topic, [5, 6], 'b'),
    ]
    const file = join(run.broker.folder, `${run.name('offsets')}.csv`)
    await writeFile(file, `${a},${topic},0,3\n${b},${topic},1,2\n`)
    await groups(run, `--reset-offsets --group ${a} --group ${b} --from-file ${file} --execute`)
    expect([await committed(run, a, topic), await committed(run, b, topic)]).toEqual([
      [3, 6],
      [5, 2],
    ])
  })
}

function scopeCases(suite: Suite): void {
  suite.case('--reset-offsets --all-topics takes every topic of the group', async run => {
    const [a, b] = [await filledTopic(run, run.name('a')), await filledTopic(run, run.name('b'))]
    const group = await committedGroup(run, a, [5, 6])
    await committedGroup(run, b, [7, 8])
    const reset = await groups(run, `--reset-offsets --group ${group} --all-topics --to-latest --execute`)
    expect(reset).toEqual([a, b].flatMap(topic => [`${group} ${topic} 0 10`, `${group} ${topic} 1 10`]))
    expect(await committed(run, group, b)).toEqual([10, 10])
  })

  suite.case('--reset-offsets of one partition leaves the other', async run => {
    const topic = await filledTopic(run)
    const group = await committedGroup(run, topic, [5, 6])
    await groups(run, `--reset-offsets --group ${group} --topic ${topic}:1 --to-earliest --execute`)
    expect(await committed(run, group, topic)).toEqual([5, 0])
  })

  suite.case('--reset-offsets makes a group that was not there', async run => {
    const topic = await filledTopic(run)
    const group = run.name('new')
    await groups(run, `--reset-offsets --group ${group} --topic ${topic} --to-offset 4 --execute`)
    expect(await committed(run, group, topic)).toEqual([4, 4])
    expect(await groups(run, '--list')).toContain(group)
  })

  suite.case('members go on where offsets were reset to', async run => {
    const topic = await filledTopic(run)
    const group = await committedGroup(run, topic, [10, 10])
    await groups(run, `--reset-offsets --group ${group} --topic ${topic} --shift-by -3 --execute`)
    const member = await reader(run, [topic], { groupId: group })
    const received = await member.until(6)
    expect(received.map(each => Number(each.offset)).sort((a, b) => a - b)).toEqual([7, 7, 8, 8, 9, 9])
  })
}

function refusalCases(suite: Suite): void {
  suite.case('--reset-offsets is refused while the group has members', async run => {
    const topic = await createTopic(run)
    await reader(run, [topic])
    const group = run.name('group')
    expect(
      await groups(run, `--reset-offsets --group ${group} --topic ${topic} --to-earliest --execute`),
    ).toEqual([
      `Error: Assignments can only be reset if the group '${group}' is inactive, but the current state is Stable.`,
    ])
  })
}
