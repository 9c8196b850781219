import {
  array,
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

export const CreatePartitionsRequest = message('CreatePartitionsRequest', 37, '0-3', '2+', {
  topics: array({
    name: string,
    /** In total, not in addition. */
    count: int32,
    /** Of the new partitions only; null lets the broker choose. */
    assignments: nullable(
      array({
        brokerIds: array(int32),
      }),
    ),
  }),
  timeoutMs: int32,
  validateOnly: bool,
})
export type CreatePartitionsRequest = ValueOf<typeof CreatePartitionsRequest.fields>

export const CreatePartitionsResponse = message('CreatePartitionsResponse', 37, '0-3', '2+', {
  throttleTimeMs: defaulted(int32, 0),
  results: array({
    name: string,
    /**
     * NONE, INVALID_PARTITIONS, INVALID_REPLICA_ASSIGNMENT, UNKNOWN_TOPIC_OR_PARTITION, INVALID_REQUEST,
     * REASSIGNMENT_IN_PROGRESS, POLICY_VIOLATION, NOT_CONTROLLER, THROTTLING_QUOTA_EXCEEDED (v3),
     * TOPIC_AUTHORIZATION_FAILED.
     */
    errorCode: int16,
    errorMessage: defaulted(nullable(string), null),
  }),
})
export type CreatePartitionsResponse = InputOf<typeof CreatePartitionsResponse.fields>
