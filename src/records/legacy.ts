/**
 * Message formats 0 and 1, which Kafka's clients of before 0.11 speak. The log holds format 2 only: old sets are
 * converted when produced, and batches are converted back for old Fetch versions.
 */
import { ErrorCode, type Result, refuse } from '../../protocol/errors.ts'

/**
 * Batches as a message set of an old format, for Fetch 0 and 1 (magic 0), 2 and 3 (magic 1). Headers and control
 * batches are dropped; zstd is refused with UNSUPPORTED_COMPRESSION_TYPE. Records below `fromOffset` are left out
 * where a batch is not compressed. May be empty though batches were given: all were control batches.
 */
export function downConvert(_batches: Buffer, _magic: 0 | 1, _fromOffset: bigint): Result<Buffer> {
  return refuse(ErrorCode.UNKNOWN_SERVER_ERROR, 'not built yet')
}
