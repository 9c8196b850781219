/**
 * Opening one log from its directory. A clean one is taken as it stands. After an unclean stop, the batches
 * behind the recovery point are checked one by one, the log is cut at the first that is not intact, and
 * indexes and producer state are made anew from there. Leftovers of interrupted work (deleted, cleaned,
 * swapped files) are settled first.
 */
import type { RecordBatch } from '../records/batch.ts'
import { RECOVERY_BYTES } from './batch-scan.ts'
import {
  LEADER_EPOCH_CHECKPOINT,
  newerVersionOf,
  PARTITION_METADATA,
  parseEpochs,
  parsePartitionMetadata,
  readText,
  replaceFile,
} from './checkpoint.ts'
import { DamagedSegment } from './damaged-segment.ts'
import { LeaderEpochs } from './leader-epochs.ts'
import type { TopicPartition } from './log.ts'
import { Log } from './log.ts'
import { type LogConfig, rollJitter } from './log-config.ts'
import type { LogEnvironment, LogHome } from './log-environment.ts'
import { greatestOffset, leastOffset } from './offsets.ts'
import { rebuildProducers, refillTransactionIndexes } from './producer-replay.ts'
import { ProducerSnapshots } from './producer-snapshot.ts'
import { ProducerState } from './producer-state.ts'
import { Segment, type SegmentServices } from './segment.ts'
import type { LogLocation } from './segment-files.ts'

const SWAP = /^\d{20}\..*\.swap$/
const LEFTOVER = /^(\d{20}\..*\.(deleted|cleaned|tmp)|(leader-epoch-checkpoint|partition\.metadata)\.tmp)$/

export interface OpenOptions {
  readonly environment: LogEnvironment
  readonly home: LogHome
  readonly location: LogLocation
  readonly topicPartition: TopicPartition
  readonly config: LogConfig
  /** Of the checkpoints; 0 where they do not name the log. */
  readonly recoveryPoint: bigint
  readonly logStartOffset: bigint
  readonly highWatermark: bigint
  readonly cleanedTo: bigint
  /** `new`: the directory was just made. `unclean`: nothing behind the recovery point is to be trusted. */
  readonly state: 'new' | 'clean' | 'unclean'
  /** A sync has failed, and what it has lost may still show: what is not synced is written once more. */
  readonly isInDoubt: boolean
}

export async function openLog(options: OpenOptions): Promise<Log> {
  const { environment, location, home } = options
  const { disk } = environment
  await refuseNewerFiles(options)
  const names = await settleLeftovers(options)
  const segments = await findSegments(names, options)
  const snapshots = new ProducerSnapshots(disk, () => location.path, offsetsOf(names, '.snapshot'))
  const epochs = await readEpochs(segments, options)
  const metadata = names.has(PARTITION_METADATA)
    ? await readText(disk, `${location.path}/${PARTITION_METADATA}`)
    : undefined

  if (options.isInDoubt && metadata) await replaceFile(disk, location.path, PARTITION_METADATA, metadata)
  if (segments.length === 0) segments.push(await firstSegment(options))
  let logStartOffset = greatestOffset(options.logStartOffset, segments[0]!.baseOffset)
  await dropBelow(logStartOffset, segments)
  const isUnclean = options.state === 'unclean'
  const hasTransactions = isUnclean && (await recoverSegments(segments, epochs, options))
  let logEndOffset =
    cleanEnd(segments.at(-1)!, snapshots, options) ?? (await segments.at(-1)!.readNextOffset())
  if (logEndOffset < logStartOffset) {
    // The recovered log ends before it should begin; what is left of it was deleted already.
    for (const segment of segments.splice(0)) await segment.remove()
    segments.push(await firstSegment({ ...options, logStartOffset }))
    logEndOffset = logStartOffset
  }
  logStartOffset = greatestOffset(logStartOffset, segments[0]!.baseOffset)
  // An epoch that begins at the very end has no batches yet, but its leader was in office.
  epochs.truncateFromEnd(logEndOffset + 1n)
  epochs.truncateFromStart(logStartOffset)
  const recoveryPoint = isUnclean ? leastOffset(options.recoveryPoint, logEndOffset) : logEndOffset
  const producers = new ProducerState()
  const now = environment.clock.now()
  const onDamage = tellOf(options)
  const replayed = { snapshots, segments, from: logStartOffset, to: logEndOffset, now, onDamage }
  await tidySnapshots(snapshots, segments)
  if (hasTransactions) await refillTransactionIndexes(recoveryPoint, replayed)
  await rebuildProducers(producers, replayed)
  const log = new Log({
    topicPartition: options.topicPartition,
    topicId: metadata === undefined ? undefined : parsePartitionMetadata(metadata),
    config: options.config,
    environment,
    home,
    location,
    segments,
    producers,
    snapshots,
    epochs,
    logStartOffset,
    logEndOffset,
    recoveryPoint,
    highWatermark: options.highWatermark,
    wasClean: options.state === 'clean',
  })
  // What was found behind the recovery point is served only when no power failure can take it any more.
  if (environment.durability === 'fsync' && log.durableOffset < log.logEndOffset) await log.flush()
  return log
}

