/** SASL at listeners that ask for it, and at those that do not. */
import {
  SaslAuthenticateRequest,
  SaslAuthenticateResponse,
} from '../../../protocol/messages/sasl-authenticate.ts'
import { SaslHandshakeRequest, SaslHandshakeResponse } from '../../../protocol/messages/sasl-handshake.ts'
import { type Case, casesWith, NotApplicable } from '../kit/case.ts'
import type { RecordedEntry } from '../kit/runner.ts'
import type { Side } from '../talk.ts'
import { API_VERSIONS, DataTalk, METADATA, scripted } from './data-talk.ts'

const HANDSHAKE = { request: SaslHandshakeRequest, response: SaslHandshakeResponse }
const AUTHENTICATE = { request: SaslAuthenticateRequest, response: SaslAuthenticateResponse }
const HUNG_UP = 'the broker hung up'
const ANSWERED = { errorCode: 'NONE' }

/** Someone who has not said who it is, whatever the kit was given. */
class Stranger extends DataTalk {
  readonly isAsked: boolean

  constructor({ greet, ...side }: Side, id: string) {
    super(side, id)
    this.isAsked = greet !== undefined
  }

  /** What came of it, as far as it is the same with every broker. */
  private async tell(who: string, said: string, answer: Promise<{ readonly errorCode: number }>) {
    const entry = await answer.then(
      ({ errorCode }) => ({ errorCode }),
      (error: Error) => error.message,
    )
    this.transcript.pop()
    this.note(`${who}: ${said}`, entry)
  }

  async versions(who: string): Promise<void> {
    const body = { clientSoftwareName: 'kit', clientSoftwareVersion: '1' }
    await this.tell(who, 'ApiVersions', this.call(who, API_VERSIONS, 3, body))
  }

  async metadata(who: string): Promise<void> {
    const asked = this.call(who, METADATA, 4, this.metadataOf([`${this.id}-none`]))
    const answer = asked.then(({ topics }) => ({ errorCode: topics[0]?.errorCode ?? 0 }))
    await this.tell(who, 'Metadata', answer)
  }

  async handshake(who: string, mechanism: string): Promise<void> {
    await this.tell(who, 'SaslHandshake', this.call(who, HANDSHAKE, 1, { mechanism }))
  }

  async token(who: string, token: string): Promise<void> {
    const authBytes = Buffer.from(token)
    await this.tell(who, 'SaslAuthenticate', this.call(who, AUTHENTICATE, 1, { authBytes }))
  }

  /** PLAIN where it is enabled, which a refusal tells; else whatever is. */
  async mechanism(): Promise<string> {
    const { mechanisms } = await this.ask('scout', HANDSHAKE, 1, { mechanism: 'NONSENSE' })
    return mechanisms.includes('PLAIN') ? 'PLAIN' : (mechanisms[0] ?? '')
  }
}

const byStranger = casesWith((side, id) => new Stranger(side, id))

/** Without a recording: what Kafka answers needs a listener that asks for SASL, and was seen there. */
function asked(
  heading: { readonly name: string; readonly source: string },
  script: (talk: Stranger) => Promise<void>,
  expected: readonly RecordedEntry[],
): Case {
  const item = byStranger({ area: 'security', ...heading }, async talk => {
    if (!talk.isAsked) throw new NotApplicable('the listener asks nobody who it is')
    await script(talk)
  })
  return { ...item, expected }
}

const ASKED_CASES: readonly Case[] = [
  asked(
    { name: 'Nothing is served before authentication', source: 'T168' },
    async talk => {
      await talk.metadata('a')
      await talk.versions('b')
      await talk.metadata('b')
    },
    [
      { said: 'a: Metadata', heard: HUNG_UP },
      { said: 'b: ApiVersions', heard: ANSWERED },
      { said: 'b: Metadata', heard: HUNG_UP },
    ],
  ),
  asked(
    { name: 'ApiVersions is served once before authentication', source: 'T168' },
    async talk => {
      await talk.versions('a')
      await talk.versions('a')
    },
    [
      { said: 'a: ApiVersions', heard: ANSWERED },
      { said: 'a: ApiVersions', heard: HUNG_UP },
    ],
  ),
  asked(
    { name: 'A token without a handshake ends the connection', source: 'T168' },
    talk => talk.token('a', '\0nobody\0nothing'),
    [{ said: 'a: SaslAuthenticate', heard: HUNG_UP }],
  ),
  asked(
    { name: 'Between handshake and token nothing else is served', source: 'T168' },
    async talk => {
      await talk.handshake('a', await talk.mechanism())
      await talk.metadata('a')
      await talk.metadata('a')
    },
    [
      { said: 'a: SaslHandshake', heard: ANSWERED },
      { said: 'a: Metadata', heard: { errorCode: 'ILLEGAL_SASL_STATE' } },
      { said: 'a: Metadata', heard: HUNG_UP },
    ],
  ),
  asked(
    { name: 'Who nobody knows is SASL_AUTHENTICATION_FAILED, and hung up on', source: 'T171' },
    async talk => {
      const mechanism = await talk.mechanism()
      await talk.handshake('a', mechanism)
      await talk.token('a', mechanism === 'PLAIN' ? `\0${talk.id}\0nothing` : `n,,n=${talk.id},r=abc`)
      await talk.metadata('a')
    },
    [
      { said: 'a: SaslHandshake', heard: ANSWERED },
      { said: 'a: SaslAuthenticate', heard: { errorCode: 'SASL_AUTHENTICATION_FAILED' } },
      { said: 'a: Metadata', heard: HUNG_UP },
    ],
  ),
  asked(
    {
      name: 'A mechanism that is not enabled is UNSUPPORTED_SASL_MECHANISM, and ends the connection',
      source: 'T171',
    },
    async talk => {
      await talk.handshake('a', 'NONSENSE')
      await talk.handshake('a', 'NONSENSE')
    },
    [
      { said: 'a: SaslHandshake', heard: { errorCode: 'UNSUPPORTED_SASL_MECHANISM' } },
      { said: 'a: SaslHandshake', heard: HUNG_UP },
    ],
  ),
]

function one(name: string, source: string, script: (talk: DataTalk) => Promise<void>): Case {
  return scripted({ area: 'security', name, source }, script)
}

export const SASL_CASES: readonly Case[] = [
  ...[0, 1].map(v =>
    one(`SaslHandshake where nobody asks for it is ILLEGAL_SASL_STATE (v${v})`, 'KIP-43', talk =>
      handshakeInVain(talk, v),
    ),
  ),
  ...[0, 1, 2].map(v =>
    one(`SaslAuthenticate where nobody asks for it is ILLEGAL_SASL_STATE (v${v})`, 'KIP-152', talk =>
      authenticateInVain(talk, v),
    ),
  ),
  ...ASKED_CASES,
]

/** Whether a listener that asks for SASL takes it again is another matter. */
function unasked(talk: DataTalk): void {
  if (talk.brokerSide.greet) throw new NotApplicable('the listener asks for SASL')
}

async function handshakeInVain(talk: DataTalk, v: number): Promise<void> {
  unasked(talk)
  for (const mechanism of ['PLAIN', 'NONSENSE', '']) await talk.call('a', HANDSHAKE, v, { mechanism })
  await talk.call('a', METADATA, 4, talk.metadataOf([`${talk.id}-none`]))
}

async function authenticateInVain(talk: DataTalk, v: number): Promise<void> {
  unasked(talk)
  await talk.call('a', AUTHENTICATE, v, { authBytes: Buffer.from('\0alice\0secret') })
  await talk.call('a', METADATA, 4, talk.metadataOf([`${talk.id}-none`]))
}
