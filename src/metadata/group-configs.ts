/**
 * All group options. Unset ones follow their broker options, within bounds that are broker options too.
 * Names, types, defaults and ranges are Kafka's; a test compares them with what Apache Kafka 4.3 reports.
 */

import { atLeast, boolean, int, type Option, oneOf, string } from './option.ts'
import { SHARE_OFFSET_RESET } from './option-checks.ts'

export const GROUP_CONFIGS: readonly Option[] = [
  int('consumer.assignment.interval.ms', 1000, 'Least time between two assignments of the group.', {
    check: atLeast(0),
  }),
  int('consumer.heartbeat.interval.ms', 5000, 'How often members are told to heartbeat.', {
    check: atLeast(1),
  }),
  int('consumer.session.timeout.ms', 45_000, 'A member that has been silent this long is expelled.', {
    check: atLeast(1),
  }),
  int('share.assignment.interval.ms', 1000, 'Least time between two assignments of the group.', {
    check: atLeast(0),
    effect: 'later',
  }),
  string(
    'share.auto.offset.reset',
    'latest',
    'Where the group begins on a new partition: latest, earliest, or by_duration: and an ISO 8601 duration.',
    { check: SHARE_OFFSET_RESET, effect: 'later' },
  ),
  int('share.delivery.count.limit', 5, 'How often a record is delivered before it is given up.', {
    check: atLeast(2),
    effect: 'later',
  }),
  int('share.heartbeat.interval.ms', 5000, 'How often members are told to heartbeat.', {
    check: atLeast(1),
    effect: 'later',
  }),
  string(
    'share.isolation.level',
    'read_uncommitted',
    'Whether records of undecided and aborted transactions are delivered.',
    { check: oneOf('read_committed', 'read_uncommitted'), effect: 'later' },
  ),
  int('share.partition.max.record.locks', 2000, 'Records of one partition that may be in flight.', {
    check: atLeast(100),
    effect: 'later',
  }),
  int('share.record.lock.duration.ms', 30_000, 'How long a delivered record stays locked for its consumer.', {
    check: atLeast(1000),
    effect: 'later',
  }),
  boolean('share.renew.acknowledge.enable', true, 'Whether consumers may extend the lock of a record.', {
    effect: 'later',
  }),
  int('share.session.timeout.ms', 45_000, 'A member that has been silent this long is expelled.', {
    check: atLeast(1),
    effect: 'later',
  }),
  int('streams.assignment.interval.ms', 1000, 'Least time between two assignments of the group.', {
    check: atLeast(0),
    effect: 'later',
  }),
  int('streams.heartbeat.interval.ms', 5000, 'How often members are told to heartbeat.', {
    check: atLeast(1),
    effect: 'later',
  }),
  int(
    'streams.initial.rebalance.delay.ms',
    3000,
    'How long the empty group waits for more members before its first assignment.',
    { check: atLeast(0), effect: 'later' },
  ),
  int('streams.num.standby.replicas', 0, 'Standby copies of each stateful task.', {
    check: atLeast(0),
    effect: 'later',
  }),
  int('streams.session.timeout.ms', 45_000, 'A member that has been silent this long is expelled.', {
    check: atLeast(1),
    effect: 'later',
  }),
]
