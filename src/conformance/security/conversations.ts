/**
 * Conversations about SASL at the wire. The broker has the users alice (password `secret`) and bob
 * (`builder`) for PLAIN, SCRAM credentials are set by the conversations themselves, and
 * `connections.max.reauth.ms` is 60,000 for PLAIN, 1,500 for SCRAM-SHA-256, and not set for SCRAM-SHA-512.
 */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { errorName } from '../../../protocol/errors.ts'
import {
  AlterUserScramCredentialsRequest,
  AlterUserScramCredentialsResponse,
} from '../../../protocol/messages/alter-user-scram-credentials.ts'
import { ApiVersionsRequest, ApiVersionsResponse } from '../../../protocol/messages/api-versions.ts'
import {
  DescribeUserScramCredentialsRequest,
  DescribeUserScramCredentialsResponse,
} from '../../../protocol/messages/describe-user-scram-credentials.ts'
import { MetadataRequest, MetadataResponse } from '../../../protocol/messages/metadata.ts'
import {
  SaslAuthenticateRequest,
  SaslAuthenticateResponse,
} from '../../../protocol/messages/sasl-authenticate.ts'
import { SaslHandshakeRequest, SaslHandshakeResponse } from '../../../protocol/messages/sasl-handshake.ts'
import { ZERO_UUID } from '../../../protocol/wire.ts'
import type { WireClient } from '../wire-client.ts'

/** Opens connections to the broker's SASL listener. */
export interface Dial {
  (): Promise<WireClient>
  /** Lets the broker's time pass. */
  wait(ms: number): Promise<void>
}
export type Heard = readonly unknown[]

interface Conversation {
  readonly name: string
  hold(dial: Dial): Promise<Heard>
}

const CLOSED = 'closed'

/** What a call was answered, or that the connection was closed. */
async function heard<T>(answer: Promise<T>): Promise<T | typeof CLOSED> {
  try {
    return await answer
  } catch {
    return CLOSED
  }
}

const handshake = (client: WireClient, mechanism: string, version = 1) =>
  heard(
    client.call({
      request: SaslHandshakeRequest,
      response: SaslHandshakeResponse,
      version,
      body: { mechanism },
    }),
  ).then(it => (it === CLOSED ? it : [errorName(it.errorCode), [...it.mechanisms].sort()]))

const authenticate = async (client: WireClient, token: string | Buffer, version = 2) => {
  const it = await heard(
    client.call({
      request: SaslAuthenticateRequest,
      response: SaslAuthenticateResponse,
      version,
      body: { authBytes: Buffer.from(token) },
    }),
  )
  if (it === CLOSED) return it
  const { errorCode, errorMessage, authBytes, sessionLifetimeMs } = it
  return [errorName(errorCode), errorMessage, shape(Buffer.from(authBytes)), String(sessionLifetimeMs)]
}

/** Of a token, what does not change from run to run. */
const shape = (token: Buffer) =>
  token
    .toString()
    .replace(/r=[^,]+/, 'r=…')
    .replace(/s=[^,]+/, 's=…')
    .replace(/v=.+/, 'v=…')

const versions = (client: WireClient, version = 3) =>
  heard(
    client.call({
      request: ApiVersionsRequest,
      response: ApiVersionsResponse,
      version,
      body: { clientSoftwareName: 'talk', clientSoftwareVersion: '1' },
    }),
  ).then(it => (it === CLOSED ? it : errorName(it.errorCode)))

const metadata = (client: WireClient, topics: readonly string[] = []) =>
  heard(
    client.call({
      request: MetadataRequest,
      response: MetadataResponse,
      version: 9,
      body: {
        topics: topics.map(name => ({ name, topicId: ZERO_UUID })),
        includeClusterAuthorizedOperations: false,
        includeTopicAuthorizedOperations: false,
      },
    }),
  ).then(it => (it === CLOSED ? it : ['answered', ...it.topics.map(topic => errorName(topic.errorCode))]))

async function loggedIn(dial: Dial, token = '\0alice\0secret'): Promise<WireClient> {
  const client = await dial()
  await handshake(client, 'PLAIN')
  await authenticate(client, token)
  return client
}

