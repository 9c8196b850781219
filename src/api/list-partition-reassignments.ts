import { ErrorCode } from '../../protocol/errors.ts'
import {
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponse,
} from '../../protocol/messages/list-partition-reassignments.ts'
import { handler } from './handler.ts'

/** Lists what is in progress, which in a cluster of one is nothing, whatever is asked for. */
export const listPartitionReassignments = handler({
  request: ListPartitionReassignmentsRequest,
  response: ListPartitionReassignmentsResponse,
  refuse: errorCode => ({ errorCode, topics: [] }),

  handle: () => ({ errorCode: ErrorCode.NONE, topics: [] }),
})
