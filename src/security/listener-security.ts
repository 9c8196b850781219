/**
 * What a listener's security protocol comes to: TLS settings, and what begins the authentication of a
 * connection. Users come from three places: SCRAM credentials in the cluster's metadata, the login module of
 * `sasl.jaas.config` (PLAIN, as in Kafka), and `klamm.sasl.users` (all mechanisms).
 */
import type { BrokerConfig } from '../metadata/broker-config.ts'
import { type ClusterImage, type ScramCredential, scramKey } from '../metadata/image.ts'
import type { Listener } from '../metadata/listeners.ts'
import type { Clock, Disk, Random, TlsSettings } from '../platform/platform.ts'
import { Authentication } from './authentication.ts'
import { parseLoginModule } from './jaas.ts'
import { ListenerOptionsOf } from './listener-options.ts'
import { PlainExchange } from './plain.ts'
import {
  isSaslMechanism,
  SASL_MECHANISMS,
  type SaslExchange,
  type SaslMechanism,
  type ScramMechanism,
} from './sasl.ts'
import { makeCredential, ScramExchange } from './scram.ts'
import { tlsSettings } from './tls.ts'

export interface ListenerSecurity {
  /** Undefined for a listener without TLS. */
  readonly tls: TlsSettings | undefined
  /** Undefined for a listener without SASL. */
  readonly authentication: (() => Authentication) | undefined
}

export interface SecurityParts {
  readonly config: BrokerConfig
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly image: () => ClusterImage
}

const NONCE_BYTES = 24
const SALT_BYTES = 16

/** Rejects with an Error whose message names the option to change. */
export async function listenerSecurity(listener: Listener, parts: SecurityParts): Promise<ListenerSecurity> {
  const options = new ListenerOptionsOf(parts.config, listener.name)
  const { protocol } = listener
  const hasTls = protocol === 'SSL' || protocol === 'SASL_SSL'
  const hasSasl = protocol === 'SASL_PLAINTEXT' || protocol === 'SASL_SSL'
  return {
    tls: hasTls ? await tlsSettings(options, parts.disk) : undefined,
    authentication: hasSasl ? saslOf(options, parts) : undefined,
  }
}

function saslOf(options: ListenerOptionsOf, parts: SecurityParts): () => Authentication {
  const { clock, random, config } = parts
  const own = parseUsers(config.string('klamm.sasl.users'))
  const users = new Map([...own, ...jaasUsers(options)])
  const credentials = new Credentials(parts, own)
  const begin = (mechanism: SaslMechanism): SaslExchange => {
    if (mechanism === 'PLAIN') return new PlainExchange(user => users.get(user))
    const nonce = random.bytes(NONCE_BYTES).toString('base64')
    return new ScramExchange({ mechanism, nonce, credential: user => credentials.of(mechanism, user) })
  }
  const mechanisms = new Map(enabledMechanisms(options).map(name => [name as string, () => begin(name)]))
  const maxReauthMs = (mechanism: string) =>
    Number(options.ofMechanism(mechanism, REAUTH) ?? config.text(REAUTH) ?? 0)
  return () => new Authentication({ mechanisms, maxReauthMs, clock })
}

const REAUTH = 'connections.max.reauth.ms'
const MECHANISMS = 'sasl.enabled.mechanisms'

/** Without a word all that are served: Kafka's default, GSSAPI, is not among them. */
function enabledMechanisms(options: ListenerOptionsOf): readonly SaslMechanism[] {
  const named = options.list(MECHANISMS)
  if (!options.isGiven(MECHANISMS)) return SASL_MECHANISMS
  for (const name of named) {
    if (isSaslMechanism(name)) continue
    const served = SASL_MECHANISMS.join(', ')
    throw new Error(`${options.name(MECHANISMS)}: ${name} is not served; of ${served} name those to use`)
  }
  return named.filter(isSaslMechanism)
}

const JAAS = 'sasl.jaas.config'

/** Java's PlainLoginModule takes users as `user_<name>="<password>"`. */
function jaasUsers(options: ListenerOptionsOf): (readonly [string, string])[] {
  const text = options.ofMechanism('PLAIN', JAAS)
  if (text === undefined) return []
  const module = parseLoginModule(text)
  if (!module) throw new Error(`${options.name(`plain.${JAAS}`)}: write it as Module required name="value";`)
  return [...module.settings].flatMap(([name, value]) =>
    name.startsWith('user_') ? [[name.slice('user_'.length), value] as const] : [],
  )
}

/** Of `name:password` entries between commas, whose form the option has checked. */
function parseUsers(text: string): ReadonlyMap<string, string> {
  const entries = text === '' ? [] : text.split(',').map(entry => entry.trim())
  return new Map(
    entries.map(entry => [entry.slice(0, entry.indexOf(':')), entry.slice(entry.indexOf(':') + 1)]),
  )
}

/** SCRAM credentials: those of the metadata, then those made from passwords, once each. */
class Credentials {
  private readonly parts: SecurityParts
  private readonly passwords: ReadonlyMap<string, string>
  private readonly made = new Map<string, ScramCredential>()

  constructor(parts: SecurityParts, passwords: ReadonlyMap<string, string>) {
    this.parts = parts
    this.passwords = passwords
  }

  of(mechanism: ScramMechanism, user: string): ScramCredential | undefined {
    const key = scramKey(mechanism, user)
    const known = this.parts.image().scram.get(key) ?? this.made.get(key)
    const password = this.passwords.get(user)
    if (known || password === undefined) return known
    const credential = makeCredential(mechanism, password, this.parts.random.bytes(SALT_BYTES))
    this.made.set(key, credential)
    return credential
  }
}
