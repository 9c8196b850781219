import {
  array,
  defaulted,
  type InputOf,
  int16,
  int32,
  int64,
  message,
  nullable,
  records,
  string,
  struct,
  tagged,
  uint16,
  uuid,
  type ValueOf,
} from '../schema.ts'

/** KRaft (KIP-630): a part of a snapshot of the metadata log. */
export const FetchSnapshotRequest = message('FetchSnapshotRequest', 59, '0-1', '0+', {
  clusterId: tagged(0, '0+', nullable(string)),
  replicaId: defaulted(int32, -1),
  maxBytes: defaulted(int32, 0x7fffffff),
  topics: array({
    name: string,
    partitions: array({
      partition: int32,
      currentLeaderEpoch: int32,
      snapshotId: struct({
        endOffset: int64,
        epoch: int32,
      }),
      position: int64,
      replicaDirectoryId: tagged(0, '1+', uuid),
    }),
  }),
})
export type FetchSnapshotRequest = ValueOf<typeof FetchSnapshotRequest.fields>

export const FetchSnapshotResponse = message('FetchSnapshotResponse', 59, '0-1', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
  topics: array({
    name: string,
    partitions: array({
      index: int32,
      errorCode: int16,
      snapshotId: struct({
        endOffset: int64,
        epoch: int32,
      }),
      currentLeader: tagged(
        0,
        '0+',
        struct({
          leaderId: int32,
          leaderEpoch: int32,
        }),
      ),
      size: int64,
      position: int64,
      unalignedRecords: records,
    }),
  }),
  nodeEndpoints: tagged(
    0,
    '1+',
    array({
      nodeId: int32,
      host: string,
      port: uint16,
    }),
  ),
})
export type FetchSnapshotResponse = InputOf<typeof FetchSnapshotResponse.fields>
