import { array, defaulted, type InputOf, int16, int32, message, string, type ValueOf } from '../schema.ts'

export const AlterReplicaLogDirsRequest = message('AlterReplicaLogDirsRequest', 34, '0-2', '2+', {
  dirs: array({
    path: string,
    topics: array({
      name: string,
      partitions: array(int32),
    }),
  }),
})
export type AlterReplicaLogDirsRequest = ValueOf<typeof AlterReplicaLogDirsRequest.fields>

export const AlterReplicaLogDirsResponse = message('AlterReplicaLogDirsResponse', 34, '0-2', '2+', {
  throttleTimeMs: defaulted(int32, 0),
  results: array({
    topicName: string,
    partitions: array({
      partitionIndex: int32,
      /**
       * NONE, LOG_DIR_NOT_FOUND, KAFKA_STORAGE_ERROR, UNKNOWN_TOPIC_OR_PARTITION, REPLICA_NOT_AVAILABLE,
       * CLUSTER_AUTHORIZATION_FAILED, INVALID_TOPIC_EXCEPTION.
       */
      errorCode: int16,
    }),
  }),
})
export type AlterReplicaLogDirsResponse = InputOf<typeof AlterReplicaLogDirsResponse.fields>
