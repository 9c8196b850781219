// Several members: who owns what, before and after somebody comes or goes.

import kafkajs, { type Assigner, type PartitionAssigner } from 'kafkajs'
import { expect } from 'vitest'
import { eventually } from '../../harness/processes.ts'
import type { Run, Suite } from '../suite.ts'
import { adminOf, createTopic, type Member, memberOf, numbered, reader, send, values } from './clients.ts'

export function groupCases(suite: Suite): void {
  sharingCases(suite)
  leavingCases(suite)
  subscriptionCases(suite)
  protocolCases(suite)
  sessionCases(suite)
}

/** Waits until the members own all partitions of a topic between them, in shares of the given sizes. */
async function shared(
  topic: string,
  members: readonly Member[],
  sizes: readonly number[],
): Promise<number[][]> {
  const wanted = [...sizes].sort().join()
  return eventually(
    `shares of ${wanted}`,
    () => {
      const owned = members.map(each => each.assigned[topic] ?? [])
      const total = sizes.reduce((sum, size) => sum + size, 0)
      const right =
        owned
          .map(each => each.length)
          .sort()
          .join() === wanted
      return right && new Set(owned.flat()).size === total ? owned : undefined
    },
    30_000,
  )
}

function toEach(partitions: number, count = 1): { partition: number; value: string }[] {
  return Array.from({ length: partitions * count }, (_, index) => ({
    partition: index % partitions,
    value: `v${index}`,
  }))
}

