/**
 * Finds out whom the kit is to examine, before the first case: whether there is a Kafka at all, whether it
 * lets us in, what it serves, and whether topics and coordinators can be had. What is missing is said in
 * words that tell what to do.
 */
import { apis } from '../../../protocol/apis.ts'
import { ErrorCode, errorName } from '../../../protocol/errors.ts'
import { ApiVersionsRequest, ApiVersionsResponse } from '../../../protocol/messages/api-versions.ts'
import {
  FindCoordinatorRequest,
  FindCoordinatorResponse,
} from '../../../protocol/messages/find-coordinator.ts'
import { MetadataRequest, MetadataResponse } from '../../../protocol/messages/metadata.ts'
import type { VersionRange } from '../../../protocol/schema.ts'
import { type Persona, type PersonaName, personaNamed } from '../../metadata/personas.ts'
import type { Clock, Network } from '../../platform/platform.ts'
import { realSide } from '../recording.ts'
import type { Side } from '../talk.ts'
import { decodeWhole, WireClient } from '../wire-client.ts'
import { NotApplicable } from './case.ts'
import { type Credentials, greetingOf } from './credentials.ts'
import { wordingOf } from './wording.ts'

export interface TargetOptions {
  readonly network: Network
  readonly clock: Clock
  readonly host: string
  readonly port: number
  /** How long the broker may take for an answer in the beginning. */
  readonly patienceMs: number
  readonly prefix: string
  readonly isEncrypted: boolean
  readonly credentials?: Credentials | undefined
  readonly persona?: PersonaName | undefined
}

/** No conformance can be examined, and why. */
export class Unusable extends Error {
  override readonly name = 'Unusable'
}

export interface Target {
  /** `host:port`, with a word on the cluster. */
  readonly description: string
  readonly versions: ReadonlyMap<number, VersionRange>
  readonly persona: Persona | undefined
  /** The broker as a case sees it that begins its names with this id. */
  side(id?: string): Side
  /** Whether it still takes connections. */
  isThere(): Promise<boolean>
  close(): Promise<void>
}

type Ask = <T>(answer: (client: WireClient) => Promise<T>) => Promise<T>

const ROUND_TRIPS = 3
const NEEDED = ['Metadata', 'CreateTopics', 'DeleteTopics', 'Produce', 'Fetch', 'ListOffsets']

export async function reach(options: TargetOptions): Promise<Target> {
  // As long as it is open, the process lives on, also while nothing is said.
  const anchor = await connected(options)
  try {
    const isThere = () => isListening(options)
    return { ...(await examine(options, anchor)), isThere, close: () => anchor.close() }
  } catch (error) {
    await anchor.close()
    throw error
  }
}

async function isListening(options: TargetOptions): Promise<boolean> {
  try {
    await (await connected(options)).close()
    return true
  } catch {
    return false
  }
}

async function examine(
  options: TargetOptions,
  anchor: WireClient,
): Promise<Omit<Target, 'isThere' | 'close'>> {
  const { host, port, prefix, network, clock } = options
  const address = `${host}:${port}`
  const versions = await greeted(options)
  for (const name of NEEDED) {
    const api = [...apis.values()].find(it => it.name === name)!
    if (versions.has(api.apiKey)) continue
    throw new Unusable(
      `${address} does not serve ${name}: without it nothing can be examined. The kit needs at least ` +
        `${NEEDED.join(', ')}; connect to a broker that serves clients, not to a controller or a gateway.`,
    )
  }
  const persona = options.persona === undefined ? undefined : personaNamed(options.persona)
  const greet = options.credentials && greetingOf(options.credentials)
  const ask: Ask = answer => asked(options, { greet, answer })
  const { brokerId, description } = await lookAround(options, ask)
  await coordinators(options, { ask, versions })
  await greet?.(anchor)
  const { settle: wait } = realSide(network, clock, address)
  // The slower a broker answers, the longer what was sent before takes to have its effect.
  const settle = async () => {
    await wait()
    for (let i = 0; i < ROUND_TRIPS; i++) await apiVersions(anchor).catch(() => wait())
  }
  return {
    description: `${address}, ${description}`,
    versions,
    persona,
    side: (id = '') => ({
      ...realSide(network, clock, address),
      host,
      port,
      settle,
      ...(greet && { greet }),
      ...(brokerId !== undefined && { brokerId }),
      wording: wordingOf({ prefix, id }),
      versionsOf: apiKey => versions.get(apiKey),
      admit: (apiKey, version) => admit({ versions, persona }, apiKey, version),
    }),
  }
}

