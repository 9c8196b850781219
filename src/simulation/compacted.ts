/**
 * What compaction may take out of a log and what it has to leave, by what was sent: a record goes when a
 * later one of its key is compacted, when its transaction was aborted, or when it is a tombstone whose time
 * is over. Batches stay where they were, with fewer records.
 */
import type { Log } from '../log/log.ts'
import { leastOffset } from '../log/offsets.ts'
import type { RecordBatch } from '../records/batch.ts'
import { decodeRecords, readControlMarker } from '../records/lookup.ts'
import { areSame, identityOf, type PartitionModel, type SentBatch, type SentRecord } from './model.ts'
import { hold } from './violation.ts'
import type { WallTimes } from './wall-times.ts'

/** A record that a log holds or held. */
export interface HeldRecord {
  readonly offset: bigint
  readonly record: SentRecord
  readonly batch: SentBatch
  state: 'committed' | 'aborted' | 'open'
}

export interface FoundBatch {
  readonly batch: RecordBatch
  readonly sent: SentBatch
}

/** What a batch of a log was when it was sent; undefined where nothing like it ever was. */
export function originOf(model: PartitionModel, batch: RecordBatch): SentBatch | undefined {
  const sent = model.sent.get(identityOf(batch))
  if (sent !== undefined && areSame(sent, batch)) return sent
  if (!model.isCompacted) return undefined
  const before = [model.history.get(batch.baseOffset), model.former.get(batch.baseOffset)]
  return before.find(it => it !== undefined && isRemainderOf(batch, it))
}

function isRemainderOf(found: RecordBatch, { view, records }: SentBatch): boolean {
  const isAlike =
    found.lastOffsetDelta === view.lastOffsetDelta &&
    found.producerId === view.producerId &&
    found.producerEpoch === view.producerEpoch &&
    found.baseSequence === view.baseSequence &&
    found.isTransactional === view.isTransactional &&
    found.isControl === view.isControl
  if (!isAlike || found.recordCount === 0) return isAlike
  if (found.isControl) return readControlMarker(found)?.type === readControlMarker(view)?.type
  const decoded = decodeRecords(found)
  if (decoded.error) return false
  return decoded.value.every(({ offset, key, value, timestamp }) => {
    const record = records[Number(offset - found.baseOffset)]
    return (
      record !== undefined &&
      record.key === (key?.toString() ?? null) &&
      record.value === (value?.toString() ?? null) &&
      record.timestamp === timestamp
    )
  })
}

/** In the order of their offsets, markers left out. */
export function heldRecords(model: PartitionModel): HeldRecord[] {
  const held: HeldRecord[] = []
  const open = new Map<bigint, HeldRecord[]>()
  for (const { baseOffset, batch } of model.batches()) {
    const { view, records } = batch
    const marker = view.isControl ? readControlMarker(view) : undefined
    if (marker) {
      const state = marker.type === 'COMMIT' ? 'committed' : 'aborted'
      for (const record of open.get(view.producerId) ?? []) record.state = state
      open.delete(view.producerId)
      continue
    }
    const state = view.isTransactional ? 'open' : 'committed'
    for (const [i, record] of records.entries()) {
      held.push({ offset: baseOffset + BigInt(i), record, batch, state })
    }
    if (!view.isTransactional) continue
    const pending = open.get(view.producerId) ?? []
    pending.push(...held.slice(held.length - records.length))
    open.set(view.producerId, pending)
  }
  return held
}

/** The last committed record of each key, below an offset. */
export function latestOf(held: readonly HeldRecord[], below?: bigint): Map<string | null, HeldRecord> {
  const latest = new Map<string | null, HeldRecord>()
  for (const it of held) {
    if (it.state === 'committed' && (below === undefined || it.offset < below)) latest.set(it.record.key, it)
  }
  return latest
}

/** What compaction may have taken stays away, also when what it was taken for is cut off. */
export function excuseRemoved(model: PartitionModel, wall: WallTimes): void {
  const held = heldRecords(model)
  const latest = latestOf(held)
  for (const it of held) {
    const { offset, state, record } = it
    const last = latest.get(record.key)
    if (state === 'aborted' || (last !== undefined && last.offset > offset)) model.excused.add(offset)
    const isTombstone = state === 'committed' && record.value === null
    if (isTombstone && tooEarly(it, { model, wall }) === undefined) model.expired.add(offset)
  }
}

/** Where compaction cannot have been. */
export function uncompactedFrom(log: Log): bigint {
  return leastOffset(log.lastStableOffset, log.activeSegment.baseOffset)
}

export interface CompactedAudit {
  readonly log: Log
  readonly model: PartitionModel
  readonly wall: WallTimes
}

