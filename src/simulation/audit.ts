/** Holds a partition of the engine against its model, when nobody writes to it. */
import type { AbortedTransaction, Log } from '../log/log.ts'
import { leastOffset } from '../log/offsets.ts'
import type { Random } from '../platform/platform.ts'
import { RecordBatch } from '../records/batch.ts'
import { decodeRecords } from '../records/lookup.ts'
import { readRecords } from '../replication/pinned-records.ts'
import { compareCompacted, excuseRemoved, type FoundBatch, originOf } from './compacted.ts'
import { identityOf, type ModelTransaction, type PartitionModel, type SentBatch } from './model.ts'
import { hold, Violation } from './violation.ts'
import type { WallTimes } from './wall-times.ts'

export interface AuditOptions {
  readonly log: Log
  readonly model: PartitionModel
  readonly random: Random
  readonly wall: WallTimes
  /** The broker has started since the last audit; what is not there now has no way to come. */
  readonly isRecovered: boolean
  /** Power has failed: what was not durable may be lost. */
  readonly hadPowerFailure: boolean
}

export async function audit(options: AuditOptions): Promise<void> {
  const { log, model } = options
  hold(
    log.logStartOffset >= model.startFloor,
    'the log start never goes back',
    () => `${model.name}: ${model.startFloor}, then ${log.logStartOffset}`,
  )
  if (options.hadPowerFailure) admitLoss(options)
  const { replacements } = log
  const batches = await readAll(options)
  const found = compare(batches, options)
  const { logStartOffset, logEndOffset } = log
  hold(
    model.endOffset <= logEndOffset,
    'acknowledged is durable',
    () => `${model.name} ends at ${logEndOffset}, and held records up to ${model.endOffset}`,
  )
  if (model.isCompacted) compareCompacted(found, options)
  compareProducers(found, log, model)
  compareEpochs(batches, log, model)
  if (!model.isBlurred) await compareTransactions(found, { log, model, replacements })
  if (model.rot === undefined) await compareTimes(found, { ...options, replacements })
  model.startFloor = logStartOffset
}

/**
 * Of a partition whose disk has changed bytes, a broker that starts anew may have lost anything; what it
 * gives out as intact is all the same what was sent.
 */
export async function auditSuspect(model: PartitionModel, log: Log): Promise<void> {
  for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
    const read = await log.read(offset, { maxBytes: 1, maxOffset: log.logEndOffset, minOneBatch: true })
    if (read.error) return
    const bytes = await readRecords(read.value.records)
    if (bytes.length === 0) return
    const batch = new RecordBatch(bytes, 0)
    if (batch.sizeInBytes !== bytes.length || batch.lastOffset < offset) return
    hold(
      !batch.isChecksumValid() || originOf(model, batch) !== undefined,
      'only what was sent is stored',
      () => `${model.name} gives a batch at ${offset} as intact that nobody has sent`,
    )
    offset = batch.nextOffset
  }
}

/** The log may end earlier than it did, though not before what was durable. */
function admitLoss({ log, model, wall }: AuditOptions): void {
  hold(
    log.logEndOffset >= model.durableFloor,
    'acknowledged is durable',
    () => `${model.name} ends at ${log.logEndOffset}, and ${model.durableFloor} was durable`,
  )
  model.cut(log.logEndOffset, 'lost')
  if (model.isCompacted) excuseRemoved(model, wall)
}

async function readAll({ log, model, random }: AuditOptions): Promise<RecordBatch[]> {
  const batches: RecordBatch[] = []
  const maxOffset = log.logEndOffset
  for (let offset = log.logStartOffset; offset < maxOffset; ) {
    if (model.isRotten(offset)) {
      offset = model.rot!.to
      continue
    }
    const maxBytes = 1 + random.below(4_000)
    const read = await log.read(offset, { maxBytes, maxOffset, minOneBatch: true })
    if (read.error && model.rot && offset < model.rot.to) {
      offset = model.rot.to
      continue
    }
    if (read.error && offset < log.logStartOffset) {
      // Deleted meanwhile.
      batches.length = 0
      offset = log.logStartOffset
      continue
    }
    if (read.error) {
      throw new Violation('reads give what was acknowledged', `${log.name} at ${offset}: ${read.message}`)
    }
    const found = batchesOf(await readRecords(read.value.records), model)
    const last = found.at(-1)
    if (last === undefined && model.rot && offset < model.rot.to) {
      offset = model.rot.to
      continue
    }
    if (last === undefined && model.isCompacted) break
    if (last === undefined) {
      throw new Violation(
        'offsets are contiguous',
        `${log.name} gave nothing at ${offset}, and ends at ${maxOffset}`,
      )
    }
    for (const batch of found) {
      checkOrder(batch, { offset, previous: batches.at(-1), model })
      batches.push(batch)
    }
    offset = last.nextOffset
  }
  const end = batches.at(-1)?.nextOffset ?? maxOffset
  hold(
    end === maxOffset || ((model.isCompacted || model.rot !== undefined) && end < maxOffset),
    'offsets are contiguous',
    () => `${log.name} ends at ${end}, not at ${maxOffset}`,
  )
  return batches
}

