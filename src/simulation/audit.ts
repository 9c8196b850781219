/** Holds a partition of the engine against its model, when nothing of it is under way. */
import type { Log } from '../log/log.ts'
import { leastOffset } from '../log/offsets.ts'
import type { Random } from '../platform/platform.ts'
import { RecordBatch } from '../records/batch.ts'
import { readRecords } from '../replication/pinned-records.ts'
import { areSame, identityOf, type PartitionModel } from './model.ts'
import { hold, Violation } from './violation.ts'

export interface AuditOptions {
  readonly log: Log
  readonly model: PartitionModel
  readonly random: Random
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
  if (options.hadPowerFailure) admitLoss(log, model)
  const batches = await readAll(log, options.random)
  compare(batches, options)
  const { logStartOffset, logEndOffset } = log
  hold(
    model.endOffset <= logEndOffset,
    'acknowledged is durable',
    () => `${model.name} ends at ${logEndOffset}, and held records up to ${model.endOffset}`,
  )
  compareProducers(log, model)
  compareEpochs(batches, log, model)
  await compareTransactions(log, model)
  await compareTimes(options)
  model.startFloor = logStartOffset
}

/** The log may end earlier than it did, though not before what was durable. */
function admitLoss(log: Log, model: PartitionModel): void {
  hold(
    log.logEndOffset >= model.durableFloor,
    'acknowledged is durable',
    () => `${model.name} ends at ${log.logEndOffset}, and ${model.durableFloor} was durable`,
  )
  model.cut(log.logEndOffset, 'lost')
  model.isTainted = false
  model.hasFailedSync = false
}

async function readAll(log: Log, random: Random): Promise<RecordBatch[]> {
  const batches: RecordBatch[] = []
  const maxOffset = log.logEndOffset
  for (let offset = log.logStartOffset; offset < maxOffset; ) {
    const maxBytes = 1 + random.below(4_000)
    const read = await log.read(offset, { maxBytes, maxOffset, minOneBatch: true })
    if (read.error && offset < log.logStartOffset) {
      // Deleted meanwhile.
      batches.length = 0
      offset = log.logStartOffset
      continue
    }
    if (read.error) {
      throw new Violation('reads give what was acknowledged', `${log.name} at ${offset}: ${read.message}`)
    }
    const found = batchesOf(await readRecords(read.value.records))
    const last = found.at(-1)
    if (last === undefined) {
      throw new Violation(
        'offsets are contiguous',
        `${log.name} gave nothing at ${offset}, and ends at ${maxOffset}`,
      )
    }
    for (const batch of found) {
      const expected = batches.at(-1)?.nextOffset
      hold(
        expected === undefined ? batch.baseOffset <= offset : batch.baseOffset === expected,
        'offsets are contiguous',
        () => `${log.name} has a batch at ${batch.baseOffset} where ${expected ?? offset} was due`,
      )
      batches.push(batch)
    }
    offset = last.nextOffset
  }
  const end = batches.at(-1)?.nextOffset ?? maxOffset
  hold(end === maxOffset, 'offsets are contiguous', () => `${log.name} ends at ${end}, not at ${maxOffset}`)
  return batches
}

