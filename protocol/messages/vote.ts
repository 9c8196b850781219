import {
  array,
  at,
  bool,
  defaulted,
  type InputOf,
  int16,
  int32,
  int64,
  message,
  nullable,
  string,
  tagged,
  uint16,
  uuid,
  type ValueOf,
} from '../schema.ts'

/** KRaft (KIP-595): asks for a vote, or from v2 on whether there would be one (pre-vote, KIP-996). */
export const VoteRequest = message('VoteRequest', 52, '0-2', '0+', {
  clusterId: defaulted(nullable(string), null),
  voterId: at('1+', int32, -1),
  topics: array({
    topicName: string,
    partitions: array({
      partitionIndex: int32,
      replicaEpoch: int32,
      replicaId: int32,
      replicaDirectoryId: at('1+', uuid),
      voterDirectoryId: at('1+', uuid),
      lastOffsetEpoch: int32,
      lastOffset: int64,
      preVote: at('2+', bool),
    }),
  }),
})
export type VoteRequest = ValueOf<typeof VoteRequest.fields>

export const VoteResponse = message('VoteResponse', 52, '0-2', '0+', {
  errorCode: int16,
  topics: array({
    topicName: string,
    partitions: array({
      partitionIndex: int32,
      errorCode: int16,
      leaderId: int32,
      leaderEpoch: int32,
      voteGranted: bool,
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
export type VoteResponse = InputOf<typeof VoteResponse.fields>
