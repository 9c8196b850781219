import { describe, expect, test } from 'vitest'
import { type ConfigSources, fromEnvironment, loadConfig, parseProperties } from './config.ts'

function loaded(sources: ConfigSources) {
  const { config, problems } = loadConfig(sources)
  expect(problems).toEqual([])
  return config!
}

const problemsOf = (file: string) => loadConfig({ file }).problems

describe('properties files', () => {
  test.each([
    ['a=b', { a: 'b' }],
    ['a = b ', { a: 'b ' }],
    ['a:b', { a: 'b' }],
    ['a b', { a: 'b' }],
    ['a', { a: '' }],
    ['a=', { a: '' }],
    ['  a=b', { a: 'b' }],
    ['# no\n! no\na=b', { a: 'b' }],
    ['a=b\\\n   c', { a: 'bc' }],
    ['a=b\\\\\nc=d', { a: 'b\\', c: 'd' }],
    ['a=b # not a comment', { a: 'b # not a comment' }],
    ['listeners=EXTERNAL\\://localhost\\:20001', { listeners: 'EXTERNAL://localhost:20001' }],
    ['a\\=b=c', { 'a=b': 'c' }],
    ['a\\ b=c', { 'a b': 'c' }],
    ['a=\\u00e9\\t\\n', { a: 'é\t\n' }],
    ['a=1\r\nb=2\rc=3', { a: '1', b: '2', c: '3' }],
    ['a=1\na=2', { a: '2' }],
    ['', {}],
    ['a=b\\', { a: 'b' }],
  ])('%j', (text, expected) => {
    expect(Object.fromEntries(parseProperties(text))).toEqual(expected)
  })
})

describe('environment variables', () => {
  test('name options as in the images of Kafka', () => {
    const variables = {
      KAFKA_LOG_RETENTION_MS: '5',
      KAFKA_CFG_NUM_PARTITIONS: '3',
      KAFKA_SSL___X__Y: '6',
      KLAMM_DURABILITY: 'fsync',
      KAFKA_HEAP_OPTS: '-Xmx1G',
      KAFKA_LOG4J_ROOT_LOGLEVEL: 'INFO',
      PATH: '/bin',
    }
    expect(Object.fromEntries(fromEnvironment(variables))).toEqual({
      'log.retention.ms': '5',
      'num.partitions': '3',
      'ssl-x_y': '6',
      'klamm.durability': 'fsync',
    })
  })

  test('what orchestrators say of services called kafka or klamm is no option', () => {
    const variables = {
      KAFKA_SERVICE_HOST: '10.0.0.7',
      KAFKA_SERVICE_PORT: '9092',
      KAFKA_SERVICE_PORT_CLIENTS: '9092',
      KAFKA_PORT: 'tcp://10.0.0.7:9092',
      KLAMM_DEV_PORT_9092_TCP: 'tcp://10.0.0.7:9092',
      KLAMM_DEV_PORT_9092_TCP_ADDR: '10.0.0.7',
      KLAMM_PUBLISHED_ADDRESS: 'localhost:19092',
    }
    expect(fromEnvironment(variables)).toEqual([['klamm.published.address', 'localhost:19092']])
  })
})

describe('klamm.published.address', () => {
  test.each(['', 'localhost', 'localhost:19092', '10.0.0.1:1', '[::1]:9092', '::1'])('may be %j', address => {
    expect(loadConfig({ options: { 'klamm.published.address': address } }).problems).toEqual([])
  })

  test.each(['a b', 'localhost:', 'localhost:0', 'localhost:65536', 'PLAINTEXT://localhost:9092', '::g'])(
    'may not be %j',
    address => {
      expect(loadConfig({ options: { 'klamm.published.address': address } }).problems).toEqual([
        expect.stringContaining('Not of the form host or host:port'),
      ])
    },
  )
})

