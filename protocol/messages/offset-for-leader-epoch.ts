import {
  array,
  at,
  defaulted,
  type InputOf,
  int16,
  int32,
  int64,
  message,
  string,
  type ValueOf,
} from '../schema.ts'

/**
 * Where a leader's epoch ended, by which followers and consumers find out that their log diverges (KIP-101,
 * KIP-320).
 */
export const OffsetForLeaderEpochRequest = message('OffsetForLeaderEpochRequest', 23, '0-4', '4+', {
  /** -1 for consumers, -2 for debugging. */
  replicaId: at('3+', int32, -2),
  topics: array({
    topic: string,
    partitions: array({
      partition: int32,
      currentLeaderEpoch: at('2+', int32, -1),
      /** The epoch asked for. */
      leaderEpoch: int32,
    }),
  }),
})
export type OffsetForLeaderEpochRequest = ValueOf<typeof OffsetForLeaderEpochRequest.fields>

export const OffsetForLeaderEpochResponse = message('OffsetForLeaderEpochResponse', 23, '0-4', '4+', {
  throttleTimeMs: at('2+', int32, 0),
  topics: array({
    topic: string,
    partitions: array({
      /**
       * NONE, UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH,
       * OFFSET_NOT_AVAILABLE, TOPIC_AUTHORIZATION_FAILED.
       */
      errorCode: int16,
      partition: int32,
      /** The largest epoch that is not above the one asked for; -1 if there is none. */
      leaderEpoch: at('1+', int32, -1),
      /** The start of the next epoch, or the log end offset; -1 if unknown. */
      endOffset: defaulted(int64, -1n),
    }),
  }),
})
export type OffsetForLeaderEpochResponse = InputOf<typeof OffsetForLeaderEpochResponse.fields>
