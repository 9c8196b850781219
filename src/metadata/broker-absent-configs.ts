/**
 * Broker options that mean nothing here, recognised so that an existing server.properties starts: one warning
 * names those that are set. A test compares the facts with what Apache Kafka 4.3 reports.
 */

import {
  atLeast,
  between,
  boolean,
  double,
  int,
  javaClass,
  LONG_MAX,
  list,
  long,
  type Option,
  someOf,
  string,
} from './option.ts'
import { eachLike, NON_EMPTY, NOT_EMPTY } from './option-checks.ts'

const KRAFT = "Part of Kafka's own controller quorum and metadata log, which Klamm does not have."
const TIERED = 'Part of tiered storage, which is not here.'
const ELSEWHERE =
  'Part of how Kafka works inside (its Java plug-ins, metrics, purgatories); without meaning here.'

export const BROKER_ABSENT_CONFIGS: readonly Option[] = [
  list('controller.listener.names', null, KRAFT, { check: NOT_EMPTY, effect: 'none' }),
  long('controller.performance.always.log.threshold.ms', 2000, KRAFT, {
    check: atLeast(0),
    effect: 'none',
    isInternal: true,
  }),
  long('controller.performance.sample.period.ms', 60_000, KRAFT, {
    check: atLeast(100),
    effect: 'none',
    isInternal: true,
  }),
  int('controller.quorum.append.linger.ms', 25, KRAFT, { check: atLeast(0), effect: 'none' }),
  boolean('controller.quorum.auto.join.enable', false, KRAFT, { effect: 'none' }),
  list('controller.quorum.bootstrap.servers', '', KRAFT, {
    check: eachLike('host:port', /^[^@\s]+:[0-9]+$/),
    effect: 'none',
  }),
  int('controller.quorum.election.backoff.max.ms', 1000, KRAFT, { check: atLeast(0), effect: 'none' }),
  int('controller.quorum.election.timeout.ms', 1000, KRAFT, { check: atLeast(0), effect: 'none' }),
  int('controller.quorum.fetch.max.bytes', 1_048_576, KRAFT, { check: atLeast(1), effect: 'none' }),
  int('controller.quorum.fetch.snapshot.max.bytes', 1_048_576, KRAFT, { check: atLeast(1), effect: 'none' }),
  int('controller.quorum.fetch.timeout.ms', 2000, KRAFT, { check: atLeast(0), effect: 'none' }),
  int('controller.quorum.request.timeout.ms', 2000, KRAFT, { check: atLeast(0), effect: 'none' }),
  int('controller.quorum.retry.backoff.ms', 20, KRAFT, { check: atLeast(0), effect: 'none' }),
  list('controller.quorum.voters', '', KRAFT, {
    check: eachLike('id@host:port', /^[0-9]+@[^@\s]+:[0-9]+$/),
    effect: 'none',
  }),
  int('controller.socket.timeout.ms', 30_000, KRAFT, { effect: 'none' }),
  list('early.start.listeners', null, KRAFT, { effect: 'none' }),
  int('initial.broker.registration.timeout.ms', 60_000, KRAFT, { effect: 'none' }),
  long('internal.metadata.delete.delay.millis', 60_000, KRAFT, { effect: 'none', isInternal: true }),
  int('internal.metadata.log.segment.bytes', null, KRAFT, { effect: 'none', isInternal: true }),
  int('internal.metadata.max.batch.size.in.bytes', 8_388_608, KRAFT, { effect: 'none', isInternal: true }),
  string('metadata.log.dir', null, KRAFT, { effect: 'none' }),
  long('metadata.log.max.record.bytes.between.snapshots', 20_971_520, KRAFT, {
    check: atLeast(1),
    effect: 'none',
  }),
  long('metadata.log.max.snapshot.interval.ms', 3_600_000, KRAFT, { check: atLeast(0), effect: 'none' }),
  int('metadata.log.segment.bytes', 1_073_741_824, KRAFT, { check: atLeast(8_388_608), effect: 'none' }),
  long('metadata.log.segment.ms', 604_800_000, KRAFT, { effect: 'none' }),
  int('metadata.max.idle.interval.ms', 500, KRAFT, { check: atLeast(0), effect: 'none' }),
  long('metadata.max.retention.bytes', 104_857_600, KRAFT, { effect: 'none' }),
  long('metadata.max.retention.ms', 604_800_000, KRAFT, { effect: 'none' }),
  list('process.roles', null, KRAFT, { check: someOf('broker', 'controller'), effect: 'none' }),
  long('server.max.startup.time.ms', LONG_MAX, KRAFT, {
    check: atLeast(0),
    effect: 'none',
    isInternal: true,
  }),
  boolean('unstable.api.versions.enable', false, KRAFT, { effect: 'none', isInternal: true }),
  boolean('unstable.feature.versions.enable', false, KRAFT, { effect: 'none', isInternal: true }),
  boolean('follower.fetch.last.tiered.offset.enable', false, TIERED, {
    update: 'cluster-wide',
    effect: 'none',
  }),
  int('remote.fetch.max.wait.ms', 500, TIERED, { check: atLeast(1), update: 'cluster-wide', effect: 'none' }),
  long('remote.list.offsets.request.timeout.ms', 30_000, TIERED, {
    check: atLeast(1),
    update: 'cluster-wide',
    effect: 'none',
  }),
  long('remote.log.index.file.cache.total.size.bytes', 1_073_741_824, TIERED, {
    check: atLeast(1),
    update: 'cluster-wide',
    effect: 'none',
  }),
  long('remote.log.index.file.cache.ttl.ms', 900_000, TIERED, {
    check: atLeast(-1),
    effect: 'none',
    isInternal: true,
  }),
  int('remote.log.manager.copier.thread.pool.size', 10, TIERED, {
    check: atLeast(1),
    update: 'cluster-wide',
    effect: 'none',
  }),
  long('remote.log.manager.copy.max.bytes.per.second', LONG_MAX, TIERED, {
    check: atLeast(1),
    update: 'cluster-wide',
    effect: 'none',
  }),
  int('remote.log.manager.copy.quota.window.num', 11, TIERED, { check: atLeast(1), effect: 'none' }),
  int('remote.log.manager.copy.quota.window.size.seconds', 1, TIERED, { check: atLeast(1), effect: 'none' }),
  int('remote.log.manager.expiration.thread.pool.size', 10, TIERED, {
    check: atLeast(1),
    update: 'cluster-wide',
    effect: 'none',
  }),
  long('remote.log.manager.fetch.max.bytes.per.second', LONG_MAX, TIERED, {
    check: atLeast(1),
    update: 'cluster-wide',
    effect: 'none',
  }),
  int('remote.log.manager.fetch.quota.window.num', 11, TIERED, { check: atLeast(1), effect: 'none' }),
  int('remote.log.manager.fetch.quota.window.size.seconds', 1, TIERED, { check: atLeast(1), effect: 'none' }),
  int('remote.log.manager.follower.thread.pool.size', 2, TIERED, {
    check: atLeast(1),
    update: 'cluster-wide',
    effect: 'none',
  }),
  long('remote.log.manager.task.interval.ms', 30_000, TIERED, { check: atLeast(1), effect: 'none' }),
  long('remote.log.manager.task.retry.backoff.max.ms', 30_000, TIERED, {
    check: atLeast(1),
    effect: 'none',
    isInternal: true,
  }),
  long('remote.log.manager.task.retry.backoff.ms', 500, TIERED, {
    check: atLeast(1),
    effect: 'none',
    isInternal: true,
  }),
  double('remote.log.manager.task.retry.jitter', '0.2', TIERED, {
    check: between(0, 0.5),
    effect: 'none',
    isInternal: true,
  }),
  int('remote.log.manager.thread.pool.size', 2, TIERED, { check: atLeast(1), effect: 'none' }),
  int('remote.log.metadata.custom.metadata.max.bytes', 128, TIERED, { check: atLeast(0), effect: 'none' }),
  string(
    'remote.log.metadata.manager.class.name',
    'org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager',
    TIERED,
    { check: NON_EMPTY, effect: 'none' },
  ),
  string('remote.log.metadata.manager.class.path', null, TIERED, { effect: 'none' }),
  string('remote.log.metadata.manager.impl.prefix', 'rlmm.config.', TIERED, {
    check: NON_EMPTY,
    effect: 'none',
  }),
  string('remote.log.metadata.manager.listener.name', null, TIERED, { check: NON_EMPTY, effect: 'none' }),
  int('remote.log.reader.max.pending.tasks', 100, TIERED, { check: atLeast(1), effect: 'none' }),
  int('remote.log.reader.threads', 10, TIERED, { check: atLeast(1), update: 'cluster-wide', effect: 'none' }),
  string('remote.log.storage.manager.class.name', null, TIERED, { check: NON_EMPTY, effect: 'none' }),
  string('remote.log.storage.manager.class.path', null, TIERED, { effect: 'none' }),
  string('remote.log.storage.manager.impl.prefix', 'rsm.config.', TIERED, {
    check: NON_EMPTY,
    effect: 'none',
  }),
  boolean('remote.log.storage.system.enable', false, TIERED, { effect: 'none' }),
  int('alter.log.dirs.replication.quota.window.num', 11, ELSEWHERE, { check: atLeast(1), effect: 'none' }),
  int('alter.log.dirs.replication.quota.window.size.seconds', 1, ELSEWHERE, {
    check: atLeast(1),
    effect: 'none',
  }),
  javaClass('client.quota.callback.class', null, ELSEWHERE, { effect: 'none' }),
  list('config.providers', '', ELSEWHERE, { update: 'cluster-wide', effect: 'none' }),
  int('delete.records.purgatory.purge.interval.requests', 1, ELSEWHERE, { effect: 'none' }),
  int('fetch.purgatory.purge.interval.requests', 1000, ELSEWHERE, { effect: 'none' }),
  int('kafka.metrics.polling.interval.secs', 10, ELSEWHERE, { check: atLeast(1), effect: 'none' }),
  list('kafka.metrics.reporters', '', ELSEWHERE, { effect: 'none' }),
  list('metric.reporters', 'org.apache.kafka.common.metrics.JmxReporter', ELSEWHERE, {
    update: 'cluster-wide',
    effect: 'none',
  }),
  int('metrics.num.samples', 2, ELSEWHERE, { check: atLeast(1), effect: 'none' }),
  string('metrics.recording.level', 'INFO', ELSEWHERE, { effect: 'none' }),
  long('metrics.sample.window.ms', 30_000, ELSEWHERE, { check: atLeast(1), effect: 'none' }),
  int('num.replica.alter.log.dirs.threads', null, ELSEWHERE, { effect: 'none' }),
  int('producer.purgatory.purge.interval.requests', 1000, ELSEWHERE, { effect: 'none' }),
  int('share.fetch.purgatory.purge.interval.requests', 1000, ELSEWHERE, { effect: 'none' }),
  long('socket.connection.setup.timeout.max.ms', 30_000, ELSEWHERE, { effect: 'none' }),
  long('socket.connection.setup.timeout.ms', 10_000, ELSEWHERE, { effect: 'none' }),
]
