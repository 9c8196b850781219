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

export const DescribeAclsRequest = message('DescribeAclsRequest', 29, '0-3', '2+', {
  resourceTypeFilter: int8,
  resourceNameFilter: nullable(string),
  patternTypeFilter: at('1+', int8, 3),
  principalFilter: nullable(string),
  hostFilter: nullable(string),
  operation: int8,
  permissionType: int8,
})
export type DescribeAclsRequest = ValueOf<typeof DescribeAclsRequest.fields>

export const DescribeAclsResponse = message('DescribeAclsResponse', 29, '0-3', '2+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
  errorMessage: defaulted(nullable(string), null),
  resources: array({
    resourceType: int8,
    resourceName: string,
    patternType: at('1+', int8, 3),
    acls: array({
      principal: string,
      host: string,
      operation: int8,
      permissionType: int8,
    }),
  }),
})
export type DescribeAclsResponse = InputOf<typeof DescribeAclsResponse.fields>
