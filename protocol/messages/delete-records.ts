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
      /** Records below it go; -1 means below the high watermark. */
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
      /** The new log start offset, or -1 with an error. */
      lowWatermark: int64,
      /**
       * NONE, OFFSET_OUT_OF_RANGE, POLICY_VIOLATION (the topic is compacted only),
       * UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION, NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT,
       * TOPIC_AUTHORIZATION_FAILED.
       */
      errorCode: int16,
    }),
  }),
})
export type DeleteRecordsResponse = InputOf<typeof DeleteRecordsResponse.fields>
