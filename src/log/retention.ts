/**
 * Which segments a topic's retention has done with: by the age of their youngest record, and by the log's
 * size.
 */
import type { Logger } from '../observe/logger.ts'
import type { LogConfig } from './log-config.ts'
import type { Segment } from './segment.ts'

export interface RetainedLog {
  readonly config: LogConfig
  readonly segments: readonly Segment[]
  readonly sizeBytes: number
  readonly logStartOffset: bigint
  readonly logEndOffset: bigint
  readonly highWatermark: bigint
  now(): number
}

/**
 * Always a run from the oldest segment on, and never beyond the high watermark, with the offset behind it.
 * The active segment may be among them if it holds anything; the log is rolled then, unless it has grown.
 */
export async function expiredSegments(
  log: RetainedLog,
): Promise<{ readonly segments: Segment[]; readonly end: bigint }> {
  const isDeleting = log.config.cleanupPolicy.includes('delete')
  const { retentionMs, retentionBytes } = log.config
  const now = log.now()
  const expired: Segment[] = []
  let expiredEnd = log.logStartOffset
  let count = 0
  const segments = [...log.segments]
  let excessBytes = retentionBytes < 0 ? -1 : log.sizeBytes - retentionBytes
  for (const [i, segment] of segments.entries()) {
    const end = segments[i + 1]?.baseOffset ?? log.logEndOffset
    const isActive = i === segments.length - 1
    if (end > log.highWatermark || (isActive && segment.sizeBytes === 0)) break
    const isBelowStart = !isActive && end <= log.logStartOffset
    const isTooMuch = isDeleting && retentionBytes >= 0 && excessBytes >= segment.sizeBytes
    const isTooOld = isDeleting && retentionMs >= 0 && now - (await segment.youngestMs()) > retentionMs
    // What compaction has left empty has no age of its own, and goes with what comes behind it.
    const isEmpty = segment.sizeBytes === 0
    if (!(isBelowStart || isTooMuch || isTooOld || isEmpty)) break
    excessBytes -= segment.sizeBytes
    expired.push(segment)
    if (isEmpty && !isBelowStart) continue
    count = expired.length
    expiredEnd = end
  }
  return { segments: expired.slice(0, count), end: expiredEnd }
}

/** Deletes what retention has done with. Where that fails, the next log has its turn all the same. */
export async function retain(
  log: Pick<RetainedLog, 'logStartOffset'> & {
    readonly name: string
    applyRetention(): Promise<number>
  },
  logger: Logger,
): Promise<void> {
  try {
    const dropped = await log.applyRetention()
    if (dropped === 0) return
    const details = { log: log.name, dropped, logStartOffset: log.logStartOffset }
    logger.info('Retention deleted old segments', details)
  } catch (error) {
    logger.error('Retention of a log failed', { log: log.name, error })
  }
}
