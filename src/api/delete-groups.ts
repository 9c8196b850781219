import { DeleteGroupsRequest, DeleteGroupsResponse } from '../../protocol/messages/delete-groups.ts'
import { handler } from './handler.ts'

export const deleteGroups = handler({
  request: DeleteGroupsRequest,
  response: DeleteGroupsResponse,
  refuse: (errorCode, { groupsNames }) => ({
    results: groupsNames.map(groupId => ({ groupId, errorCode })),
  }),

  async handle({ groupsNames }, { groups }) {
    // Who is named twice is deleted, and answered, once.
    const results = [...new Set(groupsNames)].map(async groupId => ({
      groupId,
      errorCode: await groups.deleteGroup(groupId),
    }))
    return { results: await Promise.all(results) }
  },
})
