/**
 * Producers of transactions, some of them under one transactional id and of both protocols, on a broker that
 * dies at any moment; readers in between; and at the end the model is asked whether all promises were kept.
 */
import { CreateTopicsRequest, CreateTopicsResponse } from '../../../protocol/messages/create-topics.ts'
import {
  FindCoordinatorRequest,
  FindCoordinatorResponse,
} from '../../../protocol/messages/find-coordinator.ts'
import { Cluster } from './cluster.ts'
import { BrokenPromise, TransactionModel } from './model.ts'
import { PARTITIONS, SimulatedProducer, TOPIC } from './producer.ts'
import { committedOffset, readCommitted } from './reader.ts'

export interface TransactionResult {
  readonly seed: number
  readonly problem: string | undefined
  readonly attempts: number
  readonly committed: number
  readonly crashes: number
}

export interface TransactionSimulationOptions {
  readonly seed: number
  /** Moments at which something is done to the broker, or looked at. */
  readonly moments?: number
}

/** The first two fence each other all the time. */
const ACTORS = [
  { actor: 'a', transactionalId: 'shared' },
  { actor: 'b', transactionalId: 'shared' },
  { actor: 'c', transactionalId: 'own' },
] as const

/** Longer than any timeout of a transaction, and the checks for it. */
const DECIDED_MS = 8_000

export async function simulateTransactions({
  seed,
  moments = 12,
}: TransactionSimulationOptions): Promise<TransactionResult> {
  const cluster = new Cluster(seed)
  const model = new TransactionModel()
  let problem: string | undefined
  try {
    await cluster.start()
    await prepare(cluster)
    await trouble(cluster, model, moments)
    await audit(cluster, model)
  } catch (error) {
    problem = error instanceof BrokenPromise ? error.message : String((error as Error).stack)
  }
  const committed = model.attempts.filter(({ verdict }) => verdict === 'committed').length
  return { seed, problem, attempts: model.attempts.length, committed, crashes: cluster.crashes }
}

async function prepare(cluster: Cluster): Promise<void> {
  const { world } = cluster
  const client = await world.finish(cluster.connect('admin'))
  const topic = { name: TOPIC, numPartitions: PARTITIONS, replicationFactor: 1, assignments: [], configs: [] }
  const body = { topics: [topic], timeoutMs: 5_000, validateOnly: false }
  await world.finish(
    client.call({ request: CreateTopicsRequest, response: CreateTopicsResponse, version: 5, body }),
  )
  for (const keyType of [0, 1]) {
    const find = { key: 'any', keyType, coordinatorKeys: [] }
    const call = {
      request: FindCoordinatorRequest,
      response: FindCoordinatorResponse,
      version: 3,
      body: find,
    }
    for (;;) {
      const { errorCode } = await world.finish(client.call(call))
      if (errorCode === 0) break
      await world.run(20)
    }
  }
  await client.close()
}

async function trouble(cluster: Cluster, model: TransactionModel, moments: number): Promise<void> {
  const { world, random } = cluster
  let isOver = false
  const version = () => (random.below(2) === 0 ? 1 : 2)
  const lives = ACTORS.map(({ actor, transactionalId }) => {
    const own = { cluster, model, actor, transactionalId, version: version(), isOver: () => isOver } as const
    return new SimulatedProducer(own).live()
  })
  for (let moment = 0; moment < moments; moment++) {
    await world.run(random.below(400))
    if (cluster.chance(35)) await cluster.crash()
    else await look(cluster, model)
  }
  isOver = true
  await world.finish(Promise.all(lives))
}

/** A reader begins somewhere, which may be in the middle of a transaction. */
async function look(cluster: Cluster, model: TransactionModel): Promise<void> {
  const { world, random } = cluster
  const client = await world.finish(cluster.connect('reader'))
  const partition = random.below(PARTITIONS)
  const { lastStableOffset } = await world.finish(readCommitted(client, partition))
  const from = BigInt(random.below(Number(lastStableOffset) + 1))
  const { values } = await world.finish(readCommitted(client, partition, from))
  await client.close()
  model.notice(values, `by a reader from ${TOPIC}-${partition} at ${from}`)
}

async function audit(cluster: Cluster, model: TransactionModel): Promise<void> {
  const { world } = cluster
  if (cluster.chance(50)) await cluster.crash()
  await world.run(DECIDED_MS)
  const client = await world.finish(cluster.connect('auditor'))
  const partitions: (readonly string[])[] = []
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const read = await world.finish(readCommitted(client, partition))
    if (read.lastStableOffset !== read.highWatermark) {
      const { lastStableOffset, highWatermark } = read
      throw new BrokenPromise(`stuck: ${TOPIC}-${partition} at ${lastStableOffset} of ${highWatermark}`)
    }
    partitions.push(read.values)
    for (let from = 0n; from < read.highWatermark; from += 3n) {
      const { values } = await world.finish(readCommitted(client, partition, from))
      model.notice(values, `by a reader from ${TOPIC}-${partition} at ${from}, at the end`)
    }
  }
  const offsets = new Map<string, number | undefined>()
  for (const { actor } of ACTORS) {
    offsets.set(actor, await world.finish(committedOffset(client, actor)))
  }
  await client.close()
  model.check(partitions, offsets)
}
