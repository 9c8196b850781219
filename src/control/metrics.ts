/**
 * What the broker has, as Prometheus reads it: taken when it is asked for. The only file that knows
 * prom-client.
 */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Klamm } from '../embedded.ts'

export class Metrics {
  private readonly registry = new Registry()
  private readonly klamm: Klamm
  private readonly up: Gauge
  private readonly ready: Gauge
  private readonly topics: Gauge
  private readonly offsets: Readonly<Record<'start' | 'end', Gauge>>
  private readonly sizes: Gauge
  private readonly groups: Gauge
  private readonly lags: Gauge

  constructor(klamm: Klamm) {
    this.klamm = klamm
    const registers = [this.registry]
    const gauge = (name: string, help: string, ...labelNames: string[]) =>
      new Gauge({ name: `klamm_${name}`, help, labelNames, registers })
    const partition = ['topic', 'partition']
    this.up = gauge('up', 'Whether the broker runs and all its log directories work.')
    this.ready = gauge('ready', 'Whether each listener answers.')
    this.topics = gauge('topics', "Topics, without Kafka's own.")
    this.offsets = {
      start: gauge('partition_start_offset', 'The first offset that is still there.', ...partition),
      end: gauge('partition_end_offset', 'The offset of the next record to come.', ...partition),
    }
    this.sizes = gauge('partition_size_bytes', 'Bytes in the log.', ...partition)
    this.groups = gauge('groups', 'Consumer groups.', 'state', 'type')
    this.lags = gauge('group_lag', 'Records between commit and end.', 'group', ...partition)
    collectDefaultMetrics({ register: this.registry })
  }

  async text(): Promise<string> {
    await this.collect()
    return this.registry.metrics()
  }

  private async collect(): Promise<void> {
    const { isHealthy, isReady } = await this.klamm.health()
    this.up.set(isHealthy ? 1 : 0)
    this.ready.set(isReady ? 1 : 0)
    for (const gauge of [this.offsets.start, this.offsets.end, this.sizes, this.groups, this.lags])
      gauge.reset()
    if (isHealthy) await this.collectData()
  }

  private async collectData(): Promise<void> {
    const topics = this.klamm.topics().filter(({ isInternal }) => !isInternal)
    this.topics.set(topics.length)
    for (const { name: topic, partitions } of topics) {
      for (const { partition, start, end, sizeBytes } of partitions) {
        const labels = { topic, partition }
        this.offsets.start.set(labels, Number(start))
        this.offsets.end.set(labels, Number(end))
        this.sizes.set(labels, sizeBytes)
      }
    }
    for (const { groupId: group, state, type } of await this.klamm.groups()) {
      this.groups.inc({ state, type })
      // One that is gone meanwhile owes nothing.
      const { partitions } = await this.klamm.lag(group).catch(() => ({ partitions: [] }))
      for (const { topic, partition, lag } of partitions) this.lags.set({ group, topic, partition }, lag)
    }
  }
}
