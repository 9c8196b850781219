/**
 * What an assignor on the broker's side (KIP-848) is given, and what it gives. Assignors are functions of
 * their spec: no state, no chance, so that the same group is always divided in the same way.
 */

/** Partitions by topic id; each list ascending, none of them empty. */
export type Assignment = ReadonlyMap<string, readonly number[]>

export interface MemberSpec {
  readonly groupInstanceId: string | null
  /** Of topics that exist. */
  readonly subscribedTopicIds: ReadonlySet<string>
  /** What the target assignment gives the member until now. */
  readonly assignment: Assignment
}

export interface GroupSpec {
  /** By member id. Between members with equal claims, the first in this order is served first. */
  readonly members: ReadonlyMap<string, MemberSpec>
  /** Whether all members subscribe to the same topics, of those that do not exist too. */
  readonly isHomogeneous: boolean
  partitionCount(topicId: string): number
}

export interface Assignor {
  /** As members ask for it, and as `group.consumer.assignors` lists it. */
  readonly name: string
  /** An assignment for each member; one that gets nothing may be absent, or have an empty one. */
  assign(spec: GroupSpec): ReadonlyMap<string, Assignment>
}
