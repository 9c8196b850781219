/** What a consumer group goes by: what is set for it, in the broker's bounds, else what is set for all. */

import type { BrokerConfig } from '../metadata/broker-config.ts'
import type { ClusterImage } from '../metadata/image.ts'
import type { ConsumerGroupSettings } from './consumer-groups.ts'

export function consumerGroupSettings(
  groupId: string,
  image: ClusterImage,
  config: BrokerConfig,
): ConsumerGroupSettings {
  const set = image.configs('group', groupId)
  const bound = (which: string, name: string) => config.number(`group.consumer.${which}.${name}`)
  const setting = (name: string) => {
    const own = set.get(`consumer.${name}`)
    if (own === undefined) return config.number(`group.consumer.${name}`)
    // The broker's bounds may be others than when it was set.
    return Math.min(Math.max(Number(own), bound('min', name)), bound('max', name))
  }
  return {
    sessionTimeoutMs: setting('session.timeout.ms'),
    heartbeatIntervalMs: setting('heartbeat.interval.ms'),
    assignmentIntervalMs: setting('assignment.interval.ms'),
  }
}