function sharingCases(suite: Suite): void {
  suite.case('two members share four partitions, and each record comes once', async run => {
    const topic = await createTopic(run, { partitions: 4 })
    const one = await reader(run, [topic])
    const two = await reader(run, [topic])
    await shared(topic, [one, two], [2, 2])
    await send(run, topic, toEach(4, 25))
    await eventually('all records', () => one.received.length + two.received.length >= 100 || undefined)
    expect([...one.values, ...two.values].sort()).toEqual(values(100).sort())
    const owners = [one, two].map(member => new Set(member.received.map(each => each.partition)))
    expect(owners.map(each => each.size)).toEqual([2, 2])
  })

  suite.case('a third member gets its share by a rebalance', async run => {
    const topic = await createTopic(run, { partitions: 6 })
    const members = [await reader(run, [topic]), await reader(run, [topic])]
    await shared(topic, members, [3, 3])
    members.push(await reader(run, [topic]))
    await shared(topic, members, [2, 2, 2])
    await send(run, topic, toEach(6))
    await eventually(
      'all',
      () => members.reduce((sum, each) => sum + each.received.length, 0) >= 6 || undefined,
    )
    for (const member of members) {
      expect(member.received.map(each => each.partition).sort()).toEqual([...member.assigned[topic]!].sort())
    }
  })

  suite.case('more members than partitions leave some without any', async run => {
    const topic = await createTopic(run, { partitions: 2 })
    const members = [await reader(run, [topic]), await reader(run, [topic]), await reader(run, [topic])]
    await shared(topic, members, [0, 1, 1])
    await send(run, topic, toEach(2, 5))
    await eventually(
      'all',
      () => members.reduce((sum, each) => sum + each.received.length, 0) >= 10 || undefined,
    )
    expect(members.flatMap(each => each.values).sort()).toEqual(values(10).sort())
  })

  suite.case('exactly one member of a generation leads it', async run => {
    const topic = await createTopic(run, { partitions: 3 })
    const members = [await reader(run, [topic]), await reader(run, [topic]), await reader(run, [topic])]
    await shared(topic, members, [1, 1, 1])
    expect(members.filter(each => each.joins.at(-1)!.isLeader)).toHaveLength(1)
    expect(new Set(members.map(each => each.joins.at(-1)!.memberId)).size).toBe(3)
  })

  suite.case('a member keeps its id over rebalances, and the id begins with its client id', async run => {
    const topic = await createTopic(run, { partitions: 2 })
    const one = await reader(run, [topic], { clientId: 'client-with-a-name' })
    const two = await reader(run, [topic])
    await shared(topic, [one, two], [1, 1])
    expect(new Set(one.joins.map(each => each.memberId)).size).toBe(1)
    expect(one.joins[0]?.memberId).toMatch(/^client-with-a-name-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  })
}

function leavingCases(suite: Suite): void {
  suite.case('what a leaving member owned is taken over at once, from its commits', async run => {
    const topic = await createTopic(run, { partitions: 4 })
    const stays = await reader(run, [topic])
    const leaves = await reader(run, [topic])
    await shared(topic, [stays, leaves], [2, 2])
    await send(run, topic, toEach(4, 10))
    await eventually('all', () => stays.received.length + leaves.received.length >= 40 || undefined)
    await leaves.consumer.disconnect()
    await shared(topic, [stays], [4])
    await send(run, topic, toEach(4))
    await eventually('the new ones', () => stays.received.length + leaves.received.length >= 44 || undefined)
    const read = [...stays.received, ...leaves.received].map(each => `${each.partition}:${each.offset}`)
    expect(new Set(read).size).toBe(44)
    expect(read).toHaveLength(44)
  })

  suite.case('the group of a consumer that disconnected is empty at once', async run => {
    const topic = await createTopic(run)
    const member = await reader(run, [topic])
    const admin = await adminOf(run)
    const state = async () => (await admin.describeGroups([run.name('group')])).groups[0]
    expect(await state()).toMatchObject({
      state: 'Stable',
      members: [{ memberId: member.joins[0]!.memberId }],
    })
    await member.consumer.disconnect()
    expect(await state()).toMatchObject({ state: 'Empty', members: [] })
  })

  suite.case('when the leader leaves another member leads', async run => {
    const topic = await createTopic(run, { partitions: 2 })
    const members = [await reader(run, [topic]), await reader(run, [topic])]
    await shared(topic, members, [1, 1])
    const leader = members.find(each => each.joins.at(-1)!.isLeader)!
    const other = members.find(each => each !== leader)!
    await leader.consumer.disconnect()
    await shared(topic, [other], [2])
    expect(other.joins.at(-1)!.isLeader).toBe(true)
  })

  suite.case('all members may come and go, and the group goes on where it was', async run => {
    const topic = await createTopic(run, { partitions: 2 })
    const read: string[] = []
    for (let round = 0; round < 3; round += 1) {
      await send(run, topic, toEach(2, 5))
      const member = await reader(run, [topic])
      await member.until(10)
      read.push(...member.received.map(each => `${each.partition}:${each.offset}`))
      await member.consumer.disconnect()
    }
    expect(new Set(read).size).toBe(30)
    expect(read).toHaveLength(30)
  })
}

function subscriptionCases(suite: Suite): void {
  suite.case('a pattern subscribes to the topics that match it', async run => {
    for (const name of ['red-1', 'red-2', 'blue-1']) await createTopic(run, { name: run.name(name) })
    for (const name of ['red-1', 'red-2', 'blue-1']) await send(run, run.name(name), [{ value: name }])
    const member = await reader(run, [new RegExp(`^${run.name('red')}-\\d$`)])
    await member.until(2)
    expect(member.values.sort()).toEqual(['red-1', 'red-2'])
    expect(Object.keys(member.assigned).sort()).toEqual([run.name('red-1'), run.name('red-2')])
  })

  suite.case('one member reads several topics', async run => {
    const topics = [run.name('a'), run.name('b'), run.name('c')]
    for (const name of topics) {
      await createTopic(run, { name })
      await send(run, name, [{ value: name }])
    }
    const member = await reader(run, topics)
    await member.until(3)
    expect(member.received.map(each => [each.topic, each.value?.toString()]).sort()).toEqual(
      topics.map(each => [each, each]),
    )
  })

  suite.case('members of one group with different topics get only their own', async run => {
    const [a, b] = [run.name('a'), run.name('b')]
    for (const name of [a, b]) await createTopic(run, { name, partitions: 2 })
    const one = await reader(run, [a])
    const two = await reader(run, [b])
    await two.joined()
    // kafkajs hands out the topics of its leader only, to members that never asked for them.
    await eventually('both', () => (one.assigned[a] && two.assigned[b] ? true : undefined), 5_000)
    await send(run, a, toEach(2, 3))
    await send(run, b, toEach(2, 3))
    await eventually('all', () => one.received.length + two.received.length >= 12 || undefined, 5_000)
    expect(new Set(one.received.map(each => each.topic))).toEqual(new Set([a]))
    expect(new Set(two.received.map(each => each.topic))).toEqual(new Set([b]))
  })
}

/** Gives everything to the member whose client id comes first. */
const greedy: PartitionAssigner = ({ cluster }) =>
  ({
    name: 'greedy',
    version: 1,
    async assign({ members, topics }) {
      const [first, ...others] = members.map(each => each.memberId).sort()
      const all = Object.fromEntries(
        topics.map(topic => [topic, cluster.findTopicPartitionMetadata(topic).map(each => each.partitionId)]),
      )
      const encode = (assignment: Record<string, number[]>) =>
        kafkajs.AssignerProtocol.MemberAssignment.encode({
          version: 1,
          assignment,
          userData: Buffer.from('mine'),
        })
      return [
        { memberId: first!, memberAssignment: encode(all) },
        ...others.map(memberId => ({ memberId, memberAssignment: encode({}) })),
      ]
    },
    protocol: ({ topics }) => ({
      name: 'greedy',
      metadata: kafkajs.AssignerProtocol.MemberMetadata.encode({
        version: 1,
        topics,
        userData: Buffer.from('wish'),
      }),
    }),
  }) satisfies Assigner & { name: string }

function protocolCases(suite: Suite): void {
  suite.case("an application's own assignor decides, and the broker passes its bytes on", async run => {
    const topic = await createTopic(run, { partitions: 4 })
    const config = { partitionAssigners: [greedy] }
    const members = [
      await reader(run, [topic], { ...config, clientId: 'a' }),
      await reader(run, [topic], { ...config, clientId: 'b' }),
    ]
    await shared(topic, members, [0, 4])
    const group = await members[0]!.consumer.describeGroup()
    expect(group).toMatchObject({ protocol: 'greedy', protocolType: 'consumer', state: 'Stable' })
    for (const member of group.members) {
      const metadata = kafkajs.AssignerProtocol.MemberMetadata.decode(member.memberMetadata)
      expect(metadata).toMatchObject({ version: 1, topics: [topic], userData: Buffer.from('wish') })
    }
  })

  suite.case('the assignor that all members know is chosen', async run => {
    const topic = await createTopic(run, { partitions: 2 })
    const { roundRobin } = kafkajs.PartitionAssigners
    const both = await reader(run, [topic], { partitionAssigners: [greedy, roundRobin] })
    expect(await both.consumer.describeGroup()).toMatchObject({ protocol: 'greedy' })
    const one = await reader(run, [topic], { partitionAssigners: [roundRobin] })
    await shared(topic, [both, one], [1, 1])
    expect(await both.consumer.describeGroup()).toMatchObject({ protocol: 'RoundRobinAssigner' })
  })

  suite.case('a member that shares no assignor with the group is refused', async run => {
    const topic = await createTopic(run)
    await reader(run, [topic])
    const stranger = await memberOf(run, { partitionAssigners: [greedy], retry: { retries: 0 } })
    await stranger.consumer.subscribe({ topic })
    await stranger.run().catch(() => undefined)
    const error = await eventually('the refusal', () => stranger.crashes[0], 30_000)
    expect(error.message).toContain("group member's supported protocols are incompatible")
  })

  suite.case('a consumer describes its own group', async run => {
    const topic = await createTopic(run, { partitions: 2 })
    const member = await reader(run, [topic], { clientId: 'describing' })
    const group = await member.consumer.describeGroup()
    expect(group).toMatchObject({
      errorCode: 0,
      groupId: run.name('group'),
      state: 'Stable',
      protocolType: 'consumer',
      protocol: 'RoundRobinAssigner',
    })
    expect(group.members).toHaveLength(1)
    const { clientId, clientHost, memberAssignment } = group.members[0]!
    expect([clientId, clientHost]).toEqual(['describing', '/127.0.0.1'])
    expect(kafkajs.AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment).toEqual({
      [topic]: [0, 1],
    })
  })
}

async function expelled(run: Run, topic: string): Promise<{ silent: Member; release: () => void }> {
  let release: () => void = () => undefined
  const held = new Promise<void>(resolve => {
    release = resolve
  })
  const silent = await memberOf(run, { sessionTimeout: 1_500, rebalanceTimeout: 1_500 })
  await silent.consumer.subscribe({ topic, fromBeginning: true })
  await silent.consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      silent.received.push({ topic, partition, ...message })
      await held
    },
  })
  return { silent, release }
}

