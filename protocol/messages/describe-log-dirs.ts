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
  type ValueOf,
} from '../schema.ts'

export const DescribeLogDirsRequest = message('DescribeLogDirsRequest', 35, '0-5', '2+', {
  /** Null: all. */
  topics: nullable(
    array({
      topic: string,
      partitions: array(int32),
    }),
  ),
})
export type DescribeLogDirsRequest = ValueOf<typeof DescribeLogDirsRequest.fields>

export const DescribeLogDirsResponse = message('DescribeLogDirsResponse', 35, '0-5', '2+', {
  throttleTimeMs: defaulted(int32, 0),
  /** CLUSTER_AUTHORIZATION_FAILED; before v3 an empty answer said so. */
  errorCode: at('3+', int16),
  results: array({
    /** NONE, KAFKA_STORAGE_ERROR (the directory is offline). */
    errorCode: int16,
    logDir: string,
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        partitionSize: int64,
        /** How far the replica is behind the high watermark, or a future replica behind the current one. */
        offsetLag: int64,
        /** A replica on its way into this directory. */
        isFutureKey: bool,
      }),
    }),
    /** -1 where it cannot be told. */
    totalBytes: at('4+', int64, -1n),
    usableBytes: at('4+', int64, -1n),
    /** No new partitions are placed here (KIP-1066). */
    isCordoned: at('5+', bool, false),
  }),
})
export type DescribeLogDirsResponse = InputOf<typeof DescribeLogDirsResponse.fields>
