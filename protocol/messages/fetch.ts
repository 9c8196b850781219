import {
  array,
  at,
  defaulted,
  type InputOf,
  int8,
  int16,
  int32,
  int64,
  message,
  nullable,
  records,
  string,
  struct,
  tagged,
  uuid,
  type ValueOf,
} from '../schema.ts'
import { EMPTY_BYTES } from '../wire.ts'

/**
 * Reads records: of consumers and, with a replica id, of followers. v4 reads committed records (KIP-98), v7
 * has sessions (KIP-227), v9 checks the leader's epoch (KIP-320), v11 fetches from the closest replica
 * (KIP-392), v12 is flexible, v13 names topics by id. Before v2 the client cannot read magic 1, before v4
 * magic 2, before v10 zstd.
 */
export const FetchRequest = message('FetchRequest', 1, '0-18', '12+', {
  /** Of followers of the metadata log: the broker answers INCONSISTENT_CLUSTER_ID if it is another's. */
  clusterId: tagged(0, '12+', nullable(string)),
  /** -1 for consumers. From v15 on in `replicaState`. */
  replicaId: at('0-14', int32, -1),
  replicaState: tagged(
    1,
    '15+',
    struct({
      replicaId: defaulted(int32, -1),
      replicaEpoch: defaulted(int64, -1n),
    }),
  ),
  /** How long the broker may wait for `minBytes`. */
  maxWaitMs: int32,
  minBytes: int32,
  /**
   * Of the whole response. The first partition with records gives at least one batch all the same (KIP-74).
   */
  maxBytes: at('3+', int32, 0x7fffffff),
  /** 0 reads everything up to the high watermark, 1 only what is committed (up to the last stable offset). */
  isolationLevel: at('4+', int8, 0),
  /** 0 with epoch 0 or -1 asks for a full fetch; 0 opens a session. */
  sessionId: at('7+', int32, 0),
  /** -1 closes the session or does without; 0 opens one; else the next of the session. */
  sessionEpoch: at('7+', int32, -1),
  /** In a session: what is new or changed. Served in this order from v3 on. */
  topics: array({
    topic: at('0-12', string),
    topicId: at('13+', uuid),
    partitions: array({
      partition: int32,
      /** As the client knows it; -1 skips the check. */
      currentLeaderEpoch: at('9+', int32, -1),
      fetchOffset: int64,
      /** Of the follower's last record: a divergence is answered with `divergingEpoch`. */
      lastFetchedEpoch: at('12+', int32, -1),
      /** Of a follower; -1 from consumers. */
      logStartOffset: at('5+', int64, -1n),
      partitionMaxBytes: int32,
      replicaDirectoryId: tagged(0, '17+', uuid),
      /** That the follower knows (KIP-1166): the leader answers at once when its own is higher. */
      highWatermark: tagged(1, '18+', int64, 9223372036854775807n),
    }),
  }),
  /** What leaves the session. */
  forgottenTopicsData: at(
    '7+',
    array({
      topic: at('7-12', string),
      topicId: at('13+', uuid),
      partitions: array(int32),
    }),
  ),
  /** Of the consumer, for KIP-392. */
  rackId: at('11+', string, ''),
})
export type FetchRequest = ValueOf<typeof FetchRequest.fields>

export const FetchResponse = message('FetchResponse', 1, '0-18', '12+', {
  throttleTimeMs: at('1+', int32, 0),
  /**
   * Of the session: FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR,
   * INCONSISTENT_CLUSTER_ID.
   */
  errorCode: at('7+', int16),
  /** 0 when the broker keeps no session. */
  sessionId: at('7+', int32, 0),
  /** In a session only partitions that have news. */
  responses: array({
    topic: at('0-12', string),
    topicId: at('13+', uuid),
    partitions: array({
      partitionIndex: int32,
      /**
       * NONE, OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, INCONSISTENT_TOPIC_ID,
       * NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, TOPIC_AUTHORIZATION_FAILED,
       * UNSUPPORTED_COMPRESSION_TYPE (a client before v10 and zstd), CORRUPT_MESSAGE, KAFKA_STORAGE_ERROR,
       * OFFSET_MOVED_TO_TIERED_STORAGE.
       */
      errorCode: int16,
      /** -1 where it cannot be told. */
      highWatermark: int64,
      lastStableOffset: at('4+', int64, -1n),
      logStartOffset: at('5+', int64, -1n),
      /** Where the follower's log stops being the leader's: the largest common epoch and its end. */
      divergingEpoch: tagged(
        0,
        '12+',
        struct({
          epoch: defaulted(int32, -1),
          endOffset: defaulted(int64, -1n),
        }),
      ),
      /** With NOT_LEADER_OR_FOLLOWER and FENCED_LEADER_EPOCH: who leads now. */
      currentLeader: tagged(
        1,
        '12+',
        struct({
          leaderId: defaulted(int32, -1),
          leaderEpoch: defaulted(int32, -1),
        }),
      ),
      /** A follower of the metadata log must fetch this snapshot instead. */
      snapshotId: tagged(
        2,
        '12+',
        struct({
          endOffset: defaulted(int64, -1n),
          epoch: defaulted(int32, -1),
        }),
      ),
      /**
       * For read_committed: which producers have aborted records in this range, from which offset. Null when
       * not asked for.
       */
      abortedTransactions: at(
        '4+',
        nullable(
          array({
            producerId: int64,
            firstOffset: int64,
          }),
        ),
      ),
      /** Where the consumer should read instead (KIP-392); then there are no records. */
      preferredReadReplica: at('11+', int32, -1),
      /** Zero-length, never null, where there is nothing: old clients cannot read null. */
      records: defaulted(nullable(records), EMPTY_BYTES),
    }),
  }),
  nodeEndpoints: tagged(
    0,
    '16+',
    array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: defaulted(nullable(string), null),
    }),
  ),
})
export type FetchResponse = InputOf<typeof FetchResponse.fields>
