/** All options of client metrics subscriptions (KIP-714). They show no synonyms, unlike every other kind. */
import { int, list, type Option } from './option.ts'

export const CLIENT_METRICS_CONFIGS: readonly Option[] = [
  int('interval.ms', 300_000, 'How often clients push their metrics.', { effect: 'later' }),
  list('match', '', 'Which clients are meant, as name=regular expression pairs that must all match.', {
    effect: 'later',
  }),
  list('metrics', '', 'Prefixes of the metrics that clients push; * for all, empty for none.', {
    effect: 'later',
  }),
]

/** What a `match` entry may look at. */
export const CLIENT_METRICS_MATCHERS: readonly string[] = [
  'client_instance_id',
  'client_id',
  'client_software_name',
  'client_software_version',
  'client_source_address',
  'client_source_port',
]

export const CLIENT_METRICS_INTERVAL_MS = { lowest: 100, highest: 3_600_000 }