/** What is not served is no failure of a case; that versions are the persona's is a case of its own. */
function admit(
  { versions, persona }: Pick<Target, 'versions' | 'persona'>,
  apiKey: number,
  version: number,
): void {
  const name = apis.get(apiKey)?.name ?? `API ${apiKey}`
  const range = versions.get(apiKey)
  if (!range) throw new NotApplicable(`${name} is not served`)
  if (version < range.first || version > range.last) {
    throw new NotApplicable(`${name} v${version} is not served: ${range.first} to ${range.last} are`)
  }
  const limits = persona?.apis?.get(apiKey)
  if (persona?.apis && !limits) throw new NotApplicable(`Kafka ${persona.name} has no ${name}`)
  if (limits && (version < limits.served.minVersion || version > limits.served.maxVersion)) {
    throw new NotApplicable(`Kafka ${persona?.name} does not serve ${name} v${version}`)
  }
}

/** What the broker serves, if it is one. */
async function greeted(options: TargetOptions): Promise<ReadonlyMap<number, VersionRange>> {
  const { host, port, isEncrypted } = options
  const address = `${host}:${port}`
  const client = await connected(options)
  try {
    const answer = await within(options, apiVersions(client))
    if (answer === 'silence') {
      throw new Unusable(
        `${address} accepts connections and answers nothing within ${options.patienceMs / 1_000} s: ` +
          `is it Kafka?${isEncrypted ? '' : ' If it expects TLS, add --tls or --tls-ca.'}`,
      )
    }
    return answer
  } catch (error) {
    if (error instanceof Unusable) throw error
    throw new Unusable(misunderstood(client.fragment(), { address, isEncrypted }))
  } finally {
    await client.close()
  }
}

/**
 * Brokers that do not know version 3 answer as in version 0, and that they do not. Asked once where it can
 * be: before SASL, Kafka answers it once.
 */
async function apiVersions(client: WireClient): Promise<ReadonlyMap<number, VersionRange>> {
  const call = { request: ApiVersionsRequest, response: ApiVersionsResponse }
  const body = { clientSoftwareName: 'klamm-conformance', clientSoftwareVersion: '1' }
  client.send({ request: ApiVersionsRequest, version: 3, body })
  const frame = await client.receiveFrame()
  const isTooNew = frame.length >= 6 && frame.readInt16BE(4) === ErrorCode.UNSUPPORTED_VERSION
  // Behind the correlation id: the header of ApiVersions has no tagged fields.
  const answer = isTooNew
    ? await client.call({ ...call, version: 0, body })
    : decodeWhole(ApiVersionsResponse, 3, { frame, bodyPosition: 4 })
  if (answer.apiKeys.length === 0) throw new Error('no APIs')
  return new Map(
    answer.apiKeys.map(({ apiKey, minVersion, maxVersion }) => [
      apiKey,
      { first: minVersion, last: maxVersion },
    ]),
  )
}

function misunderstood(
  bytes: Buffer,
  { address, isEncrypted }: { readonly address: string; readonly isEncrypted: boolean },
): string {
  const text = bytes.toString('latin1', 0, 40).split('\r\n')[0]
  if (/^HTTP\//.test(text ?? '')) {
    return `${address} speaks HTTP ("${text}"), not Kafka: give the address of a broker's listener.`
  }
  if (bytes[0] === 0x15 && bytes[1] === 0x03) {
    return `${address} speaks TLS: add --tls, or --tls-ca with the file of its authority.`
  }
  if (bytes.length > 0)
    return `${address} does not speak Kafka's protocol: it answers 0x${bytes.toString('hex', 0, 16)}.`
  const hint = isEncrypted ? 'Is it Kafka?' : 'Is it Kafka? If it expects TLS, add --tls or --tls-ca.'
  return `${address} hung up when asked for its versions. ${hint}`
}

async function connected({ network, clock, host, port, patienceMs, isEncrypted }: TargetOptions) {
  const address = `${host}:${port}`
  try {
    const connecting = WireClient.connect(network, { host, port, clientId: 'klamm-conformance' })
    const client = await within({ clock, patienceMs }, connecting)
    if (client !== 'silence') return client
    void connecting.then(late => late.close()).catch(() => undefined)
  } catch (error) {
    throw new Unusable(unreachable(error as NodeJS.ErrnoException, { address, host, isEncrypted }))
  }
  const hint = isEncrypted ? ', or does not speak TLS (leave out --tls)' : ''
  throw new Unusable(
    `${address} cannot be reached within ${patienceMs / 1_000} s: it is the wrong address, ` +
      `or a firewall is between${hint}.`,
  )
}

