/**
 * `klamm kafka-tool`: in the container image, what stands at the places of Kafka's own shell scripts, as far
 * as health checks and set-up steps of compose files use them. The rest says where it is to be had.
 */
import { apis } from '../../protocol/apis.ts'
import { errorName } from '../../protocol/errors.ts'
import { ApiVersionsRequest, ApiVersionsResponse } from '../../protocol/messages/api-versions.ts'
import { CreateTopicsRequest, CreateTopicsResponse } from '../../protocol/messages/create-topics.ts'
import { DeleteTopicsRequest, DeleteTopicsResponse } from '../../protocol/messages/delete-topics.ts'
import { DescribeClusterRequest, DescribeClusterResponse } from '../../protocol/messages/describe-cluster.ts'
import { MetadataRequest, MetadataResponse } from '../../protocol/messages/metadata.ts'
import type { ValueOf } from '../../protocol/schema.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import { WireClient } from '../conformance/wire-client.ts'
import { nodePlatform } from '../platform/node.ts'
import { print, UsageError } from './terminal.ts'

type Metadata = ValueOf<typeof MetadataResponse.fields>
type Options = ReadonlyMap<string, readonly string[]>
type Tool = (client: WireClient, options: Options, words: readonly string[]) => Promise<void>

const TIMEOUT_MS = 30_000
const TOOLS: Readonly<Record<string, Tool>> = {
  'kafka-topics': topics,
  'kafka-broker-api-versions': brokers,
  'kafka-cluster': cluster,
}

/** Ends the process: with code 0 where the broker has done it. */
export async function kafkaTool(script: string, args: readonly string[]): Promise<void> {
  const name = script.replace(/\.sh$/, '')
  const tool = TOOLS[name]
  if (!tool) {
    const have = Object.keys(TOOLS).join(', ')
    throw new UsageError(`${name} is not in this image, which has ${have}; run it from one of Apache Kafka's`)
  }
  const { options, words } = parsed(args)
  if (options.has('command-config')) {
    throw new UsageError(`${name}: --command-config is not served in this image; run it from Apache Kafka's`)
  }
  const [server = 'localhost:9092'] = (options.get('bootstrap-server')?.[0] ?? '').split(',').filter(Boolean)
  const match = /^(?:\[([^\]]+)\]|([^:]+)):([0-9]{1,5})$/.exec(server)
  if (!match) throw new UsageError(`--bootstrap-server: '${server}' is not of the form host:port`)
  const { clock, network } = nodePlatform()
  const outOfTime = new Promise<never>((_, reject) => {
    clock.after(TIMEOUT_MS, () => reject(new UsageError(`${server}: no answer within ${TIMEOUT_MS} ms`)))
  })
  const address = { host: match[1] ?? match[2]!, port: Number(match[3]), clientId: name }
  const connected = WireClient.connect(network, address).catch(error => {
    throw new UsageError(`${server}: ${(error as Error).message}`)
  })
  await Promise.race([connected.then(client => tool(client, options, words)), outOfTime])
  process.exit(0)
}

/** `--name value`, `--name=value`, `--flag`; a name may be there several times. */
function parsed(args: readonly string[]): { options: Options; words: string[] } {
  const options = new Map<string, string[]>()
  const words: string[] = []
  for (let at = 0; at < args.length; at++) {
    const match = /^--([^=]+)(?:=(.*))?$/.exec(args[at]!)
    if (!match) {
      words.push(args[at]!)
      continue
    }
    const next = args[at + 1]
    const hasValue = match[2] !== undefined || (next !== undefined && !next.startsWith('--'))
    const value = match[2] ?? (hasValue ? args[++at]! : '')
    options.set(match[1]!, [...(options.get(match[1]!) ?? []), value])
  }
  return { options, words }
}

