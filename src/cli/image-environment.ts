/**
 * The variables of Kafka's container images, so that a compose file written for one of them need not change.
 * `KAFKA_` and an option's name is what `config.ts` reads; here is what the images' own scripts make of the
 * rest: secrets by file name, a JAAS file, listeners that follow the advertised ones, and what is for the
 * JVM. The reference is the image apache/kafka; those of Confluent and Bitnami say a few things in other
 * words.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromEnvironment, isKnownName } from '../config.ts'
import { parseLoginModule } from '../security/jaas.ts'
import { UsageError } from './terminal.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface ImageSettings {
  /** With all that only images know said as options of Kafka's. */
  readonly environment: Environment
  /** A properties file that is mounted where the image looks for one. */
  readonly file: string | undefined
  /** What means nothing here, for the start to say. */
  readonly notes: readonly string[]
}

/** Where things lie in the image. */
export interface ImageFolders {
  readonly secrets: string
  readonly config: string
}

const FOLDERS: ImageFolders = { secrets: '/etc/kafka/secrets', config: '/mnt/shared/config' }

/** For the JVM, its logging and its metrics, and for scripts that are not here. */
const FOR_THE_JVM =
  /^KAFKA_(HEAP_OPTS|JVM_PERFORMANCE_OPTS|JMX_.*|LOG4J_.*|GC_LOG_OPTS|DEBUG.*|TOOLS_LOG4J_.*)$|^EXTRA_ARGS$/
/** Of Bitnami's image: what it is made with, which is otherwise here, or not there. */
const OF_BITNAMI = [
  /^KAFKA_(ENABLE_KRAFT|SKIP_KRAFT_STORAGE_INIT|CLIENT_LISTENER_NAME|CERTIFICATE_PASSWORD)$/,
  /^KAFKA_(VOLUME|BASE|DATA|MOUNTED_CONF)_DIR$/,
  /^KAFKA_(INTER_BROKER|CONTROLLER)_(USER|PASSWORD)$/,
  /^KAFKA_(TLS|INIT)_/,
]
/** As the image's script has them: a store's file name, and files with its passwords. */
const SECRETS: readonly (readonly [from: string, to: string, isContent: boolean])[] = [
  ['KAFKA_SSL_KEYSTORE_FILENAME', 'KAFKA_SSL_KEYSTORE_LOCATION', false],
  ['KAFKA_SSL_KEYSTORE_CREDENTIALS', 'KAFKA_SSL_KEYSTORE_PASSWORD', true],
  ['KAFKA_SSL_KEY_CREDENTIALS', 'KAFKA_SSL_KEY_PASSWORD', true],
  ['KAFKA_SSL_TRUSTSTORE_FILENAME', 'KAFKA_SSL_TRUSTSTORE_LOCATION', false],
  ['KAFKA_SSL_TRUSTSTORE_CREDENTIALS', 'KAFKA_SSL_TRUSTSTORE_PASSWORD', true],
]
const DEFAULT_DATA = 'KLAMM_DEFAULT_LOG_DIRS'
const CLUSTER_ID = ['CLUSTER_ID', 'KAFKA_CLUSTER_ID', 'KAFKA_KRAFT_CLUSTER_ID']

export function imageSettings(given: Environment, folders: ImageFolders = FOLDERS): ImageSettings {
  const environment: Record<string, string | undefined> = { ...given }
  const ignored: string[] = []
  for (const name of Object.keys(environment)) {
    if ([FOR_THE_JVM, ...OF_BITNAMI].some(pattern => pattern.test(name))) {
      ignored.push(name)
      delete environment[name]
    }
  }
  listenersOf(environment)
  secretsOf(environment, folders)
  usersOf(environment)
  clusterIdOf(environment)
  const mounted = join(folders.config, 'server.properties')
  const file = existsSync(mounted) ? mounted : undefined
  dataOf(environment, file)
  ignored.push(...takeStrangers(environment))
  return {
    environment,
    file,
    notes: ignored.length === 0 ? [] : [`these variables mean nothing here: ${ignored.sort().join(', ')}`],
  }
}

/** Who says only what to tell clients listens on those ports, on every address. */
function listenersOf(environment: Record<string, string | undefined>): void {
  const [advertised, listeners] = ['ADVERTISED_LISTENERS', 'LISTENERS'].map(
    name => environment[`KAFKA_${name}`] || environment[`KAFKA_CFG_${name}`],
  )
  if (listeners || !advertised) return
  environment.KAFKA_LISTENERS = advertised.replace(/:\/\/(\[[^\]]*\]|[^:,]*):/g, '://0.0.0.0:')
}

