import { ErrorCode } from '../../protocol/errors.ts'
import { ListGroupsRequest, ListGroupsResponse } from '../../protocol/messages/list-groups.ts'
import { handler } from './handler.ts'

export const listGroups = handler({
  request: ListGroupsRequest,
  response: ListGroupsResponse,
  refuse: errorCode => ({ errorCode, groups: [] }),

  async handle({ statesFilter, typesFilter }, { groups }) {
    const listed = await groups.list()
    if (listed.error) return { errorCode: listed.error, groups: [] }
    const states = lowerCased(statesFilter)
    const types = lowerCased(typesFilter)
    return {
      errorCode: ErrorCode.NONE,
      groups: listed.value
        .filter(({ state, type }) => accepts(states, state) && accepts(types, type))
        .map(({ groupId, protocolType, state, type }) => ({
          groupId,
          protocolType,
          groupState: state,
          groupType: type,
        })),
    }
  },
})

/** Kafka compares states and types without regard to case; an empty list lets everything through. */
function lowerCased(filter: readonly string[]): ReadonlySet<string> {
  return new Set(filter.map(word => word.toLowerCase()))
}

function accepts(filter: ReadonlySet<string>, word: string): boolean {
  return filter.size === 0 || filter.has(word.toLowerCase())
}