/** All that was found from the log start to its end. */
export function compareCompacted(found: readonly FoundBatch[], audited: CompactedAudit): void {
  const { log, model } = audited
  const held = heldRecords(model)
  const present = offsetsIn(found)
  noteHorizons(found, present, audited)
  const replacedBy = latestOf(held, uncompactedFrom(log))
  for (const it of held) {
    const isWanted = it.offset >= log.logStartOffset && !model.isRotten(it.offset)
    if (isWanted && !present.has(it.offset)) checkRemoval(it, replacedBy.get(it.record.key), audited)
  }
  compareState(held, present, audited)
}

function offsetsIn(found: readonly FoundBatch[]): Set<bigint> {
  const present = new Set<bigint>()
  for (const { batch, sent } of found) {
    if (batch.isControl || batch.recordCount === 0) continue
    if (batch.recordCount === sent.records.length) {
      for (const i of sent.records.keys()) present.add(batch.baseOffset + BigInt(i))
      continue
    }
    const decoded = decodeRecords(batch)
    if (decoded.error === 0) for (const { offset } of decoded.value) present.add(offset)
  }
  return present
}

/** A tombstone's time begins when compaction first meets it, which is not before it was sent. */
function noteHorizons(
  found: readonly FoundBatch[],
  present: ReadonlySet<bigint>,
  { model, wall }: CompactedAudit,
): void {
  for (const { batch, sent } of found) {
    const horizonMs = batch.deleteHorizonMs
    if (horizonMs === undefined) continue
    const leastMs = wall.since(sent.sentMs).earliestMs + model.leastDeleteRetentionMs
    hold(
      Number(horizonMs) >= leastMs,
      'tombstones stay for their time',
      () => `${model.name} at ${batch.baseOffset} has its horizon at ${horizonMs}, before ${leastMs}`,
    )
    for (let offset = batch.baseOffset; offset <= batch.lastOffset; offset++) {
      if (!present.has(offset) || model.horizons.get(offset)?.horizonMs === Number(horizonMs)) continue
      model.horizons.set(offset, { horizonMs: Number(horizonMs), seenMs: model.clock.elapsed() })
    }
  }
}

/** A record is not there any more: for what reason? */
function checkRemoval(
  it: HeldRecord,
  last: HeldRecord | undefined,
  { log, model, wall }: CompactedAudit,
): void {
  const { offset, record, state, batch } = it
  const kind = record.value === null ? 'a tombstone' : 'a value'
  const describe = (why: string) => () =>
    `${model.name} lacks ${record.key} at ${offset} (${state}, ${kind}): ${why}`
  if (model.excused.has(offset) || model.expired.has(offset)) return
  hold(
    offset < uncompactedFrom(log),
    'the last value of each key survives',
    describe(`nothing is compacted from ${log.activeSegment.baseOffset} or ${log.lastStableOffset} on`),
  )
  const span = wall.since(batch.placedMs)
  hold(
    model.leastCompactionLagMs === 0 ||
      span.latestMs - Number(record.timestamp) >= model.leastCompactionLagMs,
    'nothing is deleted early',
    describe(`it is younger than ${model.leastCompactionLagMs} ms`),
  )
  if (state === 'aborted') return
  if (last !== undefined && last.offset > offset) return
  if (record.value !== null || state === 'open') {
    hold(false, 'the last value of each key survives', describe('it is the last one of its key'))
  }
  const early = tooEarly(it, { model, wall })
  hold(early === undefined, 'tombstones stay for their time', describe(early!))
}

/** Why a tombstone that was committed has to be there still; undefined where its time is over. */
function tooEarly(
  { offset, batch }: HeldRecord,
  { model, wall }: Pick<CompactedAudit, 'model' | 'wall'>,
): string | undefined {
  const known = model.horizons.get(offset)
  if (known !== undefined) {
    const isOver = wall.since(known.seenMs).latestMs >= known.horizonMs
    return isOver ? undefined : `its horizon is ${known.horizonMs}`
  }
  const { earliestMs, latestMs } = wall.since(batch.placedMs)
  const isOver = latestMs - earliestMs >= model.leastDeleteRetentionMs
  return isOver ? undefined : `it has been there since ${earliestMs}`
}

/** Who reads all of it knows for each key what was written last, and nothing of keys that were deleted. */
function compareState(
  held: readonly HeldRecord[],
  present: ReadonlySet<bigint>,
  { log, model }: CompactedAudit,
): void {
  const shown = latestOf(held.filter(it => present.has(it.offset)))
  for (const [key, last] of latestOf(held)) {
    const isExempt = last.offset < log.logStartOffset || model.isRotten(last.offset)
    if (isExempt || present.has(last.offset) || model.excused.has(last.offset)) continue
    const seen = shown.get(key)
    hold(
      seen === undefined || seen.offset < log.logStartOffset,
      'the last value of each key survives',
      () => {
        return `${model.name} shows ${key} of ${seen?.offset}, deleted by a tombstone at ${last.offset}`
      },
    )
  }
}
