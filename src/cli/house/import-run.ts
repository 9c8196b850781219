/**
 * Carries an import out: copies the partitions' directories where that was asked for, and writes Klamm's
 * metadata last, in one durable step, so that an import which was broken off is never taken for a whole one.
 */
import { dirname, resolve, sep } from 'node:path'
import {
  CLEAN_SHUTDOWN,
  CLEANER_CHECKPOINT,
  formatCleanShutdown,
  formatMetaProperties,
  formatOffsets,
  HIGH_WATERMARK_CHECKPOINT,
  LOG_START_CHECKPOINT,
  META_PROPERTIES,
  parseOffsets,
  RECOVERY_POINT_CHECKPOINT,
  readText,
  replaceFile,
} from '../../log/checkpoint.ts'
import { encodeChanges } from '../../metadata/metadata-records.ts'
import { LocalStore } from '../../platform/local-store.ts'
import type { DirectoryLock, Disk, DiskFile } from '../../platform/platform.ts'
import { UsageError } from '../terminal.ts'
import type { ImportPlan } from './import-plan.ts'

export interface Progress {
  readonly copiedBytes: number
  readonly totalBytes: number
}

/** Kafka's files stay as they are; ours is put beside them. */
export async function adoptInPlace(disk: Disk, plan: ImportPlan): Promise<void> {
  const locks: DirectoryLock[] = []
  try {
    for (const { source } of plan.directories) locks.push(await takeLock(disk, source.path))
    await writeMetadata(disk, plan.directories[0]!.source.path, plan)
  } finally {
    for (const lock of locks) await lock.release()
  }
}

/** Refuses a target that has anything in it, or that lies inside a source, or around one. */
export async function checkTarget(disk: Disk, target: string, plan: ImportPlan): Promise<void> {
  const to = resolve(target)
  for (const { source } of plan.directories) {
    if (isWithin(to, source.path) || isWithin(source.path, to)) {
      throw new UsageError(
        `--to: ${to} and ${source.path} lie inside each other; choose a directory of its own`,
      )
    }
  }
  const status = await disk.status(to)
  if (!status) return
  if (!status.isDirectory)
    throw new UsageError(`--to: ${to} is a file; choose a directory that is new or empty`)
  if ((await disk.list(to)).length > 0) {
    throw new UsageError(`--to: ${to} is not empty; choose a directory that is new or empty`)
  }
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep)
}

export async function copyTo(
  disk: Disk,
  target: string,
  { plan, onProgress }: { readonly plan: ImportPlan; readonly onProgress: (progress: Progress) => void },
): Promise<void> {
  const to = resolve(target)
  const copies = await filesToCopy(disk, to, plan)
  const totalBytes = copies.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  await makeDurableDirectory(disk, to)
  const lock = await takeLock(disk, to)
  try {
    await checkRoom(disk, to, copies)
    await copyFiles(disk, copies, copiedBytes => onProgress({ copiedBytes, totalBytes }))
    await writeDirectoryFiles(disk, to, plan)
    await writeMetadata(disk, to, plan)
  } finally {
    await lock.release()
  }
}

/** Index files do not count: a Kafka that crashed leaves them at ten megabytes, nearly all of it holes. */
async function checkRoom(disk: Disk, to: string, copies: readonly Copy[]): Promise<void> {
  const solid = copies.filter(copy => !copy.to.endsWith('index'))
  const needed = solid.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const { usableBytes } = await disk.space(to)
  if (usableBytes >= BigInt(needed)) return
  throw new UsageError(`--to: ${to} has room for ${usableBytes} bytes, and the logs take ${needed}`)
}

/** Up to the first parent that was there, since a directory is only as durable as its name in its parent. */
async function makeDurableDirectory(disk: Disk, path: string): Promise<void> {
  const parent = dirname(path)
  if (parent === path || (await disk.status(path))) return
  await makeDurableDirectory(disk, parent)
  await disk.makeDirectory(path)
  await disk.syncDirectory(parent)
}

interface Copy {
  readonly from: string
  readonly to: string
  readonly directory: string
  readonly sizeBytes: number
}

