/**
 * One cleaning of one log, as Apache Kafka and we do it: files before and after. Recorded from Kafka's own
 * cleaner, and made from a seed for a comparison with it.
 */

import { inlineCompute } from '../../platform/inline-compute.ts'
import type { Disk } from '../../platform/platform.ts'
import { SeededRandom } from '../../platform/simulated/seeded-random.ts'
import { splitBatches } from '../../records/batch.ts'
import { DEFAULT_MAX_DECOMPRESSED_BYTES } from '../../records/compression.ts'
import { decodeRecords } from '../../records/lookup.ts'
import { cleanablePart } from '../cleanable.ts'
import { cleaningTask } from '../cleaning-task.ts'
import { compactLog } from '../compaction.ts'
import type { Log } from '../log.ts'
import { encodeSnapshot, fileName } from '../producer-snapshot.ts'
import { History } from './history.ts'
import { must, Rig } from './rig.ts'

export const DIRECTORY = '/data/topic-0'

export interface CaseConfig {
  readonly segmentBytes: number
  readonly segmentIndexBytes: number
  readonly indexIntervalBytes: number
  readonly deleteRetentionMs: number
}

export type Files = ReadonlyMap<string, Buffer>

export interface CompactionCase {
  readonly name: string
  readonly config: CaseConfig
  readonly nowMs: number
  readonly logStartOffset: number
  readonly logEndOffset: number
  readonly firstDirtyOffset: number
  readonly firstUncleanableOffset: number
  readonly mapBytes: number
  /** Segments, their indexes, and a snapshot of the producers at the log's end. */
  readonly before: Files
}

/** What a cleaning makes of it. */
export interface Cleaned {
  readonly cleanedTo: number
  /** Of the part that may be compacted: `.log`, `.index`, `.timeindex`, `.txnindex`. */
  readonly after: Files
}

/** Cleanings one after the other of a log that goes on growing. */
export async function* casesFrom(seed: number, isPlain: boolean): AsyncGenerator<CompactionCase> {
  const random = new SeededRandom(seed)
  const config = {
    segmentBytes: 400 + random.below(1_500),
    segmentIndexBytes: random.below(4) === 0 ? 100 : 10_485_760,
    indexIntervalBytes: 50 + random.below(400),
    deleteRetentionMs: random.below(3) * 700,
  }
  const rig = newRig(config)
  const log = await rig.log()
  const history = new History({ random, keys: 5 + random.below(20), isPlain })
  const mapBytes = 24 * (random.below(3) === 0 ? 14 : 1_000)
  for (let round = 0; round < 4; round++) {
    await history.go(rig, log, 15 + random.below(30))
    if (random.below(3) === 0) await history.settle(log)
    await log.flush()
    const part = await cleanablePart(log)
    if (part === undefined || part.cleanableBytes === 0 || (await isOdd(log, part.firstDirtyOffset))) continue
    const made: CompactionCase = {
      name: `seed ${seed}, round ${round}`,
      config,
      nowMs: log.now(),
      logStartOffset: Number(log.logStartOffset),
      logEndOffset: Number(log.logEndOffset),
      firstDirtyOffset: Number(part.firstDirtyOffset),
      firstUncleanableOffset: Number(part.firstUncleanableOffset),
      mapBytes,
      before: await filesBefore(rig.disk, log),
    }
    yield made
    log.cleanedTo = await compact(log, made, 300 + random.below(5_000))
  }
}

/**
 * Where compaction left off in the middle of a segment, behind the marker of an aborted transaction, Kafka
 * takes the producer's next transaction for aborted too, notes none of its keys, and leaves more than it has
 * to.
 */
async function isOdd(log: Log, firstDirtyOffset: bigint): Promise<boolean> {
  const segment = log.segments.findLast(({ baseOffset }) => baseOffset <= firstDirtyOffset)!
  const entries = await segment.transactionIndex.entries()
  return entries.some(({ lastOffset }) => lastOffset < firstDirtyOffset)
}

