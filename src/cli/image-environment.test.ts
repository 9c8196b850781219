import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadConfig } from '../config.ts'
import { imageSettings } from './image-environment.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'klamm-image-'))
  for (const name of ['secrets', 'config']) mkdirSync(join(folder, name))
})
afterEach(() => rmSync(folder, { recursive: true }))

const settings = (environment: Readonly<Record<string, string>>) =>
  imageSettings(environment, { secrets: join(folder, 'secrets'), config: join(folder, 'config') })
const secret = (name: string, text: string) => writeFileSync(join(folder, 'secrets', name), text)

/** What the broker makes of it. */
function configOf(environment: Readonly<Record<string, string>>) {
  const { environment: read, notes } = settings(environment)
  const loaded = loadConfig({ environment: read, notes })
  expect(loaded.problems).toEqual([])
  return loaded.config!
}

/** The single node of the examples of the image apache/kafka. */
const OFFICIAL = {
  PATH: '/bin',
  KAFKA_NODE_ID: '1',
  KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT',
  KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT_HOST://localhost:9092,PLAINTEXT://broker:19092',
  KAFKA_PROCESS_ROLES: 'broker,controller',
  KAFKA_CONTROLLER_QUORUM_VOTERS: '1@broker:29093',
  KAFKA_LISTENERS: 'CONTROLLER://:29093,PLAINTEXT_HOST://:9092,PLAINTEXT://:19092',
  KAFKA_INTER_BROKER_LISTENER_NAME: 'PLAINTEXT',
  KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
  CLUSTER_ID: '4L6g3nShT-eMCtK--X86sw',
  KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
  KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
  KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
  KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
  KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR: '1',
  KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR: '1',
  KAFKA_LOG_DIRS: '/tmp/kraft-combined-logs',
}

