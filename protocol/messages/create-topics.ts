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
  tagged,
  uuid,
  type ValueOf,
} from '../schema.ts'

export const CreateTopicsRequest = message('CreateTopicsRequest', 19, '0-7', '5+', {
  topics: array({
    name: string,
    numPartitions: int32,
    replicationFactor: int16,
    assignments: array({
      partitionIndex: int32,
      brokerIds: array(int32),
    }),
    configs: array({
      name: string,
      value: nullable(string),
    }),
  }),
  timeoutMs: defaulted(int32, 60000),
  validateOnly: at('1+', bool, false),
})
export type CreateTopicsRequest = ValueOf<typeof CreateTopicsRequest.fields>

export const CreateTopicsResponse = message('CreateTopicsResponse', 19, '0-7', '5+', {
  throttleTimeMs: at('2+', int32, 0),
  topics: array({
    name: string,
    topicId: at('7+', uuid),
    errorCode: int16,
    errorMessage: at('1+', nullable(string), null),
    topicConfigErrorCode: tagged(0, '5+', int16),
    numPartitions: at('5+', int32, -1),
    replicationFactor: at('5+', int16, -1),
    configs: at(
      '5+',
      nullable(
        array({
          name: string,
          value: nullable(string),
          readOnly: bool,
          configSource: defaulted(int8, -1),
          isSensitive: bool,
        }),
      ),
    ),
  }),
})
export type CreateTopicsResponse = InputOf<typeof CreateTopicsResponse.fields>
