/**
 * What transcripts of the kit leave to the broker: its address and number, ids, the prefix of the run.
 * Record batches are told as what is in them.
 */
import { ZERO_UUID } from '../../../protocol/wire.ts'
import { LOG_OVERHEAD_BYTES, MAGIC_AT, type RecordBatch, splitBatches } from '../../records/batch.ts'
import { readMessageSet } from '../../records/legacy.ts'
import { decodeRecords } from '../../records/lookup.ts'
import type { Wording } from '../talk.ts'

const BROKER_NUMBERS: ReadonlySet<string> = new Set([
  'nodeId',
  'brokerId',
  'leaderId',
  'controllerId',
  'replicaNodes',
  'isrNodes',
  'replicas',
  'isr',
])
const UNORDERED: Readonly<Record<string, readonly string[]>> = {
  responses: ['name', 'topic', 'topicId', 'resourceType', 'resourceName'],
  configs: ['name'],
  groups: ['groupId'],
  results: ['groupId', 'user', 'logDir'],
  coordinators: ['key'],
  partitionResponses: ['index'],
  partitionErrors: ['partitionIndex'],
  topicStates: ['topic'],
  configNames: [],
  credentialInfos: ['mechanism'],
}

/** Topics whose time is the broker's show it in every record. */
const ITS_TIME = 'the time of the broker'

/** Names that begin with the case's id are told with `~` in its place. */
export function wordingOf({ prefix, id }: { readonly prefix: string; readonly id: string }): Wording {
  return { text, number, bytes, unordered: UNORDERED }

  function text(value: string, key: string): string | undefined {
    if (key === 'host') return 'HOST'
    // With or without a slash and a port; where we come from is seen by the broker only.
    if (key === 'clientHost' && value !== '') return 'our address'
    if (key === 'clusterId') return 'CLUSTER'
    if (key === 'topicId' && value !== ZERO_UUID) return 'an id'
    if (!value.includes(prefix)) return undefined
    return (id ? value.replaceAll(id, '~') : value).replaceAll(prefix, '')
  }
}

function number(value: number | bigint, key: string): number | string | undefined {
  if (BROKER_NUMBERS.has(key)) return value < 0 ? Number(value) : 'a broker'
  if (key === 'port' && value > 0) return 'PORT'
  if (key === 'sessionId' && value > 0) return 'a session'
  return undefined
}

function bytes(value: Buffer, key: string): unknown {
  if (key !== 'records') return undefined
  if (value.length > MAGIC_AT && value.readInt8(MAGIC_AT) < 2) return messages(value)
  const batches = [...splitBatches(value)]
  const read = batches.reduce((sum, batch) => sum + batch.sizeInBytes, 0)
  const rest = value.length - read
  // A batch that is cut off is at the end of a full answer; how much of it fits is of no interest.
  return rest > LOG_OVERHEAD_BYTES ? [...batches.map(told), 'a part of a batch'] : batches.map(told)
}

function messages(value: Buffer): unknown {
  const set = readMessageSet(value)
  if (set.error) return `unreadable: ${set.message}`
  return set.value.map(({ sizeInBytes: _, ...message }) => message)
}

/** A batch, in numbers and words. */
export function told(batch: RecordBatch): unknown {
  const { baseOffset, lastOffset, partitionLeaderEpoch, magic, attributes, lastOffsetDelta } = batch
  const { producerId, producerEpoch, baseSequence, recordCount } = batch
  const isBrokerTime = batch.timestampType === 'LogAppendTime'
  const decoded = decodeRecords(batch)
  return {
    baseOffset,
    lastOffset,
    partitionLeaderEpoch,
    magic,
    attributes,
    compression: batch.compression ?? 'unknown',
    isChecksumValid: batch.isChecksumValid(),
    lastOffsetDelta,
    maxTimestamp: isBrokerTime ? ITS_TIME : Number(batch.maxTimestamp),
    producerId,
    producerEpoch,
    baseSequence,
    recordCount,
    contents: decoded.error
      ? 'unreadable'
      : decoded.value.map(({ offset, timestamp, key, value, headers }) => ({
          offset,
          timestamp: isBrokerTime ? ITS_TIME : Number(timestamp),
          key,
          value: value && value.length > 64 ? `${value.length} bytes` : value,
          headers,
        })),
  }
}
