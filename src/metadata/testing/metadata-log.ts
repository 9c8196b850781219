/** Makes metadata logs as Kafka writes them, for tests: records, batches, segments, snapshots. */
import {
  AbortTransactionRecord,
  BeginTransactionRecord,
  ConfigRecord,
  EndTransactionRecord,
  PartitionRecord,
  RemoveTopicRecord,
  TopicRecord,
} from '../../../protocol/records/cluster-metadata.ts'
import { ControlRecordType, encodeControlKey } from '../../../protocol/records/control.ts'
import { encodeMetadataRecord } from '../../../protocol/records/framing.ts'
import { buildBatch } from '../../records/builder.ts'

export const TOPIC_ID = 'y2kTeV5WRiiy96_8cXBNJA'
export const OTHER_ID = 'TtiSRBOCTRWyompinPNLHw'

export const topic = (name: string, topicId = TOPIC_ID) =>
  encodeMetadataRecord(TopicRecord, 0, { name, topicId })
export const removal = (topicId = TOPIC_ID) => encodeMetadataRecord(RemoveTopicRecord, 0, { topicId })
export const begin = () => encodeMetadataRecord(BeginTransactionRecord, 0, {})
export const end = () => encodeMetadataRecord(EndTransactionRecord, 0, {})
export const abort = () => encodeMetadataRecord(AbortTransactionRecord, 0, {})
export const config = (resourceType: number, resourceName: string, name: string, value: string | null) =>
  encodeMetadataRecord(ConfigRecord, 0, { resourceType, resourceName, name, value })

/** Led by the first of its replicas. */
export const partition = (
  partitionId: number,
  { topicId = TOPIC_ID, replicas = [1, 2], isr = replicas }: PartitionOptions = {},
) =>
  encodeMetadataRecord(PartitionRecord, 2, {
    partitionId,
    topicId,
    replicas,
    isr,
    removingReplicas: [],
    addingReplicas: [],
    leader: replicas[0]!,
    leaderEpoch: 0,
    partitionEpoch: 0,
    directories: [],
  })

export interface PartitionOptions {
  readonly topicId?: string
  readonly replicas?: readonly number[]
  readonly isr?: readonly number[]
}

/** One batch; `control` makes it one of the log's own. */
export function batch(baseOffset: number, values: readonly Buffer[], control?: ControlRecordType): Buffer {
  const key = control === undefined ? null : encodeControlKey(control)
  return buildBatch({
    baseOffset: BigInt(baseOffset),
    partitionLeaderEpoch: 1,
    isControl: control !== undefined,
    records: values.map(value => ({ timestamp: 0n, key, value })),
  })
}

export type LogFile = [name: string, bytes: Buffer]

export function segment(base: number, ...batches: readonly Buffer[]): LogFile {
  return [`${String(base).padStart(20, '0')}.log`, Buffer.concat(batches)]
}

export function snapshot(endOffset: number, values: readonly Buffer[], { isFinished = true } = {}): LogFile {
  const parts = [
    batch(0, [Buffer.alloc(12)], ControlRecordType.SNAPSHOT_HEADER),
    batch(1, values),
    ...(isFinished ? [batch(1 + values.length, [Buffer.alloc(4)], ControlRecordType.SNAPSHOT_FOOTER)] : []),
  ]
  return [`${String(endOffset).padStart(20, '0')}-0000000001.checkpoint`, Buffer.concat(parts)]
}
