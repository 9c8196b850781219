/** What stands in `__consumer_offsets` of a conversation's groups. */
import { decode } from '../../../protocol/codec.ts'
import {
  GroupMetadataKey,
  GroupMetadataValue,
  OffsetCommitKey,
  OffsetCommitValue,
} from '../../../protocol/records/consumer-offsets.ts'
import type { Fields, Message } from '../../../protocol/schema.ts'
import { ZERO_UUID } from '../../../protocol/wire.ts'
import { splitBatches } from '../../records/batch.ts'
import { decodeRecords } from '../../records/lookup.ts'
import { FETCH, type GroupTalk } from './group-talk.ts'

/** Puts the records of the groups whose ids begin with the conversation's into the transcript. */
export async function setByPrefix(talk: GroupTalk): Promise<void> {
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
  const records = answer.responses[0]!.partitions[0]!.records as Buffer
  for (const batch of splitBatches(records)) {
    const decoded = decodeRecords(batch)
    if (decoded.error) continue
    for (const { key, value } of decoded.value) {
      const record = key && readRecord(key, value)
      if (!record?.group.startsWith(talk.groupId)) continue
      const { baseSequence, compression, timestampType, producerId } = batch
      talk.note('record', { ...record.content, baseSequence, compression, timestampType, producerId })
    }
  }
}

function readRecord(key: Buffer, value: Buffer | null) {
  const type = key.readInt16BE(0)
  if (type !== OffsetCommitKey.apiKey && type !== GroupMetadataKey.apiKey) {
    return { group: '', content: { type } }
  }
  const isGroup = type === GroupMetadataKey.apiKey
  const decodedKey = decode(isGroup ? GroupMetadataKey : OffsetCommitKey, 0, key.subarray(2)) as {
    group: string
  }
  const definition = (isGroup ? GroupMetadataValue : OffsetCommitValue) as Message<Fields>
  const content = { type, key: decodedKey, ...readValue(definition, value) }
  return { group: decodedKey.group, content }
}

/** Times are told as being there or not. */
function readValue(definition: Message<Fields>, value: Buffer | null) {
  if (!value) return { value: null }
  const version = value.readInt16BE(0)
  const fields = decode(definition, version, value.subarray(2)) as Record<string, unknown>
  const timeless = Object.entries(fields).map(([name, field]) => {
    if (!name.toLowerCase().endsWith('timestamp')) return [name, field]
    const time = field as bigint
    return [name, time > 1_600_000_000_000n ? 'a time' : time]
  })
  return { version, value: Object.fromEntries(timeless) }
}
