import { array, defaulted, type InputOf, int16, int32, message, string, type ValueOf } from '../schema.ts'

export const OffsetDeleteRequest = message('OffsetDeleteRequest', 47, '0', 'none', {
  groupId: string,
  topics: array({
    name: string,
    partitions: array({
      partitionIndex: int32,
    }),
  }),
})
export type OffsetDeleteRequest = ValueOf<typeof OffsetDeleteRequest.fields>

export const OffsetDeleteResponse = message('OffsetDeleteResponse', 47, '0', 'none', {
  errorCode: int16,
  throttleTimeMs: defaulted(int32, 0),
  topics: array({
    name: string,
    partitions: array({
      partitionIndex: int32,
      errorCode: int16,
    }),
  }),
})
export type OffsetDeleteResponse = InputOf<typeof OffsetDeleteResponse.fields>
