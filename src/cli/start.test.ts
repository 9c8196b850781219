import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createTopics, metadataOf, produceTo } from '../api/testing/wire-broker.ts'
import { WireClient } from '../conformance/wire-client.ts'
import { nodePlatform } from '../platform/node.ts'

const ROOT = join(import.meta.dirname, '../..')
/** Inside node_modules, so that the built files find what they import. */
const BUILT = join(ROOT, 'node_modules/.cache/klamm-cli-test')
const MAIN = join(BUILT, 'src/cli/main.js')

let directory: string
const running: ChildProcess[] = []

beforeAll(() => {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const buildInfo = join(BUILT, '.tsbuildinfo')
  const args = ['-p', 'tsconfig.build.json', '--outDir', BUILT, '--tsBuildInfoFile', buildInfo]
  spawnSync(process.execPath, [tsc, ...args], { cwd: ROOT })
  expect(existsSync(MAIN)).toBe(true)
}, 60_000)
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'klamm-'))
})
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  rmSync(directory, { recursive: true, force: true })
})

/** Runs a command to its end. */
function klamm(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd: directory,
    encoding: 'utf8',
    timeout: 15_000,
  })
  return { status, stdout, stderr, lines: stderr.trimEnd().split('\n') }
}

/** A broker in a process of its own, once it says that it is ready. */
function started(...args: readonly string[]) {
  return startedAfter('', ...args)
}

/** The same, with something that its process does first. */
async function startedAfter(script: string, ...args: readonly string[]) {
  const child = spawn(process.execPath, ['--import', preloaded(script), MAIN, 'start', ...args], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.push(child)
  let errors = ''
  child.stderr.on('data', chunk => {
    errors += chunk
  })
  for await (const line of createInterface({ input: child.stdout })) {
    const ready = /is ready on .*:(\d+)$/.exec(line)
    if (ready) {
      const stop = async (signal: NodeJS.Signals) => {
        child.kill(signal)
        return (await once(child, 'exit'))[0] as number | null
      }
      return { child, port: Number(ready[1]), stop, errors: () => errors }
    }
  }
  throw new Error(`it did not start: ${errors}`)
}

function preloaded(script: string): string {
  return `data:text/javascript,${encodeURIComponent(script)}`
}

const connect = (port: number) => WireClient.connect(nodePlatform().network, { host: '127.0.0.1', port })

describe('klamm start', () => {
  test('keeps its data in ./data unless told otherwise, through SIGINT, SIGTERM and SIGKILL', async () => {
    const signals = ['SIGTERM', 'SIGINT', 'SIGKILL', 'SIGTERM'] as const
    for (const [round, signal] of signals.entries()) {
      const broker = await started('--port', '0')
      const client = await connect(broker.port)
      if (round === 0) await createTopics(client, ['kept'])
      expect(await produceTo(client, 'kept')).toMatchObject({ errorCode: 0, baseOffset: BigInt(round) })
      expect(await broker.stop(signal)).toBe(signal === 'SIGKILL' ? null : 0)
      await client.close()
    }
    expect(readdirSync(join(directory, 'data'))).toContain('kept-0')
  })

  test('stops in order where its syncs wait for company that does not come', async () => {
    const slowDisk = `
      import fs from 'node:fs'
      import { syncBuiltinESMExports } from 'node:module'
      const { fdatasync } = fs
      fs.fdatasync = (descriptor, done) => setTimeout(fdatasync, 60, descriptor, done)
      syncBuiltinESMExports()`
    const broker = await startedAfter(slowDisk, '--port', '0', '--override', 'klamm.durability=fsync')
    const clients = await Promise.all(Array.from({ length: 6 }, () => connect(broker.port)))
    await createTopics(clients[0]!, ['synced'])
    const produced = clients.map(async (client, i) => {
      await sleep(i * 8)
      return produceTo(client, 'synced')
    })
    for (const { errorCode } of await Promise.all(produced)) expect(errorCode).toBe(0)
    for (const client of clients) await client.close()
    expect(await broker.stop('SIGTERM')).toBe(0)
    expect(readdirSync(join(directory, 'data'))).toContain('.kafka_cleanshutdown')
  })

  test('the ci profile keeps nothing and takes a free port', async () => {
    const broker = await started('--profile', 'ci')
    const client = await connect(broker.port)
    await createTopics(client, ['fleeting'])
    expect(await produceTo(client, 'fleeting')).toMatchObject({ errorCode: 0 })
    expect(await broker.stop('SIGTERM')).toBe(0)
    await client.close()
    expect(readdirSync(directory)).toEqual([])
  })

  test('takes a server.properties of Kafka, and warns in one line of what means nothing here', async () => {
    const file = join(directory, 'server.properties')
    const settings = [
      'process.roles=broker,controller',
      'node.id=7',
      'controller.quorum.voters=7@localhost:9093',
      'listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:9093',
      'controller.listener.names=CONTROLLER',
      'log.dirs=kraft-logs',
      'num.partitions=3',
      'zookeeper.connect=localhost:2181',
    ]
    writeFileSync(file, settings.join('\n'))
    const broker = await started('--config', file, '--override', 'num.partitions=5')
    const client = await connect(broker.port)
    const { topics, brokers } = await metadataOf(client, ['a'], { allowAutoTopicCreation: true })
    expect([topics[0]!.partitions.length, brokers[0]!.nodeId]).toEqual([5, 7])
    await client.close()
    expect(await broker.stop('SIGTERM')).toBe(0)
    const warnings = broker
      .errors()
      .split('\n')
      .filter(line => line.includes('"warn"'))
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain('process.roles')
    expect(warnings[0]).toContain('zookeeper.connect')
  })

  test('its log is JSON where no one looks on', async () => {
    const broker = await started('--profile', 'ci', '--verbose')
    await broker.stop('SIGTERM')
    const lines = broker.errors().trimEnd().split('\n')
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ level: expect.any(String) })
    expect(broker.errors()).toContain('"signal":"SIGTERM"')
  })
})

