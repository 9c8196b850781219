/** Settings of topics, drawn so that everything happens within seconds and kilobytes. */
import type { Random } from '../platform/platform.ts'

export function drawConfig(random: Random): Map<string, string> {
  const config = new Map<string, string>()
  const pick = (name: string, values: readonly (string | undefined)[]) => {
    const value = values[random.below(values.length)]
    if (value !== undefined) config.set(name, value)
  }
  pick('internal.segment.bytes', ['700', '1500', '3000', '8000'])
  pick('index.interval.bytes', ['0', '100', '400', '4096'])
  pick('segment.ms', [undefined, undefined, '4000'])
  pick('retention.ms', ['-1', '2000', '5000', '60000'])
  pick('retention.bytes', [undefined, undefined, '2500', '6000'])
  pick('file.delete.delay.ms', ['0', '1000', '60000'])
  pick('flush.messages', [undefined, undefined, '1', '6'])
  pick('flush.ms', [undefined, undefined, '2000'])
  return config
}
