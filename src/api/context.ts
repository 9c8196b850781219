/**
 * What a handler may reach: the connection that asks, and the parts of the broker that answer. Handlers
 * destructure only what they use; nothing here is global.
 */

import type { BrokerConfig } from '../config.ts'
import type { Controller } from '../controller/controller.ts'
import type { GroupCoordinator } from '../groups/group-coordinator.ts'
import type { LogManagerSurface } from '../log/log-manager-surface.ts'
import type { Logger } from '../observe/logger.ts'
import type { Clock, Random } from '../platform/platform.ts'
import type { FetchSessions } from '../replication/fetch-session.ts'
import type { Waiter } from '../replication/purgatory.ts'
import type { ReplicaManager } from '../replication/replica-manager.ts'
import type { Authentication } from '../security/authentication.ts'
import type { MarkerWriter } from '../transactions/markers.ts'
import type { ProducerIds } from '../transactions/producer-ids.ts'
import type { TransactionCoordinator } from '../transactions/transaction-coordinator.ts'
import type { ApiTable } from './table.ts'

/** One connection, as far as handlers know it. Mutable fields belong to the handlers named beside them. */
export interface Session {
  readonly connectionId: string
  readonly listener: string
  /** `User:alice`, as authenticated; `User:ANONYMOUS` before, and where nothing authenticates. */
  principal: string
  /** On SASL listeners only. */
  readonly authentication?: Authentication | undefined
  /** The peer's address as text, without `::ffff:`. */
  readonly clientAddress: string
  /** Where the client connected to, as the socket shows it: what Metadata tells it to come back to. */
  readonly localAddress: string
  readonly localPort: number
  /** Where to come back to instead, for a client that has come through address translation. */
  readonly publishedAddress?: { readonly host: string; readonly port: number } | undefined
  /** Of the request's header; null where the client sends none. Set by dispatch for each request. */
  clientId: string | null
  /** Learned by ApiVersions v3+. */
  clientSoftwareName: string
  clientSoftwareVersion: string
  /** Whether the client is still there; a long wait ends when it is not. */
  readonly waiter?: Waiter
  /** Ends the connection: the only way to tell a producer with acks=0 that something went wrong. */
  disconnect(reason: string): void
}

/** The parts of one broker that handlers reach; composed once, in `broker.ts`. */
export interface BrokerContext {
  readonly config: BrokerConfig
  readonly apis: ApiTable
  readonly controller: Controller
  readonly replicas: ReplicaManager
  readonly logs: LogManagerSurface
  readonly fetchSessions: FetchSessions
  /** Fetched bytes that lie in sockets; short when slow readers leave too many. */
  readonly fetchMemory: { readonly isShort: boolean }
  readonly producerIds: ProducerIds
  readonly groups: GroupCoordinator
  readonly transactions: TransactionCoordinator
  readonly markers: MarkerWriter
  /** What data lives by. */
  readonly clock: Clock
  /** What requests wait by. */
  readonly waitClock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** One request's context: the broker's, the connection's session and the version that the client speaks. */
export interface Context extends BrokerContext {
  readonly session: Session
  readonly apiVersion: number
}

export function contextOf(broker: BrokerContext, session: Session, apiVersion: number): Context {
  return {
    session,
    apiVersion,
    config: broker.config,
    apis: broker.apis,
    controller: broker.controller,
    replicas: broker.replicas,
    logs: broker.logs,
    fetchSessions: broker.fetchSessions,
    fetchMemory: broker.fetchMemory,
    producerIds: broker.producerIds,
    groups: broker.groups,
    transactions: broker.transactions,
    markers: broker.markers,
    clock: broker.clock,
    waitClock: broker.waitClock,
    random: broker.random,
    logger: broker.logger,
  }
}
