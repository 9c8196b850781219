/**
 * What a proxy has to change in responses: the addresses of brokers, so that clients stay with the proxy,
 * and the versions of those very responses, so that it can read them.
 */
import { apis } from '../../protocol/apis.ts'
import type { ToldTopic } from '../faults/faulted-call.ts'
import type { BrokerAddress } from './broker-address.ts'

const PRODUCE = 0
const FETCH = 1
const METADATA = 3
const FIND_COORDINATOR = 10
const API_VERSIONS = 18
const DESCRIBE_CLUSTER = 60
const SHARE_FETCH = 78
const SHARE_ACKNOWLEDGE = 79

/** Responses that tell where brokers are, or what may be asked. */
export const REWRITTEN: ReadonlySet<number> = new Set([
  PRODUCE,
  FETCH,
  METADATA,
  FIND_COORDINATOR,
  API_VERSIONS,
  DESCRIBE_CLUSTER,
  SHARE_FETCH,
  SHARE_ACKNOWLEDGE,
])

export interface Rewriting {
  /** Where clients reach a broker through the proxy. */
  redirect(broker: BrokerAddress): Promise<BrokerAddress>
  /** Told of the topics in Metadata. */
  learn(name: string, topic: ToldTopic): void
}

type Fields = Readonly<Record<string, unknown>>
type Node = BrokerAddress & Fields

/** The same object where there is nothing to change. */
export async function rewritten(apiKey: number, response: object, rewriting: Rewriting): Promise<object> {
  const fields = response as Fields
  switch (apiKey) {
    case METADATA:
      learnTopics(fields, rewriting)
      return { ...fields, brokers: await redirected(fields.brokers, rewriting) }
    case DESCRIBE_CLUSTER:
      return { ...fields, brokers: await redirected(fields.brokers, rewriting) }
    case FIND_COORDINATOR: {
      const [single] = await redirected([fields], rewriting)
      return { ...single, coordinators: await redirected(fields.coordinators, rewriting) }
    }
    case API_VERSIONS:
      return { ...fields, apiKeys: readable(fields.apiKeys) }
    default: {
      const nodes = fields.nodeEndpoints
      if (!Array.isArray(nodes) || nodes.length === 0) return response
      return { ...fields, nodeEndpoints: await redirected(nodes, rewriting) }
    }
  }
}

function redirected(nodes: unknown, { redirect }: Rewriting): Promise<Fields[]> {
  const listed = Array.isArray(nodes) ? (nodes as Node[]) : []
  return Promise.all(
    listed.map(async node => {
      const { host, port } = node
      // With an error, there is no address.
      if (host === '' || port <= 0) return node
      return { ...node, ...(await redirect({ host, port })) }
    }),
  )
}

interface OfferedApi {
  readonly apiKey: number
  readonly minVersion: number
  readonly maxVersion: number
}

/** A response in a version that is not known here would send clients to the brokers themselves. */
function readable(offered: unknown): OfferedApi[] {
  return (offered as OfferedApi[]).map(each => {
    const known = REWRITTEN.has(each.apiKey) ? apis.get(each.apiKey)?.response.versions.last : undefined
    return known === undefined || each.maxVersion <= known ? each : { ...each, maxVersion: known }
  })
}

interface ToldPartition {
  readonly partitionIndex: number
  readonly leaderId: number
  readonly leaderEpoch: number
}

function learnTopics({ topics }: Fields, { learn }: Rewriting): void {
  for (const { name, topicId, partitions } of topics as {
    name: string | null
    topicId: string
    partitions: readonly ToldPartition[]
  }[]) {
    if (name === null || partitions.length === 0) continue
    const inOrder = [...partitions].sort((a, b) => a.partitionIndex - b.partitionIndex)
    learn(name, { id: topicId, partitions: inOrder })
  }
}
