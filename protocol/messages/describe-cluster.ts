import {
  array,
  at,
  bool,
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

export const DescribeClusterRequest = message('DescribeClusterRequest', 60, '0-2', '0+', {
  includeClusterAuthorizedOperations: bool,
  /** 1 brokers, 2 controllers. */
  endpointType: at('1+', int8, 1),
  /** From v2 on, also brokers that do not serve. */
  includeFencedBrokers: at('2+', bool),
})
export type DescribeClusterRequest = ValueOf<typeof DescribeClusterRequest.fields>

export const DescribeClusterResponse = message('DescribeClusterResponse', 60, '0-2', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  /** NONE, MISMATCHED_ENDPOINT_TYPE, UNSUPPORTED_ENDPOINT_TYPE, INVALID_REQUEST. */
  errorCode: int16,
  errorMessage: defaulted(nullable(string), null),
  endpointType: at('1+', int8, 1),
  clusterId: string,
  controllerId: defaulted(int32, -1),
  brokers: array({
    brokerId: int32,
    host: string,
    port: int32,
    rack: defaulted(nullable(string), null),
    isFenced: at('2+', bool),
  }),
  /** A bit for each operation; the least int32 when not asked for. */
  clusterAuthorizedOperations: defaulted(int32, -2147483648),
})
export type DescribeClusterResponse = InputOf<typeof DescribeClusterResponse.fields>
