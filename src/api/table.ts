/**
 * The APIs that are served, and in which versions: the one table that dispatch looks up and that ApiVersions
 * answers from. What is not in it is neither served nor advertised.
 */
import type { Persona, VersionRange } from '../metadata/personas.ts'
import { createAcls, deleteAcls, describeAcls } from './acls.ts'
import { addOffsetsToTxn } from './add-offsets-to-txn.ts'
import { addPartitionsToTxn } from './add-partitions-to-txn.ts'
import { alterConfigs } from './alter-configs.ts'
import { alterPartitionReassignments } from './alter-partition-reassignments.ts'
import { alterReplicaLogDirs } from './alter-replica-log-dirs.ts'
import { alterUserScramCredentials } from './alter-user-scram-credentials.ts'
import { apiVersions } from './api-versions.ts'
import { consumerGroupDescribe } from './consumer-group-describe.ts'
import { consumerGroupHeartbeat } from './consumer-group-heartbeat.ts'
import { createPartitions } from './create-partitions.ts'
import { createTopics } from './create-topics.ts'
import { deleteGroups } from './delete-groups.ts'
import { deleteRecords } from './delete-records.ts'
import { deleteTopics } from './delete-topics.ts'
import { describeCluster } from './describe-cluster.ts'
import { describeConfigs } from './describe-configs.ts'
import { describeGroups } from './describe-groups.ts'
import { describeLogDirs } from './describe-log-dirs.ts'
import { describeProducers } from './describe-producers.ts'
import { describeTopicPartitions } from './describe-topic-partitions.ts'
import { describeTransactions } from './describe-transactions.ts'
import { describeUserScramCredentials } from './describe-user-scram-credentials.ts'
import { electLeaders } from './elect-leaders.ts'
import { endTxn } from './end-txn.ts'
import { fetch } from './fetch.ts'
import { findCoordinator } from './find-coordinator.ts'
import type { Handler } from './handler.ts'
import { heartbeat } from './heartbeat.ts'
import { incrementalAlterConfigs } from './incremental-alter-configs.ts'
import { initProducerId } from './init-producer-id.ts'
import { joinGroup } from './join-group.ts'
import { leaveGroup } from './leave-group.ts'
import { listGroups } from './list-groups.ts'
import { listOffsets } from './list-offsets.ts'
import { listPartitionReassignments } from './list-partition-reassignments.ts'
import { listTransactions } from './list-transactions.ts'
import { metadata } from './metadata.ts'
import { offsetCommit } from './offset-commit.ts'
import { offsetDelete } from './offset-delete.ts'
import { offsetFetch } from './offset-fetch.ts'
import { offsetForLeaderEpoch } from './offset-for-leader-epoch.ts'
import { produce } from './produce.ts'
import { saslAuthenticate } from './sasl-authenticate.ts'
import { saslHandshake } from './sasl-handshake.ts'
import { syncGroup } from './sync-group.ts'
import { txnOffsetCommit } from './txn-offset-commit.ts'
import { updateFeatures } from './update-features.ts'
import { writeTxnMarkers } from './write-txn-markers.ts'

/** One row: an API as served by one broker. */
export interface ServedApi {
  readonly apiKey: number
  readonly name: string
  readonly handler: Handler
  readonly minVersion: number
  readonly maxVersion: number
  /** What ApiVersions says: the same, but for a persona whose Kafka says more than it serves. */
  readonly advertised: VersionRange
}

/** Rows by API key, in order of key. */
export class ApiTable {
  private readonly byKey = new Map<number, ServedApi>()

  constructor(handlers: readonly Handler[], persona: Pick<Persona, 'apis'> = { apis: undefined }) {
    const rows = handlers.map(servedApi).sort((a, b) => a.apiKey - b.apiKey)
    for (const row of rows) {
      const seen = asPersona(row, persona)
      if (seen) this.byKey.set(row.apiKey, seen)
    }
  }

  get(apiKey: number): ServedApi | undefined {
    return this.byKey.get(apiKey)
  }

  rows(): Iterable<ServedApi> {
    return this.byKey.values()
  }
}

/**
 * The widest table: the newest Kafka's highest stable versions, down to the oldest that the definitions have.
 */
export const HANDLERS: readonly Handler[] = [
  alterConfigs,
  apiVersions,
  consumerGroupDescribe,
  consumerGroupHeartbeat,
  createPartitions,
  createTopics,
  deleteGroups,
  deleteRecords,
  deleteTopics,
  describeCluster,
  describeConfigs,
  describeGroups,
  describeLogDirs,
  describeTopicPartitions,
  fetch,
  findCoordinator,
  heartbeat,
  incrementalAlterConfigs,
  initProducerId,
  joinGroup,
  leaveGroup,
  listGroups,
  listOffsets,
  metadata,
  offsetCommit,
  offsetDelete,
  offsetFetch,
  offsetForLeaderEpoch,
  produce,
  syncGroup,
  describeAcls,
  createAcls,
  deleteAcls,
  electLeaders,
  alterPartitionReassignments,
  alterReplicaLogDirs,
  listPartitionReassignments,
  saslHandshake,
  saslAuthenticate,
  describeUserScramCredentials,
  alterUserScramCredentials,
  describeProducers,
  txnOffsetCommit,
  writeTxnMarkers,
  addPartitionsToTxn,
  addOffsetsToTxn,
  endTxn,
  describeTransactions,
  listTransactions,
  updateFeatures,
]

function servedApi(handler: Handler): ServedApi {
  const { apiKey, name, versions } = handler.request
  const range = { minVersion: versions.first, maxVersion: handler.highestVersion ?? versions.last }
  return { apiKey, name: name.replace(/Request$/, ''), handler, ...range, advertised: range }
}

/** The row as the persona has it; undefined where its Kafka has no such API, or nothing of it in common. */
function asPersona(row: ServedApi, { apis }: Pick<Persona, 'apis'>): ServedApi | undefined {
  if (!apis) return row
  const api = apis.get(row.apiKey)
  if (!api) return undefined
  const seen = { ...row, ...overlap(row, api.served), advertised: overlap(row, api.advertised) }
  return seen.minVersion <= seen.maxVersion ? seen : undefined
}

function overlap(one: VersionRange, other: VersionRange): VersionRange {
  return {
    minVersion: Math.max(one.minVersion, other.minVersion),
    maxVersion: Math.min(one.maxVersion, other.maxVersion),
  }
}
