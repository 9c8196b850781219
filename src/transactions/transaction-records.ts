/** The record of `__transaction_state`: a transactional id's snapshot to bytes and back. */
import {
  decodeKey,
  decodeVersioned,
  encodeKey,
  encodeVersioned,
  recordType,
} from '../../protocol/records/framing.ts'
import { TransactionLogKey, TransactionLogValue } from '../../protocol/records/transaction-state.ts'
import type { CoordinatorRecord } from '../coordinator/shard.ts'
import { type Partitions, TRANSACTION_STATES, type TransactionSnapshot } from './transaction.ts'

export interface TransactionRecord {
  readonly transactionalId: string
  /** Null where the id is forgotten. */
  readonly value: TransactionSnapshot | null
}

/** Version 0 knows nothing of other producer ids nor of client versions; 1 came with KIP-890. */
export function transactionRecord(
  { transactionalId, value }: TransactionRecord,
  version: number,
): CoordinatorRecord {
  const key = encodeKey(TransactionLogKey, { transactionalId })
  return { key, value: value && encodeSnapshot(value, version) }
}

/** Undefined for keys of a kind that is not known. Throws MalformedMessage on bytes that are no record. */
export function readTransactionRecord({ key, value }: CoordinatorRecord): TransactionRecord | undefined {
  if (recordType(key) !== TransactionLogKey.apiKey) return undefined
  const { transactionalId } = decodeKey(TransactionLogKey, key)
  return { transactionalId, value: value && decodeSnapshot(value) }
}

function encodeSnapshot(snapshot: TransactionSnapshot, version: number): Buffer {
  const { state, partitions } = snapshot
  return encodeVersioned(TransactionLogValue, version, {
    producerId: snapshot.producerId,
    previousProducerId: snapshot.previousProducerId,
    nextProducerId: snapshot.nextProducerId,
    producerEpoch: snapshot.producerEpoch,
    transactionTimeoutMs: snapshot.timeoutMs,
    transactionStatus: TRANSACTION_STATES.indexOf(state),
    transactionPartitions: state === 'Empty' ? null : encodePartitions(partitions),
    transactionLastUpdateTimestampMs: BigInt(snapshot.lastUpdateTimestampMs),
    transactionStartTimestampMs: BigInt(snapshot.startTimestampMs),
    clientTransactionVersion: snapshot.clientTransactionVersion,
  })
}

function encodePartitions(partitions: Partitions) {
  return [...partitions].map(([topic, indexes]) => ({ topic, partitionIds: [...indexes] }))
}

function decodeSnapshot(bytes: Buffer): TransactionSnapshot {
  const { value } = decodeVersioned(TransactionLogValue, bytes)
  const state = TRANSACTION_STATES[value.transactionStatus]
  if (!state) throw new Error(`A transaction is in state ${value.transactionStatus}, which is not known.`)
  return {
    state,
    producerId: value.producerId,
    previousProducerId: value.previousProducerId,
    nextProducerId: value.nextProducerId,
    producerEpoch: value.producerEpoch,
    timeoutMs: value.transactionTimeoutMs,
    partitions: new Map(
      (value.transactionPartitions ?? []).map(each => [each.topic, new Set(each.partitionIds)]),
    ),
    startTimestampMs: Number(value.transactionStartTimestampMs),
    lastUpdateTimestampMs: Number(value.transactionLastUpdateTimestampMs),
    clientTransactionVersion: value.clientTransactionVersion,
  }
}
