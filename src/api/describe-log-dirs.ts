import { ErrorCode } from '../../protocol/errors.ts'
import { DescribeLogDirsRequest, DescribeLogDirsResponse } from '../../protocol/messages/describe-log-dirs.ts'
import type { LogDirectoryDescription } from '../log/log-manager-surface.ts'
import { handler } from './handler.ts'

type ResponseTopic = DescribeLogDirsResponse['results'][number]['topics'][number]
type ResponsePartition = ResponseTopic['partitions'][number]

export const describeLogDirs = handler({
  request: DescribeLogDirsRequest,
  response: DescribeLogDirsResponse,
  refuse: errorCode => ({ errorCode, results: [] }),

  async handle({ topics }, { logs }) {
    const isWanted = wantedBy(topics)
    const directories = await logs.describeDirectories()
    return {
      errorCode: ErrorCode.NONE,
      results: directories.map(directory => ({
        errorCode: directory.isOnline ? ErrorCode.NONE : ErrorCode.KAFKA_STORAGE_ERROR,
        logDir: directory.path,
        topics: directory.isOnline ? topicsIn(directory, isWanted) : [],
        totalBytes: directory.isOnline ? directory.totalBytes : -1n,
        usableBytes: directory.isOnline ? directory.usableBytes : -1n,
        isCordoned: false,
      })),
    }
  },
})

type IsWanted = (topic: string, partition: number) => boolean

/** Null asks for everything. */
function wantedBy(topics: DescribeLogDirsRequest['topics']): IsWanted {
  if (topics === null) return () => true
  const wanted = new Set(
    topics.flatMap(({ topic, partitions }) => partitions.map(partition => `${topic}:${partition}`)),
  )
  return (topic, partition) => wanted.has(`${topic}:${partition}`)
}

function topicsIn(directory: LogDirectoryDescription, isWanted: IsWanted): ResponseTopic[] {
  const topics = new Map<string, ResponsePartition[]>()
  for (const { topicPartition, sizeBytes, isFuture, offsetLag } of directory.logs) {
    const { topic, partition } = topicPartition
    if (!isWanted(topic, partition)) continue
    let partitions = topics.get(topic)
    if (!partitions) {
      partitions = []
      topics.set(topic, partitions)
    }
    partitions.push({
      partitionIndex: partition,
      partitionSize: BigInt(sizeBytes),
      offsetLag,
      isFutureKey: isFuture,
    })
  }
  return Array.from(topics, ([name, partitions]) => ({ name, partitions }))
}