/** Offsets follow upon each other; where compaction was, they grow. */
export function checkOrder(
  batch: RecordBatch,
  at: {
    readonly offset: bigint
    readonly previous: RecordBatch | undefined
    readonly model: PartitionModel
  },
): void {
  const { offset, previous, model } = at
  const due = previous?.nextOffset ?? offset
  const isThere = batch.lastOffset >= due && (previous === undefined || batch.baseOffset >= due)
  const hasGap = batch.baseOffset > due
  const mayHaveGap = model.isCompacted || (model.rot !== undefined && batch.baseOffset === model.rot.to)
  hold(
    isThere && (mayHaveGap || !hasGap),
    'offsets are contiguous',
    () => `${model.name} has a batch at ${batch.baseOffset} where ${due} was due`,
  )
}

/** Up to where the disk has changed them. */
function batchesOf(bytes: Buffer, model: PartitionModel): RecordBatch[] {
  const batches: RecordBatch[] = []
  for (let at = 0; at < bytes.length; ) {
    const batch = new RecordBatch(bytes, at)
    const isIntact = at + batch.sizeInBytes <= bytes.length && batch.isChecksumValid()
    if (!isIntact && model.isRotten(batch.baseOffset)) break
    hold(
      isIntact,
      'reads give what was acknowledged',
      () => `a batch at offset ${batch.baseOffset} is not intact`,
    )
    batches.push(batch)
    at += batch.sizeInBytes
  }
  return batches
}

/** What a consumer was given. `before` was readable when it asked. */
export function checkRead(
  model: PartitionModel,
  offset: bigint,
  read: { readonly bytes: Buffer; readonly before: bigint },
): void {
  let next: bigint | undefined
  const batches = batchesOf(read.bytes, model)
  for (const batch of batches) {
    const isInLine =
      next === undefined
        ? model.isCompacted || batch.baseOffset <= offset
        : batch.baseOffset === next || (model.isCompacted && batch.baseOffset > next)
    const sent = originOf(model, batch)
    // One that was deleted may have been sent again.
    const known = sent?.baseOffset
    const isInPlace = known === undefined || known === batch.baseOffset || known < model.startFloor
    hold(
      isInLine && batch.lastOffset >= offset && isInPlace && sent !== undefined,
      'reads give what was acknowledged',
      () => `${model.name} at ${offset} gave a batch at ${batch.baseOffset}, known at ${sent?.baseOffset}`,
    )
    next = batch.nextOffset
  }
  hold(
    batches.length > 0 || offset >= read.before || model.isCompacted,
    'reads give what was acknowledged',
    () => `${model.name} gave nothing at ${offset} below the high watermark ${read.before}`,
  )
}

function compare(batches: readonly RecordBatch[], options: AuditOptions): FoundBatch[] {
  const { log, model, isRecovered, hadPowerFailure } = options
  const found = new Map<string, FoundBatch>()
  for (const batch of batches) {
    const { baseOffset } = batch
    const sent = originOf(model, batch)
    if (sent === undefined) {
      const fate = model.sent.get(identityOf(batch))?.fate ?? 'never sent'
      throw new Violation(
        'only what was sent is stored',
        `${model.name} has a batch at ${baseOffset}: ${fate}, or not like this`,
      )
    }
    const identity = identityOf(sent.view)
    const describe = () => `${model.name} has a batch at ${baseOffset}: ${sent.fate}`
    if (sent.fate === 'refused' || sent.fate === 'withdrawn' || sent.fate === 'lost') {
      throw new Violation('only what was sent is stored', describe())
    }
    // One that was deleted may have been sent again.
    const known = sent.baseOffset
    const isElsewhere = known !== undefined && known !== baseOffset && known >= model.startFloor
    hold(
      !found.has(identity) && !isElsewhere,
      'only what was sent is stored',
      () => `${describe()}, and it was at ${sent.baseOffset}`,
    )
    found.set(identity, { batch, sent })
    placeFound(sent, baseOffset, { model, hadPowerFailure })
  }
  for (const { baseOffset, lastOffset, batch } of model.isCompacted ? [] : model.batches()) {
    if (lastOffset < log.logStartOffset || found.has(identityOf(batch.view))) continue
    if (model.isRotten(baseOffset)) continue
    throw new Violation('acknowledged is durable', `${model.name} lacks the batch at ${baseOffset}`)
  }
  if (isRecovered) {
    for (const batch of model.sent.values()) if (batch.fate === 'open') batch.fate = 'withdrawn'
  }
  return [...found.values()]
}

