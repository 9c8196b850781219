import {
  array,
  at,
  type InputOf,
  int16,
  int32,
  int64,
  message,
  nullable,
  string,
  uint16,
  uuid,
  type ValueOf,
} from '../schema.ts'

/** KRaft: leader, voters and observers of the metadata log and how far they are. */
export const DescribeQuorumRequest = message('DescribeQuorumRequest', 55, '0-2', '0+', {
  topics: array({
    topicName: string,
    partitions: array({
      partitionIndex: int32,
    }),
  }),
})
export type DescribeQuorumRequest = ValueOf<typeof DescribeQuorumRequest.fields>

const ReplicaState = {
  replicaId: int32,
  replicaDirectoryId: at('2+', uuid),
  logEndOffset: int64,
  lastFetchTimestamp: at('1+', int64, -1n),
  lastCaughtUpTimestamp: at('1+', int64, -1n),
}

export const DescribeQuorumResponse = message('DescribeQuorumResponse', 55, '0-2', '0+', {
  errorCode: int16,
  errorMessage: at('2+', nullable(string), null),
  topics: array({
    topicName: string,
    partitions: array({
      partitionIndex: int32,
      errorCode: int16,
      errorMessage: at('2+', nullable(string), null),
      leaderId: int32,
      leaderEpoch: int32,
      highWatermark: int64,
      currentVoters: array(ReplicaState),
      observers: array(ReplicaState),
    }),
  }),
  nodes: at(
    '2+',
    array({
      nodeId: int32,
      listeners: array({
        name: string,
        host: string,
        port: uint16,
      }),
    }),
  ),
})
export type DescribeQuorumResponse = InputOf<typeof DescribeQuorumResponse.fields>
