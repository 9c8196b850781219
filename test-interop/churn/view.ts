// The group as an administrator sees it, by the API of its protocol.

import type { Admin } from 'kafkajs'
import {
  ConsumerGroupDescribeRequest,
  ConsumerGroupDescribeResponse,
} from '../../protocol/messages/consumer-group-describe.ts'
import { WireClient } from '../../src/conformance/wire-client.ts'
import { nodePlatform } from '../../src/platform/node.ts'

export interface Seen {
  readonly state: string
  readonly clients: readonly string[]
}

export interface View {
  /** Undefined while the coordinator does not answer. */
  look(): Promise<Seen | undefined>
  close(): Promise<void>
}

export function classicView(admin: Admin, groupId: string): View {
  return {
    look: async () => {
      const described = await admin.describeGroups([groupId]).catch(() => undefined)
      const group = described?.groups[0]
      return group && { state: group.state, clients: group.members.map(each => each.clientId).sort() }
    },
    close: async () => undefined,
  }
}

/** kafkajs does not know these groups. */
export function consumerView(port: number, groupId: string): View {
  let client: WireClient | undefined
  const ask = async () => {
    client ??= await WireClient.connect(nodePlatform().network, { host: '127.0.0.1', port })
    return client.call({
      request: ConsumerGroupDescribeRequest,
      response: ConsumerGroupDescribeResponse,
      version: 1,
      body: { groupIds: [groupId], includeAuthorizedOperations: false },
    })
  }
  return {
    look: async () => {
      const answer = await ask().catch(() => {
        client = undefined
      })
      const group = answer?.groups[0]
      if (!group || RETRIED.includes(group.errorCode)) return undefined
      return { state: group.groupState, clients: group.members.map(each => each.clientId).sort() }
    },
    close: async () => client?.close(),
  }
}

/** COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR. */
const RETRIED = [14, 15, 16]
