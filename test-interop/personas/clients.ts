// The Java clients of 2.8 and of today, each doing what it can with one broker; a line for each thing that it does.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { javaOptions } from '../harness/kafka-jars.ts'
import { run, runOk } from '../harness/processes.ts'
import { jarsOf } from './kafkas.ts'

const OLDEST = '2.8.2'
const NEWEST = '4.3.1'
const DEADLINE_MS = 110_000

export interface Clients {
  /** Its lines, by the name of the run. */
  ask(bootstrap: string): Promise<Record<string, string[]>>
  /** Removes what was built. */
  dispose(): Promise<void>
}

export async function buildClients(): Promise<Clients> {
  const [oldest, newest] = [await jarsOf('kafka-clients', OLDEST), await jarsOf('kafka-clients', NEWEST)]
  const folder = await mkdtemp(join(tmpdir(), 'klamm-persona-clients-'))
  const sources = join(import.meta.dirname, 'java')
  await runOk('javac', ['-Xlint:all', '-cp', oldest, '-d', folder, 'Plain.java'], { cwd: sources })
  await runOk('javac', ['-cp', `${folder}:${newest}`, '-d', folder, 'Newest.java'], { cwd: sources })
  const lines = async (jars: string, main: string, bootstrap: string) => {
    const args = [...javaOptions, '-cp', `${folder}:${jars}`, main, bootstrap]
    const { stdout } = await run('java', args, { deadlineMs: DEADLINE_MS })
    return stdout.trim().split('\n')
  }
  return {
    ask: async bootstrap => ({
      [`Java ${OLDEST}`]: await lines(oldest, 'Plain', bootstrap),
      [`Java ${NEWEST}`]: await lines(newest, 'Plain', bootstrap),
      [`Java ${NEWEST}, what is new`]: await lines(newest, 'Newest', bootstrap),
    }),
    dispose: () => rm(folder, { recursive: true, force: true }),
  }
}
