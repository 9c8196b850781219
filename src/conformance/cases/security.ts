/** The credentials of SCRAM users that only cases use. */
import { pbkdf2Sync } from 'node:crypto'
import {
  AlterUserScramCredentialsRequest,
  AlterUserScramCredentialsResponse,
} from '../../../protocol/messages/alter-user-scram-credentials.ts'
import {
  DescribeUserScramCredentialsRequest,
  DescribeUserScramCredentialsResponse,
} from '../../../protocol/messages/describe-user-scram-credentials.ts'
import type { Case } from '../kit/case.ts'
import { type DataTalk, scripted } from './data-talk.ts'

const ALTER_USERS = { request: AlterUserScramCredentialsRequest, response: AlterUserScramCredentialsResponse }
const DESCRIBE_USERS = {
  request: DescribeUserScramCredentialsRequest,
  response: DescribeUserScramCredentialsResponse,
}

const SHA_256 = 1
const SHA_512 = 2
const SEEN_POLLS = 100
const SALT = Buffer.from('a salt of the kit')

function one(name: string, source: string, script: (talk: DataTalk) => Promise<void>): Case {
  return scripted({ area: 'security', name, source }, script)
}

export const SECURITY_CASES: readonly Case[] = [
  one('A SCRAM credential is set, told and taken away', 'T050', credentialLife),
  one('A user may hold credentials of both mechanisms', 'T050', bothMechanisms),
  one('A credential that is set again is replaced', 'T050', replaced),
  one('A credential that nobody has cannot be taken away', 'T050', nobodysCredential),
  one('Iterations are from 4096 to 16384', 'T050', iterations),
  one('A mechanism that there is not is UNSUPPORTED_SASL_MECHANISM', 'T050', oddMechanism),
  one('A user without a name is refused', 'T050', nameless),
  one('One change of a credential a request, or none of that user', 'T050', twice),
  one('What is wrong with one user holds up no other', 'T050', oneOfTwo),
  one('Who is asked for twice is refused', 'T050', askedTwice),
  one('Users that there are not are told of as such', 'T050', unknownUsers),
]

type Upsertion = readonly [suffix: string, mechanism: number, iterations?: number]

/** Users are named after the case. */
function alter(
  talk: DataTalk,
  upsertions: readonly Upsertion[],
  deletions: readonly (readonly [string, number])[] = [],
) {
  const nameOf = (suffix: string) => (suffix === '' ? '' : `${talk.id}-${suffix}`)
  return talk.call('admin', ALTER_USERS, 0, {
    deletions: deletions.map(([suffix, mechanism]) => ({ name: nameOf(suffix), mechanism })),
    upsertions: upsertions.map(([suffix, mechanism, count = 4_096]) => ({
      name: nameOf(suffix),
      mechanism,
      iterations: count,
      salt: SALT,
      saltedPassword: salted(mechanism),
    })),
  })
}

function salted(mechanism: number): Buffer {
  const [hash, length] = mechanism === SHA_512 ? ['sha512', 64] : ['sha256', 32]
  return pbkdf2Sync('a password', SALT, 1, Number(length), String(hash))
}

function describe(talk: DataTalk, ...suffixes: string[]) {
  const users = suffixes.map(suffix => ({ name: `${talk.id}-${suffix}` }))
  return talk.call('admin', DESCRIBE_USERS, 0, { users })
}

async function credentialLife(talk: DataTalk): Promise<void> {
  await alter(talk, [['u', SHA_256, 5_000]])
  await told(talk, { u: [5_000] })
  await alter(talk, [], [['u', SHA_256]])
  await told(talk, { u: [] })
}

/** A change is seen a moment later: waits for so many iterations of each user's credentials, then asks. */
async function told(
  talk: DataTalk,
  counts: Readonly<Record<string, readonly number[]>>,
  ...suffixes: string[]
): Promise<void> {
  const users = Object.keys(counts).map(suffix => ({ name: `${talk.id}-${suffix}` }))
  const wanted = Object.values(counts).flat().sort().join()
  for (let polls = 0; polls < SEEN_POLLS; polls++) {
    const { results } = await talk.ask('admin', DESCRIBE_USERS, 0, { users })
    talk.transcript.pop()
    const seen = results.flatMap(each => each.credentialInfos.map(info => info.iterations))
    if (seen.sort().join() === wanted) break
    await talk.wait(50)
  }
  await describe(talk, ...(suffixes.length > 0 ? suffixes : Object.keys(counts)))
}

async function bothMechanisms(talk: DataTalk): Promise<void> {
  await alter(talk, [['u', SHA_256]])
  await alter(talk, [['u', SHA_512, 8_192]])
  await told(talk, { u: [4_096, 8_192] })
  await alter(talk, [], [['u', SHA_256]])
  await told(talk, { u: [8_192] })
  await alter(talk, [], [['u', SHA_512]])
}

async function replaced(talk: DataTalk): Promise<void> {
  await alter(talk, [['u', SHA_512, 4_096]])
  await alter(talk, [['u', SHA_512, 16_384]])
  await told(talk, { u: [16_384] })
  await alter(talk, [], [['u', SHA_512]])
}

async function nobodysCredential(talk: DataTalk): Promise<void> {
  await alter(talk, [], [['nobody', SHA_256]])
  await alter(talk, [['u', SHA_256]])
  await alter(talk, [], [['u', SHA_512]])
  await alter(talk, [], [['u', SHA_256]])
}

async function iterations(talk: DataTalk): Promise<void> {
  for (const count of [-1, 0, 1, 4_095, 16_385]) await alter(talk, [['u', SHA_256, count]])
  await told(talk, { u: [] })
}

async function oddMechanism(talk: DataTalk): Promise<void> {
  for (const mechanism of [0, 3, -1]) {
    await alter(talk, [['u', mechanism]])
    await alter(talk, [], [['u', mechanism]])
  }
}

async function nameless(talk: DataTalk): Promise<void> {
  await alter(talk, [['', SHA_256]])
  await alter(talk, [], [['', SHA_256]])
}

async function twice(talk: DataTalk): Promise<void> {
  await alter(talk, [
    ['u', SHA_256],
    ['u', SHA_256],
  ])
  await alter(talk, [['u', SHA_256]], [['u', SHA_256]])
  await alter(
    talk,
    [],
    [
      ['u', SHA_256],
      ['u', SHA_256],
    ],
  )
  await told(talk, { u: [] })
}

async function oneOfTwo(talk: DataTalk): Promise<void> {
  await alter(talk, [
    ['wrong', SHA_256, 1],
    ['right', SHA_256],
  ])
  await told(talk, { wrong: [], right: [4_096] })
  await alter(talk, [], [['right', SHA_256]])
}

async function askedTwice(talk: DataTalk): Promise<void> {
  await alter(talk, [['u', SHA_256]])
  await told(talk, { u: [4_096] }, 'u', 'u')
  await alter(talk, [], [['u', SHA_256]])
}

async function unknownUsers(talk: DataTalk): Promise<void> {
  await describe(talk, 'nobody', 'nobody-else')
}
