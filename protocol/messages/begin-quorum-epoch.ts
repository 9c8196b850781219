import {
  array,
  at,
  defaulted,
  type InputOf,
  int16,
  int32,
  message,
  nullable,
  string,
  tagged,
  uint16,
  uuid,
  type ValueOf,
} from '../schema.ts'

/** KRaft: a new leader of the quorum announces itself. */
export const BeginQuorumEpochRequest = message('BeginQuorumEpochRequest', 53, '0-1', '1+', {
  clusterId: defaulted(nullable(string), null),
  voterId: at('1+', int32, -1),
  topics: array({
    topicName: string,
    partitions: array({
      partitionIndex: int32,
      voterDirectoryId: at('1+', uuid),
      leaderId: int32,
      leaderEpoch: int32,
    }),
  }),
  leaderEndpoints: at(
    '1+',
    array({
      name: string,
      host: string,
      port: uint16,
    }),
  ),
})
export type BeginQuorumEpochRequest = ValueOf<typeof BeginQuorumEpochRequest.fields>

export const BeginQuorumEpochResponse = message('BeginQuorumEpochResponse', 53, '0-1', '1+', {
  errorCode: int16,
  topics: array({
    topicName: string,
    partitions: array({
      partitionIndex: int32,
      errorCode: int16,
      leaderId: int32,
      leaderEpoch: int32,
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
export type BeginQuorumEpochResponse = InputOf<typeof BeginQuorumEpochResponse.fields>
