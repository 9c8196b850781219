import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheRoot } from '../harness/cache.ts'
import { runOk } from '../harness/processes.ts'
import { programSuite } from './program.ts'

const folder = join(import.meta.dirname, 'go')
const version = /franz-go v(\S+)/.exec(readFileSync(join(folder, 'go.mod'), 'utf8'))![1]!
const program = join(cacheRoot, 'franz-go', 'cases')
await runOk('go', ['build', '-o', program, '.'], {
  cwd: folder,
  env: { CGO_ENABLED: '0' },
  deadlineMs: 300_000,
})

await programSuite({ client: `franz-go ${version}`, position: 5, command: program, args: [] })
