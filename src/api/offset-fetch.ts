import { ErrorCode } from '../../protocol/errors.ts'
import { OffsetFetchRequest, OffsetFetchResponse } from '../../protocol/messages/offset-fetch.ts'
import { ZERO_UUID } from '../../protocol/wire.ts'
import type { FetchedOffset } from '../groups/group-coordinator.ts'
import type { Context } from './context.ts'
import { handler } from './handler.ts'

/** Since then a request may ask for several groups (KIP-709); before, for one, in another form. */
const FIRST_WITH_GROUPS = 8
/** Since then a group's own error has a place; before, each partition carries it. */
const FIRST_WITH_GROUP_ERROR = 2
const FIRST_WITH_TOPIC_IDS = 10

type RequestGroup = OffsetFetchRequest['groups'][number]
type RequestTopic = NonNullable<RequestGroup['topics']>[number]
type ResponseGroup = NonNullable<OffsetFetchResponse['groups']>[number]
type ResponsePartition = ResponseGroup['topics'][number]['partitions'][number]

export const offsetFetch = handler({
  request: OffsetFetchRequest,
  response: OffsetFetchResponse,
  refuse: (errorCode, { groups }) => ({
    errorCode,
    topics: [],
    groups: groups.map(({ groupId }) => ({ groupId, errorCode, topics: [] })),
  }),

  async handle(request, context) {
    if (context.apiVersion >= FIRST_WITH_GROUPS) {
      const groups = request.groups.map(group => fetchGroup(group, request.requireStable, context))
      return { topics: [], groups: await Promise.all(groups) }
    }
    const topics = request.topics?.map(topic => ({ ...topic, topicId: ZERO_UUID })) ?? null
    const group = { groupId: request.groupId, memberId: null, memberEpoch: -1, topics }
    const fetched = await fetchGroup(group, request.requireStable, context)
    const errorCode = (fetched.errorCode ?? ErrorCode.NONE) as ErrorCode
    if (errorCode !== ErrorCode.NONE && context.apiVersion < FIRST_WITH_GROUP_ERROR) {
      const failed = (topics ?? []).map(topic => topicOf(topic, partitionsOf(topic, errorCode)))
      return { topics: failed, groups: [] }
    }
    return { topics: fetched.topics, errorCode, groups: [] }
  },
})

async function fetchGroup(
  group: RequestGroup,
  requireStable: boolean,
  context: Context,
): Promise<ResponseGroup> {
  const { groupId, memberId, memberEpoch, topics } = group
  const byId = context.apiVersion >= FIRST_WITH_TOPIC_IDS
  const image = context.controller.image()
  const named = topics?.map(topic => {
    const name = byId ? image.topicById(topic.topicId)?.name : topic.name
    return { topic, name }
  })
  const known = named?.flatMap(({ topic, name }) =>
    name === undefined ? [] : [{ topic: name, partitions: topic.partitionIndexes }],
  )
  const asked = { topics: known ?? null, requireStable, memberId, memberEpoch }
  const fetched = await context.groups.fetchOffsets(groupId, asked)
  if (fetched.error) return { groupId, topics: [], errorCode: fetched.error }
  if (named) {
    // One for each partition that was asked for, in order; unknown topics come last.
    let at = 0
    const answered = named.flatMap(({ topic, name }) => {
      if (name === undefined) return []
      const from = at
      at += topic.partitionIndexes.length
      return [topicOf(topic, fetched.value.slice(from, at).map(fetchedPartition))]
    })
    const unknown = named
      .filter(({ name }) => name === undefined)
      .map(({ topic }) => topicOf(topic, partitionsOf(topic, ErrorCode.UNKNOWN_TOPIC_ID)))
    return { groupId, topics: [...answered, ...unknown] }
  }
  const all = [...groupByTopic(fetched.value)].flatMap(([name, offsets]) => {
    const topicId = image.topicByName(name)?.id
    // What has no id cannot be named to who speaks in ids.
    if (byId && topicId === undefined) return []
    return [topicOf({ name, topicId: topicId ?? ZERO_UUID }, offsets.map(fetchedPartition))]
  })
  return { groupId, topics: all }
}

function groupByTopic(offsets: readonly FetchedOffset[]): ReadonlyMap<string, readonly FetchedOffset[]> {
  const byTopic = new Map<string, FetchedOffset[]>()
  for (const offset of offsets) {
    const known = byTopic.get(offset.topic)
    if (known) known.push(offset)
    else byTopic.set(offset.topic, [offset])
  }
  return byTopic
}

function topicOf({ name, topicId }: Pick<RequestTopic, 'name' | 'topicId'>, partitions: ResponsePartition[]) {
  return { name, topicId, partitions }
}

function partitionsOf(topic: RequestTopic, errorCode: ErrorCode): ResponsePartition[] {
  return topic.partitionIndexes.map(partition =>
    fetchedPartition({ topic: topic.name, partition, errorCode, committed: undefined }),
  )
}

/** Where nothing is committed the offset is -1, without an error. */
function fetchedPartition({ partition, errorCode, committed }: FetchedOffset): ResponsePartition {
  return {
    partitionIndex: partition,
    committedOffset: committed?.offset ?? -1n,
    committedLeaderEpoch: committed?.leaderEpoch ?? -1,
    metadata: committed?.metadata ?? '',
    errorCode,
  }
}
