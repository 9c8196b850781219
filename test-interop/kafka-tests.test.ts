// Apache Kafka's own integration tests against the broker, through a harness that lies beside the project. Where it is
// absent these cases count as skipped, and the run says why.

import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from './harness/processes.ts'

const here = import.meta.dirname
const harness = process.env.KAFKA_TESTS_DIR || join(here, '..', '..', 'shared', 'kafka-tests')
const list = join(here, 'fixtures', 'kafka-tests.txt')

/** Class, method and number of the invocation of each test that passes on Kafka under the same conditions. */
const wanted = readFileSync(list, 'utf8')
  .split('\n')
  .filter(line => line !== '')
  .map(line => line.split(' ').slice(0, 2).join(' '))

const absent = !existsSync(join(harness, 'run.sh'))
if (absent)
  console.warn(`skipped: no harness of Kafka's own tests at ${harness} (KAFKA_TESTS_DIR names another place)`)

describe.skipIf(absent)("Kafka's own tests", () => {
  const outcomes = new Map<string, string>()
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'klamm-kafka-tests-'))
    const results = join(folder, 'results.tsv')
    const env = { NODE: process.execPath, KAFKA_TESTS_DIR: harness }
    await run(join(here, 'kafka-tests.sh'), [list, results], { env, deadlineMs: 1_500_000, echo: true })
    for (const line of (await readFile(results, 'utf8')).split('\n').slice(1)) {
      const [, className, method, number, status, , , , , reason] = line.split('\t')
      // The same test for another type of cluster is a duplicate, and not run.
      if (status && status !== 'DUPLICATE')
        outcomes.set(`${className}.${method} ${number}`, `${status} ${reason ?? ''}`.trim())
    }
    if (existsSync(`${results}.brokers`)) console.warn(await readFile(`${results}.brokers`, 'utf8'))
  }, 1_800_000)

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true })
  })

  test.each(wanted)('%s passes', name => {
    expect(outcomes.get(name)).toBe('PASS')
  })
})
