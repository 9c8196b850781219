/**
 * Carries an export out. Kafka's metadata is written last, whole, and under one name, so that an export which
 * was broken off is no data directory of a Kafka; in place, Klamm's own is put out of use after that.
 */

import { randomUuid } from '../../controller/create-topics.ts'
import { CLEAN_SHUTDOWN, formatCleanShutdown, replaceFile } from '../../log/checkpoint.ts'
import { METADATA_LOG_DIRECTORY } from '../../metadata/kraft-log.ts'
import { kraftRecords } from '../../metadata/kraft-records.ts'
import { type SnapshotId, writeMetadataLog } from '../../metadata/kraft-snapshot.ts'
import { LOG_FILE, SNAPSHOT_FILE } from '../../platform/local-store.ts'
import type { Clock, Disk, Random } from '../../platform/platform.ts'
import { copyPartitions, type Progress, writeMeta } from './copy-files.ts'
import type { ExportPlan } from './export-plan.ts'

export interface ExportParts {
  readonly disk: Disk
  readonly clock: Pick<Clock, 'now'>
  readonly random: Random
}

/** What Klamm's files are called once a Kafka owns the directory: kept, and read by nobody. */
export const EXPORTED = '.exported'
/** Likewise for what a Kafka left in its metadata log before Klamm took the directory over. */
export const BEFORE_EXPORT = '.before-export'

const FIRST_EPOCH = 1

export async function exportTo(
  parts: ExportParts,
  target: string,
  { plan, onProgress }: { readonly plan: ExportPlan; readonly onProgress: (progress: Progress) => void },
): Promise<void> {
  const { disk } = parts
  await copyPartitions(disk, target, {
    sources: plan.directories.map(({ source, partitions }) => ({ path: source.path, partitions })),
    onProgress,
    async finish(to) {
      await writeMeta(disk, to, plan.meta)
      if (plan.isClean) await markClean(disk, to, plan)
      const { directoryId } = plan.meta
      await writeKraft(parts, to, { plan, directoryIds: [directoryId], directoryOf: () => directoryId })
    },
  })
}

/** The directories stay where they are and become Kafka's. */
export async function exportInPlace(parts: ExportParts, plan: ExportPlan): Promise<void> {
  const { disk } = parts
  const path = plan.directories[0]!.source.path
  const homes = new Map(
    plan.directories.flatMap(({ source, partitions }) =>
      partitions.map(name => [name, source.meta.directoryId] as const),
    ),
  )
  for (const { source } of plan.directories) {
    // One without logs may lack the mark, and Kafka wants it in all.
    if (plan.isClean || source.isClean) await markClean(disk, source.path, plan)
  }
  await writeKraft(parts, path, {
    plan,
    directoryIds: plan.directories.map(({ source }) => source.meta.directoryId),
    directoryOf: (topic, partition) => homes.get(`${topic}-${partition}`)!,
  })
  // From here on, klamm start refuses the directory. The log is what it looks for.
  for (const name of [LOG_FILE, SNAPSHOT_FILE]) {
    if (await disk.status(`${path}/${name}`))
      await disk.rename(`${path}/${name}`, `${path}/${name}${EXPORTED}`)
  }
  await disk.syncDirectory(path)
}

/** Kafka compares the epoch with that of the registration, and calls any other an unclean stop. */
async function markClean(disk: Disk, path: string, plan: ExportPlan): Promise<void> {
  await replaceFile(disk, path, CLEAN_SHUTDOWN, formatCleanShutdown(Number(plan.brokerEpoch)))
}

interface Homes {
  readonly plan: ExportPlan
  readonly directoryIds: readonly string[]
  readonly directoryOf: (topic: string, partition: number) => string
}

async function writeKraft(
  { disk, clock, random }: ExportParts,
  path: string,
  { plan, directoryIds, directoryOf }: Homes,
): Promise<void> {
  const { brokerEpoch, rack, meta, contents, isClean } = plan
  const directory = `${path}/${METADATA_LOG_DIRECTORY}`
  await disk.makeDirectory(directory)
  await disk.syncDirectory(path)
  await setAsideLog(disk, directory)
  const incarnationId = randomUuid(random)
  const node = { nodeId: meta.nodeId, isClean, brokerEpoch, incarnationId, rack, directoryIds, directoryOf }
  const records = [...kraftRecords(contents, node)]
  // Kafka takes the offset of a broker's registration for its epoch: this one has to lie before the next.
  const count = BigInt(records.length)
  const id: SnapshotId = { endOffset: count > brokerEpoch ? count : brokerEpoch + 1n, epoch: FIRST_EPOCH }
  await writeMetadataLog(disk, directory, { id, records, now: clock.now() })
}

/** An older metadata log knows nothing of what happened since; Kafka passes over files with other endings. */
async function setAsideLog(disk: Disk, directory: string): Promise<void> {
  for (const { name, isDirectory } of await disk.list(directory)) {
    if (isDirectory || name.endsWith(BEFORE_EXPORT)) continue
    await disk.rename(`${directory}/${name}`, `${directory}/${name}${BEFORE_EXPORT}`)
  }
  await disk.syncDirectory(directory)
}
