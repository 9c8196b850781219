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
  type ValueOf,
} from '../schema.ts'

export const DescribeConfigsRequest = message('DescribeConfigsRequest', 32, '0-4', '4+', {
  resources: array({
    /** 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group. */
    resourceType: int8,
    /** Of a broker its id; empty for the defaults of all brokers. */
    resourceName: string,
    /** Null: all. */
    configurationKeys: nullable(array(string)),
  }),
  includeSynonyms: at('1+', bool, false),
  includeDocumentation: at('3+', bool, false),
})
export type DescribeConfigsRequest = ValueOf<typeof DescribeConfigsRequest.fields>

export const DescribeConfigsResponse = message('DescribeConfigsResponse', 32, '0-4', '4+', {
  throttleTimeMs: defaulted(int32, 0),
  results: array({
    /**
     * NONE, UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION, INVALID_REQUEST, TOPIC_AUTHORIZATION_FAILED,
     * CLUSTER_AUTHORIZATION_FAILED, GROUP_AUTHORIZATION_FAILED.
     */
    errorCode: int16,
    errorMessage: defaulted(nullable(string), null),
    resourceType: int8,
    resourceName: string,
    configs: array({
      name: string,
      /** Null if sensitive. */
      value: nullable(string),
      readOnly: bool,
      isDefault: at('0', bool),
      /**
       * 1 topic, 2 this broker, 3 all brokers, 4 properties file, 5 default, 6 broker logger, 7 client
       * metrics, 8 group.
       */
      configSource: at('1+', int8, -1),
      isSensitive: bool,
      /** Where the value comes from, in the order in which they apply. */
      synonyms: at(
        '1+',
        array({
          name: string,
          value: nullable(string),
          source: int8,
        }),
      ),
      /** 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password. */
      configType: at('3+', int8, 0),
      documentation: at('3+', nullable(string)),
    }),
  }),
})
export type DescribeConfigsResponse = InputOf<typeof DescribeConfigsResponse.fields>
