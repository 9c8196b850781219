/** Takes away what cases have made on a broker that others use too: whatever begins with the run's prefix. */
import {
  AlterUserScramCredentialsRequest,
  AlterUserScramCredentialsResponse,
} from '../../../protocol/messages/alter-user-scram-credentials.ts'
import {
  ConsumerGroupDescribeRequest,
  ConsumerGroupDescribeResponse,
} from '../../../protocol/messages/consumer-group-describe.ts'
import {
  DescribeUserScramCredentialsRequest,
  DescribeUserScramCredentialsResponse,
} from '../../../protocol/messages/describe-user-scram-credentials.ts'
import {
  ListConfigResourcesRequest,
  ListConfigResourcesResponse,
} from '../../../protocol/messages/list-config-resources.ts'
import {
  DELETE_TOPICS,
  DESCRIBE_CONFIGS,
  INCREMENTAL_ALTER_CONFIGS,
  INIT_PRODUCER_ID,
  METADATA,
} from '../cases/data-talk.ts'
import { BEAT } from '../groups/consumer-talk.ts'
import { DELETE_GROUPS, DESCRIBE, LEAVE, LIST } from '../groups/group-talk.ts'
import { type Side, Talk } from '../talk.ts'
import { LIST_TRANSACTIONS } from '../transactions/transaction-talk.ts'

const CONFIG_RESOURCES = { request: ListConfigResourcesRequest, response: ListConfigResourcesResponse }
const DESCRIBE_CONSUMERS = { request: ConsumerGroupDescribeRequest, response: ConsumerGroupDescribeResponse }
const DESCRIBE_USERS = {
  request: DescribeUserScramCredentialsRequest,
  response: DescribeUserScramCredentialsResponse,
}
const ALTER_USERS = { request: AlterUserScramCredentialsRequest, response: AlterUserScramCredentialsResponse }

const CLIENT_METRICS = 16
const GROUP = 32
const DELETE_OPERATION = 1
const DYNAMIC_GROUP_CONFIG = 8
const DYNAMIC_CLIENT_METRICS_CONFIG = 7
const ATTEMPTS = 5
const PAUSE_MS = 300

/** Resolves with what could not be removed, in words. Kinds that the broker does not have are left out. */
export async function removeTraces(side: Side, prefix: string): Promise<readonly string[]> {
  const left: string[] = []
  const broom = new Broom(side, prefix)
  const chores: readonly [string, () => Promise<readonly string[]>][] = [
    ['transactions', () => broom.transactions()],
    ['groups', () => broom.groups()],
    ['topics', () => broom.topics()],
    ['settings', () => broom.settings()],
    ['users', () => broom.users()],
  ]
  for (const [kind, chore] of chores) {
    const rest = await chore().catch((error: Error) => [error.message])
    if (rest.length > 0) left.push(`${kind}: ${rest.join(', ')}`)
  }
  await broom.close()
  return left
}

class Broom extends Talk {
  private readonly prefix: string

  constructor({ admit: _, ...side }: Side, prefix: string) {
    super(side)
    this.prefix = prefix
  }

  /** A newcomer under the same name ends what the last one had begun. */
  async transactions(): Promise<readonly string[]> {
    if (!this.has(LIST_TRANSACTIONS, 0) || !this.has(INIT_PRODUCER_ID, 1)) return []
    const filters = { stateFilters: ['Ongoing'], producerIdFilters: [] }
    const { transactionStates } = await this.ask('broom', LIST_TRANSACTIONS, 0, filters)
    for (const { transactionalId } of transactionStates.filter(it => this.isOurs(it.transactionalId))) {
      await this.ask('broom', INIT_PRODUCER_ID, 1, { transactionalId, transactionTimeoutMs: 10_000 })
    }
    return []
  }

