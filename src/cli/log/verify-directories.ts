/** Checks data directories, or single partitions in them, and holds what they say against each other. */
import { basename, dirname, resolve } from 'node:path'
import { LOG_START_CHECKPOINT, RECOVERY_POINT_CHECKPOINT } from '../../log/checkpoint.ts'
import { parseLogName } from '../../log/log-loading.ts'
import { METADATA_LOG_DIRECTORY } from '../../metadata/kraft-log.ts'
import type { Disk } from '../../platform/platform.ts'
import { UsageError } from '../terminal.ts'
import {
  type DataDirectory,
  isPartitionPath,
  openDirectory,
  readTopics,
  type Topics,
} from './data-directory.ts'
import type { Finding } from './findings.ts'
import { type PartitionResult, verifyPartition } from './verify-partition.ts'

/** What is to be looked at: directories, and which of the partitions in each. */
export interface Subject {
  readonly directory: string
  /** Undefined for all. */
  readonly partitions: ReadonlySet<string> | undefined
}

export interface VerifiedPartition extends PartitionResult {
  readonly directory: string
  readonly name: string
}

export interface VerifyHooks {
  readonly report: (finding: Finding) => void
  /** When a partition has been checked. */
  readonly onPartition: (partition: VerifiedPartition, findings: readonly Finding[]) => Promise<void>
}

/** Paths of data directories and of partitions, by data directory. */
export async function subjectsOf(disk: Disk, paths: readonly string[]): Promise<Subject[]> {
  const subjects = new Map<string, Set<string> | undefined>()
  for (const path of paths.map(it => resolve(it))) {
    const status = await disk.status(path)
    if (!status) throw new UsageError(`There is no ${path}`)
    if (!status.isDirectory) {
      throw new UsageError(`${path} is a file; give the directory of its partition, or a data directory`)
    }
    if (!isPartitionPath(path)) subjects.set(path, undefined)
    else if (subjects.has(dirname(path))) subjects.get(dirname(path))?.add(basename(path))
    else subjects.set(dirname(path), new Set([basename(path)]))
  }
  return [...subjects].map(([directory, partitions]) => ({ directory, partitions }))
}

export async function verifySubjects(
  disk: Disk,
  subjects: readonly Subject[],
  hooks: VerifyHooks,
): Promise<void> {
  const { report } = hooks
  const directories: DataDirectory[] = []
  let topics: Topics
  for (const { directory, partitions } of subjects) {
    // What else is wrong with the directory is of no interest to whoever asks about a partition.
    const about = partitions === undefined ? report : () => {}
    directories.push(await openDirectory(disk, directory, about))
    topics ??= await readTopics(disk, directory, about)
  }
  const isAll = subjects.every(it => it.partitions === undefined)
  if (isAll) reportAbsent(topics, directories, report)
  for (const [index, directory] of directories.entries()) {
    const wanted = subjects[index]!.partitions
    for (const name of directory.partitions) {
      if (wanted === undefined || wanted.has(name))
        await checkPartition(disk, { directory, name, topics }, hooks)
    }
  }
}

interface Place {
  readonly directory: DataDirectory
  readonly name: string
  readonly topics: Topics
}

async function checkPartition(
  disk: Disk,
  { directory, name, topics }: Place,
  hooks: VerifyHooks,
): Promise<void> {
  const { topic, partition } = parseLogName(name)!
  const facts = topics?.get(topic)
  const path = `${directory.path}/${name}`
  const findings: Finding[] = []
  const report = (finding: Finding) => {
    findings.push(finding)
    hooks.report(finding)
  }
  const isOfMetadata = name === METADATA_LOG_DIRECTORY
  if (topics && !isOfMetadata && (facts === undefined || partition >= facts.partitions)) {
    const message = 'it belongs to no topic of the metadata; the next start sets it aside'
    report({ severity: 'note', kind: 'metadata', path, message })
  }
  const offsetIn = (file: string) => directory.checkpoints.get(file)?.get(name)
  const result = await verifyPartition({
    disk,
    path,
    topicId: isOfMetadata ? undefined : facts?.id,
    mayHaveGaps: isOfMetadata || facts === undefined || facts.isCompacted,
    recoveryPoint: offsetIn(RECOVERY_POINT_CHECKPOINT) ?? 0n,
    isClean: directory.isClean,
    logStartOffset: offsetIn(LOG_START_CHECKPOINT) ?? 0n,
    report,
  })
  reportCheckpoints(directory, name, { logEndOffset: result.logEndOffset, report })
  await hooks.onPartition({ ...result, directory: directory.path, name }, findings)
}

function reportCheckpoints(
  directory: DataDirectory,
  name: string,
  { logEndOffset, report }: { readonly logEndOffset: bigint; readonly report: (finding: Finding) => void },
): void {
  for (const [file, offsets] of directory.checkpoints) {
    const offset = offsets.get(name)
    if (offset === undefined || offset <= logEndOffset) continue
    const message = `it says ${offset} for ${name}, and that log ends at ${logEndOffset}`
    const missing = { first: logEndOffset, last: offset - 1n }
    const path = `${directory.path}/${file}`
    report({ severity: 'damage', kind: 'checkpoint', path, message, offsets: missing })
  }
}

/** Only where all of a broker's directories may have been named. */
function reportAbsent(
  topics: Topics,
  directories: readonly DataDirectory[],
  report: (finding: Finding) => void,
): void {
  const present = new Set(directories.flatMap(it => it.partitions))
  for (const [topic, { partitions }] of topics ?? []) {
    for (let partition = 0; partition < partitions; partition++) {
      const name = `${topic}-${partition}`
      if (present.has(name)) continue
      const path = directories.map(it => it.path).join(', ')
      const message = `${name} is in the metadata and has no directory here; name all of log.dirs`
      report({ severity: 'damage', kind: 'metadata', path, message })
    }
  }
}
