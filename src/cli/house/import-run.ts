/**
 * Carries an import out: copies the partitions' directories where that was asked for, and writes Klamm's
 * metadata last, in one durable step, so that an import which was broken off is never taken for a whole one.
 */
import { CLEAN_SHUTDOWN, formatCleanShutdown, replaceFile } from '../../log/checkpoint.ts'
import { encodeChanges } from '../../metadata/metadata-records.ts'
import { LocalStore } from '../../platform/local-store.ts'
import type { DirectoryLock, Disk } from '../../platform/platform.ts'
import { copyPartitions, type Progress, takeLock, writeMeta } from './copy-files.ts'
import type { ImportPlan } from './import-plan.ts'

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

export async function copyTo(
  disk: Disk,
  target: string,
  { plan, onProgress }: { readonly plan: ImportPlan; readonly onProgress: (progress: Progress) => void },
): Promise<void> {
  await copyPartitions(disk, target, {
    sources: plan.directories.map(({ source, partitions }) => ({ path: source.path, partitions })),
    onProgress,
    async finish(to) {
      await writeMeta(disk, to, plan.meta)
      if (plan.isClean) await replaceFile(disk, to, CLEAN_SHUTDOWN, formatCleanShutdown())
      await writeMetadata(disk, to, plan)
    },
  })
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