  async groups(): Promise<readonly string[]> {
    if (!this.has(LIST, 2) || !this.has(DELETE_GROUPS, 1)) return []
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { groups } = await this.ask('broom', LIST, 2, { statesFilter: [], typesFilter: [] })
      const ours = groups.map(({ groupId }) => groupId).filter(it => this.isOurs(it))
      if (ours.length === 0) return []
      const { results } = await this.ask('broom', DELETE_GROUPS, 1, { groupsNames: ours })
      const rest = results.filter(({ errorCode }) => errorCode !== 0).map(({ groupId }) => groupId)
      if (rest.length === 0 || attempt === ATTEMPTS - 1) return rest
      for (const groupId of rest) await this.empty(groupId)
      await this.wait(PAUSE_MS)
    }
    return []
  }

  /** Sends away members whose connections are gone, and who are waited for. */
  private async empty(groupId: string): Promise<void> {
    await this.emptyConsumers(groupId)
    const body = { groups: [groupId], includeAuthorizedOperations: false }
    const { groups } = await this.ask('broom', DESCRIBE, 4, body)
    const members = groups.flatMap(group => group.members)
    if (members.length === 0) return
    await this.ask('broom', LEAVE, 3, {
      groupId,
      memberId: '',
      members: members.map(({ memberId, groupInstanceId }) => ({ memberId, groupInstanceId, reason: null })),
    })
  }

  /** Members of consumer groups can only go by themselves, so that is what is said in their names. */
  private async emptyConsumers(groupId: string): Promise<void> {
    if (!this.has(DESCRIBE_CONSUMERS, 0) || !this.has(BEAT, 0)) return
    const body = { groupIds: [groupId], includeAuthorizedOperations: false }
    const { groups } = await this.ask('broom', DESCRIBE_CONSUMERS, 0, body)
    for (const { memberId, instanceId } of groups.flatMap(group => group.members)) {
      await this.ask('broom', BEAT, 0, { groupId, memberId, instanceId, memberEpoch: -1 })
    }
  }

  async topics(): Promise<readonly string[]> {
    const all = {
      topics: null,
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    }
    const ours = async () => {
      const { topics } = await this.ask('broom', METADATA, 4, all)
      return topics.flatMap(({ name }) => (name !== null && this.isOurs(name) ? [name] : []))
    }
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const topicNames = await ours()
      if (topicNames.length === 0) return []
      await this.ask('broom', DELETE_TOPICS, 3, { topics: [], topicNames, timeoutMs: 20_000 })
      await this.wait(PAUSE_MS)
    }
    return ours()
  }

  /** A resource of these kinds is there as long as it has a setting of its own. */
  async settings(): Promise<readonly string[]> {
    const isListed = this.has(CONFIG_RESOURCES, 0)
    if (!isListed || !this.has(INCREMENTAL_ALTER_CONFIGS, 0) || !this.has(DESCRIBE_CONFIGS, 1)) return []
    const version = this.has(CONFIG_RESOURCES, 1) ? 1 : 0
    const { configResources } = await this.ask('broom', CONFIG_RESOURCES, version, {
      resourceTypes: [CLIENT_METRICS, GROUP],
    })
    for (const { resourceName, resourceType = CLIENT_METRICS } of configResources) {
      if (!this.isOurs(resourceName)) continue
      const { results } = await this.ask('broom', DESCRIBE_CONFIGS, 1, {
        resources: [{ resourceType, resourceName, configurationKeys: null }],
      })
      const own = [DYNAMIC_CLIENT_METRICS_CONFIG, DYNAMIC_GROUP_CONFIG]
      const configs = results.flatMap(it => it.configs).filter(it => own.includes(it.configSource))
      await this.ask('broom', INCREMENTAL_ALTER_CONFIGS, 0, {
        resources: [
          {
            resourceType,
            resourceName,
            configs: configs.map(({ name }) => ({ name, configOperation: DELETE_OPERATION, value: null })),
          },
        ],
        validateOnly: false,
      })
    }
    return []
  }

  async users(): Promise<readonly string[]> {
    if (!this.has(DESCRIBE_USERS, 0) || !this.has(ALTER_USERS, 0)) return []
    const { results } = await this.ask('broom', DESCRIBE_USERS, 0, { users: null })
    const deletions = results
      .filter(({ user }) => this.isOurs(user))
      .flatMap(({ user, credentialInfos }) =>
        credentialInfos.map(({ mechanism }) => ({ name: user, mechanism })),
      )
    if (deletions.length > 0) await this.ask('broom', ALTER_USERS, 0, { deletions, upsertions: [] })
    return []
  }

  private isOurs(name: string): boolean {
    return name.startsWith(this.prefix)
  }

  private has({ request }: { readonly request: { readonly apiKey: number } }, version: number): boolean {
    const range = this.side.versionsOf?.(request.apiKey)
    return range === undefined ? !this.side.versionsOf : range.first <= version && version <= range.last
  }
}
