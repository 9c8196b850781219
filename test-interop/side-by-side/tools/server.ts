// Kafka's command-line tools without a new Java for each of them: one server a side, one tool at a time.

import type { ChildProcess } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { classPath, javaOptions } from '../../harness/kafka-jars.ts'
import { type Finished, launch, runOk } from '../../harness/processes.ts'

const tools = {
  'kafka-consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  'kafka-groups': 'org.apache.kafka.tools.GroupsCommand',
  'kafka-verifiable-consumer': 'org.apache.kafka.tools.VerifiableConsumer',
  'kafka-producer-perf-test': 'org.apache.kafka.tools.ProducerPerformance',
  'kafka-consumer-perf-test': 'org.apache.kafka.tools.ConsumerPerformance',
  'kafka-e2e-latency': 'org.apache.kafka.tools.EndToEndLatency',
  'kafka-console-producer': 'org.apache.kafka.tools.ConsoleProducer',
  'kafka-console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'kafka-get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  'kafka-topics': 'org.apache.kafka.tools.TopicCommand',
  'kafka-transactions': 'org.apache.kafka.tools.TransactionsCommand',
} as const

export type Tool = keyof typeof tools

const classes = join(import.meta.dirname, '..', '..', 'dist', 'side-by-side-tools')

export async function compileToolServer(): Promise<void> {
  mkdirSync(classes, { recursive: true })
  await runOk('javac', ['-Xlint:all', '-Werror', '-cp', classPath, '-d', classes, 'ToolServer.java'], {
    cwd: import.meta.dirname,
  })
}

export class ToolServer {
  readonly #process: ChildProcess
  readonly #waiting: ((line: string) => void)[] = []

  constructor() {
    this.#process = launch('java', [...javaOptions, '-cp', `${classes}:${classPath}`, 'ToolServer'], {})
    createInterface({ input: this.#process.stdout! }).on('line', line => this.#waiting.shift()?.(line))
    this.#process.stderr!.resume()
  }

  async run(tool: Tool, args: readonly string[], input = ''): Promise<Finished> {
    const words = [tools[tool], input, ...args].map(word => `=${Buffer.from(word).toString('base64')}`)
    const line = await new Promise<string>(resolve => {
      this.#waiting.push(resolve)
      this.#process.stdin!.write(`${words.join(' ')}\n`)
    })
    const [code, stdout, stderr] = line.split(' ')
    return { code: Number(code), stdout: decoded(stdout!), stderr: decoded(stderr!) }
  }

  close(): void {
    this.#process.kill('SIGKILL')
  }
}

function decoded(word: string): string {
  return Buffer.from(word.slice(1), 'base64').toString('utf8')
}
