import { ErrorCode, ok, type Result } from '../../protocol/errors.ts'
import { DescribeConfigsRequest, DescribeConfigsResponse } from '../../protocol/messages/describe-configs.ts'
import {
  ConfigSource,
  type DescribedConfig,
  type DescribeSources,
  describeConfigs as describe,
  likenessOf,
  resourceProblem,
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
    const catalogue = new Catalogue({ image, config }, detail)
    const asked = new Map(resources.map(each => [`${each.resourceType} ${each.resourceName}`, each]))
    return {
      results: [...asked.values()].map(({ resourceType, resourceName, configurationKeys }) => {
        const described = catalogue.of(resourceType, resourceName)
        if (described.error) {
          const { error, message = null } = described
          return { errorCode: error, errorMessage: message, resourceType, resourceName, configs: [] }
        }
        // An empty list asks for everything, as null does.
        const wanted = configurationKeys?.length ? new Set(configurationKeys) : undefined
        const configs = wanted ? described.value.filter(({ name }) => wanted.has(name)) : described.value
        return { errorCode: ErrorCode.NONE, errorMessage: '', resourceType, resourceName, configs }
      }),
    }
  },
})

/** Alike resources are described once for all: a request may name tens of thousands. */
class Catalogue {
  private readonly sources: DescribeSources
  private readonly detail: Detail
  private readonly pages = new Map<string, Result<readonly ResponseConfig[]>>()

  constructor(sources: DescribeSources, detail: Detail) {
    this.sources = sources
    this.detail = detail
  }

  of(resourceType: number, resourceName: string): Result<readonly ResponseConfig[]> {
    const problem = resourceProblem(resourceType, resourceName, this.sources)
    if (problem) return problem
    const likeness = likenessOf(resourceType, resourceName, this.sources)
    const known = this.pages.get(likeness) ?? this.describe(resourceType, resourceName)
    this.pages.set(likeness, known)
    return known
  }

  private describe(resourceType: number, resourceName: string): Result<readonly ResponseConfig[]> {
    const described = describe({ resourceType, resourceName, configurationKeys: null }, this.sources)
    return described.error ? described : ok(described.value.map(it => responseConfig(it, this.detail)))
  }
}

function responseConfig(described: DescribedConfig, detail: Detail): ResponseConfig {
  return {
    ...described,
    isDefault: described.configSource === ConfigSource.DEFAULT_CONFIG,
    synonyms: detail.includeSynonyms ? described.synonyms : [],
    documentation: detail.includeDocumentation ? described.documentation : null,
  }
}
