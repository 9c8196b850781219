/** What Apache Kafka 4.3.1 answered to each case. Made by kit/record.ts. */
import type { Recordings } from '../kit/runner.ts'
import admin from './fixtures/admin.json' with { type: 'json' }
import apiVersions from './fixtures/api-versions.json' with { type: 'json' }
import compression from './fixtures/compression.json' with { type: 'json' }
import configs from './fixtures/configs.json' with { type: 'json' }
import consumerGroups from './fixtures/consumer-groups.json' with { type: 'json' }
import coordinators from './fixtures/coordinators.json' with { type: 'json' }
import deleteRecords from './fixtures/delete-records.json' with { type: 'json' }
import fetch from './fixtures/fetch.json' with { type: 'json' }
import fetchSessions from './fixtures/fetch-sessions.json' with { type: 'json' }
import framing from './fixtures/framing.json' with { type: 'json' }
import groups from './fixtures/groups.json' with { type: 'json' }
import idempotence from './fixtures/idempotence.json' with { type: 'json' }
import leaderEpochs from './fixtures/leader-epochs.json' with { type: 'json' }
import listOffsets from './fixtures/list-offsets.json' with { type: 'json' }
import metadata from './fixtures/metadata.json' with { type: 'json' }
import offsets from './fixtures/offsets.json' with { type: 'json' }
import produce from './fixtures/produce.json' with { type: 'json' }
import records from './fixtures/records.json' with { type: 'json' }
import security from './fixtures/security.json' with { type: 'json' }
import staticMembers from './fixtures/static-members.json' with { type: 'json' }
import topics from './fixtures/topics.json' with { type: 'json' }
import transactions from './fixtures/transactions.json' with { type: 'json' }

export const RECORDINGS: Recordings = {
  framing,
  'api-versions': apiVersions,
  metadata,
  topics,
  configs,
  produce,
  idempotence,
  compression,
  records,
  fetch,
  'fetch-sessions': fetchSessions,
  'list-offsets': listOffsets,
  'leader-epochs': leaderEpochs,
  'delete-records': deleteRecords,
  coordinators,
  groups,
  'static-members': staticMembers,
  'consumer-groups': consumerGroups,
  offsets,
  transactions,
  security,
  admin,
}
