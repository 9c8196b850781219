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
  /** A group id or transactional id. */
  key: at('0-3', string),
  /** 0 group, 1 transaction, 2 share (group:topicId:partition, v6). */
  keyType: at('1+', int8, 0),
  /** Several keys of the one type (KIP-699). */
  coordinatorKeys: at('4+', array(string)),
})
export type FindCoordinatorRequest = ValueOf<typeof FindCoordinatorRequest.fields>

export const FindCoordinatorResponse = message('FindCoordinatorResponse', 10, '0-6', '3+', {
  throttleTimeMs: at('1+', int32, 0),
  /**
   * NONE, COORDINATOR_NOT_AVAILABLE, INVALID_REQUEST, GROUP_AUTHORIZATION_FAILED,
   * TRANSACTIONAL_ID_AUTHORIZATION_FAILED.
   */
  errorCode: at('0-3', int16),
  errorMessage: at('1-3', nullable(string), null),
  nodeId: at('0-3', int32),
  host: at('0-3', string),
  port: at('0-3', int32),
  coordinators: at(
    '4+',
    array({
      key: string,
      /** -1 with an error. */
      nodeId: int32,
      host: string,
      port: int32,
      /** As in the older versions, for each key. */
      errorCode: int16,
      errorMessage: defaulted(nullable(string), null),
    }),
  ),
})
export type FindCoordinatorResponse = InputOf<typeof FindCoordinatorResponse.fields>