/**
 * Where a log ends that was closed cleanly, without reading it: the recovery point and the snapshot of the
 * close agree on it. The first append makes sure that they are right.
 */
function cleanEnd(active: Segment, snapshots: ProducerSnapshots, options: OpenOptions): bigint | undefined {
  if (active.sizeBytes === 0) return active.baseOffset
  const { recoveryPoint, state } = options
  const isAgreed = state === 'clean' && snapshots.latest === recoveryPoint
  return isAgreed && recoveryPoint > active.baseOffset ? recoveryPoint : undefined
}

/** Before anything is touched. */
async function refuseNewerFiles({ environment, location }: OpenOptions): Promise<void> {
  for (const name of [LEADER_EPOCH_CHECKPOINT, PARTITION_METADATA]) {
    const path = `${location.path}/${name}`
    const version = newerVersionOf((await readText(environment.disk, path)) ?? '')
    if (version === undefined) continue
    throw new Error(`${path} is of version ${version}, which is not known: a newer version wrote it`)
  }
}

/** The names that are left in the directory. What nobody here ever wrote stays. */
async function settleLeftovers(options: OpenOptions): Promise<Set<string>> {
  const { disk, logger } = options.environment
  const { path } = options.location
  const names = new Set((await disk.list(path)).filter(entry => !entry.isDirectory).map(entry => entry.name))
  const drop = async (name: string) => {
    await disk.remove(`${path}/${name}`)
    names.delete(name)
  }
  const cleaned = [...names].filter(name => /^\d{20}\..*\.cleaned$/.test(name))
  // Cleaning writes .cleaned files, then renames them to .swap, the last one first: where there are .cleaned
  // ones at or below a .swap, the renaming had not come to its end, and the segments that they replace are
  // whole.
  const firstCleaned = cleaned.map(offsetOf).reduce(least, undefined)
  const isVoid = (name: string) =>
    SWAP.test(name) && firstCleaned !== undefined && offsetOf(name) >= firstCleaned
  const voidSwaps = [...names].filter(isVoid)
  for (const name of voidSwaps) await drop(name)
  // They must not come back when the .cleaned ones are gone, which tell what they are.
  if (voidSwaps.length > 0) await disk.syncDirectory(path)
  for (const name of [...names]) {
    if (LEFTOVER.test(name)) await drop(name)
  }
  const swaps = [...names].filter(name => SWAP.test(name))
  if (swaps.length > 0) {
    logger.info('Finishing a cleaning that was interrupted', { path, files: swaps })
    await finishSwap(swaps, names, options, drop)
  }
  for (const name of [...names]) {
    const isIndex = /^\d{20}\.(index|timeindex|txnindex)$/.test(name)
    if (isIndex && !names.has(`${name.slice(0, name.lastIndexOf('.'))}.log`)) await drop(name)
  }
  return names
}

