/**
 * ListOffsets for one partition: the special timestamps and look-ups by time, bounded by what the reader
 * may see.
 */
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import type { TimestampOffset } from '../log/log.ts'
import { NO_EPOCH, NO_OFFSET, type Partition } from './partition.ts'
import type { FetchIsolation } from './purgatory.ts'

/** What a client may ask for besides a time. */
export const OffsetQuery = {
  LATEST: -1n,
  EARLIEST: -2n,
  MAX_TIMESTAMP: -3n,
  EARLIEST_LOCAL: -4n,
  LATEST_TIERED: -5n,
  EARLIEST_PENDING_UPLOAD: -6n,
} as const

const NO_TIMESTAMP = -1n
const UNKNOWN: TimestampOffset = { offset: NO_OFFSET, timestamp: NO_TIMESTAMP, leaderEpoch: NO_EPOCH }

/** Offset -1 where no record answers the question. */
export async function lookUpOffset(
  partition: Partition,
  query: {
    readonly timestamp: bigint
    readonly isolation: FetchIsolation
    readonly currentLeaderEpoch: number
  },
): Promise<Result<TimestampOffset>> {
  const refusal = partition.refusal(query.currentLeaderEpoch)
  if (refusal) return refusal
  const { log } = partition
  const end = partition.readableEnd(query.isolation)
  const isAhead = query.isolation === 'log-end' || partition.knowsItsEnd
  switch (query.timestamp) {
    case OffsetQuery.LATEST:
      if (!isAhead) return refuse(ErrorCode.OFFSET_NOT_AVAILABLE)
      return ok({ offset: end, timestamp: NO_TIMESTAMP, leaderEpoch: partition.leaderEpoch })
    case OffsetQuery.EARLIEST:
    case OffsetQuery.EARLIEST_LOCAL: {
      // Without tiered storage all that there is is local.
      const offset = log.logStartOffset
      return ok({ offset, timestamp: NO_TIMESTAMP, leaderEpoch: log.epochForOffset(offset) ?? NO_EPOCH })
    }
    case OffsetQuery.LATEST_TIERED:
    case OffsetQuery.EARLIEST_PENDING_UPLOAD:
      return ok(UNKNOWN)
    case OffsetQuery.MAX_TIMESTAMP:
      return readable(await searched(partition, log.offsetOfMaxTimestamp()), { end, isAhead })
    default:
      if (query.timestamp < 0n) return refuse(ErrorCode.UNSUPPORTED_VERSION)
      return readable(await searched(partition, log.offsetForTimestamp(query.timestamp)), { end, isAhead })
  }
}

async function searched(
  partition: Partition,
  search: Promise<TimestampOffset | undefined>,
): Promise<Result<TimestampOffset | undefined>> {
  try {
    return ok(await search)
  } catch (error) {
    return partition.refusalAfter(partition.log.readFailed(error as Error))
  }
}

/** A record that the reader may not see yet is no answer; a new leader does not know yet whether it may. */
function readable(
  search: Result<TimestampOffset | undefined>,
  { end, isAhead }: { readonly end: bigint; readonly isAhead: boolean },
): Result<TimestampOffset> {
  if (search.error) return search
  const found = search.value
  if (found && found.offset < end) return ok(found)
  return found && !isAhead ? refuse(ErrorCode.OFFSET_NOT_AVAILABLE) : ok(UNKNOWN)
}

/**
 * The answer of ListOffsets v0, which knows offsets at which segments begin and no timestamps: the newest
 * first, at most as many as asked for. We know no more of a segment than what its records say, so a time
 * gives the offset at which records are that old, and the log's start.
 */
export async function lookUpOffsetsV0(
  partition: Partition,
  query: { readonly timestamp: bigint; readonly maxNumOffsets: number },
): Promise<Result<bigint[]>> {
  const refusal = partition.refusal(NO_EPOCH)
  if (refusal) return refusal
  const { logStartOffset, highWatermark } = partition
  const offsets = new Set<bigint>()
  if (query.timestamp === OffsetQuery.LATEST) offsets.add(highWatermark)
  else if (query.timestamp >= 0n) {
    const search = await searched(partition, partition.log.offsetForTimestamp(query.timestamp))
    if (search.error) return search
    const found = search.value
    offsets.add(found && found.offset < highWatermark ? found.offset : highWatermark)
  }
  offsets.add(logStartOffset)
  return ok([...offsets].slice(0, Math.max(0, query.maxNumOffsets)))
}
