import {
  array,
  at,
  defaulted,
  type InputOf,
  int8,
  int16,
  int32,
  message,
  nullable,
  string,
  type ValueOf,
} from '../schema.ts'

export const ElectLeadersRequest = message('ElectLeadersRequest', 43, '0-2', '2+', {
  electionType: at('1+', int8),
  topicPartitions: nullable(
    array({
      topic: string,
      partitions: array(int32),
    }),
  ),
  timeoutMs: defaulted(int32, 60000),
})
export type ElectLeadersRequest = ValueOf<typeof ElectLeadersRequest.fields>

export const ElectLeadersResponse = message('ElectLeadersResponse', 43, '0-2', '2+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: at('1+', int16),
  replicaElectionResults: array({
    topic: string,
    partitionResult: array({
      partitionId: int32,
      errorCode: int16,
      errorMessage: defaulted(nullable(string), null),
    }),
  }),
})
export type ElectLeadersResponse = InputOf<typeof ElectLeadersResponse.fields>
