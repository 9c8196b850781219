/** Every case that there is. */
import type { Case } from '../kit/case.ts'
import { ADMIN_CASES } from './admin.ts'
import { API_VERSIONS_CASES } from './api-versions.ts'
import { COMPRESSION_CASES } from './compression.ts'
import { CONFIG_CASES } from './configs.ts'
import { CONSUMER_GROUP_CASES } from './consumer-groups.ts'
import { DELETE_RECORDS_CASES } from './delete-records.ts'
import { FETCH_CASES } from './fetch.ts'
import { FETCH_SESSION_CASES } from './fetch-sessions.ts'
import { FRAMING_CASES } from './framing.ts'
import { GROUP_CASES } from './groups.ts'
import { IDEMPOTENCE_CASES } from './idempotence.ts'
import { LEADER_EPOCH_CASES } from './leader-epochs.ts'
import { LIST_OFFSETS_CASES } from './list-offsets.ts'
import { METADATA_CASES } from './metadata.ts'
import { OFFSET_CASES } from './offsets.ts'
import { PRODUCE_CASES } from './produce.ts'
import { RECORD_CASES } from './records.ts'
import { SASL_CASES } from './sasl.ts'
import { SECURITY_CASES } from './security.ts'
import { TOPIC_CASES } from './topics.ts'
import { TRANSACTION_CASES } from './transactions.ts'

export const CASES: readonly Case[] = [
  ...FRAMING_CASES,
  ...API_VERSIONS_CASES,
  ...METADATA_CASES,
  ...TOPIC_CASES,
  ...CONFIG_CASES,
  ...PRODUCE_CASES,
  ...IDEMPOTENCE_CASES,
  ...COMPRESSION_CASES,
  ...RECORD_CASES,
  ...FETCH_CASES,
  ...FETCH_SESSION_CASES,
  ...LIST_OFFSETS_CASES,
  ...LEADER_EPOCH_CASES,
  ...DELETE_RECORDS_CASES,
  ...GROUP_CASES,
  ...CONSUMER_GROUP_CASES,
  ...OFFSET_CASES,
  ...TRANSACTION_CASES,
  ...SASL_CASES,
  ...SECURITY_CASES,
  ...ADMIN_CASES,
]
