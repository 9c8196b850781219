// The first screen of the README, run as it stands, and its script for tests in any language.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, open, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { klammMain } from './harness/broker.ts'
import { eventually, run } from './harness/processes.ts'

const readme = join(import.meta.dirname, '..', 'README.md')
/** The package whose built command the suites run. */
const root = join(dirname(klammMain), '..', '..', '..')
const MOST_LINES = 8

let folder: string
let blocks: ReadonlyMap<string, string>
let anyLanguage: string

beforeAll(async () => {
  const text = await readFile(readme, 'utf8')
  const [screen, ...sections] = text.split(/^## /m)
  blocks = codeOf(screen!)
  anyLanguage = codeOf(sections.find(section => section.startsWith('For tests in any language'))!).get('sh')!
  folder = await mkdtemp(join(tmpdir(), 'klamm-readme-'))
  await install(folder)
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

/** By language. */
function codeOf(markdown: string): ReadonlyMap<string, string> {
  return new Map([...markdown.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(match => [match[1]!, match[2]!]))
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
  expect([...blocks.keys()]).toEqual(['yaml', 'js', 'sh'])
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

test('its shell script judges a broker, and leaves a proxy that answers', async () => {
  const output = await open(join(folder, 'output'), 'w')
  // What it starts in the background is of its group, and is ended with it.
  const shell = spawn('bash', ['-euc', blocks.get('sh')!], {
    cwd: folder,
    detached: true,
    stdio: ['ignore', output.fd, output.fd],
  })
  try {
    const [code] = await once(shell, 'exit')
    const said = await readFile(join(folder, 'output'), 'utf8')
    expect(code, said).toBe(0)
    expect(said).toMatch(/metadata +\d\d+ +0/)
    await eventually('the proxy', async () => {
      const { code } = await run('npx', ['klamm', 'health', '--server', 'localhost:9195'], { cwd: folder })
      return code === 0 || undefined
    })
  } finally {
    process.kill(-shell.pid!, 'SIGTERM')
    await output.close()
  }
  const { stdout } = await eventually('the recording', async () => {
    const shown = await run('npx', ['klamm', 'trace', 'run.pcapng'], { cwd: folder })
    return shown.code === 0 ? shown : undefined
  })
  expect(stdout).toContain('klamm-health DescribeCluster')
})

test('its script for tests in any language runs', async () => {
  const { code, stdout, stderr } = await run('bash', ['-euc', anyLanguage], { cwd: folder })
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