export function batchesOf(bytes: Buffer): RecordBatch[] {
  const batches: RecordBatch[] = []
  for (let at = 0; at < bytes.length; ) {
    const batch = new RecordBatch(bytes, at)
    hold(
      at + batch.sizeInBytes <= bytes.length && batch.isChecksumValid(),
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
  const batches = batchesOf(read.bytes)
  for (const batch of batches) {
    const isInLine = next === undefined ? batch.baseOffset <= offset : batch.baseOffset === next
    const sent = model.sent.get(identityOf(batch))
    // One that was deleted may have been sent again.
    const known = sent?.baseOffset
    const isInPlace = known === undefined || known === batch.baseOffset || known < model.startFloor
    hold(
      isInLine && batch.lastOffset >= offset && isInPlace && sent !== undefined && areSame(sent, batch),
      'reads give what was acknowledged',
      () => `${model.name} at ${offset} gave a batch at ${batch.baseOffset}, known at ${sent?.baseOffset}`,
    )
    next = batch.nextOffset
  }
  hold(
    batches.length > 0 || offset >= read.before,
    'reads give what was acknowledged',
    () => `${model.name} gave nothing at ${offset} below the high watermark ${read.before}`,
  )
}

function compare(batches: readonly RecordBatch[], options: AuditOptions): void {
  const { log, model, isRecovered, hadPowerFailure } = options
  const found = new Set<string>()
  for (const batch of batches) {
    const identity = identityOf(batch)
    const { baseOffset } = batch
    const sent = model.sent.get(identity)
    const describe = () => `${model.name} has a batch at ${baseOffset}: ${sent?.fate ?? 'never sent'}`
    if (!sent || !areSame(sent, batch)) {
      throw new Violation('only what was sent is stored', `${describe()}, or not like this`)
    }
    if (sent.fate === 'refused' || sent.fate === 'withdrawn' || sent.fate === 'lost') {
      throw new Violation('only what was sent is stored', describe())
    }
    const isElsewhere = sent.baseOffset !== undefined && sent.baseOffset !== baseOffset
    hold(
      !found.has(identity) && !isElsewhere,
      'only what was sent is stored',
      () => `${describe()}, and it was at ${sent.baseOffset}`,
    )
    found.add(identity)
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
  for (const { baseOffset, lastOffset, batch } of model.batches()) {
    if (lastOffset < log.logStartOffset || found.has(identityOf(batch.view))) continue
    throw new Violation('acknowledged is durable', `${model.name} lacks the batch at ${baseOffset}`)
  }
  if (!isRecovered) return
  for (const batch of model.sent.values()) if (batch.fate === 'open') batch.fate = 'withdrawn'
}

/** Those of whom the log holds nothing any more may be forgotten. */
function compareProducers(log: Log, model: PartitionModel): void {
  const expected = model.producers()
  const found = new Map(log.activeProducers().map(entry => [entry.producerId, entry]))
  for (const [producerId, entry] of found) {
    const state = expected.get(producerId)
    const start = state?.transactionStart ?? -1n
    const isTransactionKnown = start === -1n || start >= log.logStartOffset
    const isForgotten = state !== undefined && state.lastOffset < log.logStartOffset
    const isMarkerGone = state !== undefined && state.markerOffset < log.logStartOffset
    const matches =
      state !== undefined &&
      entry.producerEpoch === state.epoch &&
      (entry.lastSequence === state.lastSequence || (isForgotten && entry.lastSequence === -1)) &&
      entry.lastTimestamp === state.lastTimestamp &&
      (entry.coordinatorEpoch === state.coordinatorEpoch ||
        (isMarkerGone && entry.coordinatorEpoch === -1)) &&
      (!isTransactionKnown || entry.currentTransactionStartOffset === start)
    hold(matches, 'producer state equals a replay', () => {
      return `${model.name} producer ${producerId}: ${text(entry)}, by the log ${text(state)}`
    })
  }
  for (const [producerId, state] of expected) {
    if (state.lastOffset < log.logStartOffset) continue
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

async function compareTransactions(log: Log, model: PartitionModel): Promise<void> {
  const { logStartOffset, logEndOffset } = log
  const all = model.transactions().filter(it => it.isAborted)
  // Of those whose beginning was deleted, nobody can tell any more where that was.
  const isKnown = ({ firstOffset }: { readonly firstOffset: bigint }) => firstOffset >= logStartOffset
  const known = new Set(all.filter(isKnown).map(it => it.lastOffset))
  const expected = all.filter(isKnown).map(({ isAborted: _, ...told }) => told)
  const found = (await log.abortedTransactions(logStartOffset, logEndOffset)).filter(
    it => known.has(it.lastOffset) || !all.some(other => other.lastOffset === it.lastOffset),
  )
  hold(
    text(found) === text(expected),
    'transactions are told rightly',
    () => `${model.name} tells of ${text(found)} aborted, and there are ${text(expected)}`,
  )
  const undecided = model.transactions().filter(it => it.lastOffset >= log.highWatermark)
  const open = [
    ...[...model.producers().values()].map(state => state.transactionStart).filter(at => at >= 0n),
    ...undecided.map(it => it.firstOffset),
  ]
  // By now: retention goes on meanwhile.
  if (open.some(at => at < log.logStartOffset)) return
  const firstOpen = open.reduce(leastOffset, log.highWatermark)
  hold(
    log.lastStableOffset === firstOpen,
    'transactions are told rightly',
    () => `${model.name} has its last stable offset at ${log.lastStableOffset}, not at ${firstOpen}`,
  )
}

async function compareTimes({ log, model, random }: AuditOptions): Promise<void> {
  const records = model.batches().flatMap(({ baseOffset, batch }) =>
    batch.records.map((record, i) => ({
      offset: baseOffset + BigInt(i),
      timestamp: record.timestamp,
    })),
  )
  if (records.length === 0) return
  for (let i = 0; i < 3; i++) {
    const wanted = records[random.below(records.length)]!.timestamp + BigInt(random.below(3) - 1)
    const { logStartOffset } = log
    const expected = records.find(it => it.offset >= logStartOffset && it.timestamp >= wanted)
    const found = await log.offsetForTimestamp(wanted)
    // Retention goes on meanwhile.
    if (logStartOffset !== log.logStartOffset) continue
    hold(
      found?.offset === expected?.offset && found?.timestamp === expected?.timestamp,
      'times lead to their offsets',
      () => `${model.name} has ${text(found)} for ${wanted}, and ${text(expected)} is there`,
    )
  }
}

export function text(value: unknown): string {
  return JSON.stringify(value, (_, it) => (typeof it === 'bigint' ? Number(it) : it)) ?? 'nothing'
}
