/** One partition's directory: its segments one after the other, and everything that lies beside them. */
import {
  LEADER_EPOCH_CHECKPOINT,
  PARTITION_METADATA,
  parseEpochs,
  parsePartitionMetadata,
  readText,
} from '../../log/checkpoint.ts'
import { LeaderEpochs } from '../../log/leader-epochs.ts'
import { decodeSnapshot } from '../../log/producer-snapshot.ts'
import type { Disk } from '../../platform/platform.ts'
import type { Finding, FindingKind } from './findings.ts'
import { OffsetOrder } from './offset-order.ts'
import { ProducerCheck, type SnapshotFile } from './producer-check.ts'
import { type SegmentFile, type SegmentResult, verifySegment } from './verify-segment.ts'

export interface PartitionOptions {
  readonly disk: Disk
  readonly path: string
  /** What the cluster's metadata says; undefined where it says nothing. */
  readonly topicId: string | undefined
  readonly mayHaveGaps: boolean
  /** Everything before it was synced; undefined where that is not known. */
  readonly recoveryPoint: bigint | undefined
  /** It was closed in order, so nothing can be torn. */
  readonly isClean: boolean
  /** Where the log begins, if it was cut inside a segment. */
  readonly logStartOffset: bigint
  readonly report: (finding: Finding) => void
}

export interface PartitionResult {
  readonly segments: readonly CheckedSegment[]
  readonly batches: number
  readonly sizeBytes: number
  readonly logEndOffset: bigint
}

export type CheckedSegment = SegmentFile & Pick<SegmentResult, 'soundBytes' | 'soundEndOffset' | 'aborted'>

const LOG_FILES = /^\d{20}\.(log|index|timeindex|txnindex|snapshot)$/
const LEFTOVERS: readonly (readonly [RegExp, string])[] = [
  [/\.deleted$/, 'it was about to be deleted, which the next start does'],
  [/\.cleaned$/, 'of a compaction that was interrupted; the next start drops it'],
  [/\.swap$/, 'of a compaction that was interrupted; the next start finishes that'],
  [/\.tmp$/, 'of a write that was interrupted; the next start drops it'],
]

export async function verifyPartition(given: PartitionOptions): Promise<PartitionResult> {
  const options = { ...given, report: (finding: Finding) => given.report(settled(finding, given)) }
  const { disk, path, report } = options
  const entries = await disk.list(path)
  const names = new Set(entries.filter(entry => !entry.isDirectory).map(entry => entry.name))
  reportStrangers(entries, options)
  await checkTopicId(names, options)
  const segments = await findSegments(names, options)
  const epochs = await readEpochs(names, options)
  const producers = new ProducerCheck(await readSnapshots(names, options), segments[0]?.baseOffset ?? 0n)
  const order = new OffsetOrder(segments[0]?.baseOffset ?? options.logStartOffset)
  const checked: CheckedSegment[] = []
  const course = { disk, order, producers, epochs, mayHaveGaps: options.mayHaveGaps, report }
  let batches = 0
  for (const segment of segments) {
    beginSegment(segment, order, options)
    const verified = await unlessGone(() => verifySegment(segment, course), segment, report)
    if (verified === undefined) continue
    const { oldMessages, ...result } = verified
    batches += result.batches
    checked.push({ ...segment, ...result })
    if (oldMessages === 0) continue
    const message = `it holds ${oldMessages} messages of the formats before 2, which Kafka 4 still serves`
    report({ severity: 'note', kind: 'old-format', path: `${segment.path}.log`, message })
  }
  const logEndOffset = order.next
  producers.finish(logEndOffset)
  reportEpochs(epochs, logEndOffset, options)
  const sizeBytes = segments.reduce((sum, segment) => sum + segment.sizeBytes, 0)
  return { segments: checked, batches, sizeBytes, logEndOffset }
}

/** A broker that runs deletes segments, and renames those that it compacts. */
async function unlessGone<T>(
  work: () => Promise<T>,
  { path }: SegmentFile,
  report: (finding: Finding) => void,
): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw error
    const message = 'it went away while it was looked at'
    report({ severity: 'note', kind: 'leftover', path: `${path}.log`, message })
    return undefined
  }
}

/** A crash leaves such ends, and recovery cuts them; what was synced before, no crash has changed. */
function settled(finding: Finding, { isClean, recoveryPoint }: PartitionOptions): Finding {
  const { kind, offsets } = finding
  if (kind !== 'torn-end' || isClean || offsets === undefined) return finding
  if (recoveryPoint === undefined || offsets.first < recoveryPoint) return finding
  return {
    ...finding,
    severity: 'note',
    message: `${finding.message}: a crash left them, the next start cuts them`,
  }
}

async function findSegments(
  names: ReadonlySet<string>,
  { disk, path }: PartitionOptions,
): Promise<SegmentFile[]> {
  const bases = [...names].filter(name => /^\d{20}\.log$/.test(name)).sort()
  return Promise.all(
    bases.map(async (name, index) => {
      const stem = name.slice(0, 20)
      const endings = [...names].filter(it => it.startsWith(`${stem}.`)).map(it => it.slice(20))
      return {
        path: `${path}/${stem}`,
        baseOffset: BigInt(stem),
        sizeBytes: (await disk.status(`${path}/${name}`))?.sizeBytes ?? 0,
        nextBaseOffset: index + 1 < bases.length ? BigInt(bases[index + 1]!.slice(0, 20)) : undefined,
        endings: new Set(endings),
      }
    }),
  )
}

