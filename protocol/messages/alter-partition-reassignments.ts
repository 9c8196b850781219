import {
  array,
  at,
  bool,
  defaulted,
  type InputOf,
  int16,
  int32,
  message,
  nullable,
  string,
  type ValueOf,
} from '../schema.ts'

export const AlterPartitionReassignmentsRequest = message(
  'AlterPartitionReassignmentsRequest',
  45,
  '0-1',
  '0+',
  {
    timeoutMs: defaulted(int32, 60000),
    allowReplicationFactorChange: at('1+', bool, true),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        /** Null cancels a reassignment. */
        replicas: defaulted(nullable(array(int32)), null),
      }),
    }),
  },
)
export type AlterPartitionReassignmentsRequest = ValueOf<typeof AlterPartitionReassignmentsRequest.fields>

export const AlterPartitionReassignmentsResponse = message(
  'AlterPartitionReassignmentsResponse',
  45,
  '0-1',
  '0+',
  {
    throttleTimeMs: defaulted(int32, 0),
    allowReplicationFactorChange: at('1+', bool, true),
    /** Of the whole request: CLUSTER_AUTHORIZATION_FAILED, NOT_CONTROLLER, REQUEST_TIMED_OUT. */
    errorCode: int16,
    errorMessage: defaulted(nullable(string), null),
    responses: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        /**
         * NONE, INVALID_REPLICA_ASSIGNMENT, NO_REASSIGNMENT_IN_PROGRESS, UNKNOWN_TOPIC_OR_PARTITION,
         * INVALID_REPLICATION_FACTOR (v1).
         */
        errorCode: int16,
        errorMessage: defaulted(nullable(string), null),
      }),
    }),
  },
)
export type AlterPartitionReassignmentsResponse = InputOf<typeof AlterPartitionReassignmentsResponse.fields>