const alter = (
  client: WireClient,
  deletions: readonly [string, number][],
  upsertions: readonly [string, number, number, string?][],
) =>
  heard(
    client.call({
      request: AlterUserScramCredentialsRequest,
      response: AlterUserScramCredentialsResponse,
      version: 0,
      body: {
        deletions: deletions.map(([name, mechanism]) => ({ name, mechanism })),
        upsertions: upsertions.map(([name, mechanism, iterations, password = 'pw']) => ({
          name,
          mechanism,
          iterations,
          salt: SALT,
          saltedPassword: salted(mechanism, password, iterations),
        })),
      },
    }),
  ).then(it =>
    it === CLOSED
      ? it
      : it.results
          .map(({ user, errorCode, errorMessage }) => [user, errorName(errorCode), errorMessage])
          .sort(),
  )

const describe = (client: WireClient, users: readonly string[] | null) =>
  heard(
    client.call({
      request: DescribeUserScramCredentialsRequest,
      response: DescribeUserScramCredentialsResponse,
      version: 0,
      body: { users: users?.map(name => ({ name })) ?? null },
    }),
  ).then(it =>
    it === CLOSED
      ? it
      : [
          errorName(it.errorCode),
          it.errorMessage,
          it.results
            .map(({ user, errorCode, errorMessage, credentialInfos }) => [
              user,
              errorName(errorCode),
              errorMessage,
              credentialInfos.map(({ mechanism, iterations }) => [mechanism, iterations]).sort(),
            ])
            .sort(),
        ],
  )

const SALT = Buffer.from('a-salt-of-16-byt')
const hashOf = (mechanism: number) => (mechanism === 1 ? 'sha256' : 'sha512')

function salted(mechanism: number, password: string, iterations: number): Buffer {
  const hash = hashOf(mechanism)
  return pbkdf2Sync(password, SALT, Math.max(iterations, 1), hash === 'sha256' ? 32 : 64, hash)
}

const xor = (a: Buffer, b: Buffer) => Buffer.from(a.map((byte, i) => byte ^ b[i]!))

/** A SCRAM exchange, with the first message and the last as they are told to be. */
async function scram(
  client: WireClient,
  mechanism: 1 | 2,
  { user, password, iterations = 4096, first, spoil = it => it }: ScramAttempt,
): Promise<Heard> {
  const hash = hashOf(mechanism)
  const hmac = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest()
  const bare = `n=${user},r=clientnonce`
  const { authBytes, errorCode, errorMessage } = await client.call({
    request: SaslAuthenticateRequest,
    response: SaslAuthenticateResponse,
    version: 2,
    body: { authBytes: Buffer.from(first ?? `n,,${bare}`) },
  })
  if (errorCode) return [errorName(errorCode), errorMessage]
  const reply = Buffer.from(authBytes).toString()
  const nonce = /r=([^,]+)/.exec(reply)?.[1]
  const key = salted(mechanism, password, iterations)
  const clientKey = hmac(key, 'Client Key')
  const stored = createHash(hash).update(clientKey).digest()
  const withoutProof = `c=biws,r=${nonce}`
  const proof = xor(clientKey, hmac(stored, `${bare},${reply},${withoutProof}`)).toString('base64')
  const last = await authenticate(client, spoil(`${withoutProof},p=${proof}`))
  return [shape(Buffer.from(authBytes)), last]
}

interface ScramAttempt {
  readonly user: string
  readonly password: string
  readonly iterations?: number
  readonly first?: string
  readonly spoil?: (last: string) => string
}

async function rawToken(client: WireClient, token: string): Promise<unknown> {
  const size = Buffer.alloc(4)
  size.writeInt32BE(token.length)
  client.sendBytes(size, Buffer.from(token))
  const frame = await heard(client.receiveFrame())
  return frame === CLOSED ? frame : frame.toString()
}

