// The clients in other languages: one Java process for all scenarios, which takes commands by lines, and a small Go
// program. Both tell what they did, line by line.

import type { ChildProcess } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { cacheRoot } from '../harness/cache.ts'
import { classPath, javaOptions } from '../harness/kafka-jars.ts'
import { launch, runOk } from '../harness/processes.ts'

const here = import.meta.dirname
const classes = join(here, '..', 'dist', 'faults-java')
const goProgram = join(cacheRoot, 'franz-go', 'faults')
const COMMAND_DEADLINE_MS = 40_000

/** What is undefined stays as the client has it. */
export type ClientConfig = Readonly<Record<string, string | number | boolean | undefined>>

export class JavaClients {
  readonly #child: ChildProcess
  readonly #lines: Interface

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#lines = createInterface({ input: child.stdout! })
    child.stderr!.resume()
  }

  static async start(): Promise<JavaClients> {
    mkdirSync(classes, { recursive: true })
    await runOk('javac', ['-Xlint:all', '-Werror', '-cp', classPath, '-d', classes, 'Clients.java'], {
      cwd: join(here, 'java'),
    })
    const clients = new JavaClients(
      launch('java', [...javaOptions, '-cp', `${classes}:${classPath}`, 'Clients'], {}),
    )
    await clients.#until('ready')
    return clients
  }

  async run(command: 'produce' | 'consume' | 'transact', options: ClientConfig): Promise<string[]> {
    const words = Object.entries(options).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${value}`],
    )
    const told = this.#until('done')
    this.#child.stdin!.write(`${[command, ...words].join(' ')}\n`)
    return told
  }

  close(): void {
    this.#child.stdin!.end()
    this.#child.kill()
  }

  #until(last: string): Promise<string[]> {
    return new Promise((resolve, reject) => {
      const told: string[] = []
      const timer = setTimeout(
        () => reject(new Error(`Java said only: ${told.join(', ')}`)),
        COMMAND_DEADLINE_MS,
      )
      const hear = (line: string) => {
        if (line !== last) {
          told.push(line)
          return
        }
        clearTimeout(timer)
        this.#lines.off('line', hear)
        resolve(told)
      }
      this.#lines.on('line', hear)
    })
  }
}

export async function buildGo(): Promise<void> {
  mkdirSync(join(cacheRoot, 'franz-go'), { recursive: true })
  const build = { cwd: join(here, 'go'), env: { CGO_ENABLED: '0' }, deadlineMs: 300_000 }
  await runOk('go', ['build', '-o', goProgram, '.'], build)
}

export async function runGo(
  command: 'produce' | 'consume',
  { bootstrap, topic, count }: { readonly bootstrap: string; readonly topic: string; readonly count: number },
): Promise<string[]> {
  const output = await runOk(goProgram, [command, bootstrap, topic, String(count)], { deadlineMs: 40_000 })
  return output.trim().split('\n')
}
