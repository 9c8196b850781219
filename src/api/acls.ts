/**
 * DescribeAcls, CreateAcls and DeleteAcls of a broker that has no authorizer: what Kafka answers without one.
 * Everything is allowed, and no list is kept that could say otherwise.
 */
import { ErrorCode } from '../../protocol/errors.ts'
import { CreateAclsRequest, CreateAclsResponse } from '../../protocol/messages/create-acls.ts'
import { DeleteAclsRequest, DeleteAclsResponse } from '../../protocol/messages/delete-acls.ts'
import { DescribeAclsRequest, DescribeAclsResponse } from '../../protocol/messages/describe-acls.ts'
import { handler } from './handler.ts'

/** Kafka's brokers and its controller say it in different words, and each answers some of these requests. */
const FROM_BROKER = 'No Authorizer is configured on the broker'
const FROM_CONTROLLER = 'No Authorizer is configured.'

export const describeAcls = handler({
  request: DescribeAclsRequest,
  response: DescribeAclsResponse,
  refuse: errorCode => ({ errorCode, resources: [] }),

  handle: () => ({ errorCode: ErrorCode.SECURITY_DISABLED, errorMessage: FROM_BROKER, resources: [] }),
})

export const createAcls = handler({
  request: CreateAclsRequest,
  response: CreateAclsResponse,
  refuse: (errorCode, { creations }) => ({ results: creations.map(() => ({ errorCode })) }),

  handle: ({ creations }) => ({
    results: creations.map(() => ({ errorCode: ErrorCode.SECURITY_DISABLED, errorMessage: FROM_CONTROLLER })),
  }),
})

export const deleteAcls = handler({
  request: DeleteAclsRequest,
  response: DeleteAclsResponse,
  refuse: (errorCode, { filters }) => ({
    filterResults: filters.map(() => ({ errorCode, matchingAcls: [] })),
  }),

  handle: ({ filters }) => ({
    filterResults: filters.map(() => ({
      errorCode: ErrorCode.SECURITY_DISABLED,
      errorMessage: FROM_CONTROLLER,
      matchingAcls: [],
    })),
  }),
})
