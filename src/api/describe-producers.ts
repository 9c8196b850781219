import { ErrorCode } from '../../protocol/errors.ts'
import {
  DescribeProducersRequest,
  DescribeProducersResponse,
} from '../../protocol/messages/describe-producers.ts'
import type { Context } from './context.ts'
import { handler } from './handler.ts'

/** Tools show it as it is. */
const UNKNOWN_MESSAGE = 'This server does not host this topic-partition.'

type ResponsePartition = DescribeProducersResponse['topics'][number]['partitions'][number]

/** The producers that the leader of a partition knows, and which of them have a transaction open there. */
export const describeProducers = handler({
  request: DescribeProducersRequest,
  response: DescribeProducersResponse,
  refuse: (errorCode, { topics }) => answer(topics, (_, partition) => failed(partition, errorCode)),

  handle({ topics }, context) {
    return answer(topics, (topic, partition) => describe(topic, partition, context))
  },
})

function answer(
  topics: DescribeProducersRequest['topics'],
  describePartition: (topic: string, partition: number) => ResponsePartition,
): DescribeProducersResponse {
  return {
    topics: topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map(index => describePartition(name, index)),
    })),
  }
}

function describe(topic: string, partitionIndex: number, context: Context): ResponsePartition {
  const { controller, replicas } = context
  if (!controller.image().topicByName(topic)) {
    const unknown = failed(partitionIndex, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    return { ...unknown, errorMessage: UNKNOWN_MESSAGE }
  }
  const found = replicas.partition(topic, partitionIndex)
  const error = found.error || found.value.refusal(-1)?.error
  if (found.error || error) return failed(partitionIndex, error || ErrorCode.UNKNOWN_SERVER_ERROR)
  const activeProducers = found.value.log.activeProducers().map(producer => ({
    producerId: producer.producerId,
    producerEpoch: producer.producerEpoch,
    lastSequence: producer.lastSequence,
    lastTimestamp: producer.lastTimestamp,
    coordinatorEpoch: producer.coordinatorEpoch,
    currentTxnStartOffset: producer.currentTransactionStartOffset,
  }))
  return { partitionIndex, errorCode: ErrorCode.NONE, activeProducers }
}

function failed(partitionIndex: number, errorCode: ErrorCode): ResponsePartition {
  return { partitionIndex, errorCode, activeProducers: [] }
}
