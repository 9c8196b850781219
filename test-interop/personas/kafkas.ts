// The Kafkas that there are personas of, from their jars on Maven Central, each as it comes: 2.8 with ZooKeeper, the later
// ones with KRaft. And the jars of their clients.

import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../harness/broker.ts'
import { cached, cacheRoot } from '../harness/cache.ts'
import { javaOptions } from '../harness/kafka-jars.ts'
import { eventually, launch, runOk } from '../harness/processes.ts'

export const KAFKAS = {
  '2.8': '2.8.2',
  '3.3': '3.3.2',
  '3.9': '3.9.1',
  '4.0': '4.0.0',
  '4.3': '4.3.1',
  '4.4': '4.4.0',
}

const pom = join(import.meta.dirname, 'pom.xml')
const START_DEADLINE_MS = 90_000

/** The class path of one version's broker, or just of its clients. */
export async function jarsOf(artifact: 'kafka_2.13' | 'kafka-clients', version: string): Promise<string> {
  const name = artifact === 'kafka_2.13' ? `kafka-${version}` : `${artifact}-${version}`
  await cached(name, async folder => {
    const tools = version === '4.4.0' ? '4.3.1' : version
    const properties = [`-Dkafka.version=${version}`, `-Dartifact=${artifact}`, `-Dtools.version=${tools}`]
    const goals = ['dependency:copy-dependencies', `-DoutputDirectory=${folder}`, '-DincludeScope=runtime']
    await runOk('mvn', ['-q', '-B', '-f', pom, ...properties, ...goals], { deadlineMs: 600_000, echo: true })
  })
  return join(cacheRoot, name, '*')
}

export interface RunningKafka {
  readonly bootstrap: string
  stop(): Promise<void>
}

export async function startKafka(version: string): Promise<RunningKafka> {
  const folder = await mkdtemp(join(tmpdir(), 'klamm-persona-'))
  const classPath = await jarsOf('kafka_2.13', version)
  const port = await freePort()
  const java = (...args: string[]) => [...javaOptions, '-Xmx512m', '-cp', classPath, ...args]
  const children: ChildProcess[] = []
  const properties = join(folder, 'server.properties')
  if (version.startsWith('2.')) {
    const zookeeper = join(folder, 'zookeeper.properties')
    const lines = [`dataDir=${folder}/zookeeper`, `clientPort=${port + 1}`, 'admin.enableServer=false', '']
    await writeFile(zookeeper, lines.join('\n'))
    const main = 'org.apache.zookeeper.server.quorum.QuorumPeerMain'
    children.push(launch('java', java(main, zookeeper), { stdio: 'pipe' }))
    await listening(port + 1)
    await writeFile(properties, text({ ...ofAll(port, folder), ...withZookeeper(port) }))
  } else {
    await writeFile(properties, text({ ...ofAll(port, folder), ...withKraft(port) }))
    const format = ['format', '-t', 'MkU3OEVBNTcwNTJENDM2Qk', '-c', properties]
    await runOk('java', java('kafka.tools.StorageTool', ...format))
  }
  children.push(launch('java', java('kafka.Kafka', properties), { stdio: 'pipe' }))
  for (const child of children) {
    child.stdout?.resume()
    child.stderr?.resume()
  }
  await listening(port)
  return {
    bootstrap: `127.0.0.1:${port}`,
    async stop() {
      for (const child of children.reverse()) {
        const ended = new Promise(done => child.once('exit', done))
        child.kill('SIGKILL')
        await ended
      }
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function ofAll(port: number, folder: string): Record<string, string> {
  return {
    listeners: `PLAINTEXT://127.0.0.1:${port}`,
    'log.dirs': `${folder}/data`,
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
  }
}

function withZookeeper(port: number): Record<string, string> {
  return { 'broker.id': '1', 'zookeeper.connect': `127.0.0.1:${port + 1}` }
}

function withKraft(port: number): Record<string, string> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${port + 1}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
  }
}

function text(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

async function listening(port: number): Promise<void> {
  const knock = () =>
    new Promise<true | undefined>(done => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => {
        socket.destroy()
        done(true)
      })
      socket.once('error', () => done(undefined))
    })
  await eventually(`somebody on port ${port}`, knock, START_DEADLINE_MS)
}
