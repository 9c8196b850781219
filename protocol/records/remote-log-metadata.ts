/**
 * Records of __remote_log_metadata (KIP-405), framed like records of the metadata log.
 */
import {
  array,
  bool,
  bytes,
  defaulted,
  int8,
  int32,
  int64,
  message,
  nullable,
  string,
  struct,
  tagged,
  uuid,
  type ValueOf,
} from '../schema.ts'

export const RemoteLogSegmentMetadataRecord = message('RemoteLogSegmentMetadataRecord', 0, '0', '0+', {
  remoteLogSegmentId: struct({
    topicIdPartition: struct({
      name: string,
      id: uuid,
      partition: int32,
    }),
    id: uuid,
  }),
  startOffset: int64,
  endOffset: int64,
  brokerId: int32,
  maxTimestampMs: int64,
  eventTimestampMs: int64,
  segmentLeaderEpochs: array({
    leaderEpoch: int32,
    offset: int64,
  }),
  segmentSizeInBytes: int32,
  customMetadata: defaulted(nullable(bytes), null),
  remoteLogSegmentState: int8,
  txnIndexEmpty: tagged(0, '0+', bool),
})
export type RemoteLogSegmentMetadataRecord = ValueOf<typeof RemoteLogSegmentMetadataRecord.fields>

export const RemoteLogSegmentMetadataUpdateRecord = message(
  'RemoteLogSegmentMetadataUpdateRecord',
  1,
  '0',
  '0+',
  {
    remoteLogSegmentId: struct({
      topicIdPartition: struct({
        name: string,
        id: uuid,
        partition: int32,
      }),
      id: uuid,
    }),
    brokerId: int32,
    eventTimestampMs: int64,
    customMetadata: defaulted(nullable(bytes), null),
    remoteLogSegmentState: int8,
  },
)
export type RemoteLogSegmentMetadataUpdateRecord = ValueOf<typeof RemoteLogSegmentMetadataUpdateRecord.fields>

export const RemotePartitionDeleteMetadataRecord = message(
  'RemotePartitionDeleteMetadataRecord',
  2,
  '0',
  '0+',
  {
    topicIdPartition: struct({
      name: string,
      id: uuid,
      partition: int32,
    }),
    brokerId: int32,
    eventTimestampMs: int64,
    remotePartitionDeleteState: int8,
  },
)
export type RemotePartitionDeleteMetadataRecord = ValueOf<typeof RemotePartitionDeleteMetadataRecord.fields>

export const RemoteLogSegmentMetadataSnapshotRecord = message(
  'RemoteLogSegmentMetadataSnapshotRecord',
  3,
  '0',
  '0+',
  {
    segmentId: uuid,
    startOffset: int64,
    endOffset: int64,
    brokerId: int32,
    maxTimestampMs: int64,
    eventTimestampMs: int64,
    segmentLeaderEpochs: array({
      leaderEpoch: int32,
      offset: int64,
    }),
    segmentSizeInBytes: int32,
    customMetadata: defaulted(nullable(bytes), null),
    remoteLogSegmentState: int8,
    txnIndexEmpty: tagged(0, '0+', bool),
  },
)
export type RemoteLogSegmentMetadataSnapshotRecord = ValueOf<
  typeof RemoteLogSegmentMetadataSnapshotRecord.fields
>
