import { ErrorCode, errorName } from '../../protocol/errors.ts'
import { FindCoordinatorRequest, FindCoordinatorResponse } from '../../protocol/messages/find-coordinator.ts'
import { OFFSETS_TOPIC } from '../groups/group-coordinator.ts'
import { TRANSACTION_TOPIC } from '../transactions/transaction-coordinator.ts'
import { type BrokerAddress, brokerAddresses } from './advertised-address.ts'
import { autoCreateTopics } from './auto-create-topics.ts'
import type { Context } from './context.ts'
import { handler } from './handler.ts'

/** Since then a request asks for several keys (KIP-699). */
const FIRST_WITH_KEYS = 4
const GROUP = 0
const TRANSACTION = 1
const SHARE = 2
/** What Kafka says of each request that it calls invalid; clients show it. */
const INVALID_REQUEST_MESSAGE =
  'This most likely occurs because of a request being malformed by the client library or the message was ' +
  'sent to an incompatible broker. See the broker logs for more details.'

type Coordinator = NonNullable<FindCoordinatorResponse['coordinators']>[number]

export const findCoordinator = handler({
  request: FindCoordinatorRequest,
  response: FindCoordinatorResponse,
  refuse: (errorCode, { key, coordinatorKeys }) => ({
    ...single(failed(key, errorCode)),
    coordinators: coordinatorKeys.map(each => failed(each, errorCode)),
  }),

  async handle({ key, keyType, coordinatorKeys }, context) {
    if (context.apiVersion >= FIRST_WITH_KEYS) {
      const coordinators = coordinatorKeys.map(each => find(each, keyType, context))
      return { ...single(failed('', ErrorCode.NONE)), coordinators: await Promise.all(coordinators) }
    }
    return { ...single(await find(key, keyType, context)), coordinators: [] }
  },
})

async function find(key: string, keyType: number, context: Context): Promise<Coordinator> {
  const home = homeOf(key, keyType, context)
  if (!home) {
    // Coordinators of share groups are not served: nobody can be named.
    const isShareKey = keyType === SHARE && context.apiVersion >= FIRST_WITH_KEYS
    return failed(key, ErrorCode.INVALID_REQUEST, isShareKey ? '' : INVALID_REQUEST_MESSAGE)
  }
  const { controller } = context
  if (!controller.image().topicByName(home.topic)) {
    const created = createTopic(home.topic, context)
    // Who asks first is told to ask again, as by Kafka; in memory nothing takes so long.
    if (context.config.string('klamm.storage') === 'memory') await created
  }
  const leader = controller.image().topicByName(home.topic)?.partitions[home.partition()]?.leader
  const address = brokerAddresses(context).find(({ nodeId }) => nodeId === leader)
  return address ? found(key, address) : failed(key, ErrorCode.COORDINATOR_NOT_AVAILABLE)
}

/** The internal topic whose partition's leader coordinates the key. */
function homeOf(key: string, keyType: number, { groups, transactions }: Context) {
  if (keyType === GROUP) return { topic: OFFSETS_TOPIC, partition: () => groups.partitionFor(key) }
  if (keyType === TRANSACTION) {
    return { topic: TRANSACTION_TOPIC, partition: () => transactions.partitionFor(key) }
  }
  return undefined
}

async function createTopic(topic: string, context: Context): Promise<void> {
  const refusals = await autoCreateTopics([topic], context)
  if (context.controller.image().topicByName(topic)) return
  const code = errorName(refusals.get(topic) ?? ErrorCode.UNKNOWN_SERVER_ERROR)
  context.logger.warn(`There are no coordinators: ${topic} could not be created`, { code })
}

function found(key: string, { nodeId, host, port }: BrokerAddress): Coordinator {
  return { key, nodeId, host, port, errorCode: ErrorCode.NONE, errorMessage: '' }
}

function failed(key: string, errorCode: ErrorCode, errorMessage = ''): Coordinator {
  return { key, nodeId: -1, host: '', port: -1, errorCode, errorMessage }
}

/** Before v4 the one coordinator stood in the response itself, and no error was an error named so. */
function single({ key: _, ...coordinator }: Coordinator) {
  return coordinator.errorCode === ErrorCode.NONE ? { ...coordinator, errorMessage: 'NONE' } : coordinator
}