async function filesToCopy(disk: Disk, to: string, plan: ImportPlan): Promise<Copy[]> {
  const copies: Copy[] = []
  for (const { source, partitions } of plan.directories) {
    for (const name of partitions) {
      const directory = `${to}/${name}`
      for (const entry of await disk.list(`${source.path}/${name}`)) {
        // What Kafka had marked for deletion would be deleted here too.
        if (entry.isDirectory || entry.name.endsWith('.deleted')) continue
        const from = `${source.path}/${name}/${entry.name}`
        const sizeBytes = (await disk.status(from))!.sizeBytes
        copies.push({ from, to: `${directory}/${entry.name}`, directory, sizeBytes })
      }
    }
  }
  return copies
}

const PIECE_BYTES = 1_048_576
const ZEROS = Buffer.alloc(PIECE_BYTES)
/** Waits for the disk overlap; more would only starve its reads. */
const CONCURRENT_COPIES = 4

async function copyFiles(
  disk: Disk,
  copies: readonly Copy[],
  onCopied: (copiedBytes: number) => void,
): Promise<void> {
  const directories = new Set(copies.map(copy => copy.directory))
  for (const directory of directories) await disk.makeDirectory(directory)
  let copiedBytes = 0
  // Each worker takes the next one from the same iterator.
  const waiting = copies.values()
  const worker = async () => {
    for (const copy of waiting) {
      await copyFile(disk, copy, bytes => {
        copiedBytes += bytes
        onCopied(copiedBytes)
      })
    }
  }
  await Promise.all(Array.from({ length: CONCURRENT_COPIES }, worker))
  for (const directory of directories) await disk.syncDirectory(directory)
}

async function copyFile(disk: Disk, copy: Copy, onPiece: (bytes: number) => void): Promise<void> {
  const source = await disk.open(copy.from, 'read')
  try {
    const target = await disk.open(copy.to, 'write')
    try {
      await copyBytes(source, target, onPiece)
      await target.sync()
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

/** Holes stay holes. */
async function copyBytes(
  source: DiskFile,
  target: DiskFile,
  onPiece: (bytes: number) => void,
): Promise<void> {
  const piece = Buffer.allocUnsafe(PIECE_BYTES)
  let position = 0
  for (;;) {
    const length = await source.read(piece, position)
    if (length === 0) return target.truncate(position)
    const found = piece.subarray(0, length)
    if (!found.equals(ZEROS.subarray(0, length))) await target.write([found], position)
    position += length
    onPiece(length)
  }
}

const CHECKPOINTS = [
  RECOVERY_POINT_CHECKPOINT,
  LOG_START_CHECKPOINT,
  HIGH_WATERMARK_CHECKPOINT,
  CLEANER_CHECKPOINT,
]

/** What Kafka keeps beside the partitions: of all directories together, for the partitions taken over. */
async function writeDirectoryFiles(disk: Disk, to: string, plan: ImportPlan): Promise<void> {
  for (const file of CHECKPOINTS) {
    const merged = new Map<string, bigint>()
    for (const { source, partitions } of plan.directories) {
      const text = await readText(disk, `${source.path}/${file}`)
      const offsets = (text === undefined ? undefined : parseOffsets(text)) ?? new Map<string, bigint>()
      for (const name of partitions) {
        const offset = offsets.get(name)
        if (offset !== undefined) merged.set(name, offset)
      }
    }
    await replaceFile(disk, to, file, formatOffsets(merged))
  }
  // A Kafka before 3.7 gave its directories no ids; the first start makes one up.
  const meta = formatMetaProperties(plan.meta).replace(/^directory\.id=\n/m, '')
  await replaceFile(disk, to, META_PROPERTIES, meta)
  if (plan.isClean) await replaceFile(disk, to, CLEAN_SHUTDOWN, formatCleanShutdown())
}

async function writeMetadata(disk: Disk, directory: string, plan: ImportPlan): Promise<void> {
  const store = new LocalStore({ disk, directory })
  const { version } = await store.load()
  try {
    await store.commit(version, encodeChanges(plan.changes))
  } finally {
    await store.close()
  }
}

async function takeLock(disk: Disk, path: string): Promise<DirectoryLock> {
  try {
    return await disk.lock(path)
  } catch (error) {
    throw new UsageError(`${path} cannot be used: ${(error as Error).message}`)
  }
}