async function topics(client: WireClient, options: Options): Promise<void> {
  const named = options.get('topic')
  const present = (await metadata(client)).topics
    .filter(({ name }) => !named || named.includes(name!))
    .sort((one, other) => (one.name! < other.name! ? -1 : 1))
  const count = present.length
  if (options.has('list')) {
    for (const { name } of present) print(name!)
  } else if (options.has('describe')) {
    if (named && count === 0) throw new UsageError(`Topic ${named[0]} does not exist`)
    for (const topic of present) print(described(topic))
  } else if (options.has('create')) {
    if (!named) throw new UsageError('--create: name a --topic')
    if (count > 0 && options.has('if-not-exists')) return
    await create(client, named[0]!, options)
  } else if (options.has('delete')) {
    if (!named) throw new UsageError('--delete: name a --topic')
    if (count === 0 && options.has('if-exists')) return
    await remove(client, named[0]!)
  } else {
    throw new UsageError('kafka-topics: one of --list, --describe, --create, --delete')
  }
}

function metadata(client: WireClient): Promise<Metadata> {
  return client.call({
    request: MetadataRequest,
    response: MetadataResponse,
    version: 8,
    body: {
      topics: null,
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    },
  })
}

function described({ name, partitions }: Metadata['topics'][number]): string {
  const lines = [...partitions]
    .sort((a, b) => a.partitionIndex - b.partitionIndex)
    .map(({ partitionIndex, leaderId, replicaNodes, isrNodes }) =>
      [
        `\tTopic: ${name}\tPartition: ${partitionIndex}\tLeader: ${leaderId}`,
        `\tReplicas: ${replicaNodes.join(',')}\tIsr: ${isrNodes.join(',')}`,
      ].join(''),
    )
  const replicas = partitions[0]?.replicaNodes.length ?? 0
  return [
    `Topic: ${name}\tPartitionCount: ${partitions.length}\tReplicationFactor: ${replicas}`,
    ...lines,
  ].join('\n')
}

async function create(client: WireClient, name: string, options: Options): Promise<void> {
  const configs = (options.get('config') ?? []).map(text => {
    const at = text.indexOf('=')
    if (at < 1) throw new UsageError(`--config ${text}: write it as name=value`)
    return { name: text.slice(0, at), value: text.slice(at + 1) }
  })
  const number = (option: string) => Number(options.get(option)?.[0] ?? -1)
  const { topics: made } = await client.call({
    request: CreateTopicsRequest,
    response: CreateTopicsResponse,
    version: 5,
    body: {
      topics: [
        {
          name,
          numPartitions: number('partitions'),
          replicationFactor: number('replication-factor'),
          assignments: [],
          configs,
        },
      ],
      timeoutMs: TIMEOUT_MS,
      validateOnly: false,
    },
  })
  const { errorCode, errorMessage } = made[0]!
  if (errorCode !== 0) throw new UsageError(`${errorName(errorCode)}: ${errorMessage ?? name}`)
  print(`Created topic ${name}.`)
}

async function remove(client: WireClient, name: string): Promise<void> {
  const { responses } = await client.call({
    request: DeleteTopicsRequest,
    response: DeleteTopicsResponse,
    version: 5,
    body: { topics: [{ name, topicId: ZERO_UUID }], topicNames: [name], timeoutMs: TIMEOUT_MS },
  })
  const { errorCode, errorMessage } = responses[0]!
  if (errorCode !== 0) throw new UsageError(`${errorName(errorCode)}: ${errorMessage ?? name}`)
}

async function brokers(client: WireClient): Promise<void> {
  const { apiKeys } = await client.call({
    request: ApiVersionsRequest,
    response: ApiVersionsResponse,
    version: 0,
    body: { clientSoftwareName: 'klamm', clientSoftwareVersion: '0' },
  })
  const served = apiKeys.map(
    ({ apiKey, minVersion, maxVersion }) =>
      `\t${apis.get(apiKey)?.name ?? 'UNKNOWN'}(${apiKey}): ${minVersion} to ${maxVersion}`,
  )
  for (const { nodeId, host, port, rack } of (await metadata(client)).brokers) {
    print(`${host}:${port} (id: ${nodeId} rack: ${rack}) -> (\n${served.join(',\n')}\n)`)
  }
}

async function cluster(client: WireClient, _: Options, words: readonly string[]): Promise<void> {
  if (words[0] !== 'cluster-id')
    throw new UsageError('kafka-cluster: cluster-id is what is served in this image')
  const { clusterId } = await client.call({
    request: DescribeClusterRequest,
    response: DescribeClusterResponse,
    version: 0,
    body: { includeClusterAuthorizedOperations: false, includeFencedBrokers: false },
  })
  print(`Cluster ID: ${clusterId}`)
}
