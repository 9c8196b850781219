/** What costs little to look at, and is looked at after every event. */
import type { Log } from '../log/log.ts'
import { greatestOffset } from '../log/offsets.ts'
import { heldRecords, latestOf, uncompactedFrom } from './compacted.ts'
import type { PartitionModel } from './model.ts'
import { hold } from './violation.ts'

export function watch(model: PartitionModel, log: Log, latestWallMs: number): void {
  const { highWatermark, logEndOffset, logStartOffset } = log
  hold(
    highWatermark >= model.highWatermark && highWatermark <= logEndOffset,
    'the high watermark never goes back',
    () => `${model.name}: ${model.highWatermark}, then ${highWatermark} of ${logEndOffset}`,
  )
  model.highWatermark = highWatermark
  hold(
    logStartOffset >= model.startFloor,
    'the log start never goes back',
    () => `${model.name}: ${model.startFloor}, then ${logStartOffset}`,
  )
  checkRetention(model, log, latestWallMs)
  model.startFloor = logStartOffset
}

/** Whatever went at the front of a log was asked to go, or too old, or too much. */
function checkRetention(model: PartitionModel, log: Log, latestWallMs: number): void {
  const { logStartOffset } = log
  const from = greatestOffset(model.deletedTo, model.startFloor)
  if (logStartOffset <= from) return
  const batches = model.batches()
  const isHeld = model.isCompacted ? heldForCertain(model, log) : () => true
  // With what is written and not answered yet.
  let rest = log.sizeBytes
  for (const { baseOffset, lastOffset, batch } of batches.toReversed()) {
    if (lastOffset >= logStartOffset || lastOffset < from) continue
    const isOld = latestWallMs - Number(batch.view.maxTimestamp) > model.leastRetentionMs
    const isTooMuch = rest >= model.leastRetentionBytes
    rest += batch.bytes.length
    hold(isOld || isTooMuch || !isHeld(baseOffset), 'nothing is deleted early', () => {
      return `${model.name} begins at ${logStartOffset}, and the batch at ${baseOffset} was to stay`
    })
  }
}

/** Of what compaction has left of a segment, its age may be another. */
function heldForCertain(model: PartitionModel, log: Log): (baseOffset: bigint) => boolean {
  const held = heldRecords(model)
  const latest = new Set([...latestOf(held, uncompactedFrom(log)).values()])
  const bases = new Set<bigint | undefined>()
  for (const it of held) {
    const isThere = latest.has(it) && it.record.value !== null && !model.excused.has(it.offset)
    const batchTime = it.batch.view.maxTimestamp
    if (isThere && it.record.timestamp === batchTime) bases.add(it.batch.baseOffset)
  }
  return baseOffset => bases.has(baseOffset)
}
