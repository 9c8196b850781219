/** Producer state from what is on disk: a snapshot, and the batches behind it. */
import type { RecordBatch } from '../records/batch.ts'
import { LOOKUP_BYTES } from './batch-scan.ts'
import { type DamagedSegment, unlessDamaged } from './damaged-segment.ts'
import type { ProducerSnapshots } from './producer-snapshot.ts'
import { type ProducedBatch, ProducerState, seen } from './producer-state.ts'
import { scanPastDamage } from './scan-past-damage.ts'
import type { Segment } from './segment.ts'

/** How far back the windows of producers are looked for: five batches of ordinary size. */
const RECALL_BYTES = 1_048_576

export interface RebuildOptions {
  readonly snapshots: ProducerSnapshots
  readonly segments: readonly Segment[]
  /** The log start offset. */
  readonly from: bigint
  /** The log end offset. */
  readonly to: bigint
  readonly now: number
  /** Told of batches that nobody can read any more: what their producers did there is not known either. */
  readonly onDamage?: (damage: DamagedSegment) => void
}

/** The newest snapshot that is intact and lies within the log, and the batches behind it. */
export async function rebuildProducers(producers: ProducerState, options: RebuildOptions): Promise<void> {
  const { snapshots, from, to } = options
  producers.clear()
  const hasLater = snapshots.latest !== undefined && snapshots.latest > to
  await snapshots.remove(offset => offset > to || offset <= from)
  // They tell of what is gone, and must not come back once the log is longer again.
  if (hasLater) await snapshots.sync()
  const start = await loadSnapshot(producers, to, options)
  if (start > from && producers.size > 0) await recallWindows(producers, start, options)
  await replay(producers, start, options)
}

/**
 * Puts the aborted transactions with markers from an offset on back into the transaction indexes, which were
 * cut there. Which transactions were open then is known from a snapshot before it.
 */
export async function refillTransactionIndexes(cutAt: bigint, options: RebuildOptions): Promise<void> {
  const producers = new ProducerState()
  const start = await loadSnapshot(producers, cutAt, options)
  await replay(producers, start, { ...options, cutAt })
}

/** Returns where the replay has to begin. */
async function loadSnapshot(
  producers: ProducerState,
  atMost: bigint,
  options: RebuildOptions,
): Promise<bigint> {
  for (const offset of options.snapshots.list().toReversed()) {
    if (offset > atMost || offset <= options.from) continue
    const entries = await options.snapshots.read(offset, options.now)
    if (entries === undefined) continue
    producers.load(entries)
    return offset
  }
  return options.from
}

async function replay(
  producers: ProducerState,
  start: bigint,
  options: RebuildOptions & { readonly cutAt?: bigint },
): Promise<void> {
  const { segments, to, now, cutAt } = options
  for (const [i, segment] of segments.entries()) {
    const end = segments[i + 1]?.baseOffset ?? to
    if (end <= start || segment.sizeBytes === 0) continue
    const from = await segment.repairing(() => segment.find(start)).catch(passing(options))
    if (from === undefined) continue
    if (cutAt !== undefined) await segment.transactionIndex.entries()
    const replayed = (batch: RecordBatch) => {
      if (batch.lastOffset < start) return
      const completed = producers.replay(batch, now)
      if (cutAt === undefined || !completed?.isAborted || completed.lastOffset < cutAt) return
      const lastStableOffset = producers.lastStableOffsetAfter(completed)
      segment.transactionIndex.add({ ...completed, lastStableOffset })
    }
    const range = { from: from.position, to: segment.sizeBytes, onDamage: passing(options) }
    await scanPastDamage(segment, range, replayed)
    if (cutAt !== undefined) await segment.transactionIndex.persist(false)
  }
}

/** The segment's beginning, in place of what damage hides. */
function passing({ onDamage }: RebuildOptions): (error: unknown) => { position: number } {
  return error => {
    unlessDamaged(error)
    onDamage?.(error)
    return { position: 0 }
  }
}

/** Batches before a snapshot, as far back as a window may reach, from the newest to the oldest. */
async function recallWindows(
  producers: ProducerState,
  snapshotOffset: bigint,
  options: RebuildOptions,
): Promise<void> {
  let budget = RECALL_BYTES
  for (const segment of options.segments.toReversed()) {
    if (segment.baseOffset >= snapshotOffset || segment.sizeBytes === 0) continue
    if (budget <= 0) return
    const batches: ProducedBatch[] = []
    const collect = async () => {
      batches.length = 0
      const to = (await segment.find(snapshotOffset))?.position ?? segment.sizeBytes
      const near = await segment.offsetIndex.lookupPosition(Math.max(0, to - budget))
      await segment.scan({ from: near.position, to, depth: 'headers', readBytes: LOOKUP_BYTES }, batch => {
        if (!batch.hasProducerId || batch.isControl) return
        batches.push({ ...seen(batch), producerId: batch.producerId, producerEpoch: batch.producerEpoch })
      })
      return to - near.position
    }
    try {
      budget -= await segment.repairing(collect)
    } catch (error) {
      // What lies further back than damage cannot be the last of a producer's batches for certain.
      passing(options)(error)
      return
    }
    for (const batch of batches.toReversed()) producers.recall(batch)
  }
}
