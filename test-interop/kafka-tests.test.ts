// Apache Kafka's own integration tests against the broker, through a harness that lies beside the project. Where it is
// absent these cases count as skipped, and the run says why.

import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from './harness/processes.ts'

const here = import.meta.dirname
const harness = process.env.KAFKA_TESTS_DIR || join(here, '..', '..', 'shared', 'kafka-tests')
const list = join(here, 'fixtures', 'kafka-tests.txt')
const script = join(here, 'kafka-tests.sh')

/** Tests mostly wait: two runs at once take little more than half the time. */
const LANES = 2

const lines = readFileSync(list, 'utf8')
  .split('\n')
  .filter(line => line !== '')

/** Class, method and number of the invocation of each test that passes on Kafka under the same conditions. */
const wanted = lines.map(nameOf)

/**
 * Lines that end with `race`: the outcome is decided within the client, and is a failure now and then on Kafka too (the
 * README has the figures). One run says nothing there; a broker passes if one of RACE_RUNS does.
 */
const races = lines.filter(line => line.endsWith(' race'))
const RACE_RUNS = 6

const absent = !existsSync(join(harness, 'run.sh'))
if (absent)
  console.warn(`skipped: no harness of Kafka's own tests at ${harness} (KAFKA_TESTS_DIR names another place)`)

describe.skipIf(absent)("Kafka's own tests", () => {
  const outcomes = new Map<string, string>()
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'klamm-kafka-tests-'))
    const env = { NODE: process.execPath, KAFKA_TESTS_DIR: harness }
    await run(script, [list], { env: { ...env, ONLY_BUILD: '1' }, deadlineMs: 600_000, echo: true })
    const runOf = async (name: string, part: readonly string[]): Promise<void> => {
      const [file, results] = [join(folder, `${name}.txt`), join(folder, `${name}.tsv`)]
      await writeFile(file, `${part.join('\n')}\n`)
      await run(script, [file, results], { env, deadlineMs: 1_500_000, echo: true })
      await collect(results)
    }
    await Promise.all(inLanes(lines).map((lane, i) => runOf(`lane-${i}`, lane)))
    for (let again = 2; again <= RACE_RUNS; again++) {
      const lost = races.filter(line => outcomes.get(nameOf(line)) !== 'PASS')
      if (lost.length > 0) await runOf(`races-${again}`, lost)
    }
  }, 2_100_000)

  async function collect(results: string): Promise<void> {
    for (const line of (await readFile(results, 'utf8')).split('\n').slice(1)) {
      const [, className, method, number, status, , , , , reason] = line.split('\t')
      // The same test for another type of cluster is a duplicate, and not run.
      if (status && status !== 'DUPLICATE')
        outcomes.set(`${className}.${method} ${number}`, `${status} ${reason ?? ''}`.trim())
    }
    if (existsSync(`${results}.brokers`)) console.warn(await readFile(`${results}.brokers`, 'utf8'))
  }

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true })
  })

  test.each(wanted)('%s passes', name => {
    expect(outcomes.get(name)).toBe('PASS')
  })
})

function nameOf(line: string): string {
  return line.split(' ').slice(0, 2).join(' ')
}

/** Equally long as far as classes can be told apart: each is run in one lane. */
function inLanes(all: readonly string[]): string[][] {
  const classes = new Map<string, string[]>()
  for (const line of all) {
    const name = line.slice(0, line.indexOf(' ')).replace(/\.[^.]*$/, '')
    classes.set(name, [...(classes.get(name) ?? []), line])
  }
  const lanes: string[][] = Array.from({ length: LANES }, () => [])
  for (const part of [...classes.values()].sort((one, other) => other.length - one.length)) {
    const shortest = lanes.reduce((least, lane) => (lane.length < least.length ? lane : least))
    shortest.push(...part)
  }
  return lanes
}
