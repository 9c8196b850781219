/**
 * What a start finds on disk against what the cluster's image says. Logs of its topics get their topics'
 * settings. The others are set aside as strays, and their records stay: a topic may have been deleted in the
 * moment before a crash, but just as well metadata may have been lost, and only the first would be meant.
 * What had been marked for deletion is another matter (log-loading.ts).
 */
import type { LogConfig } from '../log/log-config.ts'
import type { TopicPartition } from '../log/log-surface.ts'
import type { ClusterImage } from '../metadata/image.ts'
import type { TopicConfigs } from '../metadata/topic-config.ts'
import type { Logger } from '../observe/logger.ts'

export interface FoundLog {
  readonly topicPartition: TopicPartition
  readonly topicId: string | undefined
}

/** The part of a log manager that this needs. */
export interface FoundLogs {
  logs(): Iterable<FoundLog & { config: LogConfig }>
  /** Those that are there and could not be opened. */
  unopened(): Iterable<FoundLog>
  /** Of two logs of one partition, one remains; interrupted moves between directories go on. */
  settleFound(isWanted: (log: FoundLog) => boolean): Promise<void>
  /** Gives the directory's new path. */
  setAsideLog(topic: string, partition: number): Promise<string | undefined>
}

export interface SettleOptions {
  readonly logs: FoundLogs
  readonly image: ClusterImage
  readonly localBrokerId: number
  readonly topicConfigs: Pick<TopicConfigs, 'of'>
  readonly logger: Pick<Logger, 'warn'>
}

/** Before the image is taken up, so that no stray is in the way of a new topic of its name. */
export async function settleLogs({ logs, image, localBrokerId, ...rest }: SettleOptions): Promise<void> {
  const isWanted = ({ topicId, topicPartition: { topic, partition } }: FoundLog) => {
    // Older brokers wrote down no id.
    const found = topicId === undefined ? image.topicByName(topic) : image.topicById(topicId)
    return found?.name === topic && found.partitions[partition]?.replicas.includes(localBrokerId) === true
  }
  await logs.settleFound(isWanted)
  const all = [...logs.logs()]
  for (const log of all.filter(isWanted)) {
    log.config = rest.topicConfigs.of(image, log.topicPartition.topic)
  }
  const strays: string[] = []
  for (const found of [...all, ...logs.unopened()]) {
    if (isWanted(found)) continue
    const { topic, partition } = found.topicPartition
    const path = await logs.setAsideLog(topic, partition)
    if (path !== undefined) strays.push(path)
  }
  if (strays.length === 0) return
  rest.logger.warn(
    'Set aside logs that belong to no topic. A topic that was deleted just before a crash leaves such; ' +
      'remove the directories when nobody misses their records',
    { count: strays.length, directories: strays.sort() },
  )
}
