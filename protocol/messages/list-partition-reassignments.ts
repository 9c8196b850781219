import {
  array,
  defaulted,
  type InputOf,
  int16,
  int32,
  message,
  nullable,
  string,
  type ValueOf,
} from '../schema.ts'

export const ListPartitionReassignmentsRequest = message('ListPartitionReassignmentsRequest', 46, '0', '0+', {
  timeoutMs: defaulted(int32, 60000),
  /** Null: all. */
  topics: defaulted(
    nullable(
      array({
        name: string,
        partitionIndexes: array(int32),
      }),
    ),
    null,
  ),
})
export type ListPartitionReassignmentsRequest = ValueOf<typeof ListPartitionReassignmentsRequest.fields>

export const ListPartitionReassignmentsResponse = message(
  'ListPartitionReassignmentsResponse',
  46,
  '0',
  '0+',
  {
    throttleTimeMs: defaulted(int32, 0),
    errorCode: int16,
    errorMessage: defaulted(nullable(string), null),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        replicas: array(int32),
        addingReplicas: array(int32),
        removingReplicas: array(int32),
      }),
    }),
  },
)
export type ListPartitionReassignmentsResponse = InputOf<typeof ListPartitionReassignmentsResponse.fields>
