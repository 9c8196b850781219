/** `klamm export`: makes the data directories of a stopped Klamm an Apache Kafka's, in place or as a copy. */
import { resolve } from 'node:path'
import { nodePlatform } from '../../platform/node.ts'
import type { DirectoryLock, Disk } from '../../platform/platform.ts'
import { print } from '../terminal.ts'
import { checkTarget, takeLock } from './copy-files.ts'
import { type ExportPlan, planExport } from './export-plan.ts'
import { exportInPlace, exportTo } from './export-run.ts'
import { checkSource } from './klamm-directory.ts'
import { progressLine } from './progress.ts'

export interface ExportOptions {
  readonly from: readonly string[]
  readonly to?: string
  readonly dryRun?: boolean
}

export async function exportKlamm({ from, to, dryRun = false }: ExportOptions): Promise<void> {
  const platform = nodePlatform()
  const { disk } = platform
  const sources = [...new Set(from.map(path => resolve(path)))]
  for (const path of sources) await checkSource(disk, path)
  if (to !== undefined) await checkTarget(disk, to, sources)
  await underLocks(disk, sources, async () => {
    const plan = await planExport(disk, sources)
    print(summary(plan))
    if (dryRun) return print('Nothing was changed (--dry-run).')
    if (to === undefined) await exportInPlace(platform, plan)
    else await exportTo(platform, to, { plan, onProgress: progressLine() })
    print(whatNow(plan, to))
  })
}

/** A Klamm that runs holds them. */
async function underLocks(disk: Disk, paths: readonly string[], work: () => Promise<void>): Promise<void> {
  const locks: DirectoryLock[] = []
  try {
    for (const path of paths) locks.push(await takeLock(disk, path))
    await work()
  } finally {
    for (const lock of locks) await lock.release()
  }
}

function summary({ meta, topicCount, partitionCount, remarks, isClean }: ExportPlan): string {
  const unclean = 'it was not stopped in order: Kafka checks and repairs its logs at its first start'
  return [
    `Klamm node ${meta.nodeId} of cluster ${meta.clusterId}`,
    `  ${topicCount} topics, ${partitionCount} partitions`,
    ...[...(isClean ? [] : [unclean]), ...remarks].map(text => `  ${text}`),
  ].join('\n')
}

/** No `kafka-storage format`: it would refuse, since the directory belongs to a cluster already. */
function whatNow({ meta, directories }: ExportPlan, to: string | undefined): string {
  const paths = to === undefined ? directories.map(({ source }) => source.path) : [resolve(to)]
  return [
    to === undefined
      ? "Kafka's now, in place. Its server.properties needs"
      : `Copied to ${paths[0]}. server.properties needs`,
    `  process.roles=broker,controller`,
    `  node.id=${meta.nodeId}`,
    `  controller.quorum.voters=${meta.nodeId}@localhost:9093`,
    `  controller.listener.names=CONTROLLER`,
    `  listeners=PLAINTEXT://:9092,CONTROLLER://:9093`,
    `  log.dirs=${paths.join(',')}`,
    'and no controller.quorum.bootstrap.servers. Add the settings that klamm start was given, such as',
    'log.retention.hours: they are nowhere in the data. Then start it, without kafka-storage format:',
    '  kafka-server-start.sh server.properties',
    ...(to === undefined ? ['The way back, once Kafka is stopped: klamm import.'] : []),
  ].join('\n')
}
