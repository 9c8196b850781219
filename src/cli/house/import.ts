/** `klamm import`: makes the data directories of a stopped Apache Kafka Klamm's, in place or as a copy. */
import { resolve } from 'node:path'
import { nodePlatform } from '../../platform/node.ts'
import { kafkaHolding } from '../kafka-lock.ts'
import { print } from '../terminal.ts'
import { checkTarget } from './copy-files.ts'
import { type ImportPlan, planImport } from './import-plan.ts'
import { adoptInPlace, copyTo } from './import-run.ts'
import { surveyKafka } from './kafka-directory.ts'
import { progressLine } from './progress.ts'

export interface ImportOptions {
  readonly from: readonly string[]
  readonly to?: string
  readonly dryRun?: boolean
  readonly unclean?: boolean
  readonly incomplete?: boolean
}

export async function importKafka(options: ImportOptions): Promise<void> {
  const { from, to, dryRun = false, unclean = false, incomplete = false } = options
  const { disk } = nodePlatform()
  const directories = await surveyKafka(from, { disk, lockHolder: kafkaHolding, isUncleanAccepted: unclean })
  const isMerged = to !== undefined
  const plan = await planImport({ disk, directories, isMerged, isIncompleteAccepted: incomplete })
  const sources = directories.map(({ path }) => path)
  if (to !== undefined) await checkTarget(disk, to, sources)
  print(summary(plan))
  if (dryRun) return print('Nothing was changed (--dry-run).')
  if (to === undefined) await adoptInPlace(disk, plan)
  else await copyTo(disk, to, { plan, onProgress: progressLine() })
  print(whatNow(plan, to))
}

function summary({ meta, topicCount, partitionCount, remarks, isClean }: ImportPlan): string {
  const unclean = 'it was not stopped in order: the first klamm start checks and repairs its logs'
  return [
    `Kafka node ${meta.nodeId} of cluster ${meta.clusterId}`,
    `  ${topicCount} topics, ${partitionCount} partitions`,
    ...[...(isClean ? [] : [unclean]), ...remarks].map(text => `  ${text}`),
  ].join('\n')
}

function whatNow({ meta, directories }: ImportPlan, to: string | undefined): string {
  const used = directories.filter(({ partitions }, index) => index === 0 || partitions.length > 0)
  const paths = to === undefined ? used.map(({ source }) => source.path) : [resolve(to)]
  const where = paths.length === 1 ? `--data-dir ${paths[0]}` : `--override log.dirs=${paths.join(',')}`
  const node = meta.nodeId === 1 ? '' : ` --override node.id=${meta.nodeId}`
  return [
    to === undefined ? 'Taken over in place. Start it with' : `Copied to ${paths[0]}. Start it with`,
    `  klamm start ${where}${node} --config <server.properties>`,
    "Settings of the broker's own, such as log.retention.hours, were in Kafka's server.properties and",
    'nowhere else: without that file, the defaults hold, and records older than seven days go.',
  ].join('\n')
}