describe('a configuration', () => {
  test('takes the strongest source of each option', () => {
    const config = loaded({
      file: 'num.partitions=2\nlog.retention.ms=1000\nmessage.max.bytes=7',
      environment: { KAFKA_LOG_RETENTION_MS: '2000', KAFKA_MESSAGE_MAX_BYTES: '8' },
      overrides: ['message.max.bytes=9'],
    })
    expect(config.number('num.partitions')).toBe(2)
    expect(config.number('log.retention.ms')).toBe(2000)
    expect(config.number('message.max.bytes')).toBe(9)
    expect(config.number('log.segment.bytes')).toBe(1_073_741_824)
  })

  test('of a single node needs one replica of everything', () => {
    const config = loaded({})
    expect(config.number('offsets.topic.replication.factor')).toBe(1)
    expect(config.number('transaction.state.log.min.isr')).toBe(1)
    expect(config.logDirs).toEqual(['data'])
    expect(config.nodeId).toBe(1)
  })

  test('for tests is quick, in memory, on a free port', () => {
    const config = loaded({ profile: 'ci' })
    expect(config.number('group.initial.rebalance.delay.ms')).toBe(0)
    expect(config.string('klamm.storage')).toBe('memory')
    expect(config.listeners).toEqual([
      { name: 'PLAINTEXT', host: 'localhost', port: 0, protocol: 'PLAINTEXT', advertised: undefined },
    ])
  })

  test('of an existing single-node Kafka starts, with one warning about what has no effect', () => {
    const config = loaded({
      file: `
        process.roles=broker,controller
        node.id=7
        controller.quorum.bootstrap.servers=localhost:9093
        listeners=PLAINTEXT://:9092,CONTROLLER://:9093
        inter.broker.listener.name=PLAINTEXT
        advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
        controller.listener.names=CONTROLLER
        listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL
        num.network.threads=3
        socket.send.buffer.bytes=102400
        log.dirs=/tmp/kraft-combined-logs
        log.retention.hours=24
        zookeeper.connect=localhost:2181
      `,
    })
    expect(config.nodeId).toBe(7)
    expect(config.listeners.map(({ name, port }) => [name, port])).toEqual([['PLAINTEXT', 9092]])
    expect(config.logDirs).toEqual(['/tmp/kraft-combined-logs'])
    expect(config.topicDefault('retention.ms')).toBe(String(24 * 3_600_000))
    expect(config.warnings).toHaveLength(1)
    expect(config.warnings[0]).toMatch(/process\.roles/)
    expect(config.warnings[0]).toMatch(/num\.network\.threads/)
    expect(config.warnings[0]).toMatch(/zookeeper\.connect/)
    expect(config.warnings[0]).not.toMatch(/log\.retention/)
  })

  test("as the harness of Kafka's own tests writes it is accepted", () => {
    const config = loaded({
      file: `
        #Sat Nov 21 02:00:33 UTC 2026
        advertised.listeners=EXTERNAL\\://localhost\\:20001
        auto.create.topics.enable=false
        inter.broker.listener.name=EXTERNAL
        listener.security.protocol.map=EXTERNAL\\:PLAINTEXT
        listeners=EXTERNAL\\://localhost\\:20001
        log.cleaner.dedupe.buffer.size=2097152
        log.dirs=/tmp/w/disk0,/tmp/w/disk1
        node.id=0
        unstable.api.versions.enable=true
        unstable.feature.versions.enable=true
      `,
    })
    expect(config.nodeId).toBe(0)
    expect(config.logDirs).toEqual(['/tmp/w/disk0', '/tmp/w/disk1'])
    expect(config.listeners).toEqual([
      {
        name: 'EXTERNAL',
        host: 'localhost',
        port: 20001,
        protocol: 'PLAINTEXT',
        advertised: { host: 'localhost', port: 20001 },
      },
    ])
  })

  test('warns of a name that no option can have, and goes on', () => {
    const config = loaded({ file: 'Maximum\\ bytes\\ of\\ a\\ response.=15400\nnode.id=4' })
    expect(config.nodeId).toBe(4)
    expect(config.warnings.join()).toContain('Maximum bytes of a response.')
  })

  test('knows broker.id as the older name of node.id, and -1 as any', () => {
    expect(loaded({ file: 'broker.id=5' }).nodeId).toBe(5)
    expect(loaded({ file: 'broker.id=-1' }).nodeId).toBe(1)
  })

  test('log.dir counts where log.dirs is not given', () => {
    expect(loaded({ file: 'log.dir=/one' }).logDirs).toEqual(['/one'])
    expect(loaded({ file: 'log.dir=/one\nlog.dirs=/two' }).logDirs).toEqual(['/two'])
  })

  test('gives topics their defaults from the strongest synonym', () => {
    const config = loaded({ file: 'log.retention.hours=1\nlog.retention.minutes=2\nlog.roll.hours=3' })
    expect(config.topicDefault('retention.ms')).toBe('120000')
    expect(config.topicDefault('segment.ms')).toBe('10800000')
    expect(config.topicDefault('flush.ms')).toBe('9223372036854775807')
    expect(loaded({ file: 'log.retention.hours=-1' }).topicDefault('retention.ms')).toBe('-1')
  })
})

