/**
 * The rules of the house that no compiler checks: which room may import which, where the outside world may be
 * touched, and sizes. Each rule is a function from files to complaints; each has a test showing that it can fail.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..')

/** Rooms by height. A file imports from its own room and from lower rows, never sideways, never up. */
const ROWS: readonly (readonly string[])[] = [
  ['protocol', 'src/platform'],
  ['src/records', 'src/observe'],
  ['src/log', 'src/metadata', 'src/trace'],
  ['src/config.ts'],
  ['src/security'],
  ['src/replication', 'src/controller'],
  ['src/coordinator'],
  ['src/groups', 'src/transactions'],
  ['src/api'],
  ['src/server', 'src/faults'],
  ['src/engine.ts'],
  ['src/broker.ts'],
  ['src/embedded'],
  ['src/embedded.ts', 'src/proxy', 'src/console'],
  ['src/adapters', 'src/control'],
  ['src/conformance'],
  ['src/simulation'],
  ['src/cli'],
]
/** Rooms that may touch the machine directly. */
const OUTSIDE = ['src/platform', 'src/cli', 'src/console']
const WORLD_MODULES =
  /^node:(fs|net|tls|http|https|http2|dgram|dns|worker_threads|child_process|timers)(\/|$)/
const WORLD_NAMES = [
  /\bDate\b/,
  /\bperformance\b/,
  /\bMath\.random\b/,
  /\b(setTimeout|setInterval|setImmediate)\b/,
  /\b(randomBytes|randomUUID|randomInt|randomFill|randomFillSync|getRandomValues)\b/,
  /\bzlib\.(gzip|gunzip|deflate|inflate|unzip|zstdCompress|zstdDecompress|brotliCompress|brotliDecompress)\(/,
]
/** Sentences that do not break over lines. */
const NAME_OF_TEST = /^\s*(test|describe)\(['"`]/
const LIMITS = { fileLines: 600, functionLines: 60, columns: 110, parameters: 4 }

/** One source file; `code` is the text with strings, comments and regular expressions blanked, same length. */
interface Source {
  readonly path: string
  readonly text: string
  readonly code: string
  readonly comments: readonly { readonly line: number; readonly text: string }[]
}

interface FunctionShape {
  readonly line: number
  readonly lines: number
  readonly parameters: number
  readonly isSuite: boolean
}

type Rule = (files: readonly Source[]) => string[]

/** Tests, and what only tests use. */
const isTest = ({ path }: { path: string }) => path.endsWith('.test.ts') || path.includes('/testing/')
const inRoom = (path: string, room: string) => path === room || path.startsWith(`${room}/`)
const rowOf = (path: string) => ROWS.findIndex(row => row.some(room => inRoom(path, room)))
const roomOf = (path: string) => ROWS[rowOf(path)]?.find(room => inRoom(path, room))

const importsGoOneWay: Rule = files =>
  files
    .filter(file => !isTest(file))
    .flatMap(file => {
      if (rowOf(file.path) < 0) return [`${file.path}: no room of that name`]
      return importsOf(file)
        .filter(specifier => specifier.startsWith('.'))
        .map(specifier => posix.join(posix.dirname(file.path), specifier))
        .filter(target => roomOf(target) !== roomOf(file.path) && !(rowOf(target) < rowOf(file.path)))
        .map(target => `${file.path} imports ${target}, which is not below it`)
    })

const testingStaysOut: Rule = files =>
  files
    .filter(file => !isTest(file))
    .flatMap(file =>
      importsOf(file)
        .filter(specifier => specifier.includes('/testing/'))
        .map(specifier => `${file.path} imports ${specifier}, which is not in the package`),
    )

const protocolStandsAlone: Rule = files =>
  files
    .filter(file => inRoom(file.path, 'protocol') && !isTest(file))
    .flatMap(file =>
      importsOf(file)
        .filter(specifier => !/^(\.\.?\/|node:assert)/.test(specifier))
        .map(specifier => `${file.path} imports ${specifier}`),
    )

const worldOnlyThroughPlatform: Rule = files =>
  files
    .filter(file => !isTest(file) && !OUTSIDE.some(room => inRoom(file.path, room)))
    .flatMap(file => [
      ...importsOf(file)
        .filter(specifier => WORLD_MODULES.test(specifier))
        .map(specifier => `${file.path} imports ${specifier}: go through platform.ts`),
      ...WORLD_NAMES.flatMap(name => {
        const found = name.exec(file.code)
        return found ? [`${file.path}:${lineAt(file.code, found.index)} uses ${found[0]}`] : []
      }),
    ])

const filesAreSmall: Rule = files =>
  files.flatMap(({ path, text }) => {
    const lines = text.split('\n')
    const long = lines.flatMap((line, i) =>
      [...line].length > LIMITS.columns && !NAME_OF_TEST.test(line)
        ? [`${path}:${i + 1} is wider than ${LIMITS.columns} columns`]
        : [],
    )
    const count = lines.length - 1
    return count > LIMITS.fileLines ? [`${path} has ${count} lines, over ${LIMITS.fileLines}`, ...long] : long
  })

const functionsAreSmall: Rule = files =>
  files.flatMap(file =>
    functionsOf(file.code).flatMap(({ line, lines, parameters, isSuite }) => [
      ...(lines > LIMITS.functionLines && !isSuite
        ? [`${file.path}:${line} has ${lines} lines, over ${LIMITS.functionLines}`]
        : []),
      ...(parameters > LIMITS.parameters ? [`${file.path}:${line} takes ${parameters} parameters`] : []),
    ]),
  )

const namesSaySomething: Rule = files =>
  files.flatMap(({ path }) => {
    const words = path.replace(/(\.test)?\.ts$/, '').split('/')
    const vague = words.find(word => /^(utils?|common|helpers?|types|misc|shared|index)$/.test(word))
    const isKebab = words.every(word => /^[a-z0-9]+([-.][a-z0-9]+)*$/.test(word))
    return [
      ...(vague ? [`${path}: "${vague}" says nothing`] : []),
      ...(isKebab ? [] : [`${path} is not in kebab-case`]),
    ]
  })

/** Patterns over the blanked code, and why they are not welcome. */
const UNWELCOME: readonly (readonly [RegExp, string])[] = [
  [/\bexport\s+default\b/, 'default export'],
  [/\bexport\s+\*/, 'barrel'],
  [/(:|<|\||&|,|\bas|\bof)\s*any\b(?!\s*[(:])/, 'any'],
  [/\b(describe|test|it)\.(only|skip|todo|fails|skipIf)\b/, 'a test that does not run'],
  [/\bvi\.(mock|fn|spyOn|useFakeTimers)\b/, 'mocking'],
  [/\bretry\s*:\s*[1-9]/, 'retried test'],
  [/@ts-(ignore|nocheck)/, 'silenced compiler'],
]

const codeIsPlain: Rule = files =>
  files.flatMap(file =>
    UNWELCOME.flatMap(([pattern, what]) => {
      const found = pattern.exec(file.code)
      return found ? [`${file.path}:${lineAt(file.code, found.index)} has ${what}`] : []
    }),
  )

const commentsAreProse: Rule = files =>
  files.flatMap(({ path, comments }) =>
    comments.flatMap(({ line, text }) => {
      if (/\b(TODO|FIXME|XXX|HACK)\b/.test(text)) return [`${path}:${line} leaves work behind`]
      if (/@ts-(ignore|nocheck)/.test(text)) return [`${path}:${line} silences the compiler`]
      const code = /^(const|let|import|export|return|await|if|for|while)\b.*[({})\]=]$|^\}|=> \{$|^\w+\(.*\)$/
      // Four more blanks: an example in prose.
      return text.split('\n').some(part => !part.startsWith('    ') && code.test(part.trim()))
        ? [`${path}:${line} looks like commented-out code`]
        : []
    }),
  )

/** A dependency is replaced, bounded and explained in one place. Test-only packages are not counted. */
function dependenciesHaveOneDoor(files: readonly Source[], names: readonly string[]): string[] {
  return names.flatMap(name => {
    const users = files.filter(
      file => !isTest(file) && importsOf(file).some(it => it === name || it.startsWith(`${name}/`)),
    )
    if (users.length === 1) return []
    return [`${name} is imported in ${users.length} files: ${users.map(file => file.path).join(', ')}`]
  })
}

/** A lockfile that names a registry ties every machine to that registry. */
function lockfileNamesNoRegistry(path: string, text: string): string[] {
  return [...text.matchAll(/"resolved":\s*"(https?:[^"]*)"/g)].map(match => `${path} names ${match[1]}`)
}

/**
 * Npm leaves out of a lockfile what the registry at hand does not have, such as parts for other platforms, and then
 * refuses to install from it.
 */
function lockfileIsWhole(path: string, text: string): string[] {
  const packages: Record<string, { optionalDependencies?: Record<string, string> }> =
    JSON.parse(text).packages
  return Object.entries(packages).flatMap(([place, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter(name => !packages[`node_modules/${name}`] && !packages[`${place}/node_modules/${name}`])
      .map(name => `${path} lacks ${name}, an optional part of ${place}: add an entry with its version`),
  )
}

const RULES: Readonly<Record<string, Rule>> = {
  'a room imports only from the rows below it': importsGoOneWay,
  'the package needs nothing that only tests have': testingStaysOut,
  'the protocol imports nothing outside itself': protocolStandsAlone,
  'time, chance, files, sockets and threads come through the platform': worldOnlyThroughPlatform,
  'files fit on few screens and lines on one': filesAreSmall,
  'functions fit on a screen and take few parameters': functionsAreSmall,
  'file names say what is in them': namesSaySomething,
  'no default exports, no any, no mocks, no tests that do not run': codeIsPlain,
  'comments are prose': commentsAreProse,
}

describe('the tree', () => {
  const files = sources()
  for (const [name, rule] of Object.entries(RULES)) test(name, () => expect(rule(files)).toEqual([]))

  test('each runtime dependency is imported in exactly one file', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    const names = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })
    expect(dependenciesHaveOneDoor(files, names)).toEqual([])
  })

  test('lockfiles install anywhere: whole, and without the addresses of a registry', () => {
    const paths = ['package-lock.json', 'test-interop/package-lock.json'].filter(it =>
      existsSync(join(ROOT, it)),
    )
    for (const path of paths) {
      const text = readFileSync(join(ROOT, path), 'utf8')
      expect([...lockfileNamesNoRegistry(path, text), ...lockfileIsWhole(path, text)]).toEqual([])
    }
  })
})

describe('each rule can fail', () => {
  const complaints = (rule: Rule, path: string, text: string) => rule([source(path, text)]).length

  test('an import upwards, sideways or from nowhere', () => {
    expect(complaints(importsGoOneWay, 'src/log/log.ts', "import { a } from '../api/table.ts'")).toBe(1)
    expect(complaints(importsGoOneWay, 'src/log/log.ts', "import { a } from '../metadata/image.ts'")).toBe(1)
    expect(complaints(importsGoOneWay, 'src/log/log.ts', "await import('../broker.ts')")).toBe(1)
    expect(complaints(importsGoOneWay, 'src/log/log.ts', "import { a } from '../records/batch.ts'")).toBe(0)
    expect(complaints(importsGoOneWay, 'src/attic/log.ts', '')).toBe(1)
    expect(complaints(testingStaysOut, 'src/log/log.ts', "import { a } from './testing/a.ts'")).toBe(1)
    expect(complaints(protocolStandsAlone, 'protocol/wire.ts', "import 'node:fs'")).toBe(1)
  })

  test('the machine touched outside the platform', () => {
    const worldly = [
      'Date.now()',
      'performance.now()',
      'Math.random()',
      'setTimeout(f, 1)',
      "import net from 'node:net'",
      "import { readFile } from 'node:fs/promises'",
      "import { randomBytes } from 'node:crypto'",
      'zlib.gunzip(bytes, f)',
    ]
    for (const text of worldly) {
      expect(complaints(worldOnlyThroughPlatform, 'src/log/log.ts', text), text).toBe(1)
      expect(complaints(worldOnlyThroughPlatform, 'src/platform/node.ts', text), text).toBe(0)
    }
    expect(complaints(worldOnlyThroughPlatform, 'src/log/log.ts', '// Date.now()\n"setTimeout"')).toBe(0)
  })

  test('a file, a line, a function or a parameter list too long', () => {
    const body = 'a()\n'.repeat(61)
    expect(complaints(filesAreSmall, 'src/log/log.ts', 'x\n'.repeat(601))).toBe(1)
    expect(complaints(filesAreSmall, 'src/log/log.ts', 'x'.repeat(111))).toBe(1)
    const long = [
      `function f(): Map<string, number> {\n${body}}`,
      `const f = async () => {\n${body}}`,
      `class A {\n  f(a: { b: number }): void {\n${body}}\n}`,
      `test('x', () => {\n${body}})`,
    ]
    for (const text of long)
      expect(complaints(functionsAreSmall, 'src/a.ts', text), text.slice(0, 40)).toBe(1)
    expect(complaints(functionsAreSmall, 'src/a.ts', `describe('x', () => {\n${body}})`)).toBe(0)
    expect(complaints(functionsAreSmall, 'src/a.ts', `if (a) {\n${body}}`)).toBe(0)
    expect(complaints(functionsAreSmall, 'src/a.ts', 'function f(a, b, c, d, e) {}')).toBe(1)
    expect(complaints(functionsAreSmall, 'src/a.ts', 'function f(a: [x, y], b = g(1, 2), { c, d }) {}')).toBe(
      0,
    )
  })

  test('a vague or misspelt name', () => {
    for (const path of ['src/log/utils.ts', 'src/log/index.ts', 'src/common/a.ts', 'src/log/logManager.ts']) {
      expect(complaints(namesSaySomething, path, ''), path).toBe(1)
    }
  })

  test('unwelcome code and comments', () => {
    for (const text of ['export default 1', "export * from './a.ts'", 'let a: any', 'a as any', 'Map<any>']) {
      expect(complaints(codeIsPlain, 'src/a.ts', text), text).toBe(1)
    }
    expect(complaints(codeIsPlain, 'src/a.test.ts', "test.skip('x', f)")).toBe(1)
    expect(complaints(codeIsPlain, 'src/a.test.ts', 'vi.mock(f)')).toBe(1)
    for (const text of ['// TODO later', '// const a = f(', '/* } */', '// return f(x)', '// @ts-ignore']) {
      expect(complaints(commentsAreProse, 'src/a.ts', text), text).toBe(1)
    }
    expect(complaints(commentsAreProse, 'src/a.ts', '// Return early: if a batch (v2) is empty.')).toBe(0)
  })

  test('a dependency with two doors or none, a lockfile with an address', () => {
    const pino = (path: string) => source(path, "import { pino } from 'pino'")
    expect(dependenciesHaveOneDoor([pino('src/a.ts'), pino('src/b.ts')], ['pino'])).toHaveLength(1)
    expect(dependenciesHaveOneDoor([], ['pino'])).toHaveLength(1)
    expect(dependenciesHaveOneDoor([pino('src/a.ts')], ['pino'])).toEqual([])
    expect(lockfileNamesNoRegistry('l', '{"resolved": "https://registry.example/a.tgz"}')).toHaveLength(1)
    const partial = '{"packages": {"node_modules/a": {"optionalDependencies": {"a-linux": "1.0.0"}}}}'
    expect(lockfileIsWhole('l', partial)).toHaveLength(1)
  })
})

function sources(): Source[] {
  return ['protocol', 'src'].flatMap(folder =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .map(name => posix.join(folder, name.replaceAll('\\', '/')))
      .filter(path => path.endsWith('.ts') && path !== 'src/tidy.test.ts')
      .map(path => source(path, readFileSync(join(ROOT, path), 'utf8'))),
  )
}

function source(path: string, text: string): Source {
  return { path, text, ...blank(text) }
}

/** Static, dynamic and required module names. */
function importsOf({ text }: Source): string[] {
  const pattern = /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire(?:\.resolve)?\s*\(\s*)(['"])([^'"\n]+)\1/g
  return [...text.matchAll(pattern)].map(match => match[2]!)
}

const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<=(?:^|[=(,:[!&|?{};\n]|=>|return)\s*)\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n])+\/[a-z]*/g

function blank(text: string): Pick<Source, 'code' | 'comments'> {
  const comments: { line: number; text: string }[] = []
  const code = text.replace(TOKEN, (token, at: number) => {
    if (/^\/[/*]/.test(token)) {
      const prose = token.replace(/^\/\*+|\*+\/$|^\/\/+/g, '').replace(/^\s*\* ?/gm, '')
      comments.push({ line: lineAt(text, at), text: prose.trim() })
    }
    return token.replace(/[^\n]/g, ' ')
  })
  return { code, comments }
}

/** Bodies that belong to functions, methods and arrow functions, found by their braces. */
function functionsOf(code: string): FunctionShape[] {
  const open: { at: number; parameters: number | undefined; isSuite: boolean }[] = []
  const found: FunctionShape[] = []
  for (const { index, 0: brace } of code.matchAll(/[{}]/g)) {
    if (brace === '{') {
      open.push({ at: index, ...functionHeader(code, index) })
      continue
    }
    const body = open.pop()
    if (body?.parameters === undefined) continue
    const line = lineAt(code, body.at)
    found.push({
      line,
      lines: lineAt(code, index) - line + 1,
      parameters: body.parameters,
      isSuite: body.isSuite,
    })
  }
  return found
}

/** The parameters of the function whose body opens at `end`; undefined when it is another kind of brace. */
function functionHeader(code: string, end: number): { parameters: number | undefined; isSuite: boolean } {
  const none = { parameters: undefined, isSuite: false }
  const from = Math.max(0, end - 600)
  const before = code.slice(from, end)
  const returned = /\)(\s*:\s*[\w\s.<>,[\]|&'"?]+(?:\{[^{}]*\}[\w\s.<>,[\]|&]*)*)?\s*(=>)?\s*$/
  const header = returned.exec(before)
  // Across the end of a body and the head of something else, it is no return type.
  if (header?.[1] && /\b(class|const|export|function|interface|return)\b/.test(header[1])) return none
  if (!header) return /\b\w+\s*=>\s*$/.test(before) ? { parameters: 1, isSuite: false } : none
  const closing = from + header.index
  const start = openingOf(code, closing)
  const lead = code.slice(Math.max(0, start - 240), start)
  if (!header[2] && /\b(if|for|while|switch|catch|with)\s*$|\bfor await\s*$/.test(lead)) return none
  const isSuite = /\bdescribe(\.each\([^)]*\))?\(\s*,?\s*(async\s*)?$/.test(lead.replace(/\s+/g, ' '))
  return { parameters: countParameters(code.slice(start + 1, closing)), isSuite }
}

function openingOf(code: string, closing: number): number {
  let depth = 0
  for (let i = closing; i >= 0; i--) {
    if (code[i] === ')') depth++
    if (code[i] === '(' && --depth === 0) return i
  }
  return 0
}

function countParameters(list: string): number {
  if (list.trim() === '') return 0
  let depth = 0
  let count = 1
  for (const [i, letter] of [...list].entries()) {
    if ('([{<'.includes(letter)) depth++
    if (')]}'.includes(letter) || (letter === '>' && list[i - 1] !== '=')) depth--
    if (letter === ',' && depth === 0 && list.slice(i + 1).trim() !== '') count++
  }
  return count
}

function lineAt(text: string, index: number): number {
  let line = 1
  for (let i = text.indexOf('\n'); i >= 0 && i < index; i = text.indexOf('\n', i + 1)) line++
  return line
}
