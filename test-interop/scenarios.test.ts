// The conversations about transactions, held with Apache Kafka and with Klamm in one run; and what dump-log then says of
// the files that either left behind.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { realSide } from '../src/conformance/recording.ts'
import type { Entry } from '../src/conformance/talk.ts'
import { CONVERSATIONS, hold } from '../src/conformance/transactions/conversations.ts'
import { PREPARATION, prepareTransactions } from '../src/conformance/transactions/record.ts'
import { SETTING } from '../src/conformance/transactions/transaction-talk.ts'
import { nodePlatform } from '../src/platform/node.ts'
import { type Broker, type BrokerKind, startBroker } from './harness/broker.ts'
import { type Dumped, dumpFiles, payloadsById, plain, unordered } from './scenarios/dumps.ts'
import { type Transcripts, writeTable } from './scenarios/table.ts'

/** Conversations that are held at once: most of their time goes by waiting. */
const LANES = 4
const PATIENCE_MS = 60_000
const { network, clock } = nodePlatform()

const brokers: Broker[] = []

async function holdAll(kind: BrokerKind): Promise<{ transcripts: Transcripts; data: string }> {
  const broker = await startBroker(SETTING, kind)
  brokers.push(broker)
  const side = realSide(network, clock, broker.bootstrap)
  await prepareTransactions(side)
  const transcripts: Record<string, readonly Entry[]> = {}
  const left = [...CONVERSATIONS]
  const lane = async () => {
    for (let each = left.shift(); each; each = left.shift()) {
      transcripts[each.name] = await hold(each, side, side.wait(PATIENCE_MS))
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  await broker.stop()
  return {
    transcripts: asJson(CONVERSATIONS.map(({ name }) => [name, transcripts[name]])),
    data: broker.data,
  }
}

function asJson(transcripts: readonly (readonly [string, readonly Entry[] | undefined])[]): Transcripts {
  return JSON.parse(JSON.stringify(Object.fromEntries(transcripts))) as Transcripts
}

let kafka: Awaited<ReturnType<typeof holdAll>>
let klamm: Awaited<ReturnType<typeof holdAll>>

beforeAll(async () => {
  ;[kafka, klamm] = await Promise.all([holdAll('kafka'), holdAll('klamm')])
  if (process.env.SCENARIOS_TABLE) writeTable(kafka.transcripts, klamm.transcripts)
}, 170_000)
afterAll(async () => {
  await Promise.all(brokers.map(broker => broker.dispose()))
})

describe('Klamm answers as Kafka does in this run', () => {
  test.each(CONVERSATIONS)('$name', ({ name }) => {
    expect(klamm.transcripts[name]).toEqual(kafka.transcripts[name])
  })
})

describe('dump-log reads the same from the files of both', () => {
  const bothSides = (suffix: RegExp, args?: readonly string[]): Promise<[Dumped, Dumped]> =>
    Promise.all([dumpFiles(kafka.data, suffix, args), dumpFiles(klamm.data, suffix, args)])

  /** Topics of conversations, not those of the brokers. */
  const OWN = '^(?!__).*'

  test('aborted transactions (.txnindex)', async () => {
    const [theirs, ours] = await bothSides(new RegExp(`${OWN}\\.txnindex$`))
    // Kafka makes one for each segment, we where there is something in it.
    const filled = [...theirs].filter(([, lines]) => lines.length > 0)
    expect(filled.length).toBeGreaterThan(30)
    for (const [file, lines] of filled)
      expect([file, plain(ours.get(file) ?? [])]).toEqual([file, plain(lines)])
    expect([...ours].filter(([, lines]) => lines.length > 0)).toHaveLength(filled.length)
  })

  test('producers (.snapshot)', async () => {
    const [theirs, ours] = await bothSides(new RegExp(`${OWN}\\.snapshot$`))
    expect(theirs.size).toBeGreaterThan(80)
    for (const [file, lines] of theirs) {
      expect([file, unordered(ours.get(file) ?? [])]).toEqual([file, unordered(lines)])
    }
  })

  test('records and markers (.log)', async () => {
    const [theirs, ours] = await bothSides(new RegExp(`${OWN}\\.log$`), ['--deep-iteration'])
    expect(theirs.size).toBeGreaterThan(100)
    for (const [file, lines] of theirs)
      expect([file, plain(ours.get(file) ?? [])]).toEqual([file, plain(lines)])
  })

  test('transactions (__transaction_state)', async () => {
    const [theirs, ours] = await bothSides(/^__transaction_state-0\/.*\.log$/, ['--transaction-log-decoder'])
    const expected = payloadsById(theirs)
    const known = payloadsById(ours)
    expect(expected.size).toBeGreaterThan(100)
    expected.delete(PREPARATION)
    for (const [id, lines] of expected) expect([id, known.get(id)]).toEqual([id, lines])
  })
})
