/** All that is said to brokers about consumer groups. */
import { CONSUMER_ADMINISTRATION } from './consumer-administration.ts'
import { CONSUMER_MEMBERSHIP } from './consumer-membership.ts'
import { CONSUMER_MIGRATION } from './consumer-migration.ts'
import { CONSUMER_OFFSETS } from './consumer-offsets.ts'
import { CONSUMER_PATTERNS } from './consumer-patterns.ts'
import { CONSUMER_RECORDS } from './consumer-records.ts'
import { CONSUMER_STATIC } from './consumer-static.ts'
import type { ConsumerConversation } from './consumer-talk.ts'

export const CONSUMER_CONVERSATIONS: readonly ConsumerConversation[] = [
  ...CONSUMER_MEMBERSHIP,
  ...CONSUMER_STATIC,
  ...CONSUMER_PATTERNS,
  ...CONSUMER_ADMINISTRATION,
  ...CONSUMER_OFFSETS,
  ...CONSUMER_MIGRATION,
  ...CONSUMER_RECORDS,
]