describe('the image apache/kafka', () => {
  test('its single node is what its variables say, without the listener of controllers', () => {
    const config = configOf(OFFICIAL)
    expect(config.listeners).toMatchObject([
      { name: 'PLAINTEXT_HOST', port: 9092, advertised: { host: 'localhost', port: 9092 } },
      { name: 'PLAINTEXT', port: 19092, advertised: { host: 'broker', port: 19092 } },
    ])
    expect(config.logDirs).toEqual(['/tmp/kraft-combined-logs'])
    expect(config.string('klamm.format.cluster.id')).toBe('4L6g3nShT-eMCtK--X86sw')
  })

  test('listeners follow those that are advertised, on every address', () => {
    const { KAFKA_LISTENERS: _, ...rest } = OFFICIAL
    expect(configOf(rest).listeners).toMatchObject([
      { name: 'PLAINTEXT_HOST', host: '0.0.0.0', port: 9092 },
      { name: 'PLAINTEXT', host: '0.0.0.0', port: 19092 },
    ])
    const alone = configOf({ KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://[2001:db8::1]:9095' })
    expect(alone.listeners).toMatchObject([
      { host: '0.0.0.0', port: 9095, advertised: { host: '2001:db8::1' } },
    ])
  })

  test('secrets go by the names of their files', () => {
    secret('keystore.p12', 'store')
    secret('keystore_creds', 'store password\n')
    secret('key_creds', 'key password\n')
    secret('truststore.p12', 'trusted')
    secret('truststore_creds', 'trust password')
    const config = configOf({
      ...OFFICIAL,
      KAFKA_SSL_KEYSTORE_FILENAME: 'keystore.p12',
      KAFKA_SSL_KEYSTORE_CREDENTIALS: 'keystore_creds',
      KAFKA_SSL_KEY_CREDENTIALS: 'key_creds',
      KAFKA_SSL_TRUSTSTORE_FILENAME: 'truststore.p12',
      KAFKA_SSL_TRUSTSTORE_CREDENTIALS: 'truststore_creds',
      KAFKA_SSL_CLIENT_AUTH: 'required',
      KAFKA_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM: '',
    })
    expect(config.text('ssl.keystore.location')).toBe(join(folder, 'secrets', 'keystore.p12'))
    expect(config.text('ssl.keystore.password')).toBe('store password')
    expect(config.text('ssl.key.password')).toBe('key password')
    expect(config.text('ssl.truststore.location')).toBe(join(folder, 'secrets', 'truststore.p12'))
    expect(config.text('ssl.truststore.password')).toBe('trust password')
    expect(() => settings({ KAFKA_SSL_KEYSTORE_FILENAME: 'none.p12' })).toThrow(
      /KAFKA_SSL_KEYSTORE_FILENAME: .*none\.p12 cannot be read.*mount it/,
    )
  })

  test('users come from the JAAS file that the JVM would be told of', () => {
    const jaas = `
      // KafkaServer { not this };
      KafkaServer {
          org.apache.kafka.common.security.plain.PlainLoginModule required
          username="admin"
          password="admin-secret"
          user_admin="admin-secret"
          user_alice="alice-secret";
      };
      Client { org.example.Other required username="zoo" password="keeper"; };`
    secret('broker_jaas.conf', jaas)
    const opts = `-Xlog -Djava.security.auth.login.config=${join(folder, 'secrets', 'broker_jaas.conf')}`
    const { environment } = settings({ KAFKA_OPTS: opts, KAFKA_SASL_ENABLED_MECHANISMS: 'PLAIN' })
    expect(environment.KLAMM_SASL_USERS).toBe('admin:admin-secret,alice:alice-secret')
    expect(() => settings({ KAFKA_OPTS: '-Djava.security.auth.login.config=/none.conf' })).toThrow(
      /KAFKA_OPTS/,
    )
    secret('empty.conf', 'Client { };')
    const empty = `-Djava.security.auth.login.config=${join(folder, 'secrets', 'empty.conf')}`
    expect(() => settings({ KAFKA_OPTS: empty })).toThrow(/no users in a section KafkaServer/)
  })

  test('a server.properties is found where it is mounted', () => {
    expect(settings({}).file).toBeUndefined()
    writeFileSync(join(folder, 'config', 'server.properties'), 'num.partitions=3\n')
    expect(settings({}).file).toBe(join(folder, 'config', 'server.properties'))
  })

  test('data goes to the volume unless variables or file say where', () => {
    const image = { KLAMM_DEFAULT_LOG_DIRS: '/data' }
    expect(settings(image).environment).toEqual({ KAFKA_LOG_DIRS: '/data' })
    const told = { KAFKA_LOG_DIRS: '/var/lib/kafka/data' }
    expect(settings({ ...image, ...told }).environment).toEqual(told)
    expect(settings({ ...image, KAFKA_CFG_LOG_DIRS: '/d' }).environment).toEqual({ KAFKA_CFG_LOG_DIRS: '/d' })
    writeFileSync(join(folder, 'config', 'server.properties'), 'log.dirs=/tmp/logs\n')
    expect(settings(image).environment).toEqual({})
  })

  test('what is for the JVM is passed over, and one line says so', () => {
    const { environment, notes } = settings({
      KAFKA_HEAP_OPTS: '-Xmx1G',
      KAFKA_JMX_PORT: '9999',
      KAFKA_LOG4J_LOGGERS: 'kafka=WARN',
      KAFKA_JVM_PERFORMANCE_OPTS: '-server',
      KAFKA_NUM_PARTITIONS: '3',
    })
    expect(Object.keys(environment)).toEqual(['KAFKA_NUM_PARTITIONS'])
    expect(notes).toEqual([
      'these variables mean nothing here: KAFKA_HEAP_OPTS, KAFKA_JMX_PORT, KAFKA_JVM_PERFORMANCE_OPTS, ' +
        'KAFKA_LOG4J_LOGGERS',
    ])
    expect(settings({ PATH: '/bin' }).notes).toEqual([])
  })

  test('variables of which nobody knows an option are passed over, misspelt ones are not', () => {
    const { environment, notes } = settings({ KAFKA_UI_THEME_COLOR: 'dark', KAFKA_NUM_PARTITION: '3' })
    expect(notes[0]).toContain('KAFKA_UI_THEME_COLOR')
    const { problems } = loadConfig({ environment })
    expect(problems).toEqual(['Unknown option num.partition; did you mean num.partitions?'])
  })
})

describe('other images', () => {
  test('confluentinc/cp-kafka says the same in nearly the same words', () => {
    const config = configOf({
      KAFKA_BROKER_ID: '1',
      KAFKA_ZOOKEEPER_CONNECT: 'zookeeper:2181',
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT',
      KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://broker:29092,PLAINTEXT_HOST://localhost:9092',
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
      KAFKA_CONFLUENT_LICENSE_TOPIC_REPLICATION_FACTOR: '1',
      KAFKA_CONFLUENT_SCHEMA_REGISTRY_URL: 'http://schema-registry:8081',
      KAFKA_METRIC_REPORTERS: 'io.confluent.metrics.reporter.ConfluentMetricsReporter',
      CONFLUENT_METRICS_ENABLE: 'true',
      KAFKA_JMX_HOSTNAME: 'localhost',
    })
    expect(config.listeners.map(({ port }) => port)).toEqual([29092, 9092])
    expect(config.nodeId).toBe(1)
  })

  test('bitnami/kafka has a prefix of its own, and users in lists', () => {
    const { environment } = settings({ KAFKA_CLIENT_USERS: 'alice,bob', KAFKA_CLIENT_PASSWORDS: 'a1,b2' })
    expect(environment.KLAMM_SASL_USERS).toBe('alice:a1,bob:b2')
    const config = configOf({
      KAFKA_ENABLE_KRAFT: 'yes',
      ALLOW_PLAINTEXT_LISTENER: 'yes',
      KAFKA_KRAFT_CLUSTER_ID: 'abcdefghijklmnopqrstuv',
      KAFKA_CFG_NODE_ID: '0',
      KAFKA_CFG_PROCESS_ROLES: 'controller,broker',
      KAFKA_CFG_CONTROLLER_QUORUM_VOTERS: '0@kafka:9093',
      KAFKA_CFG_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://:9093',
      KAFKA_CFG_ADVERTISED_LISTENERS: 'PLAINTEXT://:9092',
      KAFKA_CFG_LISTENER_SECURITY_PROTOCOL_MAP: 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
      KAFKA_CFG_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
      KAFKA_VOLUME_DIR: '/bitnami/kafka',
    })
    expect(config.nodeId).toBe(0)
    expect(config.string('klamm.format.cluster.id')).toBe('abcdefghijklmnopqrstuv')
  })
})
