/** Finds the logs of a directory at start and opens them; everything else in there is left as it is. */

import { Slots } from './group-sync.ts'
import type { Log, TopicPartition } from './log.ts'
import type { LogConfig } from './log-config.ts'
import type { LogDirectory } from './log-directory.ts'
import type { LogEnvironment } from './log-environment.ts'
import { openLog } from './recovery.ts'

const CONCURRENT_OPENS = 16
/** Kafka's own, which are no logs of ours: its controllers' log, and the cache of tiered storage. */
const FOREIGN = new Set(['__cluster_metadata-0', 'remote-log-index-cache', 'lost+found'])

export interface LoadOptions {
  readonly environment: LogEnvironment
  readonly logConfig: (topic: string) => LogConfig
  readonly onLog: (log: Log) => void
  readonly onBroken: (name: string, reason: string) => void
}

export async function loadLogs(directory: LogDirectory, options: LoadOptions): Promise<void> {
  const { disk, logger } = options.environment
  const entries = await disk.list(directory.path)
  const slots = new Slots(CONCURRENT_OPENS)
  const opened: Promise<void>[] = []
  for (const { name, isDirectory } of entries) {
    const path = `${directory.path}/${name}`
    if (!isDirectory || FOREIGN.has(name) || name.startsWith('.')) continue
    if (name.endsWith('-delete')) {
      options.environment.later(0, () => disk.remove(path))
      continue
    }
    const topicPartition = parseLogName(name)
    if (topicPartition === undefined) {
      logger.warn('Left alone, for it is not the directory of a log', { path })
    } else opened.push(slots.run(() => loadLog(directory, topicPartition, options)))
  }
  await Promise.all(opened)
}

/** Damage that recovery cannot explain stops this one partition. */
async function loadLog(
  directory: LogDirectory,
  topicPartition: TopicPartition,
  options: LoadOptions,
): Promise<void> {
  const name = `${topicPartition.topic}-${topicPartition.partition}`
  const { saved, wasClean } = directory
  try {
    const log = await openLog({
      environment: options.environment,
      home: directory,
      location: { path: `${directory.path}/${name}` },
      topicPartition,
      config: options.logConfig(topicPartition.topic),
      recoveryPoint: saved.recoveryPoints.get(name) ?? 0n,
      logStartOffset: saved.logStarts.get(name) ?? 0n,
      highWatermark: saved.highWatermarks.get(name) ?? 0n,
      cleanedTo: saved.cleaned.get(name) ?? 0n,
      state: wasClean ? 'clean' : 'unclean',
    })
    directory.logs.set(name, log)
    options.onLog(log)
  } catch (error) {
    options.environment.logger.error('A log could not be opened', { log: name, error })
    options.onBroken(name, (error as Error).message)
  }
}

/** Undefined for names that are no topic and partition; `-stray` and `-future` ones are none either. */
export function parseLogName(name: string): TopicPartition | undefined {
  const match = /^([A-Za-z0-9._-]{1,249})-(0|[1-9]\d{0,9})$/.exec(name)
  if (match === null || match[1] === '.' || match[1] === '..') return undefined
  return { topic: match[1]!, partition: Number(match[2]) }
}
