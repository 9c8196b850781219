/**
 * AlterConfigs (which replaces all) and IncrementalAlterConfigs (which edits) as pure commands. Checks, their
 * order, codes and sentences are Apache Kafka 4.3's, save that unknown broker options are refused by name.
 */
import { ErrorCode, ok, type Refusal, type Result, refuse } from '../../protocol/errors.ts'
import type { BrokerConfig } from '../metadata/broker-config.ts'
import {
  brokerConfigsProblem,
  clientMetricsProblem,
  groupConfigsProblem,
  type NamedValue,
  splitList,
  topicConfigsProblem,
} from '../metadata/config-rules.ts'
import { brokerOption, optionsOf } from '../metadata/configs.ts'
import { ResourceType } from '../metadata/describe-configs.ts'
import { type ClusterImage, type ConfigResourceType, type Configs, configKey } from '../metadata/image.ts'
import { effectiveTopicText } from '../metadata/topic-config.ts'
import { topicNameProblem } from '../metadata/topic-names.ts'
import { duplicatesOf, type Outcome } from './outcome.ts'

/** The protocol's numbers of operations. */
export const AlterOperation = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const

/** One resource of AlterConfigs, with the wire's field names. */
export interface AlterResource {
  readonly resourceType: number
  readonly resourceName: string
  readonly configs: readonly NamedValue[]
}

/** One resource of IncrementalAlterConfigs, with the wire's field names. */
export interface IncrementalAlterResource {
  readonly resourceType: number
  readonly resourceName: string
  readonly configs: readonly (NamedValue & { readonly configOperation: number })[]
}

export interface AlteredResource {
  readonly resourceType: number
  readonly resourceName: string
  readonly result: Result<void>
}

export interface AlterSurroundings {
  readonly image: ClusterImage
  readonly config: BrokerConfig
  readonly validateOnly: boolean
}

interface Target {
  readonly type: ConfigResourceType
  readonly name: string
  readonly before: Configs
}

/** Replaces each resource's configs: what is not mentioned goes back to its default. */
export function alterConfigs(
  resources: readonly AlterResource[],
  around: AlterSurroundings,
): Outcome<readonly AlteredResource[]> {
  return alterEach(resources, around, (resource, target) => {
    const nulls = resource.configs.filter(({ value }) => value === null)
    if (nulls.length > 0) return nullsRefused(nulls)
    return judged(target, new Map(resource.configs.map(({ name, value }) => [name, value!])), around)
  })
}

/** Edits each resource's configs, key by key. */
export function incrementalAlterConfigs(
  resources: readonly IncrementalAlterResource[],
  around: AlterSurroundings,
): Outcome<readonly AlteredResource[]> {
  return alterEach(resources, around, (resource, target) => {
    const { configs } = resource
    const nulls = configs.filter(
      ({ value, configOperation }) => value === null && configOperation !== AlterOperation.DELETE,
    )
    if (nulls.length > 0) return nullsRefused(nulls)
    const after = new Map(target.before)
    for (const { name, value, configOperation } of configs) {
      if (configOperation === AlterOperation.DELETE) after.delete(name)
      else if (configOperation === AlterOperation.SET) after.set(name, value!)
      else {
        const edited = editedList({
          target,
          name,
          value: value!,
          after,
          configOperation,
          config: around.config,
        })
        if (edited.error) return edited
        after.set(name, edited.value)
      }
    }
    return judged(target, after, around)
  })
}

function alterEach<Resource extends AlterResource>(
  resources: readonly Resource[],
  around: AlterSurroundings,
  alter: (resource: Resource, target: Target) => Result<Configs>,
): Outcome<readonly AlteredResource[]> {
  const nameOf = (resource: Resource) => `${resource.resourceType}/${resource.resourceName}`
  const twice = duplicatesOf(resources.map(nameOf))
  const changed: [string, Configs | undefined][] = []
  const answer = resources.map(resource => {
    const { resourceType, resourceName } = resource
    const done = (result: Result<void>) => ({ resourceType, resourceName, result })
    if (twice.has(nameOf(resource))) {
      return done(refuse(ErrorCode.INVALID_REQUEST, 'Each resource must appear at most once.'))
    }
    const target = targetOf(resource, around)
    if (target.error) return done(target)
    const after = alter(resource, target.value)
    if (after.error) return done(after)
    const { type, name, before } = target.value
    if (!isSame(before, after.value)) {
      changed.push([configKey(type, name), after.value.size > 0 ? after.value : undefined])
    }
    return done(ok())
  })
  return { changes: changed.length > 0 && !around.validateOnly ? { configs: changed } : null, answer }
}

function isSame(before: Configs, after: Configs): boolean {
  return before.size === after.size && [...after].every(([name, value]) => before.get(name) === value)
}

function nullsRefused(nulls: readonly NamedValue[]): Refusal {
  const names = nulls.map(({ name }) => name).join(',')
  return refuse(ErrorCode.INVALID_REQUEST, `Null value not supported for : ${names}`)
}

/** Which resource is meant, and whether it can be altered at all. */
function targetOf(resource: AlterResource, { image, config }: AlterSurroundings): Result<Target> {
  const { resourceType, resourceName: name } = resource
  if (duplicatesOf(resource.configs.map(config => config.name)).size > 0) {
    return refuse(ErrorCode.INVALID_REQUEST, 'Error due to duplicate config keys')
  }
  const type = kindOf(resourceType)
  if (type === undefined) {
    const message =
      resourceType === ResourceType.BROKER_LOGGER
        ? "The levels of the broker's loggers cannot be changed while it runs."
        : `Unknown resource type ${resourceType}`
    return refuse(ErrorCode.INVALID_REQUEST, message)
  }
  const refusal = nameProblem(type, name, image, config)
  return refusal ?? ok({ type, name, before: image.configs(type, name) })
}

