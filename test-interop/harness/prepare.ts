// Before the suites: what they need that npm does not install. Fails, never skips, where something cannot be had.

import { existsSync } from 'node:fs'
import { brokerKind, klammMain } from './broker.ts'
import { fetchKafkaJars } from './kafka-jars.ts'
import { buildRdkafka } from './rdkafka.ts'

export async function setup(): Promise<void> {
  if (brokerKind === 'klamm' && !existsSync(klammMain)) {
    throw new Error(`${klammMain} is missing: run "npm run build" at the project's root first`)
  }
  await fetchKafkaJars()
  await buildRdkafka()
}
