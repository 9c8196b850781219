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

/** Filters as in DescribeAcls. */
export const DeleteAclsRequest = message('DeleteAclsRequest', 31, '0-3', '2+', {
  filters: array({
    resourceTypeFilter: int8,
    resourceNameFilter: nullable(string),
    patternTypeFilter: at('1+', int8, 3),
    principalFilter: nullable(string),
    hostFilter: nullable(string),
    operation: int8,
    permissionType: int8,
  }),
})
export type DeleteAclsRequest = ValueOf<typeof DeleteAclsRequest.fields>

export const DeleteAclsResponse = message('DeleteAclsResponse', 31, '0-3', '2+', {
  throttleTimeMs: defaulted(int32, 0),
  filterResults: array({
    /** NONE, SECURITY_DISABLED, INVALID_REQUEST, CLUSTER_AUTHORIZATION_FAILED. */
    errorCode: int16,
    errorMessage: defaulted(nullable(string), null),
    matchingAcls: array({
      errorCode: int16,
      errorMessage: defaulted(nullable(string), null),
      resourceType: int8,
      resourceName: string,
      patternType: at('1+', int8, 3),
      principal: string,
      host: string,
      operation: int8,
      permissionType: int8,
    }),
  }),
})
export type DeleteAclsResponse = InputOf<typeof DeleteAclsResponse.fields>
