// The examples as their users would run them: each is copied to a folder of its own, where `klamm` is what `npm install`
// would have put there, and its own command runs its tests.

import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { klammMain } from './harness/broker.ts'
import { cached } from './harness/cache.ts'
import { run, runOk } from './harness/processes.ts'

const here = import.meta.dirname
/** The package whose built command the suites run. */
const root = join(dirname(klammMain), '..', '..', '..')
const jestVersion = '30.5.2'
/** How the examples of other languages run a Klamm that is not installed. */
const env = { KLAMM: `${process.execPath} ${klammMain}` }

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'klamm-examples-'))
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

/** A copy of an example, with modules linked in by their names. */
async function project(name: string, modules: Readonly<Record<string, string>> = {}): Promise<string> {
  const cwd = join(folder, name)
  await cp(join(here, 'examples', name), cwd, { recursive: true })
  for (const [module, from] of Object.entries(modules)) {
    const place = join(cwd, 'node_modules', module)
    await mkdir(dirname(place), { recursive: true })
    await symlink(from, place)
  }
  return cwd
}

/** The same, with `klamm` as npm installs it: a copy, so that it finds the project's test framework. */
async function projectWithKlamm(name: string, modules: Readonly<Record<string, string>>): Promise<string> {
  const { dependencies, optionalDependencies } = JSON.parse(
    await readFile(join(root, 'package.json'), 'utf8'),
  )
  const names = Object.keys({ ...dependencies, ...optionalDependencies })
  const linked = names.map(each => [each, join(root, 'node_modules', each)])
  const cwd = await project(name, { ...modules, ...Object.fromEntries(linked) })
  const installed = join(cwd, 'node_modules', 'klamm')
  for (const part of ['package.json', 'dist']) {
    await cp(join(root, part), join(installed, part), { recursive: true })
  }
  return cwd
}

const installed = (...names: readonly string[]) =>
  Object.fromEntries(names.map(name => [name, join(here, 'node_modules', name)]))

/** Passes where the example's own tests do, and there were as many. */
async function expectPassed(
  command: readonly [string, ...string[]],
  cwd: string,
  sign: RegExp,
): Promise<void> {
  const [program, ...args] = command
  const { code, stdout, stderr } = await run(program, args, { cwd, env, deadlineMs: 150_000 })
  const output = `${stdout}\n${stderr}`
  expect(code, output).toBe(0)
  expect(output).toMatch(sign)
}

test('vitest', async () => {
  const cwd = await projectWithKlamm('vitest', installed('kafkajs', 'vitest'))
  const vitest = join(here, 'node_modules', 'vitest', 'vitest.mjs')
  await expectPassed([process.execPath, vitest, 'run', '--no-color'], cwd, /Tests +4 passed/)
})

test('node:test', async () => {
  const cwd = await projectWithKlamm('node-test', installed('kafkajs'))
  await expectPassed([process.execPath, '--test', '--test-reporter=tap'], cwd, /# pass 3/)
})

test('Jest', async () => {
  const jest = await cached(`jest-${jestVersion}`, async making => {
    const quiet = ['--no-save', '--no-audit', '--no-fund']
    await runOk('npm', ['install', '--prefix', making, ...quiet, `jest@${jestVersion}`], {
      deadlineMs: 300_000,
    })
  })
  const environment = join(jest, 'node_modules', 'jest-environment-node')
  const cwd = await projectWithKlamm('jest', {
    ...installed('kafkajs'),
    'jest-environment-node': environment,
  })
  const program = join(jest, 'node_modules', 'jest', 'bin', 'jest.js')
  await expectPassed([process.execPath, program, '--no-color'], cwd, /Tests: +3 passed/)
})

test('JUnit 5', async () => {
  const cwd = await project('junit5')
  await expectPassed(['mvn', '-B', 'test'], cwd, /Tests run: 3, Failures: 0, Errors: 0, Skipped: 0/)
})

test('pytest', async () => {
  const cwd = await project('pytest')
  const environment = await cached(`pytest-9.0.2-${process.platform}-${process.arch}`, async making => {
    await runOk('python3', ['-m', 'venv', making], { deadlineMs: 120_000 })
    const install = ['-m', 'pip', 'install', '--quiet', '--no-cache-dir', '-r', join(cwd, 'requirements.txt')]
    await runOk(join(making, 'bin', 'python'), install, { deadlineMs: 300_000 })
  })
  await expectPassed([join(environment, 'bin', 'python'), '-m', 'pytest', '-q'], cwd, /4 passed/)
})

test('go test', async () => {
  const cwd = await project('go')
  await expectPassed(['go', 'test', '-count=1', '-v', './...'], cwd, /ok\s+example/)
})