const plain: Conversation[] = [
  {
    name: 'T168 nothing is served before authentication but what leads to it',
    async hold(dial) {
      const afresh = await dial()
      const asked = await dial()
      const twice = await dial()
      const begun = await dial()
      const tokenFirst = await dial()
      return [
        ['metadata at once', await metadata(afresh)],
        ['versions', await versions(asked), 'then metadata', await metadata(asked)],
        ['versions', await versions(twice), 'and again', await versions(twice)],
        [
          'handshake',
          await handshake(begun, 'PLAIN'),
          'then',
          await metadata(begun, ['t']),
          await metadata(begun),
        ],
        ['a token first', await authenticate(tokenFirst, '\0alice\0secret')],
      ]
    },
  },
  {
    name: 'T168 the usual order: versions, handshake, token, anything',
    async hold(dial) {
      const client = await dial()
      return [
        await versions(client),
        await handshake(client, 'PLAIN'),
        await authenticate(client, '\0alice\0secret'),
        await metadata(client),
        await versions(client),
        await authenticate(client, '\0alice\0secret'),
      ]
    },
  },
  {
    name: 'T168 after handshake v0 bare tokens follow',
    async hold(dial) {
      const right = await dial()
      const wrong = await dial()
      return [
        await handshake(right, 'PLAIN', 0),
        await rawToken(right, '\0alice\0secret'),
        await metadata(right),
        await handshake(wrong, 'PLAIN', 0),
        await rawToken(wrong, '\0alice\0wrong'),
      ]
    },
  },
  {
    name: 'T171 a wrong password is told, and ends the connection',
    async hold(dial) {
      const tokens = [
        '\0alice\0wrong',
        '\0nobody\0x',
        '\0alice',
        'bob\0alice\0secret',
        '\0\0secret',
        '\0alice\0',
        '',
      ]
      const told: unknown[] = []
      for (const token of tokens) {
        const client = await dial()
        await handshake(client, 'PLAIN')
        told.push([await authenticate(client, token), await metadata(client)])
      }
      return told
    },
  },
  {
    name: 'T171 a mechanism that is not enabled is answered with those that are',
    async hold(dial) {
      const client = await dial()
      return [await handshake(client, 'GSSAPI'), await handshake(client, 'PLAIN')]
    },
  },
  {
    name: 'T170 a session lives as long as it is told, and may begin anew as the same principal',
    async hold(dial) {
      const same = await loggedIn(dial)
      const other = await loggedIn(dial)
      const wrong = await loggedIn(dial)
      const mechanism = await loggedIn(dial)
      const between = await loggedIn(dial)
      return [
        ['again', await handshake(same, 'PLAIN'), await authenticate(same, '\0alice\0secret')],
        ['served', await metadata(same), 'too soon', await handshake(same, 'PLAIN'), await metadata(same)],
        ['another', await handshake(other, 'PLAIN'), await authenticate(other, '\0bob\0builder')],
        ['wrong', await handshake(wrong, 'PLAIN'), await authenticate(wrong, '\0alice\0wrong')],
        ['then', await metadata(other), await metadata(wrong)],
        [
          'mechanism',
          await handshake(mechanism, 'SCRAM-SHA-512'),
          await authenticate(mechanism, 'n,,n=alice,r=x'),
        ],
        [
          'between',
          await handshake(between, 'PLAIN'),
          await metadata(between, ['t']),
          await metadata(between),
        ],
      ]
    },
  },
  {
    name: 'T170 without a limit a session is for ever, and with one it ends',
    async hold(dial) {
      const admin = await loggedIn(dial)
      await alter(admin, [], [['r1', 1, 4096]])
      await alter(admin, [], [['r1', 2, 4096]])
      const [unlimited, expiring, renewing] = [await dial(), await dial(), await dial()]
      const told: unknown[] = []
      for (const [client, name, mechanism] of [
        [unlimited, 'SCRAM-SHA-512', 2],
        [expiring, 'SCRAM-SHA-256', 1],
        [renewing, 'SCRAM-SHA-256', 1],
      ] as const) {
        await handshake(client, name)
        told.push(await scram(client, mechanism, { user: 'r1', password: 'pw' }))
      }
      await dial.wait(2_000)
      told.push(
        await metadata(unlimited),
        await handshake(unlimited, 'SCRAM-SHA-512'),
        await metadata(unlimited),
      )
      told.push(await metadata(expiring))
      told.push(await handshake(renewing, 'SCRAM-SHA-256'))
      told.push(await scram(renewing, 1, { user: 'r1', password: 'pw' }), await metadata(renewing))
      await alter(admin, [['r1', 1]], [])
      await alter(admin, [['r1', 2]], [])
      return told
    },
  },
]