export async function cleanedByUs(given: CompactionCase): Promise<Cleaned> {
  const rig = newRig(given.config)
  await rig.disk.makeDirectory(DIRECTORY)
  for (const [name, bytes] of given.before) {
    const file = await rig.disk.open(`${DIRECTORY}/${name}`, 'write')
    await file.write([bytes], 0)
    await file.close()
  }
  rig.clock.advance(given.nowMs - rig.clock.now())
  // As a Kafka finds it that was stopped in order.
  await writeText(rig.disk, '/data/.kafka_cleanshutdown', '{"version":0,"brokerEpoch":-1}')
  const recoveryPoint = `0\n1\ntopic 0 ${given.logEndOffset}\n`
  await writeText(rig.disk, '/data/recovery-point-offset-checkpoint', recoveryPoint)
  const log = await rig.log()
  log.updateHighWatermark(log.logEndOffset)
  const cleanedTo = await compact(log, given, 1_000)
  const { firstUncleanableOffset } = given
  return { cleanedTo: Number(cleanedTo), after: await filesAfter(rig.disk, firstUncleanableOffset) }
}

/** Of the fixture's text. */
export function recordedCases(text: string): { given: CompactionCase; cleaned: Cleaned }[] {
  type Text = Record<string, string>
  type Recorded = Omit<CompactionCase, 'before'> & { before: Text; after: Text; cleanedTo: number }
  const files = (encoded: Text) =>
    new Map(Object.entries(encoded).map(([name, bytes]) => [name, Buffer.from(bytes, 'base64')]))
  return (JSON.parse(text) as { cases: Recorded[] }).cases.map(({ before, after, cleanedTo, ...rest }) => ({
    given: { ...rest, before: files(before) },
    cleaned: { cleanedTo, after: files(after) },
  }))
}

function newRig(config: CaseConfig): Rig {
  const policy = { cleanupPolicy: ['compact'] as const, minCleanableDirtyRatio: 1 }
  return new Rig({ config: { ...config, ...policy } })
}

async function compact(log: Log, given: CompactionCase, chunkBytes: number): Promise<bigint> {
  const session = inlineCompute.open(cleaningTask)
  const { cleanedTo } = await compactLog(log, {
    session,
    seed: Uint32Array.of(1, 2, 3, 4),
    truncations: log.truncations,
    firstDirtyOffset: BigInt(given.firstDirtyOffset),
    firstUncleanableOffset: BigInt(given.firstUncleanableOffset),
    mapBytes: given.mapBytes,
    loadFactor: 0.9,
    chunkBytes,
    maxDecompressedBytes: DEFAULT_MAX_DECOMPRESSED_BYTES,
    pace: async () => {},
  })
  return cleanedTo
}

async function filesBefore(disk: Disk, log: Log): Promise<Files> {
  const files = new Map<string, Buffer>()
  for (const { name } of await disk.list(DIRECTORY)) {
    if (/^\d{20}\.\w+$/.test(name) && !name.endsWith('.snapshot')) {
      files.set(name, await disk.readFile(`${DIRECTORY}/${name}`))
    }
  }
  const snapshot = encodeSnapshot(log.producers.producers())
  return files.set(fileName(log.logEndOffset, '.snapshot'), snapshot)
}

async function filesAfter(disk: Disk, below: number): Promise<Files> {
  const files = new Map<string, Buffer>()
  for (const { name } of await disk.list(DIRECTORY)) {
    if (isCompared(name, below)) files.set(name, await disk.readFile(`${DIRECTORY}/${name}`))
  }
  return files
}

/** Whether a file belongs to a segment below an offset. */
export function isCompared(name: string, below: number): boolean {
  return /^\d{20}\.(log|index|timeindex|txnindex)$/.test(name) && Number(name.slice(0, 20)) < below
}

/** The records of a segment without what depends on the implementation of a codec. */
export function decoded(log: Buffer): object[] {
  return [...splitBatches(log)].map(batch => ({
    baseOffset: batch.baseOffset,
    lastOffset: batch.lastOffset,
    attributes: batch.attributes,
    leaderEpoch: batch.partitionLeaderEpoch,
    baseTimestamp: batch.baseTimestamp,
    maxTimestamp: batch.maxTimestamp,
    producer: [batch.producerId, batch.producerEpoch, batch.baseSequence],
    isIntact: batch.isChecksumValid(),
    records: batch.recordCount === 0 ? [] : must(decodeRecords(batch)),
  }))
}

async function writeText(disk: Disk, path: string, text: string): Promise<void> {
  const file = await disk.open(path, 'write')
  await file.write([Buffer.from(text)], 0)
  await file.close()
}
