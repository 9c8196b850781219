import {
  array,
  at,
  defaulted,
  type InputOf,
  int8,
  int16,
  int32,
  message,
  nullable,
  string,
  type ValueOf,
} from '../schema.ts'

export const CreateAclsRequest = message('CreateAclsRequest', 30, '0-3', '2+', {
  creations: array({
    /** As in DescribeAcls; 'any' is not allowed here. */
    resourceType: int8,
    resourceName: string,
    resourcePatternType: at('1+', int8, 3),
    /** As 'User:name'; 'User:*' is everybody. */
    principal: string,
    /** An address, or '*'. */
    host: string,
    operation: int8,
    permissionType: int8,
  }),
})
export type CreateAclsRequest = ValueOf<typeof CreateAclsRequest.fields>

export const CreateAclsResponse = message('CreateAclsResponse', 30, '0-3', '2+', {
  throttleTimeMs: defaulted(int32, 0),
  results: array({
    /** NONE, SECURITY_DISABLED, INVALID_REQUEST, CLUSTER_AUTHORIZATION_FAILED. */
    errorCode: int16,
    errorMessage: defaulted(nullable(string), null),
  }),
})
export type CreateAclsResponse = InputOf<typeof CreateAclsResponse.fields>
