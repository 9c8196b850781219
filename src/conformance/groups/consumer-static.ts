/** Members of consumer groups with an instance id of their own, and members that fall silent or dawdle. */
import { type ConsumerConversation, type ConsumerScript, consumerConversation } from './consumer-talk.ts'

const conversation = consumerConversation

export const CONSUMER_STATIC: readonly ConsumerConversation[] = [
  conversation('a static consumer goes for a while and comes back', comesBack),
  conversation('a static consumer comes back with another subscription', comesBackOtherwise),
  conversation('a static consumer whose place is taken', taken),
  conversation('a static consumer leaves for good', leavesForGood),
  conversation('going for a while without an instance', noInstance),
  conversation('an instance under a strange member', strange),
  conversation('a static consumer does not come back', doesNotComeBack),
  conversation('a silent consumer is expelled', silent),
  conversation('a consumer that gives nothing up in time', dawdles),
  conversation('a consumer that gives everything up in time', hurries),
  conversation('a consumer that is fenced joins again', fencedAgain),
  conversation('assignments at an interval', interval, 'patient'),
  conversation('what comes within the interval is assigned together', together, 'patient'),
]

const instance = (instanceId: string, memberId: string) => ({ instanceId, memberId })

async function comesBack(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  const a = script.member('a', instance('i', 'a1'))
  const b = script.member('b')
  await a.join([topic])
  await b.join([topic])
  await script.rest([a, b])
  await a.leave(-2)
  await b.beat()
  await script.describe()
  await a.beat()
  const again = script.member('a', instance('i', 'a2'))
  await again.join([topic])
  await again.owns()
  await b.beat()
  await script.describe()
  await a.beat()
  await a.leave(-2)
}

async function comesBackOtherwise(script: ConsumerScript): Promise<void> {
  const [one, other] = [await script.topic('one', 2), await script.topic('other', 2)]
  const a = script.member('a', instance('i', 'a1'))
  await a.join([one])
  await a.owns()
  await a.leave(-2)
  const again = script.member('a', instance('i', 'a2'))
  await again.join([other])
  await again.beat()
  await again.owns()
  await script.describe()
}

async function taken(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  const a = script.member('a', instance('i', 'a1'))
  await a.join([topic])
  const other = script.member('b', instance('i', 'a2'))
  await other.join([topic])
  await other.beat({ memberEpoch: 1 })
  await a.beat()
  await a.leave(-2)
  await other.join([topic])
  await other.beat()
  await script.describe()
}

async function leavesForGood(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  const a = script.member('a', instance('i', 'a1'))
  await a.join([topic])
  await a.leave()
  await script.describe()
  const again = script.member('a', instance('i', 'a2'))
  await again.join([topic])
  await again.leave(-2)
  await again.leave(-1)
  await script.describe()
}

async function noInstance(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  const [a] = await script.settled([topic], 'a')
  await a!.leave(-2)
  await a!.leave(-2, { instanceId: 'i' })
  await script.beat('x', { memberEpoch: -2, instanceId: 'i' })
  await a!.beat()
}

async function strange(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  const a = script.member('a', instance('i', 'a1'))
  await a.join([topic])
  await script.beat('b', { memberEpoch: 1, instanceId: 'i' })
  await script.beat('b', { memberEpoch: -1, instanceId: 'i' })
  await script.beat('b', { memberEpoch: -2, instanceId: 'i' })
  await a.beat({ instanceId: 'j' })
  await a.beat({ instanceId: null })
  await a.leave(-1, { instanceId: null })
  await script.describe()
}

async function doesNotComeBack(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  await script.configure({ 'consumer.session.timeout.ms': '1200', 'consumer.heartbeat.interval.ms': '200' })
  const a = script.member('a', instance('i', 'a1'))
  const b = script.member('b')
  await a.join([topic])
  await b.join([topic])
  await script.rest([a, b])
  await a.leave(-2)
  await script.talk.wait(800)
  await b.beat()
  await script.talk.wait(800)
  await b.beat()
  await b.owns()
  await script.describe()
}

async function silent(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  await script.configure({ 'consumer.session.timeout.ms': '1200', 'consumer.heartbeat.interval.ms': '200' })
  const [a, b] = await script.settled([topic], 'a', 'b')
  await script.talk.wait(700)
  await b!.beat()
  await script.talk.wait(800)
  await b!.beat()
  await b!.owns()
  await a!.beat()
  await script.describe()
  await a!.join([topic])
  await script.talk.wait(1_500)
  await script.describe()
}

async function dawdles(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  const a = script.member('a')
  await a.join([topic], { rebalanceTimeoutMs: 1_200 })
  await a.owns()
  const b = script.member('b')
  await b.join([topic])
  await a.beat()
  await script.talk.wait(700)
  await a.beat()
  await script.talk.wait(800)
  await a.beat()
  await b.beat()
  await script.describe()
}

async function hurries(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  const a = script.member('a')
  await a.join([topic], { rebalanceTimeoutMs: 1_200 })
  await a.owns()
  const b = script.member('b')
  await b.join([topic])
  await a.beat()
  await script.talk.wait(700)
  await a.owns()
  await script.talk.wait(800)
  await a.beat()
  await b.beat()
  await script.describe()
}

async function fencedAgain(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  const [a, b] = await script.settled([topic], 'a', 'b')
  await a!.beat({ memberEpoch: a!.memberEpoch + 5 })
  await a!.join([topic])
  await a!.owns()
  await b!.beat()
  await script.describe()
}

async function interval(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t')
  const a = script.member('a')
  await a.join([topic])
  await a.beat()
  await a.owns()
  const b = script.member('b')
  await b.join([topic])
  await b.beat()
  await a.beat()
  await script.describe()
  await script.talk.wait(2_200)
  await b.beat()
  await a.beat()
  await a.owns()
  await b.beat()
  await script.describe()
}

async function together(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 6)
  const a = script.member('a')
  await a.join([topic])
  await a.owns()
  const [b, c] = [script.member('b'), script.member('c')]
  await b.join([topic])
  await c.join([topic])
  await b.leave()
  await a.beat()
  await script.describe()
  await script.talk.wait(2_200)
  await a.beat()
  await a.owns()
  await c.beat()
  await script.describe()
  await script.configure({ 'consumer.assignment.interval.ms': '0' })
  await c.leave()
  await a.beat()
}
