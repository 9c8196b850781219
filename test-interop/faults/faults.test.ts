// Faults as real clients meet them: what each does is asserted by what is stored and by the trace, and told in a table,
// docs/faults.md. FAULTS_TABLE=1 writes the table anew.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Klamm } from '../../src/embedded.ts'
import { buildGo, JavaClients } from './clients.ts'
import { goScenarios } from './go-scenarios.ts'
import { javaScenarios } from './java-scenarios.ts'
import { kafkajsScenarios } from './kafkajs-scenarios.ts'
import { rdkafkaScenarios } from './rdkafka-scenarios.ts'
import { type Scenario, type Stage, storyOf, TOPIC } from './scenario.ts'
import { renderTable } from './table.ts'

const TABLE = join(import.meta.dirname, '..', '..', 'docs', 'faults.md')

let java: JavaClients

beforeAll(async () => {
  await buildGo()
  java = await JavaClients.start()
})

afterAll(() => java?.close())

const scenarios: readonly Scenario[] = [
  ...kafkajsScenarios,
  ...rdkafkaScenarios,
  ...javaScenarios(() => java),
  ...goScenarios,
]

const stories = new Map<Scenario, string>()

async function playOn(scenario: Scenario): Promise<void> {
  await using klamm = await Klamm.start({
    trace: true,
    seed: 1,
    topics: [{ name: TOPIC, partitions: 2 }],
    config: {
      'group.initial.rebalance.delay.ms': 0,
      'group.min.session.timeout.ms': 500,
      'group.consumer.heartbeat.interval.ms': 1_000,
      'group.consumer.min.heartbeat.interval.ms': 1_000,
    },
  })
  const stage: Stage = {
    klamm,
    bootstrap: klamm.bootstrapServers,
    topic: TOPIC,
    disturb: () => {
      for (const rule of scenario.rules) klamm.faults.define(rule)
    },
    stored: async (topic = TOPIC) => {
      const records = await klamm.contents(topic, { isolation: 'read_committed' })
      return records.map(each => each.value)
    },
  }
  try {
    await scenario.play(stage)
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${klamm.trace.text()}`, { cause: error })
  }
  for (const rule of klamm.faults.all) expect(rule.count, `rule ${rule.id} fired`).toBeGreaterThan(0)
  stories.set(scenario, storyOf(klamm, scenario.story))
}

describe('with', () => {
  test.each(scenarios.map(scenario => [`${scenario.client}, ${scenario.fault}`, scenario] as const))(
    '%s',
    async (_, scenario) => {
      await playOn(scenario)
    },
  )
})

test('the table tells what was seen', () => {
  expect(scenarios.length).toBeGreaterThanOrEqual(20)
  const table = renderTable(scenarios.map(each => ({ ...each, evidence: stories.get(each) ?? 'not played' })))
  if (process.env.FAULTS_TABLE) writeFileSync(TABLE, table)
  expect(readFileSync(TABLE, 'utf8')).toBe(table)
})