function placeFound(
  sent: SentBatch,
  baseOffset: bigint,
  { model, hadPowerFailure }: { readonly model: PartitionModel; readonly hadPowerFailure: boolean },
): void {
  let known = model.history.get(baseOffset)
  if (known !== undefined && known !== sent && hadPowerFailure && baseOffset >= model.durableFloor) {
    // Of two that were written to the same place, and neither durable, it may be the first.
    model.cut(baseOffset, 'lost')
    known = undefined
  }
  hold(
    known === undefined || known === sent,
    'acknowledged is durable',
    () => `${model.name} has another batch at ${baseOffset} than was acknowledged there`,
  )
  model.place(sent, baseOffset)
}

/** Those of whom the log holds nothing any more may be forgotten. */
function compareProducers(batches: readonly FoundBatch[], log: Log, model: PartitionModel): void {
  const expected = model.producers()
  const found = new Map(log.activeProducers().map(entry => [entry.producerId, entry]))
  for (const [producerId, entry] of found) {
    const state = expected.get(producerId)
    if (state !== undefined && !model.isToBeKnown(producerId, state)) continue
    const start = state?.transactionStart ?? -1n
    const isTransactionKnown = start === -1n || start >= log.logStartOffset
    const isForgotten = state !== undefined && state.lastOffset < log.logStartOffset
    const isMarkerGone = state !== undefined && (state.markerOffset < log.logStartOffset || model.isCompacted)
    const matches =
      state !== undefined &&
      entry.producerEpoch === state.epoch &&
      (entry.lastSequence === state.lastSequence || (isForgotten && entry.lastSequence === -1)) &&
      (entry.lastTimestamp === state.lastTimestamp ||
        (model.isCompacted && entry.lastTimestamp < state.lastTimestamp)) &&
      (entry.coordinatorEpoch === state.coordinatorEpoch ||
        (isMarkerGone && entry.coordinatorEpoch < state.coordinatorEpoch)) &&
      (!isTransactionKnown ||
        model.isBlurred ||
        isStart(entry.currentTransactionStartOffset, startOf(producerId, start, { model, batches })))
    hold(matches, 'producer state equals a replay', () => {
      return `${model.name} producer ${producerId}: ${text(entry)}, by the log ${text(state)}`
    })
  }
  for (const [producerId, state] of expected) {
    if (state.lastOffset < log.logStartOffset || !model.isToBeKnown(producerId, state)) continue
    hold(found.has(producerId), 'producer state equals a replay', () => {
      return `${model.name} has forgotten producer ${producerId}: ${text(state)}`
    })
  }
}

function compareEpochs(batches: readonly RecordBatch[], log: Log, model: PartitionModel): void {
  for (const batch of batches) {
    const epoch = log.epochForOffset(batch.baseOffset)
    const isBelowStart = batch.baseOffset < log.logStartOffset
    hold(
      isBelowStart || epoch === batch.partitionLeaderEpoch,
      'leader epochs are consistent',
      () =>
        `${model.name} at ${batch.baseOffset}: ${epoch}, and the batch says ${batch.partitionLeaderEpoch}`,
    )
  }
}

async function compareTransactions(
  batches: readonly FoundBatch[],
  { log, model, replacements }: Pick<AuditOptions, 'log' | 'model'> & { readonly replacements: number },
): Promise<void> {
  const { logStartOffset, logEndOffset } = log
  const all = model.transactions().filter(it => it.isAborted)
  // Of those whose beginning was deleted, nobody can tell any more where that was.
  const isKnown = ({ firstOffset }: { readonly firstOffset: bigint }) => firstOffset >= logStartOffset
  const known = new Set(all.filter(isKnown).map(it => it.lastOffset))
  const found = (await log.abortedTransactions(logStartOffset, logEndOffset)).filter(
    it => known.has(it.lastOffset) || !all.some(other => other.lastOffset === it.lastOffset),
  )
  // Compaction goes on meanwhile, and forgets those of which nothing is left.
  if (log.replacements !== replacements) return
  const ends = new Set(found.map(it => it.lastOffset))
  const expected = all
    .filter(isKnown)
    .filter(it => !model.isCompacted || ends.has(it.lastOffset) || firstOf(it, batches) !== undefined)
    .map(({ isAborted: _, ...told }) => told)
  const isRight = (it: AbortedTransaction, i: number) => {
    const sent = expected[i]
    if (sent === undefined || !model.isCompacted) return text(it) === text(sent)
    // A log that was copied, or indexed anew, knows of what is left.
    const { producerId, lastOffset } = sent
    const first = firstOf(sent, batches) ?? lastOffset
    const isWithin = it.firstOffset >= sent.firstOffset && it.firstOffset <= first
    return it.producerId === producerId && it.lastOffset === lastOffset && isWithin
  }
  hold(
    found.length === expected.length && found.every(isRight),
    'transactions are told rightly',
    () => `${model.name} tells of ${text(found)} aborted, and there are ${text(expected)}`,
  )
  compareStable(batches, log, model)
}

