// Two real clients beside each other, each a producer and a consumer of a group of its own: kafkajs and Java.

import type { ChildProcess } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import kafkajs from 'kafkajs'
import { classPath, javaOptions } from '../harness/kafka-jars.ts'
import { eventually, launch, runOk } from '../harness/processes.ts'

const classes = join(import.meta.dirname, '..', 'dist', 'embedded')

export async function compileMember(): Promise<void> {
  await mkdir(classes, { recursive: true })
  await runOk('javac', [
    '-Xlint:all',
    '-Werror',
    '-cp',
    classPath,
    '-d',
    classes,
    join(import.meta.dirname, 'java', 'Member.java'),
  ])
}

export interface Member {
  /** Resolves when the record is acknowledged. */
  send(value: string): Promise<unknown>
  /** Resolves when a record of this value has come. */
  received(value: string): Promise<void>
  /** How often the member has got its partitions. */
  readonly joined: number
  /** Connections that the broker has ended, where that can be known. */
  readonly cuts?: number
  close(): Promise<void>
}

export interface Membership {
  readonly bootstrap: string
  readonly topic: string
  readonly group: string
}

export async function javaMember({ bootstrap, topic, group }: Membership): Promise<Member> {
  const child = launch(
    'java',
    [...javaOptions, '-cp', `${classes}:${classPath}`, 'Member', bootstrap, topic, group],
    {},
  )
  const lines = linesOf(child)
  const member: Member = {
    send: async value => {
      const before = count(lines, /^sent /)
      child.stdin!.write(`${value}\n`)
      await eventually(`${value} is acknowledged`, () => count(lines, /^sent /) > before || undefined)
    },
    received: async value => {
      await eventually(`java receives ${value}`, () => lines.includes(`record ${value}`) || undefined)
    },
    get joined() {
      return count(lines, /^joined$/)
    },
    close: () =>
      new Promise(resolve => {
        child.once('close', () => resolve())
        child.stdin!.end()
      }),
  }
  await eventually('java joins', () => member.joined > 0 || undefined)
  return member
}

export async function kafkajsMember({ bootstrap, topic, group }: Membership): Promise<Member> {
  const retry = { initialRetryTime: 50, retries: 20 }
  const { NOTHING } = kafkajs.logLevel
  let cuts = 0
  // A client that begins anew closes its connections itself; what counts is who ends them.
  const socketFactory: kafkajs.ISocketFactory = ({ host, port, onConnect }) =>
    connect({ host, port }, onConnect).on('end', () => cuts++)
  const kafka = new kafkajs.Kafka({
    clientId: 'js',
    brokers: [bootstrap],
    logLevel: NOTHING,
    retry,
    socketFactory,
  })
  const producer = kafka.producer()
  const consumer = kafka.consumer({ groupId: group, heartbeatInterval: 200, metadataMaxAge: 1_000 })
  const values: string[] = []
  let joined = 0
  consumer.on(consumer.events.GROUP_JOIN, () => joined++)
  await producer.connect()
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => void values.push(String(message.value)) })
  await eventually('kafkajs joins', () => joined > 0 || undefined)
  return {
    send: value => producer.send({ topic, messages: [{ value }] }),
    received: async value => {
      await eventually(`kafkajs receives ${value}`, () => values.includes(value) || undefined)
    },
    get joined() {
      return joined
    },
    get cuts() {
      return cuts
    },
    close: async () => {
      await consumer.disconnect()
      await producer.disconnect()
    },
  }
}

function linesOf(child: ChildProcess): string[] {
  const lines: string[] = []
  let rest = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop()!
    lines.push(...parts)
  })
  // Nobody reads the log of the client; a full pipe would hold it up.
  child.stderr!.resume()
  return lines
}

const count = (lines: readonly string[], pattern: RegExp) => lines.filter(line => pattern.test(line)).length