const scrams: Conversation[] = [
  {
    name: 'T050 a user may hold a credential of each mechanism; what is wrong with one is told',
    async hold(dial) {
      const client = await loggedIn(dial)
      return [
        await alter(
          client,
          [],
          [
            ['u1', 1, 4096],
            ['u1', 2, 8192],
            ['u2', 1, 4095],
            ['u3', 1, 16385],
          ],
        ),
        await alter(
          client,
          [],
          [
            ['u1', 1, 4096],
            ['u7', 1, 4097],
          ],
        ),
        await alter(client, [], [['u1', 2, 8192]]),
        await alter(client, [['u7', 1]], [['u7', 1, 5000]]),
        await alter(client, [['u7', 1]], [['u7', 2, 5000]]),
        await alter(
          client,
          [
            ['u7', 1],
            ['u7', 1],
          ],
          [],
        ),
        await alter(
          client,
          [
            ['u7', 1],
            ['u7', 2],
          ],
          [],
        ),
        await alter(
          client,
          [
            ['u1', 1],
            ['u7', 1],
          ],
          [],
        ),
        await alter(client, [['u1', 2]], []),
      ]
    },
  },
  {
    name: 'T050 what is not there or not known is refused by name',
    async hold(dial) {
      const client = await loggedIn(dial)
      return [
        await alter(
          client,
          [['u7', 3]],
          [
            ['', 3, 1],
            ['u8', 3, 1],
          ],
        ),
        await alter(
          client,
          [['nobody', 1]],
          [
            ['', 1, 4096],
            ['u4', 3, 4096],
            ['u5', 1, 4096],
            ['u5', 1, 4096],
          ],
        ),
        await alter(client, [['u6', 1]], [['u6', 1, 4096]]),
        await alter(client, [], []),
        await alter(
          client,
          [
            ['u1', 1],
            ['u7', 1],
          ],
          [],
        ),
        await alter(client, [['u1', 2]], []),
      ]
    },
  },
  {
    name: 'T050 who has credentials is told, and of which mechanisms',
    async hold(dial) {
      const client = await loggedIn(dial)
      await alter(
        client,
        [],
        [
          ['u1', 1, 4096],
          ['u7', 1, 4097],
        ],
      )
      await alter(client, [], [['u1', 2, 8192]])
      return [
        await describe(client, ['u1', 'u2']),
        await describe(client, ['u1', 'u1']),
        await describe(client, null),
        await describe(client, []),
        await alter(client, [['u1', 1]], []),
        await describe(client, ['u1']),
        await alter(client, [['u1', 2]], []),
        await describe(client, ['u1']),
        await alter(client, [['u7', 1]], []),
      ]
    },
  },
  {
    name: 'SCRAM with both mechanisms, and names that need escaping',
    async hold(dial) {
      const admin = await loggedIn(dial)
      await alter(
        admin,
        [],
        [
          ['s1', 1, 4096],
          ['a,b=c', 1, 4096],
        ],
      )
      await alter(admin, [], [['s1', 2, 4096, 'other']])
      const told: unknown[] = []
      const attempts = [
        ['SCRAM-SHA-256', 1, { user: 's1', password: 'pw' }],
        ['SCRAM-SHA-512', 2, { user: 's1', password: 'other' }],
        ['SCRAM-SHA-256', 1, { user: 'a=2Cb=3Dc', password: 'pw' }],
      ] as const
      for (const [name, mechanism, attempt] of attempts) {
        const client = await dial()
        await handshake(client, name)
        told.push([await scram(client, mechanism, attempt), await metadata(client)])
      }
      await alter(
        admin,
        [
          ['s1', 1],
          ['a,b=c', 1],
        ],
        [],
      )
      await alter(admin, [['s1', 2]], [])
      return told
    },
  },
  {
    name: 'T169 a SCRAM exchange that does not prove the password is not authenticated',
    async hold(dial) {
      const admin = await loggedIn(dial)
      await alter(admin, [], [['s2', 1, 4096]])
      const told: unknown[] = []
      const attempts: ScramAttempt[] = [
        { user: 's2', password: 'wrong' },
        { user: 'nobody', password: 'pw' },
        { user: 's2', password: 'pw', spoil: last => last.replace(/r=[^,]+/, 'r=other') },
        { user: 's2', password: 'pw', spoil: last => last.replace('c=biws', 'c=eSws') },
        { user: 's2', password: 'pw', spoil: last => last.replace(/,p=.*/, '') },
        { user: 's2', password: 'pw', spoil: () => '' },
        { user: 's2', password: 'pw', first: 'garbage' },
        { user: 's2', password: 'pw', first: 'n,a=other,n=s2,r=abc' },
        { user: 's2', password: 'pw', first: 'p=tls-unique,,n=s2,r=abc' },
      ]
      for (const attempt of attempts) {
        const client = await dial()
        await handshake(client, 'SCRAM-SHA-256')
        told.push([await scram(client, 1, attempt), await metadata(client)])
      }
      await alter(admin, [['s2', 1]], [])
      return told
    },
  },
]

export const CONVERSATIONS: readonly Conversation[] = [...plain, ...scrams]
