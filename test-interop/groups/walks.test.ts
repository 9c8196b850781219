// Random walks of consumer groups (KIP-848), step by step on Apache Kafka and on Klamm: each answer to a heartbeat, a commit
// or a fetch, and the description of the group after it, has to be the same. SEEDS says how many walks.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Broker, type BrokerKind, startBroker } from '../harness/broker.ts'
import { createTopic } from '../harness/rdkafka.ts'
import { diceOf } from '../transactions/random.ts'
import { whenAnswering } from './static-talk.ts'
import { type Epochs, nextMove } from './walk.ts'
import { type Connection, connectTo, Walker } from './walker.ts'

const seeds = Number(process.env.SEEDS || 150)
const STEPS = 30
const topics = { t: 4, u: 3 }
/** Who subscribes to several topics gets them in the order of their ids, which no two brokers share. */
const SUBSCRIPTIONS = [['t'], ['t'], ['u']]

const kinds: readonly BrokerKind[] = ['kafka', 'klamm']
/** Assigned at once, so that nothing depends on how long anything takes. */
const settings = { 'group.consumer.assignment.interval.ms': '0' }
const brokers: Broker[] = []
const connections: Connection[] = []

beforeAll(async () => {
  brokers.push(...(await Promise.all(kinds.map(kind => startBroker(settings, kind)))))
  for (const broker of brokers) {
    for (const [topic, partitions] of Object.entries(topics))
      await createTopic(broker.bootstrap, topic, { partitions })
    await whenAnswering(broker)
    connections.push(await connectTo(broker.port, Object.keys(topics)))
  }
})

afterAll(async () => {
  await Promise.all(connections.map(({ client }) => client.close()))
  await Promise.all(brokers.map(broker => broker.dispose()))
})

test(
  `${seeds} groups of five members are told what Kafka tells them, at each of ${STEPS} steps`,
  async () => {
    const answers = new Map<string, number>()
    for (let seed = 1; seed <= seeds; seed += 1) await walk(seed, answers)
    // The walks come by what there is to tell.
    console.log([...answers].map(([error, count]) => `${error} ${count}`).join(', '))
    const expected = [
      'NONE',
      'UNKNOWN_MEMBER_ID',
      'FENCED_MEMBER_EPOCH',
      'UNRELEASED_INSTANCE_ID',
      'FENCED_INSTANCE_ID',
      'GROUP_ID_NOT_FOUND',
      'STALE_MEMBER_EPOCH',
    ]
    if (seeds >= 20)
      expect([...answers.keys()].join(' ').split(' ')).toEqual(expect.arrayContaining(expected))
  },
  60_000 + seeds * 500,
)

async function walk(seed: number, answers: Map<string, number>): Promise<void> {
  const dice = diceOf(seed)
  const walkers = connections.map(each => new Walker(each, `walk-${seed}`))
  const epochs: Epochs = new Map()
  const moves: string[] = []
  for (let step = 0; step < STEPS; step += 1) {
    const move = nextMove(dice, epochs, SUBSCRIPTIONS)
    moves.push(JSON.stringify(move))
    const [kafka, klamm] = await Promise.all(walkers.map(walker => walker.take(move)))
    expect(klamm, `seed ${seed}, the last of\n${moves.join('\n')}`).toEqual(kafka)
    const { error, memberEpoch } = kafka!.answer
    answers.set(error, (answers.get(error) ?? 0) + 1)
    if (move.kind !== 'beat' || error !== 'NONE' || memberEpoch === undefined) continue
    if (memberEpoch < 0) epochs.delete(move.who)
    else epochs.set(move.who, memberEpoch)
  }
}
