/** The data directory of a real Kafka on a disk in memory, and its import. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type KafkaManifest, kafkaFiles, putFiles } from '../../../log/testing/kafka-directory.ts'
import { ManualClock } from '../../../platform/simulated/manual-clock.ts'
import { MemoryDisk } from '../../../platform/simulated/memory-disk.ts'
import { checkTarget, type Progress } from '../copy-files.ts'
import { type ImportPlan, planImport } from '../import-plan.ts'
import { adoptInPlace, copyTo } from '../import-run.ts'
import { surveyKafka } from '../kafka-directory.ts'

const FIXTURES = join(import.meta.dirname, '../../../log/fixtures')

export const kafkaNode: ReadonlyMap<string, Buffer> = kafkaFiles(
  readFileSync(join(FIXTURES, 'kafka-data.tar.gz')),
  { withMetadataLog: true },
)
export const manifest = JSON.parse(
  gunzipSync(readFileSync(join(FIXTURES, 'manifest.json.gz'))).toString(),
) as KafkaManifest

/** `/kafka` holds the node's files, but for those that a pattern names. */
export async function diskWithKafka(without: RegExp = /^$/): Promise<MemoryDisk> {
  const disk = new MemoryDisk({ clock: new ManualClock(), isCrashable: true })
  await putFiles(disk, '/kafka', new Map([...kafkaNode].filter(([name]) => !without.test(name))))
  disk.syncAll()
  return disk
}

export interface ImportCall {
  readonly from?: readonly string[]
  readonly to?: string
  readonly isUncleanAccepted?: boolean
  readonly isIncompleteAccepted?: boolean
  readonly lockHolder?: string
  readonly onProgress?: (progress: Progress) => void
}

export async function planned(disk: MemoryDisk, call: ImportCall = {}): Promise<ImportPlan> {
  const { from = ['/kafka'], to, isUncleanAccepted = false, isIncompleteAccepted = false } = call
  const directories = await surveyKafka(from, {
    disk,
    lockHolder: async () => call.lockHolder,
    isUncleanAccepted,
  })
  return planImport({ disk, directories, isMerged: to !== undefined, isIncompleteAccepted })
}

export async function imported(disk: MemoryDisk, call: ImportCall = {}): Promise<ImportPlan> {
  const { to, onProgress = () => {} } = call
  const plan = await planned(disk, call)
  if (to === undefined) await adoptInPlace(disk, plan)
  else {
    const sources = plan.directories.map(({ source }) => source.path)
    await checkTarget(disk, to, sources)
    await copyTo(disk, to, { plan, onProgress })
  }
  return plan
}

/** All files below a directory, by their path in it. */
export async function filesUnder(disk: MemoryDisk, root: string, prefix = ''): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>()
  for (const { name, isDirectory } of await disk.list(`${root}/${prefix}`)) {
    const path = `${prefix}${name}`
    if (isDirectory)
      for (const [inner, bytes] of await filesUnder(disk, root, `${path}/`)) files.set(inner, bytes)
    else files.set(path, await disk.readFile(`${root}/${path}`))
  }
  return files
}
