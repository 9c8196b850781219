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
  errorCode: at('3+', int16),
  results: array({
    errorCode: int16,
    logDir: string,
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        partitionSize: int64,
        offsetLag: int64,
        isFutureKey: bool,
      }),
    }),
    totalBytes: at('4+', int64, -1n),
    usableBytes: at('4+', int64, -1n),
    isCordoned: at('5+', bool, false),
  }),
})
export type DescribeLogDirsResponse = InputOf<typeof DescribeLogDirsResponse.fields>