describe('klamm start tells programs where it is', () => {
  /** The first line that it prints, and the process. */
  async function firstLine(...args: readonly string[]) {
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    running.push(child)
    for await (const line of createInterface({ input: child.stdout! })) return { child, line }
    throw new Error('it did not start')
  }

  test('--json prints the addresses on one line, and --ready-file has them as long as clients can connect', async () => {
    const file = join(directory, 'made', 'ready.json')
    const { child, line } = await firstLine('start', '--profile', 'ci', '--json', '--ready-file', file)
    const told = JSON.parse(line)
    expect(told).toEqual({
      bootstrapServers: expect.stringMatching(/^localhost:\d+$/),
      listeners: [
        {
          name: 'PLAINTEXT',
          protocol: 'PLAINTEXT',
          host: 'localhost',
          port: expect.any(Number),
          address: told.bootstrapServers,
        },
      ],
      clusterId: expect.any(String),
      pid: child.pid,
      version: expect.any(String),
    })
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(told)
    expect(readdirSync(join(directory, 'made'))).toEqual(['ready.json'])
    const client = await connect(told.listeners[0].port)
    expect((await metadataOf(client, [])).clusterId).toBe(told.clusterId)
    await client.close()
    child.kill('SIGTERM')
    await once(child, 'exit')
    expect(existsSync(file)).toBe(false)
  })

  test('a signal that comes the moment it listens is not lost', async () => {
    const atOnce = `
      import { Server } from 'node:net'
      const { address } = Server.prototype
      Server.prototype.address = function () {
        process.kill(process.pid, 'SIGTERM')
        return address.call(this)
      }`
    const child = spawn(process.execPath, ['--import', preloaded(atOnce), MAIN, 'start', '--port', '0'], {
      cwd: directory,
      stdio: 'ignore',
    })
    running.push(child)
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  test('a ready file of an earlier process is gone before anything begins', async () => {
    const file = join(directory, 'ready.json')
    writeFileSync(file, '{"pid": 1}')
    const { status, lines } = klamm('start', '--ready-file', file, '--port', '0', '--config', 'missing')
    expect(status).toBe(1)
    expect(lines[0]).toContain('missing')
    const failed = klamm('start', '--ready-file', file, '--port', '0', '--data-dir', '/dev/null/data')
    expect(failed.status).toBe(1)
    expect(existsSync(file)).toBe(false)
    writeFileSync(file, '')
    const blocked = klamm('start', '--ready-file', join(file, 'in', 'a', 'file'), '--port', '0')
    expect(blocked.lines[0]).toMatch(/^klamm: --ready-file: .* cannot be written/)
  })

  test('without a command it starts, with the flags of start', async () => {
    const { child, line } = await firstLine('--profile', 'ci', '--control-port', '0', '--json')
    const { control } = JSON.parse(line)
    expect(control).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(await (await fetch(`${control}/ready`)).json()).toMatchObject({ isReady: true, problems: [] })
    const exit = once(child, 'exit')
    expect((await fetch(`${control}/stop`, { method: 'POST' })).status).toBe(200)
    expect((await exit)[0]).toBe(0)
  })

  test('what stands in for Kafka’s scripts in the image asks the broker', async () => {
    const { port } = await started('--profile', 'ci', '--port', '0')
    const server = ['--bootstrap-server', `localhost:${port}`]
    const topics = (...args: readonly string[]) => klamm('kafka-tool', 'kafka-topics.sh', ...server, ...args)
    expect(
      topics('--create', '--topic', 'orders', '--partitions', '2', '--config', 'retention.ms=1000'),
    ).toMatchObject({
      status: 0,
      stdout: 'Created topic orders.\n',
    })
    expect(topics('--create', '--topic=orders', '--if-not-exists').status).toBe(0)
    expect(topics('--create', '--topic', 'orders').lines[0]).toContain('TOPIC_ALREADY_EXISTS')
    expect(topics('--describe', '--topic', 'orders').stdout).toMatch(
      /PartitionCount: 2[\s\S]*Partition: 1\tLeader: 1/,
    )
    expect(topics('--list').stdout).toBe('orders\n')
    expect(topics('--delete', '--topic', 'orders').status).toBe(0)
    expect(topics('--describe', '--topic', 'orders').status).toBe(1)
    expect(klamm('kafka-tool', 'kafka-broker-api-versions', ...server).stdout).toContain('Produce(0): 0 to')
    expect(klamm('kafka-tool', 'kafka-cluster.sh', 'cluster-id', ...server).stdout).toMatch(
      /^Cluster ID: \S+\n$/,
    )
    expect(klamm('kafka-tool', 'kafka-storage.sh', 'format').lines[0]).toContain('not in this image')
  })
})

test('a script lives on while it waits for a broker inside of it that is down or closed', () => {
  const script = `
    import { Klamm } from ${JSON.stringify(join(BUILT, 'src/embedded.js'))}
    const klamm = await Klamm.start()
    await klamm.crash()
    await klamm.consume('a', { timeout: 30 }).catch(error => console.log(error.name))
    await klamm.restart()
    const waiting = klamm.consume('a', { timeout: 30_000 }).catch(error => console.log(error.name))
    await klamm.close()
    await waiting`
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
    timeout: 15_000,
  })
  expect([status, stdout]).toEqual([0, 'Refused\nUsageError\n'])
})

