import {
  array,
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

export const DescribeUserScramCredentialsRequest = message(
  'DescribeUserScramCredentialsRequest',
  50,
  '0',
  '0+',
  {
    /** Null or empty: all. */
    users: nullable(
      array({
        name: string,
      }),
    ),
  },
)
export type DescribeUserScramCredentialsRequest = ValueOf<typeof DescribeUserScramCredentialsRequest.fields>

export const DescribeUserScramCredentialsResponse = message(
  'DescribeUserScramCredentialsResponse',
  50,
  '0',
  '0+',
  {
    throttleTimeMs: defaulted(int32, 0),
    errorCode: int16,
    errorMessage: defaulted(nullable(string), null),
    results: array({
      user: string,
      /** NONE, RESOURCE_NOT_FOUND, DUPLICATE_RESOURCE. */
      errorCode: int16,
      errorMessage: defaulted(nullable(string), null),
      credentialInfos: array({
        /** 1 SCRAM-SHA-256, 2 SCRAM-SHA-512. */
        mechanism: int8,
        iterations: int32,
      }),
    }),
  },
)
export type DescribeUserScramCredentialsResponse = InputOf<typeof DescribeUserScramCredentialsResponse.fields>