/** Swap files replace all segments in the range of offsets that they cover. */
async function finishSwap(
  swaps: readonly string[],
  names: Set<string>,
  options: OpenOptions,
  drop: (name: string) => Promise<void>,
): Promise<void> {
  const { disk } = options.environment
  const { path } = options.location
  let from: bigint | undefined
  let to = -1n
  for (const name of swaps.filter(swap => swap.endsWith('.log.swap'))) {
    const baseOffset = offsetOf(name)
    const segment = await segmentOf(name, options, { suffix: '.swap', isWritable: false })
    from = least(from, baseOffset)
    // One that is empty takes the place of what has its name all the same.
    to = greatestOffset(to, greatestOffset(await segment.scanNextOffset(), baseOffset + 1n))
    await segment.close()
  }
  for (const name of [...names]) {
    const isSegment = /^\d{20}\.(log|index|timeindex|txnindex)$/.test(name)
    if (isSegment && from !== undefined && offsetOf(name) >= from && offsetOf(name) < to) await drop(name)
  }
  // No old segment may come back beside the new ones.
  await disk.syncDirectory(path)
  // The batches first, as in the swap itself: the next start goes by whether their name is left.
  const isBatches = (name: string) => name.endsWith('.log.swap')
  for (const some of [swaps.filter(isBatches), swaps.filter(name => !isBatches(name))]) {
    for (const name of some) {
      const target = name.slice(0, -'.swap'.length)
      await disk.rename(`${path}/${name}`, `${path}/${target}`)
      names.delete(name)
      names.add(target)
    }
    await disk.syncDirectory(path)
  }
}

async function findSegments(names: ReadonlySet<string>, options: OpenOptions): Promise<Segment[]> {
  const logs = [...names].filter(name => /^\d{20}\.log$/.test(name)).sort()
  const segments: Segment[] = []
  for (const name of logs) {
    segments.push(await segmentOf(name, options, { suffix: '', isWritable: name === logs.at(-1) }))
  }
  return segments
}

async function segmentOf(
  name: string,
  options: OpenOptions,
  traits: { readonly suffix: string; readonly isWritable: boolean },
): Promise<Segment> {
  const { environment, location, config } = options
  const status = await environment.disk.status(`${location.path}/${name}`)
  return new Segment(servicesOf(options), {
    baseOffset: offsetOf(name),
    sizeBytes: status?.sizeBytes ?? 0,
    createdMs: status?.modifiedMs ?? environment.clock.now(),
    isNew: false,
    rollJitterMs: rollJitter(config, environment.random),
    indexIntervalBytes: config.indexIntervalBytes,
    ...traits,
  })
}

async function firstSegment(options: OpenOptions): Promise<Segment> {
  const segment = new Segment(servicesOf(options), {
    baseOffset: options.logStartOffset,
    sizeBytes: 0,
    createdMs: options.environment.clock.now(),
    isNew: true,
    isWritable: true,
    rollJitterMs: rollJitter(options.config, options.environment.random),
    indexIntervalBytes: options.config.indexIntervalBytes,
  })
  await segment.create()
  return segment
}

function servicesOf({ environment, location }: OpenOptions): SegmentServices {
  const { disk, files, indexes } = environment
  return { disk, files, indexes, location }
}

/**
 * Checks the segments that reach beyond the recovery point, until one has to be cut; those behind it are
 * dropped. Returns whether there are transactions among the batches that were checked.
 */
