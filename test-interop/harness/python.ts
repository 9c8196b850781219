// confluent-kafka for Python in an environment of its own, made once and kept in the cache.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached } from './cache.ts'
import { runOk } from './processes.ts'

const requirements = join(import.meta.dirname, '..', 'side-by-side', 'python', 'requirements.txt')
export const confluentVersion = /confluent-kafka==(\S+)/.exec(readFileSync(requirements, 'utf8'))![1]!

/** The environment's own interpreter. */
export async function pythonWithConfluent(): Promise<string> {
  const name = `confluent-kafka-${confluentVersion}-${process.platform}-${process.arch}`
  const environment = await cached(name, async making => {
    await runOk('python3', ['-m', 'venv', making], { deadlineMs: 120_000 })
    const install = ['-m', 'pip', 'install', '--quiet', '--no-cache-dir', '-r', requirements]
    await runOk(join(making, 'bin', 'python'), install, { deadlineMs: 300_000, echo: true })
  })
  return join(environment, 'bin', 'python')
}
