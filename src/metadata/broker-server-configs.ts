/**
 * Broker options of the server: identity, listeners, sockets, limits, requests, quotas.
 * Names, types, defaults and ranges are Kafka's; a test compares them with what Apache Kafka 4.3 reports.
 */

import { atLeast, boolean, INT_MAX, int, list, long, type Option, oneOf, string } from './option.ts'
import { NOT_EMPTY } from './option-checks.ts'

export const BROKER_SERVER_CONFIGS: readonly Option[] = [
  int('node.id', null, "This node's id in the cluster.", { check: atLeast(0) }),
  int('broker.id', -1, 'The older name of node.id.'),
  string('broker.rack', null, 'The rack of this broker, told to clients and used for placing replicas.'),
  list(
    'listeners',
    'PLAINTEXT://:9092',
    'Addresses to listen on, as NAME://host:port; an empty host is every address, port 0 a free one.',
    { check: NOT_EMPTY, update: 'per-broker' },
  ),
  list(
    'advertised.listeners',
    null,
    'Addresses that clients are told; without it, each client is told the address it connected to.',
    { check: NOT_EMPTY },
  ),
  string(
    'listener.security.protocol.map',
    'SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT',
    'The security protocol of each listener name.',
    { update: 'per-broker' },
  ),
  string('inter.broker.listener.name', null, 'The listener that brokers use among themselves.', {
    effect: 'later',
  }),
  string(
    'security.inter.broker.protocol',
    'PLAINTEXT',
    'The security protocol among brokers where inter.broker.listener.name is not given.',
    { check: oneOf('PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'), effect: 'later' },
  ),
  int(
    'socket.request.max.bytes',
    104_857_600,
    'Largest request; a connection that announces more is closed.',
    { check: atLeast(1) },
  ),
  int(
    'socket.send.buffer.bytes',
    102_400,
    "The operating system's send buffer of connections; Node leaves it to the system.",
    { effect: 'none' },
  ),
  int(
    'socket.receive.buffer.bytes',
    102_400,
    "The operating system's receive buffer of connections; Node leaves it to the system.",
    { effect: 'none' },
  ),
  int(
    'socket.listen.backlog.size',
    50,
    "Connections that may wait to be accepted; Node's own default is used.",
    { check: atLeast(1), effect: 'none' },
  ),
  long('connections.max.idle.ms', 600_000, 'A connection that has been idle this long is closed.'),
  long(
    'connections.max.reauth.ms',
    0,
    'A SASL session lives at most this long without authenticating again.',
    {},
  ),
  int(
    'connection.failed.authentication.delay.ms',
    100,
    'How long the answer to a failed authentication is held back.',
    { check: atLeast(0) },
  ),
  int('max.connections', INT_MAX, 'Connections at the same time.', {
    check: atLeast(0),
    update: 'cluster-wide',
  }),
  int('max.connections.per.ip', INT_MAX, 'Connections at the same time from one address.', {
    check: atLeast(0),
    update: 'cluster-wide',
  }),
  string('max.connections.per.ip.overrides', '', 'Other bounds for some addresses, as address:count pairs.', {
    update: 'cluster-wide',
  }),
  int('max.connection.creation.rate', INT_MAX, 'New connections in a second.', {
    check: atLeast(0),
    update: 'cluster-wide',
    effect: 'later',
  }),
  int(
    'queued.max.requests',
    500,
    'Requests that may wait in Kafka; Klamm bounds their bytes: klamm.request.memory.bytes.',
    { check: atLeast(1), effect: 'none' },
  ),
  long(
    'queued.max.request.bytes',
    -1,
    'Bytes of requests that may wait in Kafka; here that is klamm.request.memory.bytes.',
    { effect: 'none' },
  ),
  int('request.timeout.ms', 30_000, 'How long this broker waits for an answer of another.'),
  int('fetch.max.bytes', 57_671_680, 'Most bytes that one fetch is answered with, whatever it asks for.', {
    check: atLeast(1024),
  }),
  int('max.incremental.fetch.session.cache.slots', 1000, 'Fetch sessions that are remembered.', {
    check: atLeast(0),
  }),
  int('max.request.partition.size.limit', 2000, 'Most partitions in one answer of DescribeTopicPartitions.', {
    check: atLeast(1),
  }),
  int('background.threads', 10, "Kafka's threads for background work; Klamm has one event loop.", {
    check: atLeast(1),
    update: 'cluster-wide',
    effect: 'none',
  }),
  int('num.io.threads', 8, "Kafka's threads that handle requests; Klamm has one event loop.", {
    check: atLeast(1),
    update: 'cluster-wide',
    effect: 'none',
  }),
  int('num.network.threads', 3, "Kafka's threads that serve sockets; Klamm has one event loop.", {
    check: atLeast(1),
    update: 'cluster-wide',
    effect: 'none',
  }),
  int('quota.window.num', 11, 'Samples that client quotas are measured over.', {
    check: atLeast(1),
    effect: 'later',
  }),
  int('quota.window.size.seconds', 1, 'Length of one sample of client quotas.', {
    check: atLeast(1),
    effect: 'later',
  }),
  int('controller.quota.window.num', 11, 'Samples that the quota on topic changes is measured over.', {
    check: atLeast(1),
    effect: 'later',
  }),
  int('controller.quota.window.size.seconds', 1, 'Length of one sample of the quota on topic changes.', {
    check: atLeast(1),
    effect: 'later',
  }),
  int('replication.quota.window.num', 11, 'Samples that replication quotas are measured over.', {
    check: atLeast(1),
    effect: 'later',
  }),
  int('replication.quota.window.size.seconds', 1, 'Length of one sample of replication quotas.', {
    check: atLeast(1),
    effect: 'later',
  }),
  int('telemetry.max.bytes', 1_048_576, "Largest push of a client's metrics.", {
    check: atLeast(1),
    effect: 'later',
  }),
  boolean('controlled.shutdown.enable', true, 'Whether a stopping broker hands its leaderships over first.', {
    effect: 'later',
  }),
  boolean(
    'auto.leader.rebalance.enable',
    true,
    'Whether leadership goes back to preferred replicas by itself.',
    { effect: 'later' },
  ),
  long(
    'leader.imbalance.check.interval.seconds',
    300,
    'How often leadership is looked over for rebalancing.',
    { check: atLeast(1), effect: 'later' },
  ),
  long(
    'replica.lag.time.max.ms',
    30_000,
    'A follower that has not caught up for this long leaves the in-sync replicas.',
    { effect: 'later' },
  ),
  int('replica.fetch.max.bytes', 1_048_576, 'Bytes of one partition that a follower asks for at once.', {
    check: atLeast(0),
    effect: 'later',
  }),
  int(
    'replica.fetch.min.bytes',
    1,
    'Least bytes that a leader answers a follower with, unless the wait ends.',
    { effect: 'later' },
  ),
  int('replica.fetch.response.max.bytes', 10_485_760, 'Bytes that a follower asks for at once.', {
    check: atLeast(0),
    effect: 'later',
  }),
  int('replica.fetch.wait.max.ms', 500, "How long a leader may hold a follower's fetch.", {
    effect: 'later',
  }),
  int('replica.fetch.backoff.ms', 1000, 'Pause of a follower after a failed fetch.', {
    check: atLeast(0),
    effect: 'later',
  }),
  long(
    'replica.high.watermark.checkpoint.interval.ms',
    5000,
    'How often high watermarks are written to their checkpoint file.',
  ),
  string('replica.selector.class', null, 'How a leader picks a replica for a consumer that names its rack.', {
    effect: 'later',
  }),
  int('replica.socket.receive.buffer.bytes', 65_536, 'The receive buffer of connections to leaders.', {
    effect: 'later',
  }),
  int('replica.socket.timeout.ms', 30_000, 'The timeout of requests to leaders.', { effect: 'later' }),
  int('num.replica.fetchers', 1, 'Connections over which a follower fetches from one leader.', {
    check: atLeast(1),
    update: 'cluster-wide',
    effect: 'later',
  }),
  int('broker.heartbeat.interval.ms', 2000, 'How often a broker tells the controller that it lives.', {
    effect: 'later',
  }),
  int('broker.session.timeout.ms', 9000, 'A broker that has been silent this long counts as gone.', {
    effect: 'later',
  }),
]
