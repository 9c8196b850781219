// The client needs a newer Node than the suites run on. It comes as a package of the registry, and runs
// TypeScript as it is.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cached } from '../harness/cache.ts'
import { runOk } from '../harness/processes.ts'
import { programSuite } from './program.ts'

const nodeVersion = '24.21.0'
const installed = join(import.meta.dirname, '..', 'node_modules', '@platformatic', 'kafka', 'package.json')
const { version } = JSON.parse(await readFile(installed, 'utf8')) as { version: string }
const platform = `node-${process.platform}-${process.arch}`

const node = await cached(`${platform}-${nodeVersion}`, async folder => {
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n')
  const install = ['install', '--no-audit', '--no-fund', '--ignore-scripts', `${platform}@${nodeVersion}`]
  await runOk('npm', install, { cwd: folder, deadlineMs: 300_000, echo: true })
})

await programSuite({
  client: `@platformatic/kafka ${version}`,
  position: 6,
  command: join(node, 'node_modules', platform, 'bin', 'node'),
  args: ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'platformatic', 'main.ts')],
})
