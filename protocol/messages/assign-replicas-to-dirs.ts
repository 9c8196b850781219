import {
  array,
  defaulted,
  type InputOf,
  int16,
  int32,
  int64,
  message,
  uuid,
  type ValueOf,
} from '../schema.ts'

/** A broker tells the controller in which log directories its replicas are (KIP-858). */
export const AssignReplicasToDirsRequest = message('AssignReplicasToDirsRequest', 73, '0', '0+', {
  brokerId: int32,
  brokerEpoch: defaulted(int64, -1n),
  directories: array({
    id: uuid,
    topics: array({
      topicId: uuid,
      partitions: array({
        partitionIndex: int32,
      }),
    }),
  }),
})
export type AssignReplicasToDirsRequest = ValueOf<typeof AssignReplicasToDirsRequest.fields>

export const AssignReplicasToDirsResponse = message('AssignReplicasToDirsResponse', 73, '0', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
  directories: array({
    id: uuid,
    topics: array({
      topicId: uuid,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
      }),
    }),
  }),
})
export type AssignReplicasToDirsResponse = InputOf<typeof AssignReplicasToDirsResponse.fields>
