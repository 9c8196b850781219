/**
 * That retention does its work: a segment whose records are all too old, or that is too much, is gone soon.
 * Soon is a few rounds of retention in which nothing stood in its way.
 */
import type { Log } from '../log/log.ts'
import type { LogConfig } from '../log/log-config.ts'
import type { PartitionModel } from './model.ts'
import { hold } from './violation.ts'

export interface RetentionWatch {
  readonly log: Log
  readonly model: PartitionModel
  readonly config: LogConfig
  /** For how long nothing has been in retention's way: by `elapsed`, the time since. */
  readonly undisturbedMs: number
  /** Within which it has to be done. */
  readonly roundsMs: number
}

export function watchRetention(watched: RetentionWatch): void {
  const { log, model, config, undisturbedMs, roundsMs } = watched
  const { baseOffset } = log.segments[0]!
  if (model.first?.baseOffset !== baseOffset) model.first = { baseOffset, sinceMs: model.clock.elapsed() }
  const isTold = config.cleanupPolicy.includes('delete') && model.rot === undefined && !model.isSuspect
  if (!isTold || undisturbedMs <= roundsMs) return
  const overdueMs = Math.min(
    undisturbedMs,
    model.clock.elapsed() - model.first.sinceMs,
    Math.max(sinceTooOld(watched), sinceTooMuch(watched)),
  )
  hold(overdueMs <= roundsMs, 'retention deletes', () => {
    const { retentionMs, retentionBytes } = config
    return (
      `${model.name} begins at ${log.logStartOffset}, ${log.sizeBytes} bytes, retention of ` +
      `${retentionMs} ms and ${retentionBytes} bytes, overdue for ${overdueMs} ms`
    )
  })
}

/** For how long the first segment has held nothing that is young; negative where it does. */
function sinceTooOld({ log, model, config }: RetentionWatch): number {
  const [first, second] = log.segments
  const end = second?.baseOffset ?? log.logEndOffset
  // One that compaction has left empty goes with what comes behind it.
  if (config.retentionMs < 0 || end > log.highWatermark || first!.sizeBytes === 0) return -1
  let youngestMs = -1
  let placedMs = 0
  let bytes = 0
  for (const [baseOffset, { view, placedMs: at }] of model.history) {
    if (baseOffset < first!.baseOffset || baseOffset >= end) continue
    youngestMs = Math.max(youngestMs, Number(view.maxTimestamp))
    placedMs = Math.max(placedMs, at)
    bytes += view.sizeInBytes
  }
  // There may be more than anybody knows of.
  const isKnown = model.isCompacted ? bytes >= first!.sizeBytes : bytes === first!.sizeBytes
  if (youngestMs < 0 || !isKnown) return -1
  return Math.min(log.now() - youngestMs - config.retentionMs, model.clock.elapsed() - placedMs)
}

/** For how long the log has been larger than it may be by its first segment or more. */
function sinceTooMuch({ log, model, config }: RetentionWatch): number {
  const [first, second] = log.segments
  const isTooMuch =
    second !== undefined && first!.sizeBytes > 0 && log.sizeBytes - config.retentionBytes >= first!.sizeBytes
  if (config.retentionBytes < 0 || !isTooMuch || second.baseOffset > log.highWatermark) return -1
  // What is on its way into the log has been too much for no time yet.
  if (log.highWatermark < log.logEndOffset) return -1
  let placedMs = 0
  for (const batch of model.history.values()) placedMs = Math.max(placedMs, batch.placedMs)
  return model.clock.elapsed() - placedMs
}
