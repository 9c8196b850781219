/** Finds the logs of a directory at start and opens them; everything else in there is left as it is. */

import { isPassing } from './append-queue.ts'
import { PARTITION_METADATA, parsePartitionMetadata, readText } from './checkpoint.ts'
import { Slots } from './group-sync.ts'
import type { Log, TopicPartition } from './log.ts'
import type { LogConfig } from './log-config.ts'
import type { LogDirectory } from './log-directory.ts'
import type { LogEnvironment } from './log-environment.ts'
import { openLog } from './recovery.ts'

const CONCURRENT_OPENS = 16
const FUTURE_SUFFIX = '-future'
const DELETED = /^\S+-\d+\.[0-9a-f]{32}-delete$/
/** Kafka's own, which are no logs of ours: its controllers' log, and the cache of tiered storage. */
const FOREIGN = new Set(['__cluster_metadata-0', 'remote-log-index-cache', 'lost+found'])

export interface LoadOptions {
  readonly environment: LogEnvironment
  readonly logConfig: (topic: string) => LogConfig
  readonly onLog: (log: Log) => void
  /** A copy on its way into the directory. */
  readonly onFuture: (copy: Log) => void
  readonly onBroken: (name: string, broken: BrokenLog) => void
}

/** A log that is there and could not be opened. */
export interface BrokenLog {
  readonly topicPartition: TopicPartition
  /** Undefined too where it cannot be read. */
  readonly topicId: string | undefined
  readonly home: LogDirectory
  readonly path: string
  readonly reason: string
  /** What hindered it may be over: a full disk, a want of file handles. */
  readonly again?: (config: LogConfig) => Promise<void>
}

export async function loadLogs(directory: LogDirectory, options: LoadOptions): Promise<void> {
  const { disk, logger } = options.environment
  const entries = await disk.list(directory.path)
  const slots = new Slots(CONCURRENT_OPENS)
  const opened: Promise<void>[] = []
  const deleted: string[] = []
  for (const { name, isDirectory } of entries) {
    const path = `${directory.path}/${name}`
    if (!isDirectory || FOREIGN.has(name) || name.startsWith('.')) continue
    if (DELETED.test(name)) {
      deleted.push(path)
      continue
    }
    const topicPartition = parseLogName(name) ?? parseFutureName(name)
    if (topicPartition === undefined) {
      logger.warn('Left alone, for it is not the directory of a log', { path })
    } else opened.push(slots.run(() => loadLog(directory, { path, topicPartition }, options)))
  }
  await Promise.all(opened)
  if (deleted.length === 0) return
  options.environment.later(0, async () => {
    for (const path of deleted) await disk.remove(path)
  })
}

/** Damage that recovery cannot explain stops this one partition; a disk that fails, all of its directory. */
async function loadLog(
  directory: LogDirectory,
  found: { readonly path: string; readonly topicPartition: TopicPartition },
  options: LoadOptions,
): Promise<void> {
  const { path, topicPartition } = found
  const name = `${topicPartition.topic}-${topicPartition.partition}`
  const { saved, wasClean, isInDoubt } = directory
  if (!directory.isOnline) return
  try {
    const log = await openLog({
      environment: options.environment,
      home: directory,
      location: { path },
      topicPartition,
      config: options.logConfig(topicPartition.topic),
      recoveryPoint: saved.recoveryPoints.get(name) ?? 0n,
      logStartOffset: saved.logStarts.get(name) ?? 0n,
      highWatermark: saved.highWatermarks.get(name) ?? 0n,
      cleanedTo: saved.cleaned.get(name) ?? 0n,
      state: wasClean ? 'clean' : 'unclean',
      isInDoubt,
    })
    directory.unopened.delete(name)
    if (path.endsWith(FUTURE_SUFFIX)) {
      options.onFuture(log)
      return
    }
    log.cleanedTo = saved.cleaned.get(name)
    options.onLog(log)
  } catch (error) {
    const isKnown = directory.unopened.has(name)
    if (!isKnown) options.environment.logger.error('A log could not be opened', { log: name, path, error })
    if (isDiskFailure(error)) directory.goOffline(error as Error)
    if (path.endsWith(FUTURE_SUFFIX)) {
      directory.brokenCopies.set(path, { topicPartition, isPassing: isPassing(error) })
      return
    }
    directory.unopened.add(name)
    // By then, those that could be opened have long got the settings of their topics.
    const again = (config: LogConfig) => loadLog(directory, found, { ...options, logConfig: () => config })
    options.onBroken(name, {
      topicPartition,
      topicId: await topicIdOf(path, options),
      home: directory,
      path,
      reason: (error as Error).message,
      ...(isPassing(error) && { again }),
    })
  }
}

async function topicIdOf(path: string, { environment }: LoadOptions): Promise<string | undefined> {
  const text = await readText(environment.disk, `${path}/${PARTITION_METADATA}`).catch(() => undefined)
  return text === undefined ? undefined : parsePartitionMetadata(text)
}

/** What a failing disk says, of which no other file could be read either. */
function isDiskFailure(error: unknown): boolean {
  const { code } = error as { code?: string }
  return code === 'EIO' || code === 'EROFS'
}

/** Undefined for names that are no topic and partition; `-stray` ones are none either. */
export function parseLogName(name: string): TopicPartition | undefined {
  const match = /^([A-Za-z0-9._-]{1,249})-(0|[1-9]\d{0,9})$/.exec(name)
  if (match === null || match[1] === '.' || match[1] === '..') return undefined
  return { topic: match[1]!, partition: Number(match[2]) }
}

/** Of a copy that was on its way into this directory: `<topic>-<partition>.<32 digits>-future`. */
function parseFutureName(name: string): TopicPartition | undefined {
  const at = name.length - FUTURE_SUFFIX.length - '.'.length - 32
  if (!name.endsWith(FUTURE_SUFFIX) || !/^\.[0-9a-f]{32}$/.test(name.slice(at, -FUTURE_SUFFIX.length)))
    return undefined
  return parseLogName(name.slice(0, at))
}
