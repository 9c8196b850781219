/** Whom log directories belong to: one cluster and one node own all that are configured. */
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import type { Random } from '../platform/platform.ts'
import type { MetaProperties } from './checkpoint.ts'
import type { LogManagerConfig } from './log-config.ts'

/** The cluster's id; undefined where nothing says one yet. */
export function settleIdentity(
  found: ReadonlyMap<{ readonly path: string }, Partial<MetaProperties>>,
  { nodeId, clusterId: expected }: Pick<LogManagerConfig, 'nodeId' | 'clusterId'>,
): Result<string | undefined> {
  let clusterId = expected
  for (const [{ path }, meta] of found) {
    if (meta.nodeId !== undefined && meta.nodeId !== nodeId) {
      return refuse(
        ErrorCode.KAFKA_STORAGE_ERROR,
        `The data directory ${path} belongs to node ${meta.nodeId}, and this is node ${nodeId}. ` +
          `Set node.id=${meta.nodeId}, or choose another directory with log.dirs.`,
      )
    }
    if (meta.clusterId !== undefined && clusterId !== undefined && meta.clusterId !== clusterId) {
      return refuse(
        ErrorCode.INCONSISTENT_CLUSTER_ID,
        `The data directory ${path} belongs to cluster ${meta.clusterId}, and this is cluster ` +
          `${clusterId}. Choose another directory with log.dirs.`,
      )
    }
    clusterId ??= meta.clusterId
  }
  return ok(clusterId)
}

/** A random id in Kafka's form, which never begins with a dash. */
export function newDirectoryId(random: Random): string {
  for (;;) {
    const bytes = random.bytes(16)
    bytes[6] = (bytes[6]! & 0x0f) | 0x40
    bytes[8] = (bytes[8]! & 0x3f) | 0x80
    const id = bytes.toString('base64url')
    if (!id.startsWith('-')) return id
  }
}
