/** Which part of a compacted log may be compacted, and how much it is in need of it. */
import type { LogConfig } from './log-config.ts'
import { greatestOffset, leastOffset } from './offsets.ts'
import type { Segment } from './segment.ts'

export interface CleanableLog {
  readonly config: LogConfig
  readonly segments: readonly Segment[]
  readonly logStartOffset: bigint
  readonly logEndOffset: bigint
  readonly lastStableOffset: bigint
  readonly cleanedTo: bigint | undefined
  readonly truncations: number
  now(): number
}

export interface CleanablePart {
  /** Of the log when it was looked at: another one may take a marker away, and with it what is stable. */
  readonly truncations: number
  readonly firstDirtyOffset: bigint
  /** Where a segment begins, which stays as it is, with all behind it. */
  readonly firstUncleanableOffset: bigint
  readonly cleanBytes: number
  readonly cleanableBytes: number
  /** Of `max.compaction.lag.ms`. */
  readonly isOverdue: boolean
}

/** Undefined where nothing can be gained: all that is there is the active segment. */
export async function cleanablePart(log: CleanableLog): Promise<CleanablePart | undefined> {
  const { truncations } = log
  const segments = [...log.segments]
  const active = segments.pop()!
  if (segments.length === 0) return undefined
  const firstDirtyOffset = firstDirty(log)
  const stop = await firstUncleanable(log, segments, { firstDirtyOffset, activeOffset: active.baseOffset })
  const firstUncleanableOffset = segments.find((_, i) => endOf(i) > stop)?.baseOffset ?? active.baseOffset
  function endOf(index: number): bigint {
    return segments[index + 1]?.baseOffset ?? active.baseOffset
  }

  let cleanBytes = 0
  let cleanableBytes = 0
  for (const [i, { baseOffset, sizeBytes }] of segments.entries()) {
    if (baseOffset < firstDirtyOffset) cleanBytes += sizeBytes
    if (endOf(i) > firstDirtyOffset && baseOffset < firstUncleanableOffset) cleanableBytes += sizeBytes
  }
  const dirty = segments.filter((_, i) => endOf(i) > firstDirtyOffset)
  const isOverdue = await isAnyOlder(dirty, log.now() - log.config.maxCompactionLagMs)
  return { truncations, firstDirtyOffset, firstUncleanableOffset, cleanBytes, cleanableBytes, isOverdue }
}

/** Share of the bytes, of those that may be looked at, that are not compacted. */
export function dirtyRatio({ cleanBytes, cleanableBytes }: CleanablePart): number {
  const total = cleanBytes + cleanableBytes
  return total === 0 ? 0 : cleanableBytes / total
}

export function needsCleaning(part: CleanablePart, config: LogConfig): boolean {
  if (part.cleanableBytes === 0) return false
  return part.isOverdue || dirtyRatio(part) > config.minCleanableDirtyRatio
}

/** A checkpoint that lies outside the log is no use: all of it is to be looked at. */
function firstDirty({ cleanedTo, logStartOffset, logEndOffset }: CleanableLog): bigint {
  if (cleanedTo === undefined || cleanedTo > logEndOffset) return logStartOffset
  return greatestOffset(cleanedTo, logStartOffset)
}

/** Never the active segment, nothing that may still be undone, and nothing that is too young. */
async function firstUncleanable(
  log: CleanableLog,
  segments: readonly Segment[],
  bounds: { readonly firstDirtyOffset: bigint; readonly activeOffset: bigint },
): Promise<bigint> {
  const { firstDirtyOffset, activeOffset } = bounds
  let stop = leastOffset(log.lastStableOffset, activeOffset)
  const { minCompactionLagMs } = log.config
  if (minCompactionLagMs > 0) {
    const youngest = log.now() - minCompactionLagMs
    for (const [i, segment] of segments.entries()) {
      const end = segments[i + 1]?.baseOffset ?? activeOffset
      if (end <= firstDirtyOffset) continue
      if (Number((await segment.largestTimestamp()).timestamp) <= youngest) continue
      stop = leastOffset(stop, segment.baseOffset)
      break
    }
  }
  return greatestOffset(stop, firstDirtyOffset)
}

async function isAnyOlder(segments: readonly Segment[], timestamp: number): Promise<boolean> {
  if (timestamp <= 0) return false
  for (const segment of segments) {
    const first = await segment.firstTimestamp()
    if (first !== undefined && first > 0n && Number(first) < timestamp) return true
  }
  return false
}

/**
 * Segments that are compacted into one: neighbours that together are no larger than a segment and its indexes
 * may be. `limit` is where the compacted part ends.
 */
export function groupSegments(
  segments: readonly Segment[],
  { segmentBytes, segmentIndexBytes }: LogConfig,
  limit: bigint,
): Segment[][] {
  const groups: Segment[][] = []
  let group: Segment[] = []
  let sums = { bytes: 0, offsets: 0, times: 0 }
  for (const [i, segment] of segments.entries()) {
    const { offsetIndex, timeIndex, sizeBytes } = segment
    const offsets = sums.offsets + offsetIndex.file.sizeBytes
    const times = sums.times + timeIndex.file.sizeBytes
    const end = segments[i + 1]?.baseOffset ?? limit
    const first = group[0]
    const fits =
      first !== undefined &&
      sums.bytes + sizeBytes <= segmentBytes &&
      Math.max(offsets, times) <= segmentIndexBytes &&
      (sizeBytes === 0 || end - 1n - first.baseOffset <= MAX_RELATIVE_OFFSET)
    if (!fits) {
      group = []
      groups.push(group)
      sums = { bytes: 0, offsets: 0, times: 0 }
    }
    group.push(segment)
    sums = {
      bytes: sums.bytes + sizeBytes,
      offsets: sums.offsets + offsetIndex.file.sizeBytes,
      times: sums.times + timeIndex.file.sizeBytes,
    }
  }
  return groups
}

/** Offsets within a segment are relative int32. */
const MAX_RELATIVE_OFFSET = 0x7fff_ffffn
