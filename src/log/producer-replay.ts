/** Producer state from what is on disk: a snapshot, and the batches behind it. */
import { LOOKUP_BYTES, RECOVERY_BYTES } from './batch-scan.ts'
import type { ProducerSnapshots } from './producer-snapshot.ts'
import { type ProducedBatch, type ProducerState, seen } from './producer-state.ts'
import type { Segment } from './segment.ts'

/** How far back the windows of producers are looked for: five batches of ordinary size. */
const RECALL_BYTES = 1_048_576

export interface RebuildOptions {
  readonly snapshots: ProducerSnapshots
  readonly segments: readonly Segment[]
  readonly from: bigint
  readonly to: bigint
  readonly now: number
  /** Aborted transactions with markers from here on are not in the transaction indexes yet. */
  readonly indexedTo?: bigint
}

/** The newest snapshot that is intact and lies within the log, and the batches behind it. */
export async function rebuildProducers(producers: ProducerState, options: RebuildOptions): Promise<void> {
  const { snapshots, segments, from, to, now, indexedTo = to } = options
  producers.clear()
  await snapshots.remove(offset => offset > to || offset <= from)
  let start = from
  for (const offset of snapshots.list().toReversed()) {
    if (offset > indexedTo) continue
    const entries = await snapshots.read(offset, now)
    if (entries === undefined) continue
    producers.load(entries)
    start = offset
    break
  }
  if (start > from && producers.size > 0) await recallWindows(producers, segments, start)
  for (const [i, segment] of segments.entries()) {
    const end = segments[i + 1]?.baseOffset ?? to
    if (end <= start || segment.sizeBytes === 0) continue
    await replaySegment(producers, segment, start, options)
  }
}

async function replaySegment(
  producers: ProducerState,
  segment: Segment,
  start: bigint,
  options: RebuildOptions,
): Promise<void> {
  const { to, now, indexedTo = to } = options
  await segment.transactionIndex.entries()
  const first = await segment.find(start)
  if (first === undefined) return
  const scan = { from: first.position, depth: 'headers', readBytes: RECOVERY_BYTES } as const
  await segment.scan(scan, batch => {
    const completed = producers.replay(batch, now)
    if (!completed?.isAborted || completed.lastOffset < indexedTo) return
    const lastStableOffset = producers.lastStableOffsetAfter(completed)
    segment.transactionIndex.add({ ...completed, lastStableOffset })
  })
  await segment.transactionIndex.persist(false)
}

/** Batches before a snapshot, as far back as a window may reach, from the newest to the oldest. */
async function recallWindows(
  producers: ProducerState,
  segments: readonly Segment[],
  snapshotOffset: bigint,
): Promise<void> {
  let budget = RECALL_BYTES
  for (const segment of segments.toReversed()) {
    if (segment.baseOffset >= snapshotOffset || segment.sizeBytes === 0) continue
    if (budget <= 0) return
    const to = (await segment.find(snapshotOffset))?.position ?? segment.sizeBytes
    const near = await segment.offsetIndex.lookupPosition(Math.max(0, to - budget))
    const batches: ProducedBatch[] = []
    await segment.scan({ from: near.position, to, depth: 'headers', readBytes: LOOKUP_BYTES }, batch => {
      if (!batch.hasProducerId || batch.isControl) return
      batches.push({ ...seen(batch), producerId: batch.producerId, producerEpoch: batch.producerEpoch })
    })
    for (const batch of batches.toReversed()) producers.recall(batch)
    budget -= to - near.position
  }
}
