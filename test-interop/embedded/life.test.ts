// A broker inside the process with real clients at it: a clock that is set by hand, a reset, a crash.

import kafkajs from 'kafkajs'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { Klamm, type KlammOptions } from '../../src/embedded.ts'
import { eventually } from '../harness/processes.ts'
import { compileMember, javaMember, kafkajsMember, type Member } from './members.ts'

const DAY_MS = 86_400_000
const MOST_MS = 1_000

const open: { close(): Promise<void> }[] = []

beforeAll(() => compileMember())

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

async function started(options: KlammOptions): Promise<Klamm> {
  const klamm = await Klamm.start({ topics: ['events'], ...options })
  open.push(klamm)
  return klamm
}

async function membersOf(klamm: Klamm, prefix = ''): Promise<Member[]> {
  const at = { bootstrap: klamm.bootstrapServers, topic: 'events' }
  const members = await Promise.all([
    kafkajsMember({ ...at, group: `${prefix}js` }),
    javaMember({ ...at, group: `${prefix}java` }),
  ])
  open.push(...members)
  return members
}

/** Each sends, and all receive. */
async function exchange(members: readonly Member[], what: string): Promise<void> {
  for (const [index, member] of members.entries()) await member.send(`${what} ${index}`)
  for (const member of members) for (const index of members.keys()) await member.received(`${what} ${index}`)
}

function clientOf(klamm: Klamm): kafkajs.Kafka {
  return new kafkajs.Kafka({ brokers: [klamm.bootstrapServers], logLevel: kafkajs.logLevel.NOTHING })
}

async function committed(klamm: Klamm, groupId: string): Promise<string> {
  const admin = clientOf(klamm).admin()
  await admin.connect()
  const [found] = await admin.fetchOffsets({ groupId, topics: ['events'] })
  await admin.disconnect()
  return found!.partitions[0]!.offset
}

/** A group that was, and a transaction that nobody ends. */
async function leaveThings(klamm: Klamm): Promise<void> {
  const kafka = clientOf(klamm)
  const admin = kafka.admin()
  await admin.connect()
  await admin.setOffsets({ groupId: 'gone', topic: 'events', partitions: [{ partition: 0, offset: '1' }] })
  await admin.disconnect()
  const producer = kafka.producer({
    transactionalId: 't',
    maxInFlightRequests: 1,
    transactionTimeout: 60_000,
  })
  await producer.connect()
  const transaction = await producer.transaction()
  await transaction.send({ topic: 'pending', messages: [{ value: 'never' }] })
  await producer.disconnect()
}

test('seven days pass in less than a second, with kafkajs and Java connected: what expires has expired, and both go on', async () => {
  const klamm = await started({
    clock: 'manual',
    topics: [{ name: 'events', configs: { 'retention.ms': DAY_MS } }, 'pending'],
    config: { 'offsets.retention.minutes': 1_440 },
  })
  const members = await membersOf(klamm)
  await exchange(members, 'before')
  await leaveThings(klamm)
  expect(await committed(klamm, 'gone')).toBe('1')
  expect(klamm.topic('pending').partitions[0]!.end).toBe(1n)
  const joined = members.map(member => member.joined)

  const begin = performance.now()
  await klamm.clock.advance('7d')
  const tookMs = performance.now() - begin

  expect(await klamm.contents('events')).toEqual([])
  expect(await committed(klamm, 'gone')).toBe('-1')
  // The marker that ended the transaction has come and gone with its record, or is still there.
  expect(klamm.topic('pending').partitions[0]!.end).toBe(2n)
  expect(await klamm.contents('pending', { isolation: 'read_committed' })).toEqual([])
  for (const [index, member] of members.entries()) {
    await eventually(`member ${index} joins again`, () => member.joined > joined[index]! || undefined)
  }
  await exchange(members, 'after')
  expect(members[0]!.cuts).toBe(0)
  console.log(`seven days in ${tookMs.toFixed(0)} ms`)
  expect(tookMs).toBeLessThan(MOST_MS)
})

test('a reset under kafkajs and Java: both find the new topic by themselves, on the connections that they have', async () => {
  const klamm = await started({})
  const members = await membersOf(klamm)
  for (const round of ['first', 'second', 'third']) {
    await exchange(members, round)
    await klamm.reset()
    expect(await klamm.contents('events')).toEqual([])
  }
  await exchange(members, 'at last')
  expect(members[0]!.cuts).toBe(0)
})

test('after a crash and a restart kafkajs and Java go on where they were', async () => {
  const klamm = await started({})
  const members = await membersOf(klamm)
  await exchange(members, 'before')
  await klamm.crash()
  await klamm.restart()
  await exchange(members, 'after')
  const values = (await klamm.contents('events')).map(({ value }) => value)
  expect(values).toEqual(['before 0', 'before 1', 'after 0', 'after 1'])
})

test('a fork under kafkajs and Java: what they do in one is not in the other', async () => {
  const klamm = await started({})
  const members = await membersOf(klamm)
  await exchange(members, 'both')
  const fork = await klamm.fork()
  open.push(fork)
  await exchange(members, 'one')
  // The groups of the snapshot have members there, who do not answer until their sessions are over.
  const inFork = await membersOf(fork, 'other-')
  await exchange(inFork, 'other')
  const valuesOf = async (each: Klamm) => (await each.contents('events')).map(({ value }) => value)
  expect(await valuesOf(klamm)).toEqual(['both 0', 'both 1', 'one 0', 'one 1'])
  expect(await valuesOf(fork)).toEqual(['both 0', 'both 1', 'other 0', 'other 1'])
})
