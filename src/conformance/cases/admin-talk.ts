/** What administrators of clusters say, in as few words as a case needs. */
import {
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponse,
} from '../../../protocol/messages/alter-partition-reassignments.ts'
import {
  AlterReplicaLogDirsRequest,
  AlterReplicaLogDirsResponse,
} from '../../../protocol/messages/alter-replica-log-dirs.ts'
import {
  DescribeClusterRequest,
  DescribeClusterResponse,
} from '../../../protocol/messages/describe-cluster.ts'
import {
  DescribeLogDirsRequest,
  DescribeLogDirsResponse,
} from '../../../protocol/messages/describe-log-dirs.ts'
import { ElectLeadersRequest, ElectLeadersResponse } from '../../../protocol/messages/elect-leaders.ts'
import {
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponse,
} from '../../../protocol/messages/list-partition-reassignments.ts'
import { UpdateFeaturesRequest, UpdateFeaturesResponse } from '../../../protocol/messages/update-features.ts'
import { casesWith } from '../kit/case.ts'
import { DataTalk, METADATA } from './data-talk.ts'

export const DESCRIBE_CLUSTER = { request: DescribeClusterRequest, response: DescribeClusterResponse }
export const LOG_DIRS = { request: DescribeLogDirsRequest, response: DescribeLogDirsResponse }
export const MOVE_REPLICAS = { request: AlterReplicaLogDirsRequest, response: AlterReplicaLogDirsResponse }
export const ELECT_LEADERS = { request: ElectLeadersRequest, response: ElectLeadersResponse }
export const REASSIGN = {
  request: AlterPartitionReassignmentsRequest,
  response: AlterPartitionReassignmentsResponse,
}
export const REASSIGNMENTS = {
  request: ListPartitionReassignmentsRequest,
  response: ListPartitionReassignmentsResponse,
}
export const UPDATE_FEATURES = { request: UpdateFeaturesRequest, response: UpdateFeaturesResponse }

export class AdminTalk extends DataTalk {
  /** The broker that is talked to, where it is the only one. */
  async brokerId(): Promise<number> {
    const { brokers } = await this.ask('admin', METADATA, 4, this.metadataOf([]))
    return this.brokerSide.brokerId ?? brokers[0]!.nodeId
  }
}

export const scripted = casesWith((side, id) => new AdminTalk(side, id))
