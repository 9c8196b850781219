/**
 * Markers for partitions of this broker. Those of `__consumer_offsets` go through the coordinator of groups,
 * whose offsets they decide over.
 */
import { ErrorCode } from '../../protocol/errors.ts'
import type { ReplicaManager } from '../replication/replica-manager.ts'
import { type Marker, type MarkerWriter, partitionName, type TopicPartition } from './markers.ts'
import { TRANSACTION_TOPIC } from './transaction-coordinator.ts'

const OFFSETS_TOPIC = '__consumer_offsets'

/** What the coordinator of groups does about the end of a transaction. */
export interface GroupMarkers {
  endTransaction(partition: number, marker: Marker): Promise<ErrorCode>
}

export interface LocalMarkersOptions {
  readonly replicas: Pick<ReplicaManager, 'partition' | 'writeMarker'>
  readonly groups: GroupMarkers
  /** `request.timeout.ms`: how long the in-sync replicas may take. */
  readonly timeoutMs: number
}

export class LocalMarkers implements MarkerWriter {
  private readonly options: LocalMarkersOptions

  constructor(options: LocalMarkersOptions) {
    this.options = options
  }

  async write(
    marker: Marker,
    partitions: readonly TopicPartition[],
  ): Promise<ReadonlyMap<string, ErrorCode>> {
    const written = partitions.map(async partition => {
      return [partitionName(partition), await this.writeTo(partition, marker)] as const
    })
    return new Map(await Promise.all(written))
  }

  private async writeTo({ topic, index }: TopicPartition, marker: Marker): Promise<ErrorCode> {
    const { replicas, groups, timeoutMs } = this.options
    // Its coordinator alone writes there, and knows each offset before it is written.
    if (topic === TRANSACTION_TOPIC) return ErrorCode.INVALID_TOPIC_EXCEPTION
    if (topic !== OFFSETS_TOPIC)
      return replicas.writeMarker(marker, { topic, topicId: null, index }, timeoutMs)
    const found = replicas.partition(topic, index)
    if (found.error) return found.error
    return leaderError(await groups.endTransaction(index, marker))
  }
}

/** Whoever writes markers knows leaders, and no coordinators of groups. */
function leaderError(error: ErrorCode): ErrorCode {
  switch (error) {
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
    case ErrorCode.NOT_COORDINATOR:
      return ErrorCode.NOT_LEADER_OR_FOLLOWER
    default:
      return error
  }
}