describe('a configuration is refused by name', () => {
  test.each([
    ['retention.ms=5', 'Unknown option retention.ms'],
    ['log.retention.sm=5', 'Unknown option log.retention.sm; did you mean log.retention.ms?'],
    ['num.partitions=x', 'Invalid value x for configuration num.partitions: Not a number of type INT'],
    ['group.consumer.assignors=nope', 'there is no assignor nope; there are uniform and range'],
    [
      'group.consumer.max.session.timeout.ms=1',
      'group.consumer.max.session.timeout.ms must be greater than or equal to group.consumer.min.session',
    ],
    ['group.consumer.heartbeat.interval.ms=20000', 'must be less than or equal to group.consumer.max.heart'],
    ['group.consumer.assignment.interval.ms=20000', 'must be less than or equal to group.consumer.max.assig'],
    ['num.partitions=0', 'Value must be at least 1 (allowed: [1,...])'],
    ['compression.type=lzma', 'one of: uncompressed, zstd, lz4, snappy, gzip, producer'],
    ['klamm.durability=always', 'String must be one of: default, fsync'],
    ['listeners=', "Configuration 'listeners' must not be empty"],
    ['listeners=localhost:9092', "listeners: 'localhost:9092' is not of the form NAME://host:port"],
    ['listeners=PLAINTEXT://:99999', 'is not of the form'],
    ['authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer', 'not served yet'],
    ['listeners=FOO://:9093', 'no security protocol is given for FOO'],
    ['listeners=PLAINTEXT://:1,PLAINTEXT://:2', 'each listener needs its own name'],
    ['advertised.listeners=PLAINTEXT://0.0.0.0:9092', 'clients cannot connect to 0.0.0.0'],
    ['advertised.listeners=OTHER://host:9092', 'OTHER is not one of the listeners'],
    ['listener.security.protocol.map=A:B', "'A:B' is not of the form NAME:protocol"],
    ['process.roles=controller', 'add broker'],
    ['offsets.topic.compression.codec=5', 'there is no codec 5'],
    ['log.dirs=', "Configuration 'log.dirs' must not be empty"],
    ['leader.replication.throttled.rate=5', 'Unknown option leader.replication.throttled.rate'],
  ])('%s', (file, expected) => {
    expect(problemsOf(file).join('\n')).toContain(expected)
  })

  test('all problems are told at once', () => {
    expect(problemsOf('num.partitions=0\nnope.nope.nope.nope=1\nmessage.max.bytes=-1')).toHaveLength(3)
  })

  test('a malformed override says how to write it', () => {
    expect(loadConfig({ overrides: ['num.partitions'] }).problems[0]).toContain('name=value')
  })
})
