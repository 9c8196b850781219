import {
  array,
  at,
  defaulted,
  type InputOf,
  int16,
  int32,
  message,
  nullable,
  string,
  uuid,
  type ValueOf,
} from '../schema.ts'

export const DeleteTopicsRequest = message('DeleteTopicsRequest', 20, '0-6', '4+', {
  /** By name, or with a null name by id. */
  topics: at(
    '6+',
    array({
      name: defaulted(nullable(string), null),
      topicId: uuid,
    }),
  ),
  topicNames: at('0-5', array(string)),
  timeoutMs: int32,
})
export type DeleteTopicsRequest = ValueOf<typeof DeleteTopicsRequest.fields>

export const DeleteTopicsResponse = message('DeleteTopicsResponse', 20, '0-6', '4+', {
  throttleTimeMs: at('1+', int32, 0),
  responses: array({
    name: nullable('6+', string),
    topicId: at('6+', uuid),
    /**
     * NONE, UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, INVALID_REQUEST, TOPIC_DELETION_DISABLED,
     * NOT_CONTROLLER, REQUEST_TIMED_OUT, THROTTLING_QUOTA_EXCEEDED (v5), TOPIC_AUTHORIZATION_FAILED.
     */
    errorCode: int16,
    errorMessage: at('5+', nullable(string), null),
  }),
})
export type DeleteTopicsResponse = InputOf<typeof DeleteTopicsResponse.fields>
