import {
  array,
  at,
  defaulted,
  type InputOf,
  int8,
  int16,
  int32,
  message,
  string,
  type ValueOf,
} from '../schema.ts'

/** v0, then named ListClientMetricsResources, knows resources of client metrics only. */
export const ListConfigResourcesRequest = message('ListConfigResourcesRequest', 74, '0-1', '0+', {
  /** As in DescribeConfigs; empty: all that the broker supports. */
  resourceTypes: at('1+', array(int8)),
})
export type ListConfigResourcesRequest = ValueOf<typeof ListConfigResourcesRequest.fields>

export const ListConfigResourcesResponse = message('ListConfigResourcesResponse', 74, '0-1', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
  configResources: array({
    resourceName: string,
    resourceType: at('1+', int8, 16),
  }),
})
export type ListConfigResourcesResponse = InputOf<typeof ListConfigResourcesResponse.fields>
