/** What Kafka writes of consumer groups to `__consumer_offsets`, in its order. */

import { groupRecords } from '../../../protocol/records/consumer-offsets.ts'
import { decodeCoordinatorRecord } from '../../../protocol/records/framing.ts'
import { ZERO_UUID } from '../../../protocol/wire.ts'
import { splitBatches } from '../../records/batch.ts'
import { decodeRecords } from '../../records/lookup.ts'
import { type ConsumerConversation, type ConsumerScript, consumerConversation } from './consumer-talk.ts'
import { DELETE_GROUPS, FETCH, type GroupTalk } from './group-talk.ts'

const conversation = consumerConversation

export const CONSUMER_RECORDS: readonly ConsumerConversation[] = [
  conversation('what is written of a consumer group', life),
  conversation('what is written of a static consumer', statics),
  conversation('what is written of regular expressions', patterns),
]

async function life(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 2)
  const [a, b] = await script.settled([topic], 'a', 'b')
  await a!.beat({ subscribedTopicNames: [] })
  await script.rest([a!, b!])
  await script.grow(topic, 3)
  await b!.beat()
  await b!.owns()
  await b!.leave()
  await a!.leave()
  await script.talk.call('admin', DELETE_GROUPS, 2, { groupsNames: [script.talk.groupId] })
  await writtenOf(script.talk)
}

async function statics(script: ConsumerScript): Promise<void> {
  const topic = await script.topic('t', 2)
  const a = script.member('a', { instanceId: 'i', memberId: 'a1' })
  await a.join([topic], { rackId: 'r', serverAssignor: 'range' })
  await a.owns()
  await a.leave(-2)
  const again = script.member('a', { instanceId: 'i', memberId: 'a2' })
  await again.join([topic])
  await again.leave(-1)
  await writtenOf(script.talk)
}

async function patterns(script: ConsumerScript): Promise<void> {
  await script.topic('t', 2)
  const a = script.member('a')
  await a.join(null, { subscribedTopicRegex: `${script.nameOf('')}.*` })
  await script.talk.wait(500)
  await a.beat()
  await a.owns()
  await a.leave()
  await writtenOf(script.talk)
}

async function writtenOf(talk: GroupTalk): Promise<void> {
  const answer = await talk.call('reader', FETCH, 11, {
    maxWaitMs: 0,
    minBytes: 1,
    sessionEpoch: -1,
    isolationLevel: 0,
    forgottenTopicsData: [],
    topics: [
      {
        topic: '__consumer_offsets',
        topicId: ZERO_UUID,
        partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 50_000_000 }],
      },
    ],
  })
  talk.transcript.pop()
  for (const batch of splitBatches(answer.responses[0]!.partitions[0]!.records as Buffer)) {
    const decoded = decodeRecords(batch)
    if (decoded.error) continue
    const records = decoded.value.flatMap(({ key, value }) => {
      const record = key && decodeCoordinatorRecord(groupRecords, key, value)
      if (!record || record.key.groupId !== talk.groupId) return []
      const { version, value: fields } = record.value ?? { version: null, value: null }
      return [{ type: record.definition.key.name, key: record.key, version, value: fields && told(fields) }]
    })
    if (records.length > 0) talk.note('batch', records)
  }
}

/** Times and hashes are told as being there or not. */
function told(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(fields).map(([name, field]) => {
    if (/timestamp/i.test(name)) return [name, (field as bigint) > 1_600_000_000_000n ? 'a time' : field]
    if (name === 'metadataHash') return [name, field === 0n ? field : 'a hash']
    return [name, name === 'version' && typeof field === 'bigint' ? 'a version' : field]
  })
  return Object.fromEntries(entries)
}
