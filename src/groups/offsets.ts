/**
 * Committed offsets of the groups of one shard, and those that transactions have staged. Changed by replay
 * alone. A staged offset becomes visible with its producer's commit marker, unless a later plain commit has
 * overtaken it; the offsets of the log decide which is later, so that a replay comes to the same end.
 */

import type { CommittedOffset } from './group-records.ts'

/** A committed offset and where it stands in the log. */
interface StoredOffset extends CommittedOffset {
  readonly recordOffset: bigint
}

type ByPartition = Map<number, StoredOffset>
type ByTopic = Map<string, ByPartition>

export interface OffsetLocation {
  readonly group: string
  readonly topic: string
  readonly partition: number
}

export class Offsets {
  private readonly committed = new Map<string, ByTopic>()
  /** By producer id, then as above. */
  private readonly staged = new Map<bigint, Map<string, ByTopic>>()

  get(group: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.committed.get(group)?.get(topic)?.get(partition)
  }

  /** A transaction has staged an offset for the partition and is not decided. */
  hasStaged(group: string, topic: string, partition: number): boolean {
    for (const byGroup of this.staged.values()) {
      if (byGroup.get(group)?.get(topic)?.has(partition)) return true
    }
    return false
  }

  hasStagedFor(group: string): boolean {
    for (const byGroup of this.staged.values()) if (byGroup.has(group)) return true
    return false
  }

  hasAny(group: string): boolean {
    return this.committed.has(group)
  }

  /** Topics and partitions of a group that have something committed or staged. */
  partitions(group: string): Map<string, number[]> {
    const found = new Map<string, Set<number>>()
    const collect = (byTopic: ByTopic | undefined) => {
      for (const [topic, byPartition] of byTopic ?? []) {
        const partitions = found.get(topic) ?? new Set()
        for (const partition of byPartition.keys()) partitions.add(partition)
        found.set(topic, partitions)
      }
    }
    collect(this.committed.get(group))
    for (const byGroup of this.staged.values()) collect(byGroup.get(group))
    return new Map([...found].map(([topic, partitions]) => [topic, [...partitions].sort((a, b) => a - b)]))
  }

  *entries(group: string): Generator<{ topic: string; partition: number; value: CommittedOffset }> {
    for (const [topic, byPartition] of this.committed.get(group) ?? []) {
      for (const [partition, value] of byPartition) yield { topic, partition, value }
    }
  }

  /** Groups that have something committed or staged. */
  groups(): Set<string> {
    const found = new Set(this.committed.keys())
    for (const byGroup of this.staged.values()) for (const group of byGroup.keys()) found.add(group)
    return found
  }

  // Replay --------------------------------------------------------------------------------------------------

  /**
   * `producerId` is -1 for a commit outside of transactions. A null value removes what is committed or
   * staged.
   */
  replay(at: OffsetLocation, value: CommittedOffset | null, recordOffset: bigint, producerId: bigint): void {
    if (value === null) {
      this.remove(at)
      return
    }
    if (producerId === -1n) {
      put(this.committed, at, { ...value, recordOffset })
      return
    }
    put(nested(this.staged, producerId), at, { ...value, recordOffset })
  }

  replayMarker(producerId: bigint, isCommit: boolean): void {
    const byGroup = this.staged.get(producerId)
    this.staged.delete(producerId)
    if (!byGroup || !isCommit) return
    for (const [group, byTopic] of byGroup) {
      for (const [topic, byPartition] of byTopic) {
        for (const [partition, value] of byPartition) this.commitStaged({ group, topic, partition }, value)
      }
    }
  }

  private commitStaged(at: OffsetLocation, value: StoredOffset): void {
    const current = this.committed.get(at.group)?.get(at.topic)?.get(at.partition)
    if (!current || current.recordOffset < value.recordOffset) put(this.committed, at, value)
  }

  private remove(at: OffsetLocation): void {
    removeFrom(this.committed, at)
    for (const byGroup of this.staged.values()) removeFrom(byGroup, at)
  }
}

function removeFrom(byGroup: Map<string, ByTopic>, { group, topic, partition }: OffsetLocation): void {
  const byTopic = byGroup.get(group)
  const byPartition = byTopic?.get(topic)
  if (!byTopic || !byPartition) return
  byPartition.delete(partition)
  if (byPartition.size === 0) byTopic.delete(topic)
  if (byTopic.size === 0) byGroup.delete(group)
}

function put(
  byGroup: Map<string, ByTopic>,
  { group, topic, partition }: OffsetLocation,
  value: StoredOffset,
) {
  nested(nested(byGroup, group), topic).set(partition, value)
}

/** The map inside of a map, made when it is missing. */
function nested<K, InnerK, InnerV>(outer: Map<K, Map<InnerK, InnerV>>, key: K): Map<InnerK, InnerV> {
  const found = outer.get(key)
  if (found) return found
  const made = new Map<InnerK, InnerV>()
  outer.set(key, made)
  return made
}
