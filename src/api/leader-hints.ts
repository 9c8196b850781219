/** Names the right leader to who asked the wrong broker (KIP-951), and where it is to be found. */
import type { PartitionName } from '../replication/partition.ts'
import { type BrokerAddress, brokerAddresses } from './advertised-address.ts'
import type { Context } from './context.ts'

export interface LeaderHint {
  readonly leaderId: number
  readonly leaderEpoch: number
}

export class LeaderHints {
  private readonly context: Context
  private readonly leaders = new Set<number>()

  constructor(context: Context) {
    this.context = context
  }

  /** -1, -1 where nobody knows. */
  leaderOf(name: PartitionName): LeaderHint {
    const state = this.context.replicas.stateOf(name)
    if (!state) return { leaderId: -1, leaderEpoch: -1 }
    this.leaders.add(state.leader)
    return { leaderId: state.leader, leaderEpoch: state.leaderEpoch }
  }

  /** Of all leaders that were named. */
  endpoints(): BrokerAddress[] {
    if (this.leaders.size === 0) return []
    return brokerAddresses(this.context).filter(({ nodeId }) => this.leaders.has(nodeId))
  }
}