/** Compaction can take whole segments. In other logs they follow on each other. */
function beginSegment(
  { baseOffset, path }: SegmentFile,
  order: OffsetOrder,
  { mayHaveGaps, report }: PartitionOptions,
): void {
  if (order.next < baseOffset && !mayHaveGaps) {
    const offsets = { first: order.next, last: baseOffset - 1n }
    const message = 'the offsets before this segment are missing'
    report({ severity: 'damage', kind: 'gap', path: `${path}.log`, offsets, message })
  }
  order.advanceTo(baseOffset)
}

async function readEpochs(
  names: ReadonlySet<string>,
  options: PartitionOptions,
): Promise<LeaderEpochs | undefined> {
  if (!names.has(LEADER_EPOCH_CHECKPOINT)) return undefined
  const path = `${options.path}/${LEADER_EPOCH_CHECKPOINT}`
  const entries = parseEpochs((await readText(options.disk, path)) ?? '')
  if (entries === undefined) {
    damage(options, 'checkpoint', path, 'it is no checkpoint of leader epochs')
    return undefined
  }
  const epochs = new LeaderEpochs(entries)
  if (epochs.list().length !== entries.length) damage(options, 'checkpoint', path, 'its epochs do not rise')
  return epochs
}

function reportEpochs(
  epochs: LeaderEpochs | undefined,
  logEndOffset: bigint,
  options: PartitionOptions,
): void {
  const latest = epochs?.latest
  if (latest === undefined || latest.startOffset <= logEndOffset) return
  const path = `${options.path}/${LEADER_EPOCH_CHECKPOINT}`
  const message = `epoch ${latest.epoch} begins at ${latest.startOffset}, and the log ends at ${logEndOffset}`
  damage(options, 'checkpoint', path, message)
}

async function readSnapshots(names: ReadonlySet<string>, options: PartitionOptions): Promise<SnapshotFile[]> {
  const snapshots: SnapshotFile[] = []
  for (const name of [...names].filter(it => /^\d{20}\.snapshot$/.test(it)).sort()) {
    const path = `${options.path}/${name}`
    const entries = decodeSnapshot(await options.disk.readFile(path), 0)
    const complain = (message: string) => damage(options, 'snapshot', path, message)
    if (entries === undefined) complain('its checksum or its form is wrong')
    snapshots.push({ offset: BigInt(name.slice(0, 20)), entries, complain })
  }
  return snapshots
}

async function checkTopicId(names: ReadonlySet<string>, options: PartitionOptions): Promise<void> {
  const { disk, topicId } = options
  const path = `${options.path}/${PARTITION_METADATA}`
  if (!names.has(PARTITION_METADATA)) {
    const message = 'it is missing: the partition is known by its name alone'
    options.report({ severity: 'note', kind: 'metadata', path, message })
    return
  }
  const found = parsePartitionMetadata((await readText(disk, path)) ?? '')
  if (found === undefined) damage(options, 'metadata', path, 'it has no topic id that can be read')
  else if (topicId !== undefined && found !== topicId)
    damage(
      options,
      'metadata',
      path,
      `it belongs to the topic with the id ${found}, and the metadata says ${topicId}`,
    )
}

function reportStrangers(
  entries: readonly { readonly name: string; readonly isDirectory: boolean }[],
  { path, report }: PartitionOptions,
): void {
  const names = new Set(entries.map(entry => entry.name))
  for (const { name, isDirectory } of entries) {
    const whole = `${path}/${name}`
    const leftover = LEFTOVERS.find(([form]) => form.test(name))
    const isOrphan = /index$/.test(name) && !names.has(`${name.slice(0, name.lastIndexOf('.'))}.log`)
    if (leftover) report({ severity: 'note', kind: 'leftover', path: whole, message: leftover[1] })
    else if (isOrphan) {
      const message = 'an index without its segment; the next start drops it'
      report({ severity: 'note', kind: 'leftover', path: whole, message })
    } else if (isDirectory || !isKnown(name)) {
      const message = 'it is none of the files of a log; brokers leave it alone'
      report({ severity: 'note', kind: 'foreign', path: whole, message })
    }
  }
}

/** Quorum state and snapshots are those of a metadata log; the rest is what our own commands kept. */
function isKnown(name: string): boolean {
  const known = [LEADER_EPOCH_CHECKPOINT, PARTITION_METADATA, 'quorum-state']
  const isKept = /\.before-export$|\.cut-at-\d+$/.test(name)
  return isKept || LOG_FILES.test(name) || known.includes(name) || /^\d{20}-\d{10}\.checkpoint$/.test(name)
}

function damage({ report }: PartitionOptions, kind: FindingKind, path: string, message: string): void {
  report({ severity: 'damage', kind, path, message })
}
