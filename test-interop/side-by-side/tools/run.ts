// Tools against the broker of a case, with what they print as rows of words.

import { kafkaToolOk } from '../../harness/kafka-jars.ts'
import { adminOf, createTopic, send } from '../kafkajs/clients.ts'
import { readerOf } from '../rdkafka/clients.ts'
import type { Run } from '../suite.ts'
import { compileToolServer, type Tool, ToolServer } from './server.ts'

const servers = new Map<string, ToolServer>()

export async function prepareTools(): Promise<void> {
  await compileToolServer()
}

export function closeTools(): void {
  for (const server of servers.values()) server.close()
}

function serverOf(run: Run): ToolServer {
  const server = servers.get(run.bootstrap) ?? new ToolServer()
  servers.set(run.bootstrap, server)
  return server
}

function wordsOf(run: Run, args: string): string[] {
  return ['--bootstrap-server', run.bootstrap, ...args.split(' ').filter(word => word !== '')]
}

/** A tool that does part of its work when its process ends, and so needs one of its own. */
export async function linesOfProcess(
  run: Run,
  tool: 'kafka-verifiable-producer',
  args: string,
): Promise<string[]> {
  const output = await kafkaToolOk(tool, wordsOf(run, args))
  return output.split('\n').filter(line => line !== '')
}

/** The lines that a tool prints; anything but success is an error. */
export async function lines(run: Run, tool: Tool, args: string, input = ''): Promise<string[]> {
  const words = wordsOf(run, args)
  const { code, stdout, stderr } = await serverOf(run).run(tool, words, input)
  if (code !== 0) throw new Error(`${tool} ${args}: exit code ${code}\n${stdout}\n${stderr}`)
  return stdout.split('\n').filter(line => line !== '')
}

/** The table that a tool prints, its heading left out, each row as words between single spaces. */
export async function rows(run: Run, tool: Tool, args: string): Promise<string[]> {
  const all = (await lines(run, tool, args)).map(line => line.trim().split(/\s+/).join(' '))
  return all.filter(line => !/^(GROUP|TOPIC|Consumer group) /.test(line)).sort()
}

export function groups(run: Run, args: string): Promise<string[]> {
  return rows(run, 'kafka-consumer-groups', args)
}

/** The time of the record at offset 0; each further one is a second younger. */
export const FIRST_RECORD_MS = Date.UTC(2023, 10, 14, 22, 13, 20)

/** A topic with ten records in each of two partitions, of which the first has lost its two oldest. */
export async function filledTopic(run: Run, name = run.name()): Promise<string> {
  const topic = await createTopic(run, { name, partitions: 2 })
  const messages = Array.from({ length: 20 }, (_, index) => ({
    value: `v${index}`,
    partition: index % 2,
    timestamp: String(FIRST_RECORD_MS + Math.floor(index / 2) * 1_000),
  }))
  await send(run, topic, messages)
  const admin = await adminOf(run)
  await admin.fetchTopicOffsets(topic)
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] })
  return topic
}

/** An empty group that has committed these offsets, one for each partition. */
export async function committedGroup(run: Run, topic: string, offsets: readonly number[], what = 'group') {
  const groupId = run.name(what)
  const committer = await readerOf(run, { 'group.id': groupId })
  committer.consumer.commitSync(offsets.map((offset, partition) => ({ topic, partition, offset })))
  return groupId
}