function unreachable(
  { code, message }: NodeJS.ErrnoException,
  {
    address,
    host,
    isEncrypted,
  }: { readonly address: string; readonly host: string; readonly isEncrypted: boolean },
): string {
  if (code === 'ECONNREFUSED')
    return `nothing listens at ${address}: start the broker, or correct --bootstrap.`
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return `the name ${host} is not known here: correct --bootstrap.`
  if (/self.signed|UNABLE_TO|CERT/i.test(`${code} ${message}`)) {
    return `${address} is not trusted (${message}): give the file of its authority with --tls-ca.`
  }
  if (isEncrypted)
    return `${address} refuses TLS (${message}): leave out --tls and --tls-ca if it speaks in the clear.`
  return `${address} cannot be reached: ${message || code}.`
}

/** Asks on a connection of its own. What fails in spite of ApiVersions has to do with who we are. */
async function asked<T>(
  options: TargetOptions,
  { greet, answer }: { greet: Side['greet']; answer: (client: WireClient) => Promise<T> },
): Promise<T> {
  const { host, port, credentials, patienceMs } = options
  const client = await connected(options)
  try {
    const given = await within(
      options,
      (async () => {
        await greet?.(client)
        return answer(client)
      })(),
    )
    if (given !== 'silence') return given
    throw new Unusable(
      `${host}:${port} tells its versions and answers nothing else within ${patienceMs / 1_000} s.`,
    )
  } catch (error) {
    if (error instanceof Unusable) throw error
    const { message } = error as Error
    if (!/hung up/.test(message)) throw new Unusable(`${host}:${port}: ${message}`)
    const who = credentials
      ? `hung up on ${credentials.user}: is the listener one for SASL and ${credentials.mechanism}?`
      : 'tells its versions and hangs up on everything else: it wants to know who is asking. ' +
        'Add --user name:password, and --mechanism if it is not PLAIN.'
    throw new Unusable(`${host}:${port} ${who}`)
  } finally {
    await client.close()
  }
}

async function lookAround(options: TargetOptions, ask: Ask) {
  const { host, port } = options
  const { brokers, clusterId } = await ask(client =>
    client.call({
      request: MetadataRequest,
      response: MetadataResponse,
      version: 4,
      body: {
        topics: [],
        allowAutoTopicCreation: false,
        includeClusterAuthorizedOperations: false,
        includeTopicAuthorizedOperations: false,
      },
    }),
  )
  if (brokers.length === 0)
    throw new Unusable(`${host}:${port} knows of no broker yet: try again when it is ready.`)
  const cluster = `cluster ${clusterId ?? 'without an id'}`
  if (brokers.length === 1) return { brokerId: undefined, description: cluster }
  const itself =
    brokers.find(it => it.port === port && it.host === host) ?? brokers.find(it => it.port === port)
  if (!itself) {
    const known = brokers.map(it => `${it.host}:${it.port}`).join(', ')
    throw new Unusable(
      `the cluster has several brokers, and none calls itself ${host}:${port}: give one of ${known}.`,
    )
  }
  return { brokerId: itself.nodeId, description: `broker ${itself.nodeId} of ${brokers.length}, ${cluster}` }
}

/** Asking for them makes their topics, which takes a while on a broker that is new. */
async function coordinators(
  options: TargetOptions,
  { ask, versions }: { readonly ask: Ask; readonly versions: ReadonlyMap<number, VersionRange> },
): Promise<void> {
  const version = 2
  const range = versions.get(FindCoordinatorRequest.apiKey)
  if (!range || range.first > version || range.last < version) return
  const { clock, patienceMs, prefix } = options
  const until = clock.elapsed() + 4 * patienceMs
  for (const keyType of [0, 1]) {
    for (;;) {
      const { errorCode } = await ask(client =>
        client.call({
          request: FindCoordinatorRequest,
          response: FindCoordinatorResponse,
          version,
          body: { key: prefix, keyType, coordinatorKeys: [] },
        }),
      )
      if (errorCode !== ErrorCode.COORDINATOR_NOT_AVAILABLE) break
      if (clock.elapsed() > until) {
        const kind = keyType === 0 ? 'groups' : 'transactions'
        throw new Unusable(
          `${options.host}:${options.port} finds no coordinator for ${kind} ` +
            `(${errorName(errorCode)}): see that its internal topics can be made.`,
        )
      }
      await pause(clock, 200)
    }
  }
}

function within<T>(
  { clock, patienceMs }: Pick<TargetOptions, 'clock' | 'patienceMs'>,
  promise: Promise<T>,
): Promise<T | 'silence'> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(patienceMs, () => resolve('silence'))
    promise.then(resolve, reject).finally(() => timer.cancel())
  })
}

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise(resolve => clock.after(ms, resolve))
}
