import { ErrorCode } from '../../protocol/errors.ts'
import {
  AddPartitionsToTxnRequest,
  AddPartitionsToTxnResponse,
} from '../../protocol/messages/add-partitions-to-txn.ts'
import type { TopicPartition } from '../transactions/markers.ts'
import type { Context } from './context.ts'
import { fencedError } from './fenced-error.ts'
import { handler } from './handler.ts'
import { missingFirst } from './missing-first.ts'

/** KIP-588: since then clients know PRODUCER_FENCED. */
const FIRST_WITH_FENCED = 2
/** KIP-890: since then brokers ask, for several producers at once. */
const FIRST_OF_BROKERS = 4
/** Since then what brokers add is a transaction of version 2. */
const FIRST_WITH_EPOCH_BUMP = 5

type Transaction = AddPartitionsToTxnRequest['transactions'][number]

export const addPartitionsToTxn = handler({
  request: AddPartitionsToTxnRequest,
  response: AddPartitionsToTxnResponse,
  refuse: (errorCode, request) => ({
    errorCode,
    resultsByTransaction: [],
    resultsByTopicV3AndBelow: request.v3AndBelowTopics.map(({ name, partitions }) => ({
      name,
      resultsByPartition: partitions.map(partitionIndex => ({
        partitionIndex,
        partitionErrorCode: errorCode,
      })),
    })),
  }),

  async handle(request, context) {
    if (context.apiVersion < FIRST_OF_BROKERS) {
      const results = await resultsOf(ofClient(request), context)
      return { errorCode: ErrorCode.NONE, resultsByTransaction: [], resultsByTopicV3AndBelow: results }
    }
    const resultsByTransaction = await Promise.all(
      request.transactions.map(async transaction => ({
        transactionalId: transaction.transactionalId,
        topicResults: await resultsOf(transaction, context),
      })),
    )
    return { errorCode: ErrorCode.NONE, resultsByTransaction, resultsByTopicV3AndBelow: [] }
  },
})

function ofClient(request: AddPartitionsToTxnRequest): Transaction {
  return {
    transactionalId: request.v3AndBelowTransactionalId,
    producerId: request.v3AndBelowProducerId,
    producerEpoch: request.v3AndBelowProducerEpoch,
    verifyOnly: false,
    topics: request.v3AndBelowTopics,
  }
}

async function resultsOf(transaction: Transaction, context: Context) {
  const partitions = transaction.topics.flatMap(({ name, partitions }) =>
    partitions.map(index => ({ topic: name, index })),
  )
  const codes = await codesOf(transaction, partitions, context)
  const answers = partitions.map(({ topic, index }, at) => {
    const errorCode = codes[at] ?? ErrorCode.UNKNOWN_SERVER_ERROR
    const isMissing = errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return { name: topic, topicId: '', partitionIndex: index, errorCode, isMissing }
  })
  return missingFirst(answers).map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map(({ partitionIndex, errorCode }) => ({
      partitionIndex,
      partitionErrorCode: fencedError(errorCode, context.apiVersion, FIRST_WITH_FENCED),
    })),
  }))
}

/** All or nothing: where a partition does not exist, none is added. */
async function codesOf(
  { verifyOnly, ...producer }: Transaction,
  partitions: readonly TopicPartition[],
  { apiVersion, controller, transactions }: Context,
): Promise<readonly ErrorCode[]> {
  const image = controller.image()
  const missing = partitions.map(({ topic, index }) => !image.topicByName(topic)?.partitions[index])
  if (missing.includes(true)) {
    return missing.map(isMissing =>
      isMissing ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.OPERATION_NOT_ATTEMPTED,
    )
  }
  if (verifyOnly) {
    return transactions.verifyOrAddPartitions({ ...producer, partitions, isVerifyOnly: true })
  }
  const clientTransactionVersion = apiVersion >= FIRST_WITH_EPOCH_BUMP ? 2 : 0
  const code = await transactions.addPartitions({ ...producer, partitions, clientTransactionVersion })
  return partitions.map(() => code)
}
