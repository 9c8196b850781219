import {
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

/**
 * A producer id for idempotence (without transactional id) or the next epoch of a transactional id, which
 * fences older producers and ends their transaction. v6 belongs to two-phase commit (KIP-939) and is not
 * stable.
 */
export const InitProducerIdRequest = message('InitProducerIdRequest', 22, '0-6', '2+', {
  transactionalId: nullable(string),
  transactionTimeoutMs: int32,
  /** Of a producer that asks for its next epoch by itself (KIP-360); -1 at first. */
  producerId: at('3+', int64, -1n),
  producerEpoch: at('3+', int16, -1),
  enable2Pc: at('6+', bool, false),
  keepPreparedTxn: at('6+', bool, false),
})
export type InitProducerIdRequest = ValueOf<typeof InitProducerIdRequest.fields>

export const InitProducerIdResponse = message('InitProducerIdResponse', 22, '0-6', '2+', {
  throttleTimeMs: defaulted(int32, 0),
  /**
   * NONE, INVALID_TRANSACTION_TIMEOUT, CONCURRENT_TRANSACTIONS, INVALID_PRODUCER_EPOCH, PRODUCER_FENCED (v4),
   * INVALID_PRODUCER_ID_MAPPING, INVALID_REQUEST, NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS,
   * COORDINATOR_NOT_AVAILABLE, TRANSACTIONAL_ID_AUTHORIZATION_FAILED, CLUSTER_AUTHORIZATION_FAILED.
   */
  errorCode: int16,
  producerId: defaulted(int64, -1n),
  producerEpoch: int16,
  ongoingTxnProducerId: at('6+', int64, -1n),
  ongoingTxnProducerEpoch: at('6+', int16, -1),
})
export type InitProducerIdResponse = InputOf<typeof InitProducerIdResponse.fields>