function secretsOf(environment: Record<string, string | undefined>, { secrets }: ImageFolders): void {
  for (const [from, to, isContent] of SECRETS) {
    const name = environment[from]
    delete environment[from]
    if (!name || environment[to]) continue
    const path = join(secrets, name)
    try {
      environment[to] = isContent ? readFileSync(path, 'utf8').trim() : path
      if (!isContent) readFileSync(path)
    } catch (error) {
      throw new UsageError(`${from}: ${path} cannot be read: ${(error as Error).message}; mount it there`)
    }
  }
}

/** A JAAS file for the JVM, or Bitnami's lists. */
function usersOf(environment: Record<string, string | undefined>): void {
  const { KAFKA_OPTS: opts, KAFKA_CLIENT_USERS: names, KAFKA_CLIENT_PASSWORDS: passwords } = environment
  for (const name of ['KAFKA_OPTS', 'KAFKA_CLIENT_USERS', 'KAFKA_CLIENT_PASSWORDS']) delete environment[name]
  const path = /-Djava\.security\.auth\.login\.config=(\S+)/.exec(opts ?? '')?.[1]
  const users = path === undefined ? paired(names, passwords) : usersInJaas(path)
  if (users.length > 0 && !environment.KLAMM_SASL_USERS) environment.KLAMM_SASL_USERS = users.join(',')
}

function paired(names = '', passwords = ''): string[] {
  const all = passwords.split(/[,; ]+/)
  return names
    .split(/[,; ]+/)
    .filter(name => name !== '')
    .map((name, i) => `${name}:${all[i] ?? ''}`)
}

function usersInJaas(path: string): string[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`KAFKA_OPTS: the JAAS file ${path} cannot be read: ${(error as Error).message}`)
  }
  const section = /(?:^|\s|\.)KafkaServer\s*\{([\s\S]*?)\}\s*;/.exec(
    text.replace(/\/\/.*$|\/\*[\s\S]*?\*\//gm, ''),
  )
  const modules = (section?.[1] ?? '').split(/(?<=;)/).flatMap(entry => parseLoginModule(entry) ?? [])
  const users = new Map<string, string>()
  for (const { settings } of modules) {
    for (const [name, password] of settings) if (name.startsWith('user_')) users.set(name.slice(5), password)
    // Of SCRAM the file has the broker's own user alone; who else there is comes by kafka-configs.
    const [own, password] = [settings.get('username'), settings.get('password')]
    if (own !== undefined && password !== undefined && !users.has(own)) users.set(own, password)
  }
  if (users.size === 0) {
    throw new UsageError(`KAFKA_OPTS: the JAAS file ${path} has no users in a section KafkaServer`)
  }
  return [...users].map(([name, password]) => `${name}:${password}`)
}

/** Where the image keeps data that neither variables nor file have a place for: on its volume. */
function dataOf(environment: Record<string, string | undefined>, file: string | undefined): void {
  const volume = environment[DEFAULT_DATA]
  delete environment[DEFAULT_DATA]
  const isSaid =
    ['KAFKA_LOG_DIRS', 'KAFKA_LOG_DIR', 'KAFKA_CFG_LOG_DIRS', 'KAFKA_CFG_LOG_DIR'].some(
      it => environment[it],
    ) ||
    (file !== undefined && /^\s*log\.dirs?\s*[=:\s]/m.test(readFileSync(file, 'utf8')))
  if (volume && !isSaid) environment.KAFKA_LOG_DIRS = volume
}

function clusterIdOf(environment: Record<string, string | undefined>): void {
  const id = CLUSTER_ID.map(name => environment[name]).find(value => value)
  for (const name of CLUSTER_ID) delete environment[name]
  if (id && !environment.KLAMM_FORMAT_CLUSTER_ID) environment.KLAMM_FORMAT_CLUSTER_ID = id
}

/**
 * Kafka's image writes whatever begins with KAFKA_ into its configuration, and Kafka passes over what it does
 * not know. Here what looks like a misspelt option stays, and is refused by its name; the rest is passed
 * over.
 */
function takeStrangers(environment: Record<string, string | undefined>): string[] {
  const strangers = Object.keys(environment).filter(variable => {
    if (!variable.startsWith('KAFKA_')) return false
    const [option] = fromEnvironment({ [variable]: environment[variable] })
    return option !== undefined && !isKnownName(option[0])
  })
  for (const variable of strangers) delete environment[variable]
  return strangers
}
