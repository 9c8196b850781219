import {
  array,
  defaulted,
  type InputOf,
  int16,
  int32,
  int64,
  message,
  string,
  type ValueOf,
} from '../schema.ts'

export const DeleteRecordsRequest = message('DeleteRecordsRequest', 21, '0-2', '2+', {
  topics: array({
    name: string,
    partitions: array({
      partitionIndex: int32,
      offset: int64,
    }),
  }),
  timeoutMs: int32,
})
export type DeleteRecordsRequest = ValueOf<typeof DeleteRecordsRequest.fields>

export const DeleteRecordsResponse = message('DeleteRecordsResponse', 21, '0-2', '2+', {
  throttleTimeMs: defaulted(int32, 0),
  topics: array({
    name: string,
    partitions: array({
      partitionIndex: int32,
      lowWatermark: int64,
      errorCode: int16,
    }),
  }),
})
export type DeleteRecordsResponse = InputOf<typeof DeleteRecordsResponse.fields>
