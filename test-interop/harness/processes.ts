// Child processes with a deadline. Whatever is still alive when the test process ends is killed by its pid.

import { type ChildProcess, spawn } from 'node:child_process'

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly deadlineMs?: number
  /** Show the child's output as it comes (long preparations). */
  readonly echo?: boolean
}

const living = new Set<ChildProcess>()

process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

/** Starts a process that is killed with this one. */
export function launch(
  command: string,
  args: readonly string[],
  options: Pick<RunOptions, 'cwd' | 'env'> & { readonly stdio?: 'pipe' | ['ignore', number, number] },
): ChildProcess {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: options.stdio ?? 'pipe',
  })
  living.add(child)
  child.once('exit', () => living.delete(child))
  return child
}

/** Runs a command to its end, or throws at its deadline with what it said until then. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const deadlineMs = options.deadlineMs ?? 60_000
  const child = launch(command, args, options)
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    if (options.echo) process.stderr.write(text)
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    if (options.echo) process.stderr.write(text)
  })
  // A child that ends without reading its input breaks the pipe; its exit code tells what matters.
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(options.input ?? '')
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`${command} ${args.join(' ')}: not done in ${deadlineMs} ms\n${stdout}\n${stderr}`))
    }, deadlineMs)
    child.once('error', error => {
      clearTimeout(timer)
      reject(error)
    })
    child.once('close', code => {
      clearTimeout(timer)
      resolve({ code, stdout, stderr })
    })
  })
}

/** `run`, where anything but success is an error. */
export async function runOk(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit code ${code}\n${stdout}\n${stderr}`)
  return stdout
}

/** Asks again until the answer is not undefined. */
export async function eventually<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  deadlineMs = 60_000,
): Promise<T> {
  const end = Date.now() + deadlineMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (Date.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms`)
    await pause(25)
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
