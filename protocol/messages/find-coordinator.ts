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

export const FindCoordinatorRequest = message('FindCoordinatorRequest', 10, '0-6', '3+', {
  key: at('0-3', string),
  keyType: at('1+', int8, 0),
  coordinatorKeys: at('4+', array(string)),
})
export type FindCoordinatorRequest = ValueOf<typeof FindCoordinatorRequest.fields>

export const FindCoordinatorResponse = message('FindCoordinatorResponse', 10, '0-6', '3+', {
  throttleTimeMs: at('1+', int32, 0),
  errorCode: at('0-3', int16),
  errorMessage: at('1-3', nullable(string), null),
  nodeId: at('0-3', int32),
  host: at('0-3', string),
  port: at('0-3', int32),
  coordinators: at(
    '4+',
    array({
      key: string,
      nodeId: int32,
      host: string,
      port: int32,
      errorCode: int16,
      errorMessage: defaulted(nullable(string), null),
    }),
  ),
})
export type FindCoordinatorResponse = InputOf<typeof FindCoordinatorResponse.fields>
