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
  /** 0 the preferred replica, 1 unclean: any replica that lives. */
  electionType: at('1+', int8),
  /** Null: all. */
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
  /** Of the whole request: CLUSTER_AUTHORIZATION_FAILED, NOT_CONTROLLER. */
  errorCode: at('1+', int16),
  replicaElectionResults: array({
    topic: string,
    partitionResult: array({
      partitionId: int32,
      /**
       * NONE, ELECTION_NOT_NEEDED, PREFERRED_LEADER_NOT_AVAILABLE, ELIGIBLE_LEADERS_NOT_AVAILABLE,
       * UNKNOWN_TOPIC_OR_PARTITION, NOT_CONTROLLER.
       */
      errorCode: int16,
      errorMessage: defaulted(nullable(string), null),
    }),
  }),
})
export type ElectLeadersResponse = InputOf<typeof ElectLeadersResponse.fields>
