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
  /** 1 any, 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user. */
  resourceTypeFilter: int8,
  /** Null matches any name. */
  resourceNameFilter: nullable(string),
  /** 1 any, 2 match, 3 literal, 4 prefixed. */
  patternTypeFilter: at('1+', int8, 3),
  /** Null matches any. */
  principalFilter: nullable(string),
  /** Null matches any. */
  hostFilter: nullable(string),
  /**
   * 1 any, 2 all, 3 read, 4 write, 5 create, 6 delete, 7 alter, 8 describe, 9 cluster action, 10 describe
   * configs, 11 alter configs, 12 idempotent write, 13 create tokens, 14 describe tokens, 15 two-phase
   * commit.
   */
  operation: int8,
  /** 1 any, 2 deny, 3 allow. */
  permissionType: int8,
})
export type DescribeAclsRequest = ValueOf<typeof DescribeAclsRequest.fields>

export const DescribeAclsResponse = message('DescribeAclsResponse', 29, '0-3', '2+', {
  throttleTimeMs: defaulted(int32, 0),
  /** NONE, SECURITY_DISABLED, CLUSTER_AUTHORIZATION_FAILED, INVALID_REQUEST. */
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