async function recoverSegments(
  segments: Segment[],
  epochs: LeaderEpochs,
  options: OpenOptions,
): Promise<boolean> {
  const { logger } = options.environment
  let hasTransactions = false
  const note = (batch: RecordBatch) => {
    hasTransactions ||= batch.isTransactional
    const epoch = batch.partitionLeaderEpoch
    if (epoch > (epochs.latest?.epoch ?? -1)) epochs.assign(epoch, batch.baseOffset)
  }
  for (const [i, segment] of [...segments].entries()) {
    const next = segments[i + 1]
    // One that ends just there may have got its last index entries later.
    if (next !== undefined && next.baseOffset < options.recoveryPoint) continue
    // It may have to be cut.
    await segment.makeWritable()
    const { from, cutBytes, reason, nextOffset } = await segment.recover(options.recoveryPoint, note)
    if (options.isInDoubt) await segment.rewrite(from)
    // A file may have lost whole batches at its end while the next one has all of its own.
    const isShort = next !== undefined && nextOffset < next.baseOffset && nextOffset >= options.cleanedTo
    // What a failed write left behind a whole segment takes nothing with it.
    const isWhole = next !== undefined && nextOffset === next.baseOffset
    const isCut =
      !isWhole && (cutBytes > 0 || isShort || (next !== undefined && nextOffset > next.baseOffset))
    segment.isWritable = next === undefined || isCut
    if (next !== undefined) await segment.seal(false)
    if (!isCut) continue
    const dropped = segments.splice(i + 1)
    logger.warn('A log was cut at its first damaged batch', {
      path: segment.path,
      cutBytes,
      reason: reason ?? `it ends at offset ${nextOffset}, and the next one begins at ${next?.baseOffset}`,
      droppedSegments: dropped.length,
    })
    for (const later of dropped) await later.remove()
    // What is written there from now on must not meet what the next power failure would bring back.
    await segment.withFile(file => file.sync())
    await options.environment.disk.syncDirectory(options.location.path)
    break
  }
  return hasTransactions
}

/** Where their checkpoint is damaged: as the batches have them, up to damage there. */
async function readEpochs(
  segments: readonly Segment[],
  { environment, location }: OpenOptions,
): Promise<LeaderEpochs> {
  const text = await readText(environment.disk, `${location.path}/${LEADER_EPOCH_CHECKPOINT}`)
  const saved = text === undefined ? [] : parseEpochs(text)
  const epochs = new LeaderEpochs(saved ?? [])
  if (saved !== undefined) return epochs
  environment.logger.warn('A checkpoint file is damaged and made anew', {
    path: location.path,
    name: LEADER_EPOCH_CHECKPOINT,
  })
  const note = ({ partitionLeaderEpoch, baseOffset }: RecordBatch) => {
    if (partitionLeaderEpoch > (epochs.latest?.epoch ?? -1)) epochs.assign(partitionLeaderEpoch, baseOffset)
  }
  try {
    for (const segment of segments) {
      await segment.scan({ from: 0, depth: 'headers', readBytes: RECOVERY_BYTES }, note)
    }
  } catch (error) {
    if (!(error instanceof DamagedSegment)) throw error
  }
  return epochs
}

function tellOf({ environment, topicPartition }: OpenOptions): (damage: DamagedSegment) => void {
  const message = 'What producers did in damaged batches is not known'
  const log = `${topicPartition.topic}-${topicPartition.partition}`
  return error => environment.logger.error(message, { log, error })
}

/** Deleted already, and brought back by a power failure, perhaps not all of them. */
async function dropBelow(logStartOffset: bigint, segments: Segment[]): Promise<void> {
  while (segments.length > 1 && segments[1]!.baseOffset <= logStartOffset) await segments.shift()!.remove()
}

/** Only snapshots at the start of a segment are of use, and the last one of all. */
async function tidySnapshots(snapshots: ProducerSnapshots, segments: readonly Segment[]): Promise<void> {
  const bases = new Set(segments.map(segment => segment.baseOffset))
  const { latest } = snapshots
  await snapshots.remove(offset => !bases.has(offset) && offset !== latest)
}

function offsetsOf(names: ReadonlySet<string>, suffix: string): bigint[] {
  return [...names].filter(name => /^\d{20}\./.test(name) && name.endsWith(suffix)).map(offsetOf)
}

function offsetOf(name: string): bigint {
  return BigInt(/^\d+/.exec(name)?.[0] ?? -1)
}

function least(a: bigint | undefined, b: bigint): bigint {
  return a === undefined ? b : leastOffset(a, b)
}
