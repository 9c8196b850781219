/**
 * A .snapshot file: an int16 version (1) and this. The CRC-32C covers everything behind itself.
 */
import { array, int16, int32, int64, message, uint32, type ValueOf } from '../schema.ts'

export const ProducerSnapshot = message('ProducerSnapshot', -1, '1', 'none', {
  crc: uint32,
  producerEntries: array({
    producerId: int64,
    epoch: int16,
    lastSequence: int32,
    lastOffset: int64,
    /** From the first to the last offset of the last batch. */
    offsetDelta: int32,
    timestamp: int64,
    coordinatorEpoch: int32,
    /** -1 without an open transaction. */
    currentTxnFirstOffset: int64,
  }),
})
export type ProducerSnapshot = ValueOf<typeof ProducerSnapshot.fields>
