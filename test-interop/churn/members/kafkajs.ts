// kafkajs as a member of the group. Its own assignors have names that no other client knows, so it brings Kafka's range.

import { setTimeout as pause } from 'node:timers/promises'
import kafkajs, { type EachBatchPayload, type PartitionAssigner } from 'kafkajs'
import { checkContent, complain, options, tellProcessed } from './member.ts'

const { AssignerProtocol, Kafka, logLevel } = kafkajs

const range: PartitionAssigner = ({ cluster }) => ({
  name: 'range',
  version: 0,
  protocol: ({ topics }) => ({
    name: 'range',
    metadata: AssignerProtocol.MemberMetadata.encode({ version: 0, topics, userData: Buffer.alloc(0) }),
  }),
  assign: async ({ members, topics }) => {
    const ids = members.map(each => each.memberId).sort()
    const shares = ids.map(() => ({}) as Record<string, number[]>)
    for (const topic of topics) {
      const partitions = cluster.findTopicPartitionMetadata(topic).map(each => each.partitionId)
      partitions.sort((a, b) => a - b)
      const least = Math.floor(partitions.length / ids.length)
      const withOneMore = partitions.length % ids.length
      for (const [index, share] of shares.entries()) {
        share[topic] = partitions.splice(0, index < withOneMore ? least + 1 : least)
      }
    }
    return ids.map((memberId, index) => ({
      memberId,
      memberAssignment: AssignerProtocol.MemberAssignment.encode({
        version: 0,
        assignment: shares[index]!,
        userData: Buffer.alloc(0),
      }),
    }))
  },
})

const retry = { initialRetryTime: 50, maxRetryTime: 300, retries: 1_000, restartOnFailure: async () => true }
const kafka = new Kafka({
  clientId: options.client,
  brokers: [options.bootstrap],
  logLevel: logLevel.NOTHING,
  connectionTimeout: 1_000,
  retry,
})
const consumer = kafka.consumer({
  groupId: options.group,
  partitionAssigners: [range],
  sessionTimeout: options.sessionTimeoutMs,
  rebalanceTimeout: 60_000,
  heartbeatInterval: options.heartbeatMs,
  maxWaitTimeInMs: 100,
  metadataMaxAge: 60_000,
  allowAutoTopicCreation: false,
  retry,
})

async function deal({
  batch,
  resolveOffset,
  heartbeat,
  isRunning,
  isStale,
}: EachBatchPayload): Promise<void> {
  const { messages, partition, topic } = batch
  if (messages.length === 0 || !isRunning() || isStale()) return
  for (const { offset, value } of messages) checkContent(partition, Number(offset), value)
  const last = messages.at(-1)!.offset
  const next = Number(last) + 1
  tellProcessed(partition, Number(messages[0]!.offset), next)
  resolveOffset(last)
  // Thrown from here, the refusal of a commit would end the consumer; the next heartbeat finds out what is wrong.
  await consumer.commitOffsets([{ topic, partition, offset: String(next) }]).catch(() => undefined)
  await heartbeat()
}

/** It gives up for good where it has no broker to ask for the coordinator; an application begins anew. */
const GIVEN_UP = 'Failed to find group coordinator'
const MOST_TRIES = 25

async function begin(): Promise<void> {
  await consumer.connect()
  await consumer.subscribe({ topics: [options.topic], fromBeginning: true })
  await consumer.run({ autoCommit: false, eachBatch: deal })
}

/** Where the broker is killed just then, `connect` gives up at the first connection that is closed. */
async function beginAnew(): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await begin()
      return
    } catch (error) {
      if (tries === MOST_TRIES) return complain(`crashed, and could not begin anew: ${error}`)
      await pause(200)
    }
  }
}

consumer.on(consumer.events.CRASH, ({ payload }) => {
  const { error, restart } = payload
  if (restart) return
  if (error.message.includes(GIVEN_UP)) void beginAnew()
  else complain(`crashed: ${error}`)
})
process.once('SIGTERM', () => {
  void consumer.disconnect().finally(() => process.exit(0))
})
await begin()
