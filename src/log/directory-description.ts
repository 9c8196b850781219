/** What DescribeLogDirs tells of the log directories: the room in them, and the logs. */
import { resolve } from 'node:path'
import type { Disk } from '../platform/platform.ts'
import type { Log } from './log.ts'
import type { LogDirectory } from './log-directory.ts'
import type { DescribedLog, LogDirectoryDescription } from './log-manager-surface.ts'
import { greatestOffset } from './offsets.ts'

/** `current` are the logs that are in use, by name: any other is on its way to take their place. */
export async function describeDirectories(
  directories: readonly LogDirectory[],
  current: ReadonlyMap<string, Log>,
  disk: Disk,
): Promise<LogDirectoryDescription[]> {
  const descriptions = []
  for (const directory of directories) {
    const { path, id: directoryId, isOnline } = directory
    const unknown = { totalBytes: -1n, usableBytes: -1n }
    const space = isOnline ? await disk.space(path).catch(() => unknown) : unknown
    const logs = [...directory.all()].map(log => describe(log, current.get(log.name)))
    descriptions.push({ path: resolve(path), directoryId, isOnline, ...space, logs })
  }
  return descriptions
}

function describe(log: Log, current: Log | undefined): DescribedLog {
  const { topicPartition, sizeBytes } = log
  const isFuture = current !== log
  const behind = isFuture && current !== undefined ? current.logEndOffset - log.logEndOffset : 0n
  return { topicPartition, sizeBytes, isFuture, offsetLag: greatestOffset(behind, 0n) }
}
