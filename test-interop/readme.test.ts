// The first screen of the README, run as it stands: what it says in JavaScript, and what it says in the shell.

import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { klammMain } from './harness/broker.ts'
import { run } from './harness/processes.ts'

const readme = join(import.meta.dirname, '..', 'README.md')
/** The package whose built command the suites run. */
const root = join(dirname(klammMain), '..', '..', '..')
const MOST_LINES = 8

let folder: string
let blocks: ReadonlyMap<string, string>

beforeAll(async () => {
  blocks = firstScreen(await readFile(readme, 'utf8'))
  folder = await mkdtemp(join(tmpdir(), 'klamm-readme-'))
  await install(folder)
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

/** The code before the first headline below the title, by language. */
function firstScreen(text: string): ReadonlyMap<string, string> {
  const [screen] = text.split(/^## /m)
  return new Map([...screen!.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(match => [match[1]!, match[2]!]))
}

/** As `npm install klamm` would, without a registry. */
async function install(where: string): Promise<void> {
  const modules = join(where, 'node_modules')
  await mkdir(join(modules, '.bin'), { recursive: true })
  const { dependencies, optionalDependencies } = JSON.parse(
    await readFile(join(root, 'package.json'), 'utf8'),
  )
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    await mkdir(dirname(join(modules, name)), { recursive: true })
    await symlink(join(root, 'node_modules', name), join(modules, name))
  }
  for (const part of ['package.json', 'dist']) {
    await cp(join(root, part), join(modules, 'klamm', part), { recursive: true })
  }
  const main = join(modules, 'klamm', 'dist', 'src', 'cli', 'main.js')
  await writeFile(join(modules, '.bin', 'klamm'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, {
    mode: 0o755,
  })
  await writeFile(join(where, 'package.json'), '{ "type": "module" }')
}

test('shows three ways of use, each in few lines', () => {
  expect([...blocks.keys()]).toEqual(['js', 'sh', 'yaml'])
  for (const [language, code] of blocks) {
    expect(code.trim().split('\n').length, language).toBeLessThanOrEqual(MOST_LINES)
  }
})

test('its JavaScript runs', async () => {
  await writeFile(join(folder, 'first.js'), blocks.get('js')!)
  const { code, stdout, stderr } = await run(process.execPath, ['first.js'], { cwd: folder })
  expect(stderr).toBe('')
  expect(stdout).toBe("[ 'one', 'two' ]\n")
  expect(code).toBe(0)
})

test('its shell script runs', async () => {
  const { code, stdout, stderr } = await run('bash', ['-euc', blocks.get('sh')!], { cwd: folder })
  expect(code, stderr).toBe(0)
  const placed = [0, 1].map(offset => ({ topic: 'orders', partition: 0, offset }))
  expect(stdout).toContain(JSON.stringify(placed))
  expect(stdout).toMatch(/"value":"one".*"value":"two"/)
  expect(stdout).toMatch(/\{\}\{\}$/)
})

test('its compose file names an image and a port, and nothing that Kafka’s own would not take', () => {
  // What runs in a container is in docker.test.ts.
  expect(
    blocks
      .get('yaml')!
      .replace(/ +#.*$/m, '')
      .trim()
      .split('\n'),
  ).toEqual(['services:', '  broker:', '    image: klamm', "    ports: ['9092:9092']"])
})
