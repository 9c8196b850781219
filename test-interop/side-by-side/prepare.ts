// Before the suites: the clients that npm does not install, and the broker itself. After them: the table.

import { existsSync, writeFileSync } from 'node:fs'
import { klammMain } from '../harness/broker.ts'
import { fetchKafkaJars } from '../harness/kafka-jars.ts'
import { buildRdkafka } from '../harness/rdkafka.ts'
import { clearResults, isFailure, loadResults, renderTable, SUITES, table } from './results.ts'

export async function setup(): Promise<void> {
  if (!existsSync(klammMain)) {
    throw new Error(`${klammMain} is missing: run "npm run build" at the project's root first`)
  }
  await fetchKafkaJars()
  await buildRdkafka()
  clearResults()
}

export async function teardown(): Promise<void> {
  const suites = loadResults()
  const cases = suites.flatMap(each => each.cases)
  // Only a whole run on both sides makes the table anew; a client that did not get so far leaves no results.
  if (suites.length === SUITES && cases.every(each => each.kafka && each.klamm)) {
    writeFileSync(table, renderTable(suites))
  }
  const failures = cases.filter(isFailure).length
  process.stdout.write(
    `side by side: ${cases.length} cases of ${suites.length} clients, ${failures} failed\n`,
  )
}
