import {
  array,
  at,
  defaulted,
  type InputOf,
  int8,
  int16,
  int32,
  int64,
  message,
  string,
  uuid,
  type ValueOf,
} from '../schema.ts'

/** A leader tells the controller the new ISR of its partitions. */
export const AlterPartitionRequest = message('AlterPartitionRequest', 56, '0-3', '0+', {
  brokerId: int32,
  brokerEpoch: defaulted(int64, -1n),
  topics: array({
    topicName: at('0-1', string),
    topicId: at('2+', uuid),
    partitions: array({
      partitionIndex: int32,
      leaderEpoch: int32,
      newIsr: at('0-2', array(int32)),
      newIsrWithEpochs: at(
        '3+',
        array({
          brokerId: int32,
          brokerEpoch: defaulted(int64, -1n),
        }),
      ),
      leaderRecoveryState: at('1+', int8, 0),
      partitionEpoch: int32,
    }),
  }),
})
export type AlterPartitionRequest = ValueOf<typeof AlterPartitionRequest.fields>

export const AlterPartitionResponse = message('AlterPartitionResponse', 56, '0-3', '0+', {
  throttleTimeMs: defaulted(int32, 0),
  errorCode: int16,
  topics: array({
    topicName: at('0-1', string),
    topicId: at('2+', uuid),
    partitions: array({
      partitionIndex: int32,
      errorCode: int16,
      leaderId: int32,
      leaderEpoch: int32,
      isr: array(int32),
      leaderRecoveryState: at('1+', int8, 0),
      partitionEpoch: int32,
    }),
  }),
})
export type AlterPartitionResponse = InputOf<typeof AlterPartitionResponse.fields>
