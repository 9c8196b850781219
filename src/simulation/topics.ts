/** Settings of topics, drawn so that everything happens within seconds and kilobytes. */
import { type CleanerConfig, DEFAULT_CLEANER_CONFIG } from '../log/log-config.ts'
import type { Random } from '../platform/platform.ts'

export function drawConfig(random: Random): Map<string, string> {
  const config = new Map<string, string>()
  const pick = (name: string, values: readonly (string | undefined)[]) => {
    const value = values[random.below(values.length)]
    if (value !== undefined) config.set(name, value)
  }
  pick('cleanup.policy', ['delete', 'delete', 'compact', 'compact', 'compact,delete'])
  pick('internal.segment.bytes', ['700', '1500', '3000', '8000'])
  pick('index.interval.bytes', ['0', '100', '400', '4096'])
  pick('segment.ms', [undefined, undefined, '4000'])
  pick('retention.ms', ['-1', '2000', '5000', '60000'])
  pick('retention.bytes', [undefined, undefined, '2500', '6000'])
  pick('file.delete.delay.ms', ['0', '1000', '60000'])
  pick('flush.messages', [undefined, undefined, '1', '6'])
  pick('flush.ms', [undefined, undefined, '2000'])
  pick('min.cleanable.dirty.ratio', ['0', '0', '0.4'])
  pick('delete.retention.ms', ['0', '1000', '3000', '20000'])
  pick('min.compaction.lag.ms', ['0', '0', '0', '1500'])
  pick('max.compaction.lag.ms', [undefined, undefined, '3000'])
  return config
}

/** Little memory for keys, so that a log takes several rounds, and little to read at once. */
export function drawCleaner(random: Random): CleanerConfig {
  const pick = (values: readonly number[]) => values[random.below(values.length)]!
  return {
    ...DEFAULT_CLEANER_CONFIG,
    threads: 1 + random.below(2),
    dedupeBufferBytes: pick([24 * 8, 24 * 40, 24 * 1_000]),
    maxBytesPerSecond: pick([8_000, 100_000, Number.MAX_VALUE]),
    backoffMs: pick([50, 300, 1_200]),
  }
}
