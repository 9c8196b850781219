import { ErrorCode } from '../../protocol/errors.ts'
import { ListOffsetsRequest, ListOffsetsResponse } from '../../protocol/messages/list-offsets.ts'
import { lookUpOffset, lookUpOffsetsV0, OffsetQuery } from '../replication/offset-lookup.ts'
import type { FetchIsolation } from '../replication/purgatory.ts'
import type { Context } from './context.ts'
import { handler } from './handler.ts'

const CONSUMER = -1

type RequestPartition = ListOffsetsRequest['topics'][number]['partitions'][number]
type ResponsePartition = ListOffsetsResponse['topics'][number]['partitions'][number]

/** The version that each special timestamp came with. */
const FIRST_VERSIONS: ReadonlyMap<bigint, number> = new Map([
  [OffsetQuery.LATEST, 0],
  [OffsetQuery.EARLIEST, 0],
  [OffsetQuery.MAX_TIMESTAMP, 7],
  [OffsetQuery.EARLIEST_LOCAL, 8],
  [OffsetQuery.LATEST_TIERED, 9],
  [OffsetQuery.EARLIEST_PENDING_UPLOAD, 11],
])

export const listOffsets = handler({
  request: ListOffsetsRequest,
  response: ListOffsetsResponse,
  refuse: (errorCode, request) => ({
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => failed(partitionIndex, errorCode)),
    })),
  }),

  async handle(request, context) {
    const asked = new Mentions(request)
    const topics = request.topics.map(async ({ name, partitions }) => ({
      name,
      partitions: await Promise.all(
        partitions
          .filter(partition => asked.isFirst(name, partition))
          .map(partition =>
            asked.isRepeated(name, partition)
              ? failed(partition.partitionIndex, ErrorCode.INVALID_REQUEST)
              : answer(name, partition, { request, context }),
          ),
      ),
    }))
    return { topics: await Promise.all(topics) }
  },
})

async function answer(
  topic: string,
  partition: RequestPartition,
  { request, context }: { request: ListOffsetsRequest; context: Context },
): Promise<ResponsePartition> {
  const { partitionIndex, timestamp, currentLeaderEpoch, maxNumOffsets } = partition
  if (timestamp < 0n && context.apiVersion < (FIRST_VERSIONS.get(timestamp) ?? Infinity)) {
    return failed(partitionIndex, ErrorCode.UNSUPPORTED_VERSION)
  }
  const found = context.replicas.partition(topic, partitionIndex)
  if (found.error) return failed(partitionIndex, found.error)
  if (context.apiVersion === 0) {
    const offsets = await lookUpOffsetsV0(found.value, { timestamp, maxNumOffsets })
    if (offsets.error) return failed(partitionIndex, offsets.error)
    return { partitionIndex, errorCode: ErrorCode.NONE, oldStyleOffsets: offsets.value }
  }
  const isolation = isolationOf(request)
  const offset = await lookUpOffset(found.value, { timestamp, isolation, currentLeaderEpoch })
  if (offset.error === ErrorCode.OFFSET_NOT_AVAILABLE && context.apiVersion < 5) {
    // Clients before KIP-207 do not know that code.
    return failed(partitionIndex, ErrorCode.LEADER_NOT_AVAILABLE)
  }
  if (offset.error) return failed(partitionIndex, offset.error)
  return { partitionIndex, errorCode: ErrorCode.NONE, oldStyleOffsets: [], ...offset.value }
}

/** A partition that is named more than once is refused, and answered once, as in Kafka. */
class Mentions {
  private readonly byKey = new Map<string, RequestPartition[]>()

  constructor({ topics }: ListOffsetsRequest) {
    for (const { name, partitions } of topics) {
      for (const partition of partitions) {
        const key = `${name}:${partition.partitionIndex}`
        const mentions = this.byKey.get(key)
        if (mentions) mentions.push(partition)
        else this.byKey.set(key, [partition])
      }
    }
  }

  isFirst(topic: string, partition: RequestPartition): boolean {
    return this.of(topic, partition)[0] === partition
  }

  isRepeated(topic: string, partition: RequestPartition): boolean {
    return this.of(topic, partition).length > 1
  }

  private of(topic: string, { partitionIndex }: RequestPartition): readonly RequestPartition[] {
    return this.byKey.get(`${topic}:${partitionIndex}`) ?? []
  }
}

function isolationOf({ replicaId, isolationLevel }: ListOffsetsRequest): FetchIsolation {
  if (replicaId !== CONSUMER) return 'log-end'
  return isolationLevel === 1 ? 'committed' : 'high-watermark'
}

function failed(partitionIndex: number, errorCode: ErrorCode): ResponsePartition {
  return { partitionIndex, errorCode, oldStyleOffsets: [], timestamp: -1n, offset: -1n, leaderEpoch: -1 }
}
