import { array, at, bytes, defaulted, int32, message, nullable, string, type ValueOf } from '../schema.ts'

export const ConsumerProtocolSubscription = message('ConsumerProtocolSubscription', -1, '0-3', 'none', {
  topics: array(string),
  userData: defaulted(nullable(bytes), null),
  ownedPartitions: at(
    '1+',
    array({
      topic: string,
      partitions: array(int32),
    }),
  ),
  generationId: at('2+', int32, -1),
  rackId: at('3+', nullable(string), null),
})
export type ConsumerProtocolSubscription = ValueOf<typeof ConsumerProtocolSubscription.fields>

export const ConsumerProtocolAssignment = message('ConsumerProtocolAssignment', -1, '0-3', 'none', {
  assignedPartitions: array({
    topic: string,
    partitions: array(int32),
  }),
  userData: defaulted(nullable(bytes), null),
})
export type ConsumerProtocolAssignment = ValueOf<typeof ConsumerProtocolAssignment.fields>
