/** Which users have SCRAM credentials, of which mechanisms; the credentials themselves are told to nobody. */
import { ErrorCode } from '../../protocol/errors.ts'
import {
  DescribeUserScramCredentialsRequest,
  DescribeUserScramCredentialsResponse,
} from '../../protocol/messages/describe-user-scram-credentials.ts'
import { type ClusterImage, scramKey } from '../metadata/image.ts'
import { SCRAM_TYPES } from '../security/scram.ts'
import { handler } from './handler.ts'

type Described = DescribeUserScramCredentialsResponse['results'][number]

export const describeUserScramCredentials = handler({
  request: DescribeUserScramCredentialsRequest,
  response: DescribeUserScramCredentialsResponse,
  refuse: errorCode => ({ errorCode, results: [] }),

  handle({ users }, { controller }) {
    const image = controller.image()
    const asked = (users ?? []).map(({ name }) => name)
    const names = new Set(asked.length > 0 ? asked : usersOf(image))
    return {
      errorCode: ErrorCode.NONE,
      errorMessage: '',
      results: Array.from(names, name => {
        if (asked.indexOf(name) !== asked.lastIndexOf(name)) return describedTwice(name)
        return described(name, image)
      }),
    }
  },
})

function usersOf(image: ClusterImage): string[] {
  return Array.from(image.scram.keys(), key => key.slice(key.indexOf('/') + 1))
}

function described(user: string, image: ClusterImage): Described {
  const credentialInfos = [...SCRAM_TYPES].flatMap(([mechanism, name]) => {
    const credential = image.scram.get(scramKey(name, user))
    return credential ? [{ mechanism, iterations: credential.iterations }] : []
  })
  if (credentialInfos.length > 0)
    return { user, errorCode: ErrorCode.NONE, errorMessage: '', credentialInfos }
  const errorMessage = `Attempt to describe a user credential that does not exist: ${user}`
  return { user, errorCode: ErrorCode.RESOURCE_NOT_FOUND, errorMessage, credentialInfos }
}

function describedTwice(user: string): Described {
  const what = 'Cannot describe SCRAM credentials for the same user twice in a single request'
  const errorMessage = `${what}: ${user}`
  return { user, errorCode: ErrorCode.DUPLICATE_RESOURCE, errorMessage, credentialInfos: [] }
}
