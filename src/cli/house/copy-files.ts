/**
 * Copies the directories of partitions into one new data directory, with the checkpoints that go with them:
 * what an import and an export do alike. The sources are only read.
 */
import { dirname, resolve, sep } from 'node:path'
import {
  CLEANER_CHECKPOINT,
  formatMetaProperties,
  formatOffsets,
  HIGH_WATERMARK_CHECKPOINT,
  LOG_START_CHECKPOINT,
  META_PROPERTIES,
  type MetaProperties,
  parseOffsets,
  RECOVERY_POINT_CHECKPOINT,
  readText,
  replaceFile,
} from '../../log/checkpoint.ts'
import type { DirectoryLock, Disk, DiskFile } from '../../platform/platform.ts'
import { UsageError } from '../terminal.ts'

/** What of one data directory is to be copied. */
export interface CopySource {
  readonly path: string
  /** The names of the partitions' directories. */
  readonly partitions: readonly string[]
}

export interface Progress {
  readonly copiedBytes: number
  readonly totalBytes: number
}

/** Refuses a target that has anything in it, or that lies inside a source, or around one. */
export async function checkTarget(disk: Disk, target: string, sources: readonly string[]): Promise<void> {
  const to = resolve(target)
  for (const source of sources) {
    if (isWithin(to, source) || isWithin(source, to)) {
      throw new UsageError(`--to: ${to} and ${source} lie inside each other; choose a directory of its own`)
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

/** The directory is made, filled, and given to `finish`, which writes what makes it somebody's data. */
export async function copyPartitions(
  disk: Disk,
  target: string,
  options: {
    readonly sources: readonly CopySource[]
    readonly onProgress: (progress: Progress) => void
    readonly finish: (to: string) => Promise<void>
  },
): Promise<void> {
  const { sources, onProgress, finish } = options
  const to = resolve(target)
  const copies = await filesToCopy(disk, to, sources)
  const totalBytes = copies.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  await makeDurableDirectory(disk, to)
  const lock = await takeLock(disk, to)
  try {
    await checkRoom(disk, to, copies)
    await copyFiles(disk, copies, copiedBytes => onProgress({ copiedBytes, totalBytes }))
    await writeCheckpoints(disk, to, sources)
    await finish(to)
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

async function filesToCopy(disk: Disk, to: string, sources: readonly CopySource[]): Promise<Copy[]> {
  const copies: Copy[] = []
  for (const { path, partitions } of sources) {
    for (const name of partitions) {
      const directory = `${to}/${name}`
      for (const entry of await disk.list(`${path}/${name}`)) {
        // What was marked for deletion would be deleted there too.
        if (entry.isDirectory || entry.name.endsWith('.deleted')) continue
        const from = `${path}/${name}/${entry.name}`
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

/** Of all directories together, for the partitions that are copied. */
async function writeCheckpoints(disk: Disk, to: string, sources: readonly CopySource[]): Promise<void> {
  for (const file of CHECKPOINTS) {
    const merged = new Map<string, bigint>()
    for (const { path, partitions } of sources) {
      const text = await readText(disk, `${path}/${file}`)
      const offsets = (text === undefined ? undefined : parseOffsets(text)) ?? new Map<string, bigint>()
      for (const name of partitions) {
        const offset = offsets.get(name)
        if (offset !== undefined) merged.set(name, offset)
      }
    }
    await replaceFile(disk, to, file, formatOffsets(merged))
  }
}

/** A Kafka before 3.7 gave its directories no ids; the first start makes one up. */
export async function writeMeta(disk: Disk, to: string, meta: MetaProperties): Promise<void> {
  await replaceFile(disk, to, META_PROPERTIES, formatMetaProperties(meta).replace(/^directory\.id=\n/m, ''))
}

export async function takeLock(disk: Disk, path: string): Promise<DirectoryLock> {
  try {
    return await disk.lock(path)
  } catch (error) {
    throw new UsageError(`${path} cannot be used: ${(error as Error).message}`)
  }
}
