import { ErrorCode } from '../../protocol/errors.ts'
import { DescribeConfigsRequest, DescribeConfigsResponse } from '../../protocol/messages/describe-configs.ts'
import {
  ConfigSource,
  type DescribedConfig,
  describeConfigs as describe,
} from '../metadata/describe-configs.ts'
import { handler } from './handler.ts'

type ResponseConfig = DescribeConfigsResponse['results'][number]['configs'][number]
type Detail = Pick<DescribeConfigsRequest, 'includeSynonyms' | 'includeDocumentation'>

export const describeConfigs = handler({
  request: DescribeConfigsRequest,
  response: DescribeConfigsResponse,
  refuse: (errorCode, { resources }) => ({
    results: resources.map(({ resourceType, resourceName }) => ({
      errorCode,
      resourceType,
      resourceName,
      configs: [],
    })),
  }),

  handle({ resources, ...detail }, { config, controller }) {
    const image = controller.image()
    return {
      results: resources.map(({ resourceType, resourceName, configurationKeys }) => {
        // An empty list asks for everything, as null does.
        const keys = configurationKeys?.length === 0 ? null : configurationKeys
        const described = describe({ resourceType, resourceName, configurationKeys: keys }, { image, config })
        return {
          errorCode: described.error,
          errorMessage: described.error === ErrorCode.NONE ? '' : (described.message ?? null),
          resourceType,
          resourceName,
          configs:
            described.error === ErrorCode.NONE ? described.value.map(it => responseConfig(it, detail)) : [],
        }
      }),
    }
  },
})

function responseConfig(described: DescribedConfig, detail: Detail): ResponseConfig {
  return {
    ...described,
    isDefault: described.configSource === ConfigSource.DEFAULT_CONFIG,
    synonyms: detail.includeSynonyms ? described.synonyms : [],
    documentation: detail.includeDocumentation ? described.documentation : null,
  }
}