function sessionCases(suite: Suite): void {
  suite.case('a member that falls silent is expelled, and another takes over', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(3))
    const { silent, release } = await expelled(run, topic)
    run.after(release)
    await silent.until(1)
    const other = await memberOf(run)
    await other.consumer.subscribe({ topic, fromBeginning: true })
    const began = Date.now()
    await other.run()
    await shared(topic, [other], [1])
    expect(Date.now() - began).toBeLessThan(10_000)
    await other.until(3)
    expect(other.values).toEqual(values(3))
  })

  suite.case('a member that was expelled joins again with a new id', async run => {
    const topic = await createTopic(run)
    await send(run, topic, numbered(1))
    const { silent, release } = await expelled(run, topic)
    await silent.until(1)
    const admin = await adminOf(run)
    await eventually(
      'the expulsion',
      async () => {
        const { groups } = await admin.describeGroups([run.name('group')])
        return groups[0]?.state === 'Empty' || undefined
      },
      20_000,
    )
    release()
    await silent.joined(2)
    expect(silent.joins[1]?.memberId).not.toBe(silent.joins[0]?.memberId)
    expect(silent.assigned).toEqual({ [topic]: [0] })
  })

  for (const sessionTimeout of [999, 1_800_001]) {
    suite.case(`a session timeout of ${sessionTimeout} ms is refused`, async run => {
      const topic = await createTopic(run)
      const member = await memberOf(run, { sessionTimeout, retry: { retries: 0 } })
      await member.consumer.subscribe({ topic })
      await member.run().catch(() => undefined)
      const error = await eventually('the refusal', () => member.crashes[0], 30_000)
      expect(error.message).toContain('session timeout is not within the range allowed by the broker')
    })
  }

  suite.case('heartbeats are answered while nothing comes', async run => {
    const topic = await createTopic(run)
    const member = await memberOf(run)
    const beats: string[] = []
    member.consumer.on(member.consumer.events.HEARTBEAT, ({ payload }) => beats.push(payload.memberId))
    await member.consumer.subscribe({ topic })
    await member.run()
    await eventually('five heartbeats', () => beats.length >= 5 || undefined)
    expect(new Set(beats)).toEqual(new Set([member.joins[0]!.memberId]))
    expect(member.joins).toHaveLength(1)
  })
}
