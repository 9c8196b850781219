// How a member of a chain is started, for each client: a program in the client's own language, all with the same
// options and the same lines of output.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { cacheRoot } from '../harness/cache.ts'
import { classPath, javaOptions } from '../harness/kafka-jars.ts'
import { runOk } from '../harness/processes.ts'
import { pythonWithConfluent } from '../harness/python.ts'

export type Client = 'java' | 'kafkajs' | 'rdkafka' | 'python' | 'go'

export interface Command {
  readonly command: string
  /** The options come behind these. */
  readonly args: readonly string[]
}

const here = import.meta.dirname
const dist = join(here, '..', 'dist')
export const javaClasses = join(dist, 'transactions-java')

export async function commandOf(client: Client): Promise<Command> {
  switch (client) {
    case 'java':
      await compileJava('Chain')
      return { command: 'java', args: [...javaOptions, '-cp', `${javaClasses}:${classPath}`, 'Chain'] }
    case 'kafkajs':
    case 'rdkafka':
      await compileWorkers()
      return {
        command: process.execPath,
        args: [join(dist, `transactions/transactions/workers/${client}-chain.js`)],
      }
    case 'python':
      return { command: await pythonWithConfluent(), args: ['-B', join(here, 'python', 'chain.py')] }
    case 'go':
      return { command: await compileGo(), args: [] }
  }
}

/** Compiles one program of the folder java, which needs more than Kafka's own jars where it says so. */
export async function compileJava(program: string, furtherClassPath = classPath): Promise<void> {
  mkdirSync(javaClasses, { recursive: true })
  const path = [classPath, furtherClassPath].join(':')
  await runOk('javac', ['-Xlint:all', '-Werror', '-cp', path, '-d', javaClasses, `${program}.java`], {
    cwd: join(here, 'java'),
  })
}

/** Node runs them as plain JavaScript: the suites' Node knows no types. */
async function compileWorkers(): Promise<void> {
  const compiler = join(here, '..', 'node_modules', '.bin', 'tsc')
  await runOk(compiler, ['-p', join(here, 'tsconfig.json')])
}

async function compileGo(): Promise<string> {
  const folder = join(cacheRoot, 'franz-go')
  mkdirSync(folder, { recursive: true })
  const program = join(folder, 'chain')
  const build = { cwd: join(here, 'go'), env: { CGO_ENABLED: '0' }, deadlineMs: 300_000 }
  await runOk('go', ['build', '-o', program, '.'], build)
  return program
}
