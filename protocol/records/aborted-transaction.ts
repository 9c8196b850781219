/**
 * An entry of a segment's .txnindex file: an int16 version and this, 34 bytes together.
 */
import { int64, message, type ValueOf } from '../schema.ts'

export const AbortedTxn = message('AbortedTxn', -1, '0', 'none', {
  producerId: int64,
  firstOffset: int64,
  lastOffset: int64,
  lastStableOffset: int64,
})
export type AbortedTxn = ValueOf<typeof AbortedTxn.fields>
