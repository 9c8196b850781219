import {
  array,
  at,
  type InputOf,
  int8,
  int16,
  int32,
  int64,
  message,
  string,
  type ValueOf,
} from '../schema.ts'

/** Offsets by time. With isolation level 1, "latest" is the last stable offset. */
export const ListOffsetsRequest = message('ListOffsetsRequest', 2, '0-11', '6+', {
  /** -1 for consumers, -2 for tools that debug. */
  replicaId: int32,
  isolationLevel: at('2+', int8),
  topics: array({
    name: string,
    partitions: array({
      partitionIndex: int32,
      currentLeaderEpoch: at('4+', int32, -1),
      /**
       * The first offset at or after this time; or -1 latest, -2 earliest, -3 that of the largest timestamp
       * (v7), -4 earliest on local disk (v8), -5 last in tiered storage (v9), -6 earliest that is not yet
       * tiered (v11).
       */
      timestamp: int64,
      /** v0 answers with a list: the base offsets of segments. */
      maxNumOffsets: at('0', int32, 1),
    }),
  }),
  /** For look-ups in tiered storage. */
  timeoutMs: at('10+', int32),
})
export type ListOffsetsRequest = ValueOf<typeof ListOffsetsRequest.fields>

export const ListOffsetsResponse = message('ListOffsetsResponse', 2, '0-11', '6+', {
  throttleTimeMs: at('2+', int32, 0),
  topics: array({
    name: string,
    partitions: array({
      partitionIndex: int32,
      /**
       * NONE, UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH,
       * OFFSET_NOT_AVAILABLE, LEADER_NOT_AVAILABLE (before v5), UNSUPPORTED_FOR_MESSAGE_FORMAT,
       * UNSUPPORTED_VERSION (a special timestamp unknown to the version), TOPIC_AUTHORIZATION_FAILED,
       * KAFKA_STORAGE_ERROR.
       */
      errorCode: int16,
      oldStyleOffsets: at('0', array(int64)),
      /** Of the record found; -1 for the special timestamps, except the largest. */
      timestamp: at('1+', int64, -1n),
      /** -1 if no record is that young. */
      offset: at('1+', int64, -1n),
      leaderEpoch: at('4+', int32, -1),
    }),
  }),
})
export type ListOffsetsResponse = InputOf<typeof ListOffsetsResponse.fields>
