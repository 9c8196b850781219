/** `klamm log dump`: what is in the files of a log, for people and for programs. */
import { basename, dirname, resolve } from 'node:path'
import { parseLogName } from '../../log/log-loading.ts'
import { nodePlatform } from '../../platform/node.ts'
import type { Disk } from '../../platform/platform.ts'
import { UsageError } from '../terminal.ts'
import { dumpFile, isDumped } from './dump-files.ts'
import { type DumpOptions, dumpSegment } from './dump-segment.ts'
import { jsonWriter, textWriter } from './facts-writer.ts'
import { LineOutput } from './line-output.ts'
import { type Contents, contentsOf } from './record-contents.ts'

export interface DumpCommand {
  readonly files?: readonly string[]
  readonly deep?: boolean
  readonly printData?: boolean
  readonly all?: boolean
  readonly json?: boolean
  readonly decode?: Contents
  readonly fromOffset?: bigint
  readonly toOffset?: bigint
  readonly maxRecords?: number
}

const LAST_OFFSET = 0x7fff_ffff_ffff_ffffn
/** A batch that unfolds beyond is shown as damage: no broker takes it either. */
const MAX_DECOMPRESSED_BYTES = 1_073_741_824

export async function dump(paths: readonly string[], command: DumpCommand): Promise<void> {
  const { disk } = nodePlatform()
  const output = new LineOutput(process.stdout)
  await dumpPaths(disk, [...paths, ...(command.files ?? [])], { ...command, output })
  await output.flush()
}

export async function dumpPaths(
  disk: Disk,
  paths: readonly string[],
  command: DumpCommand & { readonly output: Pick<LineOutput, 'write' | 'ready'> },
): Promise<void> {
  const files = await filesOf(disk, paths, command.all === true)
  const { output } = command
  const writeLine = (line: string) => output.write(line)
  const writer = command.json ? jsonWriter(writeLine) : textWriter(writeLine)
  const budget = { records: command.maxRecords ?? Number.POSITIVE_INFINITY }
  for (const [index, path] of files.entries()) {
    if (budget.records <= 0) return
    if (!command.json && files.length > 1 && index > 0) output.write('')
    writer.file(path)
    if (!isSegment(path)) dumpFile(path, await disk.readFile(path), writer)
    else
      await dumpSegment(disk, path, {
        ...segmentOptions(path, command, budget),
        writer,
        ready: () => output.ready(),
      })
    await output.ready()
  }
}

function segmentOptions(path: string, command: DumpCommand, budget: { records: number }): DumpOptions {
  const topic = parseLogName(basename(dirname(resolve(path))))?.topic ?? ''
  const { deep = false, printData = false, fromOffset = 0n, toOffset = LAST_OFFSET } = command
  const contents = command.decode ?? contentsOf(topic)
  return {
    // Whoever asks for what is in the records wants to see records.
    isDeep: deep || printData || command.decode !== undefined,
    hasData: printData,
    contents,
    fromOffset,
    toOffset,
    maxDecompressedBytes: MAX_DECOMPRESSED_BYTES,
    budget,
  }
}

/** Of a directory: its segments, and with `all` everything else that can be shown; then those below it. */
async function filesOf(disk: Disk, paths: readonly string[], isAll: boolean): Promise<string[]> {
  if (paths.length === 0)
    throw new UsageError('Give a file, the directory of a partition, or a data directory')
  const files: string[] = []
  for (const path of paths) {
    const status = await disk.status(path)
    if (!status) throw new UsageError(`There is no ${path}`)
    if (status.isDirectory) {
      const found = await filesBelow(disk, path.replace(/(.)\/+$/, '$1'), isAll)
      if (found.length === 0) throw new UsageError(`${path} holds no segments, and no partitions that do`)
      files.push(...found)
    } else if (isSegment(path) || isDumped(path)) files.push(path)
    else throw new UsageError(`${path} is none of the files of a log: what is in it is not known`)
  }
  return files
}

async function filesBelow(disk: Disk, directory: string, isAll: boolean): Promise<string[]> {
  const entries = (await disk.list(directory)).sort((a, b) => (a.name < b.name ? -1 : 1))
  const files: string[] = []
  for (const { name, isDirectory } of entries) {
    const path = `${directory}/${name}`
    if (isDirectory) {
      if (parseLogName(name)) files.push(...(await filesBelow(disk, path, isAll)))
    } else if (isSegment(path) || (isAll && isDumped(path))) files.push(path)
  }
  return files
}

/** Snapshots of a metadata log are made of batches as well. */
function isSegment(path: string): boolean {
  return /\.(log|checkpoint)(\.(deleted|cleaned|swap))?$/.test(path) && /^\d{20}/.test(basename(path))
}
