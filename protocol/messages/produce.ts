import {
  array,
  at,
  defaulted,
  type InputOf,
  int16,
  int32,
  int64,
  message,
  nullable,
  records,
  string,
  struct,
  tagged,
  uuid,
  type ValueOf,
} from '../schema.ts'

export const ProduceRequest = message('ProduceRequest', 0, '0-13', '9+', {
  transactionalId: at('3+', nullable(string), null),
  acks: int16,
  timeoutMs: int32,
  topicData: array({
    name: at('0-12', string),
    topicId: at('13+', uuid),
    partitionData: array({
      index: int32,
      records: nullable(records),
    }),
  }),
})
export type ProduceRequest = ValueOf<typeof ProduceRequest.fields>

export const ProduceResponse = message('ProduceResponse', 0, '0-13', '9+', {
  responses: array({
    name: at('0-12', string),
    topicId: at('13+', uuid),
    partitionResponses: array({
      index: int32,
      errorCode: int16,
      baseOffset: int64,
      logAppendTimeMs: at('2+', int64, -1n),
      logStartOffset: at('5+', int64, -1n),
      recordErrors: at(
        '8+',
        array({
          batchIndex: int32,
          batchIndexErrorMessage: defaulted(nullable(string), null),
        }),
      ),
      errorMessage: at('8+', nullable(string), null),
      currentLeader: tagged(
        0,
        '10+',
        struct({
          leaderId: defaulted(int32, -1),
          leaderEpoch: defaulted(int32, -1),
        }),
      ),
    }),
  }),
  throttleTimeMs: at('1+', int32, 0),
  nodeEndpoints: tagged(
    0,
    '10+',
    array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: defaulted(nullable(string), null),
    }),
  ),
})
export type ProduceResponse = InputOf<typeof ProduceResponse.fields>
