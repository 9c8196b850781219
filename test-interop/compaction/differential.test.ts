// The same logs, cleaned by Apache Kafka's own cleaner and by ours: the same files, byte for byte where no codec is in
// play. SEEDS says how many logs. RECORD writes the fixture from which the unit tests know what Kafka does.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type Cleaned,
  type CompactionCase,
  casesFrom,
  cleanedByUs,
  decoded,
  type Files,
  isCompared,
  recordedCases,
} from '../../src/log/testing/compaction-case.ts'
import { launch } from '../harness/processes.ts'
import { compileJava, javaProgram } from './campaign.ts'

const seeds = Number(process.env.SEEDS || 60)
const first = Number(process.env.SEED || Date.now() % 1_000_000)
const fixture = join(import.meta.dirname, '..', '..', 'src', 'log', 'fixtures', 'compaction.json')
const folder = mkdtempSync(join(tmpdir(), 'klamm-compaction-'))
let kafka: Kafka

/** One JVM for all of them. */
class Kafka {
  private readonly child = launch('java', javaProgram('CleanLog', '256m'), {})
  private readonly answers = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]()

  /** Undefined where Kafka's cleaner itself fails: with small indexes it may find its time index full. */
  async clean(given: CompactionCase): Promise<Cleaned | undefined> {
    const directory = join(folder, 'topic-0')
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory)
    for (const [name, bytes] of given.before) writeFileSync(join(directory, name), bytes)
    const { config, before, ...numbers } = given
    const job = {
      ...numbers,
      directory,
      config: {
        'cleanup.policy': 'compact',
        'internal.segment.bytes': config.segmentBytes,
        'segment.index.bytes': config.segmentIndexBytes,
        'index.interval.bytes': config.indexIntervalBytes,
        'delete.retention.ms': config.deleteRetentionMs,
      },
    }
    this.child.stdin!.write(`${JSON.stringify(job)}\n`)
    const answer = await this.answers.next()
    if (/^failed with .*full time index/.test(String(answer.value))) return undefined
    const cleanedTo = Number(/^cleaned to (\d+)$/.exec(String(answer.value))?.[1])
    if (Number.isNaN(cleanedTo)) throw new Error(`${given.name}: ${String(answer.value)}`)
    const names = readdirSync(directory).filter(name => isCompared(name, given.firstUncleanableOffset))
    const after = new Map(names.sort().map(name => [name, readFileSync(join(directory, name))] as const))
    return { cleanedTo, after }
  }

  end(): void {
    this.child.kill()
  }
}

beforeAll(async () => {
  await compileJava('CleanLog')
  kafka = new Kafka()
})

afterAll(() => {
  kafka?.end()
  rmSync(folder, { recursive: true, force: true })
})

test(`Kafka's cleaner and ours make the same of ${seeds} logs`, async () => {
  console.log(`seeds from ${first} on`)
  let count = 0
  for (let seed = first; seed < first + seeds; seed++) {
    const isPlain = seed % 3 !== 0
    for await (const given of casesFrom(seed, isPlain)) {
      const [theirs, ours] = [await kafka.clean(given), await cleanedByUs(given)]
      if (!theirs) break
      expect(ours.cleanedTo, given.name).toBe(theirs.cleanedTo)
      expect(comparable(ours.after, isPlain), given.name).toEqual(comparable(theirs.after, isPlain))
      count++
    }
  }
  console.log(`${count} cleanings`)
  expect(count).toBeGreaterThan(seeds)
}, 300_000)

test('the fixture of the unit tests is what Kafka does', async () => {
  if (process.env.RECORD) await record()
  for (const { given, cleaned } of recordedCases(readFileSync(fixture, 'utf8'))) {
    expect(await kafka.clean(given), given.name).toEqual(cleaned)
  }
})

async function record(): Promise<void> {
  const recorded: object[] = []
  for (const seed of [1, 2, 4, 5, 7]) {
    for await (const given of casesFrom(seed, true)) {
      const cleaned = await kafka.clean(given)
      if (!cleaned) break
      const { cleanedTo, after } = cleaned
      recorded.push({ ...given, before: encoded(given.before), cleanedTo, after: encoded(after) })
    }
  }
  writeFileSync(fixture, `${JSON.stringify({ kafka: '4.3.1', cases: recorded }, null, 1)}\n`)
}

function comparable(files: Files, isPlain: boolean): Record<string, unknown> {
  const entries = [...files].filter(([name]) => isPlain || !/\.(index|timeindex)$/.test(name))
  return Object.fromEntries(
    // An index that Kafka leaves empty, and one that is not there, say the same.
    entries
      .filter(([name, bytes]) => name.endsWith('.log') || bytes.length > 0)
      .map(([name, bytes]) => [
        name,
        isPlain || !name.endsWith('.log') ? bytes.toString('hex') : decoded(bytes),
      ]),
  )
}

function encoded(files: Files): Record<string, string> {
  return Object.fromEntries([...files].map(([name, bytes]) => [name, bytes.toString('base64')]))
}
