// How the members are made and run: a process each, so that it can be killed and paused.

import type { ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { cacheRoot } from '../harness/cache.ts'
import { classPath, javaOptions } from '../harness/kafka-jars.ts'
import { launch, runOk } from '../harness/processes.ts'
import type { Complaint, ProcessChange, Processed } from './history.ts'
import type { MemberOptions } from './members/member.ts'

/** Who speaks which protocol (`group.protocol`), slot by slot. */
export const LIBRARIES = {
  classic: ['kafkajs', 'rdkafka', 'franz'],
  consumer: ['java', 'rdkafka', 'rdkafka'],
} as const
export type Protocol = keyof typeof LIBRARIES
export type Library = (typeof LIBRARIES)[Protocol][number]

const here = import.meta.dirname
const javaClasses = join(here, '..', 'dist', 'churn-java')
const goProgram = join(cacheRoot, 'franz-go', 'churn-member')

/** Compiles what the members run. */
export async function prepareMembers(): Promise<void> {
  const compiler = join(here, '..', 'node_modules', '.bin', 'tsc')
  await runOk(compiler, ['-p', join(here, 'members', 'tsconfig.json')])
  const build = { cwd: join(here, 'go'), env: { CGO_ENABLED: '0' }, deadlineMs: 300_000 }
  await runOk('go', ['build', '-o', goProgram, '.'], build)
  const lint = ['-Xlint:all,-processing,-classfile', '-Werror']
  const javac = [...lint, '-cp', classPath, '-d', javaClasses, 'ChurnMember.java']
  await runOk('javac', javac, { cwd: join(here, 'java') })
}

function commandOf(library: Library): [string, string[]] {
  if (library === 'franz') return [goProgram, []]
  if (library === 'java')
    return ['java', [...javaOptions, '-cp', `${javaClasses}:${classPath}`, 'ChurnMember']]
  return [process.execPath, [join(here, '..', 'dist', 'churn', 'churn', 'members', `${library}.js`)]]
}

export type Told = Processed | Complaint | ProcessChange

export class MemberProcess {
  readonly client: string
  readonly library: Library
  /** Resolves when the process is gone and all that it told is read. */
  readonly ended: Promise<void>
  hasEnded = false
  readonly #child: ChildProcess
  readonly #tell: (told: Told) => void

  constructor(library: Library, options: MemberOptions, tell: (told: Told) => void) {
    const [command, args] = commandOf(library)
    this.client = options.client
    this.library = library
    this.#tell = tell
    this.#child = launch(command, [...args, JSON.stringify(options)], { env: { GOMAXPROCS: '1' } })
    this.#note('started')
    let errors = ''
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errors = `${errors}${text}`.slice(-2_000)
    })
    createInterface({ input: this.#child.stdout! }).on('line', line => {
      // A killed process may leave half a line.
      if (line.endsWith('}')) tell(JSON.parse(line) as Told)
    })
    this.ended = new Promise(resolve => {
      this.#child.once('close', (code, signal) => {
        this.hasEnded = true
        // Asked to leave before it was there, it just ends; a virtual machine with a code.
        const isAsked = signal === 'SIGTERM' || code === 128 + constants.signals.SIGTERM
        if (code !== 0 && signal !== 'SIGKILL' && !isAsked) {
          const text = `ended with ${code ?? signal}: ${errors}`
          tell({ kind: 'complaint', at: Date.now(), client: this.client, text })
        }
        this.#note('ended')
        resolve()
      })
    })
  }

  leave(): void {
    this.#signal('leaving', 'SIGTERM')
  }

  kill(): void {
    this.#signal('killed', 'SIGKILL')
  }

  pause(): void {
    this.#signal('paused', 'SIGSTOP')
  }

  resume(): void {
    this.#signal('resumed', 'SIGCONT')
  }

  #signal(change: ProcessChange['change'], signal: NodeJS.Signals): void {
    this.#note(change)
    this.#child.kill(signal)
  }

  #note(change: ProcessChange['change']): void {
    this.#tell({ kind: 'process', at: Date.now(), client: this.client, change })
  }
}
