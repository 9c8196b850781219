/**
 * What clients of Fetch v0 to v9 cannot read as it is stored: batches of format 2 (before v4), and zstd
 * (before v10). Old clients are few, so their bytes may be read into memory and rewritten.
 */
import { ErrorCode } from '../../protocol/errors.ts'
import { downConvert } from '../records/legacy.ts'
import { releaseAll } from '../replication/delayed-fetch.ts'
import { type FetchOutcome, type FetchTarget, fetchError } from '../replication/partition.ts'
import { readRecords, releaseRecords } from '../replication/pinned-records.ts'
import type { Context } from './context.ts'

/** What is rewritten for one response, which is in memory as a whole until it is sent. */
const MOST_CONVERTED_BYTES = 4_194_304
const MOST_WHEN_SHORT_BYTES = 65_536

export function mostConverted({ fetchMemory }: Context): number {
  return fetchMemory.isShort ? MOST_WHEN_SHORT_BYTES : MOST_CONVERTED_BYTES
}

/** Outcomes one for one with the targets. */
export async function convertForOldClient(
  targets: readonly FetchTarget[],
  outcomes: readonly FetchOutcome[],
  context: Context,
): Promise<readonly FetchOutcome[]> {
  try {
    return await convertAll(targets, outcomes, context)
  } catch (error) {
    releaseAll(outcomes)
    throw error
  }
}

async function convertAll(
  targets: readonly FetchTarget[],
  outcomes: readonly FetchOutcome[],
  context: Context,
): Promise<readonly FetchOutcome[]> {
  const converted: FetchOutcome[] = []
  for (const [at, outcome] of outcomes.entries()) {
    const target = targets[at]!
    if (context.replicas.compressionOf(target) === 'zstd') {
      releaseRecords(outcome.records)
      converted.push(outcome.error ? outcome : fetchError(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE))
    } else if (context.apiVersion >= 4 || outcome.records.byteLength === 0) {
      converted.push(outcome)
    } else {
      converted.push(await toOldFormat(target, outcome, context.apiVersion))
    }
  }
  return converted
}

async function toOldFormat(
  target: FetchTarget,
  outcome: FetchOutcome,
  apiVersion: number,
): Promise<FetchOutcome> {
  const batches = await readRecords(outcome.records)
  const converted = downConvert(batches, apiVersion < 2 ? 0 : 1, target.fetchOffset)
  if (converted.error) return fetchError(converted.error)
  // Before v3 the limit was hard: of a message that does not fit a part is sent, which tells the client so.
  const bytes = apiVersion < 3 ? converted.value.subarray(0, target.maxBytes) : converted.value
  return { ...outcome, records: { byteLength: bytes.length, parts: [bytes] } }
}
