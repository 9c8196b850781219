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

/** KRaft: a leader of the quorum resigns. */
export const EndQuorumEpochRequest = message('EndQuorumEpochRequest', 54, '0-1', '1+', {
  clusterId: defaulted(nullable(string), null),
  topics: array({
    topicName: string,
    partitions: array({
      partitionIndex: int32,
      leaderId: int32,
      leaderEpoch: int32,
      preferredSuccessors: at('0', array(int32)),
      preferredCandidates: at(
        '1+',
        array({
          candidateId: int32,
          candidateDirectoryId: uuid,
        }),
      ),
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
export type EndQuorumEpochRequest = ValueOf<typeof EndQuorumEpochRequest.fields>

export const EndQuorumEpochResponse = message('EndQuorumEpochResponse', 54, '0-1', '1+', {
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
export type EndQuorumEpochResponse = InputOf<typeof EndQuorumEpochResponse.fields>