describe('klamm health', () => {
  test('says what answers, and by its exit code whether it does', async () => {
    const broker = await started('--port', '0', '--override', 'node.id=4')
    const server = `localhost:${broker.port}`
    expect(klamm('health', '--server', server)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^localhost:\d+ is ready: cluster [\w-]{22}, broker 4\n$/),
      stderr: '',
    })
    expect(await broker.stop('SIGTERM')).toBe(0)
    expect(klamm('health', '--server', server)).toMatchObject({
      status: 1,
      stdout: '',
      stderr: `klamm: ${server} is not ready: nothing listens there\n`,
    })
  })

  test('does not wait for ever on what accepts and is silent', async () => {
    const silent = createServer()
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const server = `127.0.0.1:${(silent.address() as { port: number }).port}`
    expect(klamm('health', '--server', server, '--timeout', '50')).toMatchObject({
      status: 1,
      stderr: `klamm: ${server} is not ready: no answer within 50 ms\n`,
    })
    silent.close()
  })
})

describe('what the user got wrong is one line that names it, and exit code 1', () => {
  const cases: readonly (readonly [string, readonly string[], RegExp])[] = [
    [
      'an option that is not there',
      ['start', '--override', 'num.partition=3'],
      /num\.partition;.*num\.partitions/,
    ],
    ['a value out of range', ['start', '--override', 'num.partitions=0'], /num\.partitions.*at least 1/],
    ['an override without a value', ['start', '--override', 'num.partitions'], /name=value/],
    [
      'a file that is not there',
      ['start', '--config', 'nowhere.properties'],
      /--config.*nowhere\.properties/,
    ],
    ['a data directory that cannot be', ['start', '--data-dir', '/dev/null/data'], /log\.dirs/],
    [
      'TLS without a certificate',
      ['start', '--override', 'listeners=SSL://:9093'],
      /ssl\.keystore\.location/,
    ],
    ['a server without a port', ['health', '--server', 'localhost'], /--server: 'localhost' .*host:port/],
    [
      'a recording that cannot be written',
      ['proxy', '--to', 'localhost:9', '--record', 'no/where'],
      /--record: no\/where cannot be written/,
    ],
    ['a message that is not there', ['codec', 'NoSuchRequest'], /NoSuchRequest/],
    ['an option name that is not there', ['options', 'no.such.option'], /no\.such\.option/],
  ]
  for (const [name, args, pattern] of cases) {
    test(name, () => {
      const { status, lines, stdout } = klamm(...args)
      expect(lines, lines.join('\n')).toHaveLength(1)
      expect(lines[0]).toMatch(/^klamm: /)
      expect(lines[0]).toMatch(pattern)
      expect([status, stdout]).toEqual([1, ''])
    })
  }

  test('a report that cannot be written, before the broker is asked', () => {
    for (const args of [
      ['--html', 'no/where.html'],
      ['--junit', '.'],
    ]) {
      const { status, lines } = klamm('conformance', '--bootstrap', 'localhost:9', ...args)
      expect([status, lines.length]).toEqual([2, 1])
      expect(lines[0]).toContain(`${args[0]}: ${args[1]} cannot be written`)
    }
  })

  test('a port in use', async () => {
    const taken = createServer()
    taken.listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const { status, lines } = klamm('start', '--override', `listeners=PLAINTEXT://127.0.0.1:${port}`)
    expect([status, lines.length]).toEqual([1, 1])
    expect(lines[0]).toMatch(/^klamm: listeners: .* in use .*--port/)
    taken.close()
    await once(taken, 'close')
  })

  test('a data directory in use', async () => {
    const broker = await started('--port', '0')
    const { status, lines } = klamm('start', '--port', '0')
    expect([status, lines.length]).toEqual([1, 1])
    expect(lines[0]).toMatch(new RegExp(`in use by another broker.*${broker.child.pid}.*log\\.dirs`))
    expect(await broker.stop('SIGTERM')).toBe(0)
  })

  test('a misspelt flag or command, with what was meant', () => {
    expect(klamm('start', '--prot', '1')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('--port'),
    })
    expect(klamm('strat')).toMatchObject({ status: 1, stderr: expect.stringContaining('start') })
    expect(klamm('start', '--port', '70000').stderr).toContain('0 to 65535')
  })
})

describe('what the command line tells', () => {
  test('help has examples, and every option has a line in the reference', () => {
    expect(klamm('start', '--help')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('klamm start --profile ci'),
    })
    const { stdout } = klamm('options', 'Retention')
    expect(stdout).toContain('log.retention.hours=168')
    expect(stdout).toContain('retention.ms=604800000')
    expect(klamm('options', 'retention', '--markdown').stdout).toContain('| `log.retention.hours` | int |')
  })

  test('doctor checks every codec', () => {
    const { status, stdout } = klamm('doctor')
    for (const codec of ['crc32c', 'gzip', 'snappy', 'lz4', 'zstd']) expect(stdout).toContain(codec)
    expect(stdout.match(/ works/g)).toHaveLength(5)
    expect(status).toBe(0)
  })

  test('codec prints the code of requests, responses and records', () => {
    expect(klamm('codec', 'HeartbeatRequest').stdout).toContain('function readHeartbeatRequest')
    expect(klamm('codec', 'offsetcommitvalue').stdout).toContain('function writeOffsetCommitValue')
  })
})
