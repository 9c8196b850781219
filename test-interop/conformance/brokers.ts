// The conformance kit as a user runs it, and brokers for it that are no Klamm and no Kafka of today.

import type { ChildProcess } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { freePort, klammMain } from '../harness/broker.ts'
import { eventually, launch, run, runOk } from '../harness/processes.ts'

const here = import.meta.dirname
const DEADLINE_MS = 170_000

export interface Verdict {
  readonly code: number | null
  /** What it printed. */
  readonly said: string
  /** `area: name (source)` of each case that failed, and why. */
  readonly failures: ReadonlyMap<string, string>
  readonly cases: number
  readonly notApplicable: number
}

/** Runs `klamm conformance` to its end. */
export async function conformance(bootstrap: string, args: readonly string[] = []): Promise<Verdict> {
  const folder = await mkdtemp(join(tmpdir(), 'klamm-conformance-'))
  const junit = join(folder, 'junit.xml')
  const command = [klammMain, 'conformance', '--bootstrap', bootstrap, '--junit', junit, '--parallel', '16']
  const { code, stdout, stderr } = await run(process.execPath, [...command, ...args], {
    deadlineMs: DEADLINE_MS,
  })
  const xml = await readFile(junit, 'utf8').catch(() => '')
  await rm(folder, { recursive: true, force: true })
  const failures = new Map<string, string>()
  const failed = /<testcase name="([^"]*)" classname="([^"]*)"[^>]*><failure message="([^"]*)"/g
  for (const [, name, area, why] of xml.matchAll(failed)) failures.set(plain(`${area}: ${name}`), plain(why!))
  const count = (attribute: string) =>
    Number(new RegExp(`<testsuites [^>]*${attribute}="(\\d+)"`).exec(xml)?.[1] ?? 0)
  return { code, said: stdout + stderr, failures, cases: count('tests'), notApplicable: count('skipped') }
}

function plain(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
}

/** kfake, which is started again whenever a case has brought it down. */
export class Kfake {
  readonly bootstrap: string
  private readonly program: string
  private readonly port: number
  private child: ChildProcess | undefined
  private isOver = false
  starts = 0

  static async start(): Promise<Kfake> {
    const program = join(await mkdtemp(join(tmpdir(), 'klamm-kfake-')), 'kfake')
    const build = { cwd: join(here, 'go'), env: { CGO_ENABLED: '0' }, deadlineMs: 300_000 }
    await runOk('go', ['build', '-o', program, '.'], build)
    const kfake = new Kfake(program, await freePort())
    kfake.launch()
    await eventually(
      'kfake',
      async () => (await conformance(kfake.bootstrap, ['--only', 'T002'])).cases > 0 || undefined,
      60_000,
    )
    return kfake
  }

  private constructor(program: string, port: number) {
    this.program = program
    this.port = port
    this.bootstrap = `127.0.0.1:${port}`
  }

  async stop(): Promise<void> {
    this.isOver = true
    this.child?.kill('SIGKILL')
    await rm(dirname(this.program), { recursive: true, force: true })
  }

  private launch(): void {
    this.starts++
    this.child = launch(this.program, ['-port', String(this.port)], { stdio: 'pipe' })
    this.child.stdout?.resume()
    this.child.stderr?.resume()
    this.child.once('exit', () => {
      if (!this.isOver) setTimeout(() => this.launch(), 100)
    })
  }
}
