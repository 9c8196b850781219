/** What all commands do alike: results on the output, complaints on the error output, one line each. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A complaint about what the user gave. */
export class UsageError extends Error {}

/** Whoever read our output may have left (`klamm options | head`); that is no reason to fail. */
export function tolerateLostReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Says why and ends the process with code 1. The user's mistakes get a line, ours their stack. */
export function fail(error: unknown): never {
  // By its name, so that commands without a broker need not load one.
  const isExpected = error instanceof UsageError || (error as Error).name === 'StartFailure'
  const text = isExpected ? (error as Error).message : ((error as Error).stack ?? String(error))
  for (const line of isExpected ? text.split('\n') : [text]) process.stderr.write(`klamm: ${line}\n`)
  process.exit(1)
}

/** The package's own, from the sources and from the build alike. */
export function packageVersion(): string {
  let directory = import.meta.dirname
  while (!existsSync(join(directory, 'package.json'))) {
    if (directory === dirname(directory)) return 'unknown'
    directory = dirname(directory)
  }
  return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')).version
}