function kindOf(resourceType: number): ConfigResourceType | undefined {
  switch (resourceType) {
    case ResourceType.TOPIC:
      return 'topic'
    case ResourceType.BROKER:
      return 'broker'
    case ResourceType.GROUP:
      return 'group'
    case ResourceType.CLIENT_METRICS:
      return 'client-metrics'
    default:
      return undefined
  }
}

function nameProblem(
  type: ConfigResourceType,
  name: string,
  image: ClusterImage,
  config: BrokerConfig,
): Refusal | undefined {
  switch (type) {
    case 'topic': {
      if (name === '') return refuse(ErrorCode.INVALID_REQUEST, 'Default topic resources are not allowed.')
      const problem = topicNameProblem(name)
      if (problem !== undefined) return refuse(ErrorCode.INVALID_TOPIC_EXCEPTION, problem)
      if (image.topicByName(name)) return undefined
      return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${name}' does not exist.`)
    }
    case 'broker':
      if (name === '' || name === String(config.nodeId)) return undefined
      if (!/^[+-]?[0-9]+$/.test(name)) {
        return refuse(ErrorCode.INVALID_REQUEST, `Node id must be an integer, but it is: ${name}`)
      }
      return refuse(
        ErrorCode.INVALID_REQUEST,
        `Unexpected broker id, expected ${config.nodeId}, but received ${name}`,
      )
    case 'group':
      if (name !== '') return undefined
      return refuse(ErrorCode.INVALID_REQUEST, 'Default group resources are not allowed.')
    case 'client-metrics':
      if (name !== '') return undefined
      return refuse(ErrorCode.INVALID_REQUEST, "Subscription name can't be empty")
  }
}

/** Whether a resource may have these configs; what was set before and stays was judged before. */
function judged(target: Target, after: Configs, { config }: AlterSurroundings): Result<Configs> {
  const { type, name, before } = target
  switch (type) {
    case 'topic': {
      const problem = topicConfigsProblem(namedValues(after), config)
      return problem === undefined ? ok(after) : refuse(ErrorCode.INVALID_CONFIG, problem)
    }
    case 'group': {
      const problem = groupConfigsProblem(after, config)
      return problem === undefined ? ok(after) : refuse(ErrorCode.INVALID_CONFIG, problem)
    }
    case 'client-metrics': {
      const problem = clientMetricsProblem(after)
      if (!problem) return ok(after)
      return refuse(problem.isRequest ? ErrorCode.INVALID_REQUEST : ErrorCode.INVALID_CONFIG, problem.message)
    }
    case 'broker': {
      const touched = new Map([...after].filter(([key, value]) => before.get(key) !== value))
      const problem = brokerConfigsProblem(touched, name === '' ? 'all' : 'one')
      if (problem !== undefined) return refuse(ErrorCode.INVALID_REQUEST, problem)
      return minInsyncReplicasProblem(target, after) ?? ok(after)
    }
  }
}

/** With eligible leader replicas, min.insync.replicas is the cluster's, and always set (KIP-966). */
function minInsyncReplicasProblem({ name, before }: Target, after: Configs): Refusal | undefined {
  const key = 'min.insync.replicas'
  if (name !== '' && after.get(key) !== before.get(key)) {
    const message = `Broker-level ${key} cannot be altered while ELR is enabled.`
    return refuse(ErrorCode.INVALID_CONFIG, message)
  }
  if (name === '' && before.has(key) && !after.has(key)) {
    const message = `Cluster-level ${key} cannot be removed while ELR is enabled.`
    return refuse(ErrorCode.INVALID_CONFIG, message)
  }
  return undefined
}

function namedValues(configs: Configs): NamedValue[] {
  return [...configs].map(([name, value]) => ({ name, value }))
}

interface ListEdit {
  readonly target: Target
  readonly name: string
  readonly value: string
  readonly after: Configs
  readonly configOperation: number
  readonly config: BrokerConfig
}

/**
 * APPEND and SUBTRACT work on what is effective, so that appending to a default keeps the default's entries.
 */
function editedList({ target, name, value, after, configOperation, config }: ListEdit): Result<string> {
  const { APPEND, SUBTRACT } = AlterOperation
  if (configOperation !== APPEND && configOperation !== SUBTRACT) {
    return refuse(ErrorCode.INVALID_REQUEST, `Unknown operations type ${configOperation}`)
  }
  const option = target.type === 'broker' ? brokerOption(name) : optionsOf(target.type).get(name)
  if (option?.type !== 'LIST') {
    const operation = configOperation === APPEND ? 'APPEND' : 'SUBTRACT'
    const message = `Can't ${operation} to key ${name} because its type is not LIST.`
    return refuse(ErrorCode.INVALID_CONFIG, message)
  }
  const current = splitList(after.get(name) ?? effectiveText(target, name, config))
  const entries = splitList(value)
  const edited =
    configOperation === APPEND
      ? [...new Set([...current, ...entries])]
      : current.filter(entry => !entries.includes(entry))
  return ok(edited.join(','))
}

function effectiveText({ type, before }: Target, name: string, config: BrokerConfig): string {
  if (type === 'topic') return effectiveTopicText(before, config, name) ?? ''
  if (type === 'broker') return config.text(name) ?? ''
  return optionsOf(type).get(name)?.defaultValue ?? ''
}
