/**
 * Mends what can be mended without losing a record that could be read: what follows from the log is taken
 * away or written anew (indexes, snapshots, transaction indexes, checkpoints that reach too far), and the
 * end of a log is cut behind its last whole batch, with the bytes kept beside it. Damage in the middle of a
 * log is left as it is: only a copy could mend that.
 *
 * Whatever is mended, the mark of a clean stop goes, so that the next start of a broker checks the logs.
 */
import {
  CLEAN_SHUTDOWN,
  formatEpochs,
  formatOffsets,
  LEADER_EPOCH_CHECKPOINT,
  parseEpochs,
  parseOffsets,
  readText,
  replaceFile,
} from '../../log/checkpoint.ts'
import { encodeEntries } from '../../log/transaction-index.ts'
import type { Disk, DiskFile } from '../../platform/platform.ts'
import { CHECKPOINTS } from './data-directory.ts'
import type { Finding } from './findings.ts'
import type { VerifiedPartition } from './verify-directories.ts'
import type { CheckedSegment } from './verify-partition.ts'

export interface Repair {
  readonly path: string
  /** How many findings of damage it answers. */
  readonly mended: number
  readonly message: string
}

const PIECE_BYTES = 1_048_576

export class Repairs {
  private readonly disk: Disk

  constructor(disk: Disk) {
    this.disk = disk
  }

  async mend(partition: VerifiedPartition, findings: readonly Finding[]): Promise<Repair[]> {
    const damage = findings.filter(it => it.severity === 'damage' || it.kind === 'torn-end')
    const repairs: Repair[] = []
    for (const [path, about] of groupedByPath(damage)) {
      const repair = await this.mendFile(partition, path, about)
      if (repair) repairs.push(repair)
    }
    if (repairs.length > 0) await this.unmarkClean(partition.directory)
    return repairs
  }

  private async mendFile(
    partition: VerifiedPartition,
    path: string,
    findings: readonly Finding[],
  ): Promise<Repair | undefined> {
    const mended = findings.filter(it => it.severity === 'damage').length
    const kinds = new Set(findings.map(it => it.kind))
    const segment = partition.segments.find(it => path.startsWith(`${it.path}.`))
    if (kinds.has('index') || kinds.has('timeindex') || kinds.has('snapshot')) {
      await this.disk.remove(path)
      return { path, mended, message: 'removed; the next start makes what is needed from the log' }
    }
    if (kinds.has('txnindex')) return this.rewriteTransactions(path, segment, mended)
    if (kinds.has('torn-end') && segment) {
      await this.forgetBehind(partition, segment.soundEndOffset)
      return this.cut(segment, mended)
    }
    if (kinds.has('checkpoint') && path.endsWith(`/${LEADER_EPOCH_CHECKPOINT}`)) {
      const isCut = await this.cutEpochs(path.slice(0, path.lastIndexOf('/')), partition.logEndOffset)
      const message = `epochs that begin behind offset ${partition.logEndOffset} are taken out`
      return isCut ? { path, mended, message } : undefined
    }
    if (kinds.has('checkpoint') && path.startsWith(`${partition.directory}/`)) {
      return this.clamp(partition, path, mended)
    }
    return undefined
  }

  private async rewriteTransactions(
    path: string,
    segment: CheckedSegment | undefined,
    mended: number,
  ): Promise<Repair | undefined> {
    if (segment?.aborted === undefined) return undefined
    await this.disk.remove(path)
    if (segment.aborted.length === 0)
      return { path, mended, message: 'removed; no transaction was aborted there' }
    const file = await this.disk.open(path, 'write')
    try {
      await file.write([encodeEntries(segment.aborted)], 0)
      await file.sync()
    } finally {
      await file.close()
    }
    return { path, mended, message: `written anew from the log, with ${segment.aborted.length} entries` }
  }

  /** What was noted of records that are cut. */
  private async forgetBehind({ directory, name }: VerifiedPartition, endOffset: bigint): Promise<void> {
    for (const file of CHECKPOINTS) {
      const offsets = parseOffsets((await readText(this.disk, `${directory}/${file}`)) ?? '')
      const offset = offsets?.get(name)
      if (offsets === undefined || offset === undefined || offset <= endOffset) continue
      offsets.set(name, endOffset)
      await replaceFile(this.disk, directory, file, formatOffsets(offsets))
    }
    for (const entry of await this.disk.list(`${directory}/${name}`)) {
      const offset = /^(\d{20})\.snapshot$/.exec(entry.name)?.[1]
      if (offset === undefined || BigInt(offset) <= endOffset) continue
      await this.disk.remove(`${directory}/${name}/${entry.name}`)
    }
    await this.cutEpochs(`${directory}/${name}`, endOffset)
  }

  /** An epoch may begin at the end: its leader had no time to write. */
  private async cutEpochs(directory: string, endOffset: bigint): Promise<boolean> {
    const entries = parseEpochs((await readText(this.disk, `${directory}/${LEADER_EPOCH_CHECKPOINT}`)) ?? '')
    const kept = entries?.filter(({ startOffset }) => startOffset <= endOffset)
    if (kept === undefined || kept.length === entries?.length) return false
    await replaceFile(this.disk, directory, LEADER_EPOCH_CHECKPOINT, formatEpochs(kept))
    return true
  }

  private async cut(segment: CheckedSegment, mended: number): Promise<Repair> {
    const path = `${segment.path}.log`
    const kept = `${path}.cut-at-${segment.soundBytes}`
    const cutBytes = segment.sizeBytes - segment.soundBytes
    const file = await this.disk.open(path, 'write')
    try {
      await this.keep(file, segment, kept)
      await file.truncate(segment.soundBytes)
      await file.sync()
    } finally {
      await file.close()
    }
    const message = `cut at byte ${segment.soundBytes}; the ${cutBytes} bytes behind it are in ${kept}`
    return { path, mended, message }
  }

  private async keep(from: DiskFile, { soundBytes, sizeBytes }: CheckedSegment, path: string): Promise<void> {
    const to = await this.disk.open(path, 'write')
    try {
      await to.truncate(0)
      for (let at = soundBytes; at < sizeBytes; at += PIECE_BYTES) {
        const piece = Buffer.alloc(Math.min(PIECE_BYTES, sizeBytes - at))
        await from.read(piece, at)
        await to.write([piece], at - soundBytes)
      }
      await to.sync()
    } finally {
      await to.close()
    }
  }

  private async clamp(
    { directory, name, logEndOffset }: VerifiedPartition,
    path: string,
    mended: number,
  ): Promise<Repair | undefined> {
    const offsets = parseOffsets((await readText(this.disk, path)) ?? '')
    if (offsets?.get(name) === undefined) return undefined
    offsets.set(name, logEndOffset)
    await replaceFile(this.disk, directory, path.slice(directory.length + 1), formatOffsets(offsets))
    return { path, mended, message: `set to ${logEndOffset} for ${name}` }
  }

  private async unmarkClean(directory: string): Promise<void> {
    await this.disk.remove(`${directory}/${CLEAN_SHUTDOWN}`)
    await this.disk.syncDirectory(directory)
  }
}

function groupedByPath(findings: readonly Finding[]): Map<string, Finding[]> {
  const groups = new Map<string, Finding[]>()
  for (const finding of findings) {
    const group = groups.get(finding.path)
    if (group) group.push(finding)
    else groups.set(finding.path, [finding])
  }
  return groups
}