/** Where a transaction that is open may be told to begin. */
interface Start {
  readonly earliest: bigint
  /** Undefined where nothing is left of it. */
  readonly latest: bigint | undefined
}

/** Of one that has lost its end, the log knows of what compaction has left. */
function startOf(
  producerId: bigint,
  firstOffset: bigint,
  { model, batches }: { readonly model: PartitionModel; readonly batches: readonly FoundBatch[] },
): Start {
  if (!model.isReopened(producerId, firstOffset)) return { earliest: firstOffset, latest: firstOffset }
  const lastOffset = model.endOffset
  return { earliest: firstOffset, latest: firstOf({ producerId, firstOffset, lastOffset }, batches) }
}

function isStart(told: bigint, { earliest, latest }: Start): boolean {
  return latest === undefined ? told === -1n || told >= earliest : told >= earliest && told <= latest
}

/** Where the first batch of a transaction lies that is still there. */
function firstOf(
  { producerId, firstOffset, lastOffset }: Omit<ModelTransaction, 'isAborted'>,
  batches: readonly FoundBatch[],
): bigint | undefined {
  const isOfIt = ({ batch }: FoundBatch) =>
    batch.producerId === producerId &&
    !batch.isControl &&
    batch.baseOffset >= firstOffset &&
    batch.baseOffset < lastOffset
  return batches.find(isOfIt)?.batch.baseOffset
}

function compareStable(batches: readonly FoundBatch[], log: Log, model: PartitionModel): void {
  const undecided = model.transactions().filter(it => it.lastOffset >= log.highWatermark)
  const open = [
    ...[...model.producers()]
      .filter(([, { transactionStart }]) => transactionStart >= 0n)
      .map(([producerId, { transactionStart }]) => startOf(producerId, transactionStart, { model, batches })),
    ...undecided.map(it => startOf(it.producerId, it.firstOffset, { model, batches })),
  ]
  // By now: retention goes on meanwhile.
  if (open.some(({ earliest }) => earliest < log.logStartOffset)) return
  const { highWatermark, lastStableOffset } = log
  const earliest = open.reduce((least, it) => leastOffset(least, it.earliest), highWatermark)
  const latest = open.reduce((least, it) => leastOffset(least, it.latest ?? least), highWatermark)
  hold(
    lastStableOffset >= earliest && lastStableOffset <= latest,
    'transactions are told rightly',
    () => `${model.name} has its last stable offset at ${lastStableOffset}, not at ${earliest} to ${latest}`,
  )
}

async function compareTimes(
  batches: readonly FoundBatch[],
  { log, model, random, replacements }: AuditOptions & { readonly replacements: number },
): Promise<void> {
  const records = batches.flatMap(({ batch, sent }) => {
    if (batch.recordCount < sent.records.length) return remaining(batch)
    return sent.records.map((record, i) => ({
      offset: batch.baseOffset + BigInt(i),
      timestamp: record.timestamp,
    }))
  })
  if (records.length === 0) return
  for (let i = 0; i < 3; i++) {
    const wanted = records[random.below(records.length)]!.timestamp + BigInt(random.below(3) - 1)
    const { logStartOffset } = log
    const expected = records.find(it => it.offset >= logStartOffset && it.timestamp >= wanted)
    const found = await log.offsetForTimestamp(wanted)
    // Retention and compaction go on meanwhile.
    if (logStartOffset !== log.logStartOffset || replacements !== log.replacements) continue
    hold(
      found?.offset === expected?.offset && found?.timestamp === expected?.timestamp,
      'times lead to their offsets',
      () => `${model.name} has ${text(found)} for ${wanted}, and ${text(expected)} is there`,
    )
  }
}

function remaining(batch: RecordBatch): { readonly offset: bigint; readonly timestamp: bigint }[] {
  const decoded = decodeRecords(batch)
  return decoded.error ? [] : decoded.value.map(({ offset, timestamp }) => ({ offset, timestamp }))
}

export function text(value: unknown): string {
  return JSON.stringify(value, (_, it) => (typeof it === 'bigint' ? Number(it) : it)) ?? 'nothing'
}
