import { ErrorCode } from '../../protocol/errors.ts'
import { WriteTxnMarkersRequest, WriteTxnMarkersResponse } from '../../protocol/messages/write-txn-markers.ts'
import { partitionName } from '../transactions/markers.ts'
import type { Context } from './context.ts'
import { handler } from './handler.ts'

type RequestMarker = WriteTxnMarkersRequest['markers'][number]

/** As a transaction coordinator on another broker would ask for; tools end hanging transactions with it. */
export const writeTxnMarkers = handler({
  request: WriteTxnMarkersRequest,
  response: WriteTxnMarkersResponse,
  refuse: (errorCode, { markers }) => ({ markers: markers.map(marker => answer(marker, () => errorCode)) }),

  async handle({ markers }, context) {
    // Kafka does not mention markers for no partition.
    const meant = markers.filter(({ topics }) => topics.some(topic => topic.partitionIndexes.length > 0))
    const written = await Promise.all(meant.map(marker => write(marker, context)))
    return { markers: written }
  },
})

async function write(marker: RequestMarker, { markers }: Context) {
  const { producerId, producerEpoch, coordinatorEpoch, transactionResult, transactionVersion } = marker
  const errors = await markers.write(
    { producerId, producerEpoch, coordinatorEpoch, transactionVersion, isCommit: transactionResult },
    marker.topics.flatMap(({ name, partitionIndexes }) =>
      partitionIndexes.map(index => ({ topic: name, index })),
    ),
  )
  return answer(marker, (topic, index) => errors.get(partitionName({ topic, index })) ?? ErrorCode.NONE)
}

function answer({ producerId, topics }: RequestMarker, errorOf: (topic: string, index: number) => ErrorCode) {
  return {
    producerId,
    topics: topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map(partitionIndex => ({
        partitionIndex,
        errorCode: errorOf(name, partitionIndex),
      })),
    })),
  }
}
