import {
  AlterUserScramCredentialsRequest,
  AlterUserScramCredentialsResponse,
} from '../../protocol/messages/alter-user-scram-credentials.ts'
import { handler } from './handler.ts'

export const alterUserScramCredentials = handler({
  request: AlterUserScramCredentialsRequest,
  response: AlterUserScramCredentialsResponse,
  refuse: (errorCode, { deletions, upsertions }) => ({
    results: [...new Set([...deletions, ...upsertions].map(({ name }) => name))].map(user => ({
      user,
      errorCode,
    })),
  }),

  async handle(request, { controller }) {
    const altered = await controller.alterScramCredentials(request)
    return {
      results: altered.map(({ user, result }) => ({
        user,
        errorCode: result.error,
        errorMessage: result.error ? (result.message ?? null) : null,
      })),
    }
  },
})
