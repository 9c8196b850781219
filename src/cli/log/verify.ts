/** `klamm log verify`: whether the files of logs are what was written, and with `--repair` makes them so. */
import { jsonReplacer } from '../../observe/logger.ts'
import { nodePlatform } from '../../platform/node.ts'
import type { DirectoryLock, Disk } from '../../platform/platform.ts'
import { kafkaHolding } from '../kafka-lock.ts'
import { print, UsageError } from '../terminal.ts'
import { describeFinding, type Finding } from './findings.ts'
import { ReadingDisk } from './reading-disk.ts'
import { type Repair, Repairs } from './repair.ts'
import { type Subject, subjectsOf, type VerifiedPartition, verifySubjects } from './verify-directories.ts'

export interface VerifyCommand {
  readonly repair?: boolean
  readonly json?: boolean
}

export interface VerifySummary {
  readonly partitions: number
  readonly segments: number
  readonly batches: number
  readonly sizeBytes: number
  readonly damage: number
  readonly notes: number
  readonly mended: number
}

/** Neither 0 nor the 1 of a command that could not do its work. */
const DAMAGE_FOUND = 2

export async function verify(paths: readonly string[], command: VerifyCommand): Promise<void> {
  const { disk } = nodePlatform()
  const options = { ...command, print, holder: kafkaHolding, onProgress: progressLine() }
  const summary = await verifyPaths(disk, paths, options)
  if (summary.damage > summary.mended) process.exitCode = DAMAGE_FOUND
}

export interface VerifyOptions extends VerifyCommand {
  readonly print: (line: string) => void
  /** Who holds a directory, besides a Klamm. */
  readonly holder: (directory: string) => Promise<string | undefined>
  /** With what has been checked so far. */
  readonly onProgress?: (tally: VerifySummary) => void
}

const PROGRESS_EVERY_MS = 2_000

/** Lines on the error output, now and then, where there is much to read. */
function progressLine(): (tally: VerifySummary) => void {
  let nextAt = Date.now() + PROGRESS_EVERY_MS
  return ({ partitions, sizeBytes }) => {
    if (Date.now() < nextAt) return
    nextAt = Date.now() + PROGRESS_EVERY_MS
    process.stderr.write(`klamm: checked ${partitions} partitions, ${mebibytes(sizeBytes)} MiB\n`)
  }
}

function mebibytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(1)
}

export async function verifyPaths(
  disk: Disk,
  paths: readonly string[],
  options: VerifyOptions,
): Promise<VerifySummary> {
  const subjects = await subjectsOf(disk, paths)
  if (!options.repair) return check(new ReadingDisk(disk), subjects, options)
  const locks = await lockAll(disk, subjects, options)
  try {
    return await check(disk, subjects, options)
  } finally {
    for (const lock of locks) await lock.release()
  }
}

async function check(
  disk: Disk,
  subjects: readonly Subject[],
  options: VerifyOptions,
): Promise<VerifySummary> {
  const tally = { partitions: 0, segments: 0, batches: 0, sizeBytes: 0, damage: 0, notes: 0, mended: 0 }
  const say = (type: string, facts: object, text: string) =>
    options.print(options.json ? JSON.stringify({ type, ...facts }, jsonReplacer) : text)
  const repairs = options.repair ? new Repairs(disk) : undefined
  const report = (finding: Finding) => {
    if (finding.severity === 'damage') tally.damage++
    else tally.notes++
    say('finding', finding, describeFinding(finding))
  }
  const sayRepair = (repair: Repair) => {
    tally.mended += repair.mended
    say('repair', repair, `mended ${repair.path}: ${repair.message}`)
  }
  const onPartition = async (partition: VerifiedPartition, findings: readonly Finding[]) => {
    tally.partitions++
    tally.segments += partition.segments.length
    tally.batches += partition.batches
    tally.sizeBytes += partition.sizeBytes
    options.onProgress?.(tally)
    for (const repair of (await repairs?.mend(partition, findings)) ?? []) sayRepair(repair)
  }
  await verifySubjects(disk, subjects, { report, onPartition })
  say('summary', tally, describeSummary(tally, options.repair === true))
  return tally
}

function describeSummary(summary: VerifySummary, isRepair: boolean): string {
  const { partitions, segments, batches, sizeBytes, notes } = summary
  const remarks = notes === 0 ? '' : ` ${notes} notes.`
  const extent = `${partitions} partitions, ${segments} segments, ${batches} batches`
  return `${verdictOf(summary, isRepair)}${remarks} Checked ${extent}, ${mebibytes(sizeBytes)} MiB.`
}

function verdictOf({ partitions, damage, mended }: VerifySummary, isRepair: boolean): string {
  if (damage === 0) return partitions === 0 ? 'No partitions found.' : 'Sound.'
  if (!isRepair) return `${damage} damaged.`
  const left = damage - mended
  return `${damage} damaged, ${mended} mended${left > 0 ? `; ${left} cannot be mended here` : ''}.`
}

async function lockAll(
  disk: Disk,
  subjects: readonly Subject[],
  { holder }: VerifyOptions,
): Promise<DirectoryLock[]> {
  const locks: DirectoryLock[] = []
  try {
    for (const { directory } of subjects) {
      const who = await holder(directory)
      if (who !== undefined)
        throw new UsageError(`--repair: ${directory} is in use by ${who}; stop that Kafka first`)
      locks.push(await disk.lock(directory))
    }
    return locks
  } catch (error) {
    for (const lock of locks) await lock.release()
    if (error instanceof UsageError) throw error
    throw new UsageError(`--repair: ${(error as Error).message}. Stop the broker first`)
  }
}
