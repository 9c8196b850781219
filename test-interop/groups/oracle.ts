// Kafka's own classes, asked one question at a time.

import type { ChildProcess } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { classPath, javaOptions } from '../harness/kafka-jars.ts'
import { launch, runOk } from '../harness/processes.ts'

const classes = join(import.meta.dirname, '..', 'dist', 'groups-oracle')

export interface AssignQuestion {
  readonly assignor: string
  readonly isHomogeneous: boolean
  readonly topics: Readonly<Record<string, number>>
  readonly members: Readonly<
    Record<
      string,
      {
        readonly groupInstanceId: string | null
        readonly subscribedTopicIds: readonly string[]
        readonly assignment: Readonly<Record<string, readonly number[]>>
      }
    >
  >
}

export interface AssignAnswer {
  readonly members: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>
  /** A member's topics in the order in which Kafka's assignor of alike members goes through them. */
  readonly topicOrder: Readonly<Record<string, readonly string[]>>
}

export class Oracle {
  private readonly process: ChildProcess
  private readonly waiting: { resolve(line: string): void; reject(error: Error): void }[] = []

  private constructor() {
    this.process = launch('java', [...javaOptions, '-cp', `${classes}:${classPath}`, 'Oracle'], {})
    createInterface({ input: this.process.stdout! }).on('line', line => this.waiting.shift()?.resolve(line))
    this.process.stderr!.pipe(process.stderr)
    this.process.once('exit', () => {
      for (const { reject } of this.waiting) reject(new Error('the oracle is gone'))
    })
  }

  static async start(): Promise<Oracle> {
    mkdirSync(classes, { recursive: true })
    const args = [
      '-Xlint:all,-processing,-classfile',
      '-Werror',
      '-cp',
      classPath,
      '-d',
      classes,
      'Oracle.java',
    ]
    await runOk('javac', args, { cwd: import.meta.dirname })
    return new Oracle()
  }

  assign(question: AssignQuestion): Promise<AssignAnswer> {
    return this.ask(question) as Promise<AssignAnswer>
  }

  /** Which of the texts RE2/J matches whole, or why it refuses the pattern. */
  match(pattern: string, texts: readonly string[]): Promise<{ matching?: string[]; refusal?: string }> {
    return this.ask({ pattern, texts }) as Promise<{ matching?: string[]; refusal?: string }>
  }

  close(): void {
    this.process.kill('SIGKILL')
  }

  private async ask(question: object): Promise<unknown> {
    const line = await new Promise<string>((resolve, reject) => {
      this.waiting.push({ resolve, reject })
      this.process.stdin!.write(`${JSON.stringify(question)}\n`)
    })
    return JSON.parse(line)
  }
}
