/** Markers as brokers write them to one another, and what a lone broker says to that. */
import { conversation, type TransactionConversation, type TransactionTalk } from './transaction-talk.ts'

export const MARKERS: readonly TransactionConversation[] = [
  conversation('markers for producers that nobody knows', unknown),
  conversation('markers of coordinators that were replaced', fencedCoordinator),
  conversation('markers of old epochs', oldEpochs),
  conversation('markers of version 2', versionTwo),
  conversation('markers twice', twice),
  conversation('markers for what does not exist', missing),
  conversation('markers for offsets', forOffsets),
  conversation('a marker ends a hanging transaction', hanging),
  conversation('several markers in one request', several),
]

async function unknown(talk: TransactionTalk): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const stranger = { producerId: 5_000_000n, producerEpoch: 3 }
  await talk.mark([first], stranger)
  await talk.mark([first], stranger, { isCommit: false })
  await talk.describeProducers([first])
  await talk.see(first)
}

async function fencedCoordinator(talk: TransactionTalk): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const stranger = { producerId: 5_000_001n, producerEpoch: 3 }
  await talk.mark([first], stranger, { coordinatorEpoch: 7 })
  await talk.mark([first], stranger, { coordinatorEpoch: 6 })
  await talk.mark([first], stranger, { coordinatorEpoch: 8 })
  await talk.mark(['__consumer_offsets-0'], stranger, { coordinatorEpoch: 7 })
  await talk.mark(['__consumer_offsets-0'], stranger, { coordinatorEpoch: 6 })
  await talk.see(first)
}

async function oldEpochs(talk: TransactionTalk): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producerId = 5_000_002n
  await talk.mark([first], { producerId, producerEpoch: 3 })
  await talk.mark([first], { producerId, producerEpoch: 2 })
  await talk.mark([first], { producerId, producerEpoch: 4 })
  await talk.mark(['__consumer_offsets-0'], { producerId, producerEpoch: 3 })
  await talk.mark(['__consumer_offsets-0'], { producerId, producerEpoch: 2 })
  await talk.describeProducers([first])
  await talk.see(first)
}

async function versionTwo(talk: TransactionTalk): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', 1)
  await talk.add(producer, [first])
  await talk.produce(producer, first, ['a'])
  const { producerId, producerEpoch } = producer
  const two = { v: 2, transactionVersion: 2 }
  await talk.mark([first], { producerId, producerEpoch }, two)
  await talk.mark([first], { producerId, producerEpoch: producerEpoch + 1 }, two)
  await talk.mark([first], { producerId, producerEpoch: producerEpoch + 1 }, two)
  await talk.mark([first], { producerId, producerEpoch }, two)
  await talk.mark([first], { producerId, producerEpoch: producerEpoch + 1 }, { v: 2, transactionVersion: 1 })
  await talk.describeProducers([first])
  await talk.see(first)
}

async function twice(talk: TransactionTalk): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', 1)
  await talk.add(producer, [first])
  await talk.produce(producer, first, ['a'])
  await talk.mark([first], producer, { isCommit: false })
  await talk.mark([first], producer, { isCommit: false })
  await talk.see(first)
  await talk.commits(producer)
  await talk.see(first)
}

async function missing(talk: TransactionTalk): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const stranger = { producerId: 5_000_003n, producerEpoch: 0 }
  await talk.mark([first, `${talk.id}-7`, 'no-such-topic-0', '__consumer_offsets-99'], stranger)
  await talk.mark([], stranger)
  await talk.see(first)
}

async function forOffsets(talk: TransactionTalk): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', 1)
  await talk.addOffsets(producer)
  await talk.stage(producer, { [first]: 5 })
  await talk.mark(['__consumer_offsets-0'], producer, { isCommit: false })
  await talk.offsets([first], { requireStable: true })
  await talk.stage(producer, { [first]: 6 })
  await talk.offsets([first], { requireStable: true })
  await talk.mark(['__consumer_offsets-0'], producer, { isCommit: true })
  await talk.offsets([first], { requireStable: true })
}

async function hanging(talk: TransactionTalk): Promise<void> {
  const [first] = (await talk.topic(1)) as [string]
  const producer = await talk.begin('a', 1)
  await talk.add(producer, [first])
  await talk.produce(producer, first, ['a'])
  await talk.see(first)
  await talk.describeProducers([first])
  await talk.mark([first], producer, { isCommit: false })
  await talk.see(first)
  await talk.produce(producer, first, ['b'])
  await talk.see(first)
  await talk.aborts(producer)
  await talk.see(first)
}

async function several(talk: TransactionTalk): Promise<void> {
  const [first, second] = (await talk.topic()) as [string, string]
  const producer = await talk.begin('a', 1)
  await talk.add(producer, [first, second])
  await talk.produce(producer, first, ['a'])
  await talk.produce(producer, second, ['b'])
  await talk.mark([first, second], producer, { isCommit: true, v: 2, transactionVersion: 1 })
  await talk.see(first)
  await talk.see(second)
}
