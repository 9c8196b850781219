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
    resourceType: int8,
    resourceName: string,
    configurationKeys: nullable(array(string)),
  }),
  includeSynonyms: at('1+', bool, false),
  includeDocumentation: at('3+', bool, false),
})
export type DescribeConfigsRequest = ValueOf<typeof DescribeConfigsRequest.fields>

export const DescribeConfigsResponse = message('DescribeConfigsResponse', 32, '0-4', '4+', {
  throttleTimeMs: defaulted(int32, 0),
  results: array({
    errorCode: int16,
    errorMessage: defaulted(nullable(string), null),
    resourceType: int8,
    resourceName: string,
    configs: array({
      name: string,
      value: nullable(string),
      readOnly: bool,
      isDefault: at('0', bool),
      configSource: at('1+', int8, -1),
      isSensitive: bool,
      synonyms: at(
        '1+',
        array({
          name: string,
          value: nullable(string),
          source: int8,
        }),
      ),
      configType: at('3+', int8, 0),
      documentation: at('3+', nullable(string)),
    }),
  }),
})
export type DescribeConfigsResponse = InputOf<typeof DescribeConfigsResponse.fields>
