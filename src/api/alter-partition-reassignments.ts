import { ErrorCode } from '../../protocol/errors.ts'
import {
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponse,
} from '../../protocol/messages/alter-partition-reassignments.ts'
import { refusalToReassign } from '../controller/reassignment.ts'
import { handler } from './handler.ts'

export const alterPartitionReassignments = handler({
  request: AlterPartitionReassignmentsRequest,
  response: AlterPartitionReassignmentsResponse,
  refuse: errorCode => ({ errorCode, responses: [] }),

  handle({ topics, allowReplicationFactorChange }, { controller }) {
    const image = controller.image()
    return {
      allowReplicationFactorChange,
      errorCode: ErrorCode.NONE,
      responses: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, replicas }) => {
          const refusal = refusalToReassign(image, { topic: name, index: partitionIndex, replicas })
          const errorCode = refusal?.error ?? ErrorCode.NONE
          return { partitionIndex, errorCode, errorMessage: refusal?.message ?? null }
        }),
      })),
    }
  },
})
