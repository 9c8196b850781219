/**
 * `klamm conformance`: whether a broker behaves like Kafka. Exits with 0, with 1 where it does not, and
 * with 2 where it could not be asked.
 */
import { accessSync, constants, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { CASES } from '../conformance/cases/all.ts'
import { personaCases } from '../conformance/cases/api-versions.ts'
import { RECORDINGS } from '../conformance/cases/recordings.ts'
import { AREAS, type Case } from '../conformance/kit/case.ts'
import { removeTraces } from '../conformance/kit/cleanup.ts'
import { type Credentials, MECHANISMS } from '../conformance/kit/credentials.ts'
import { pageOf } from '../conformance/kit/html.ts'
import { failuresOf, junitOf, reasonsNotToApply, tableOf, totalOf } from '../conformance/kit/report.ts'
import { type Result, runCases } from '../conformance/kit/runner.ts'
import { reach, type Target, Unusable } from '../conformance/kit/target.ts'
import { PERSONA_NAMES, type PersonaName, personaNamed } from '../metadata/personas.ts'
import { nodePlatform } from '../platform/node.ts'
import { NodeNetwork } from '../platform/node-network.ts'
import type { Platform } from '../platform/platform.ts'
import { parseAddress } from '../proxy/broker-address.ts'
import { packageVersion, print, UsageError } from './terminal.ts'

export interface ConformanceOptions {
  /** `host:port`. */
  readonly bootstrap?: string
  readonly persona?: string
  /** Areas, sources, or parts of names. */
  readonly only?: readonly string[]
  readonly junit?: string
  readonly html?: string
  readonly list?: boolean
  /** `name:password`. */
  readonly user?: string
  readonly mechanism?: string
  readonly tls?: boolean
  /** A file. */
  readonly tlsCa?: string
  readonly parallel: number
}

const PATIENCE_MS = 5_000
const INTERRUPTED = 130

export async function conformance(options: ConformanceOptions): Promise<void> {
  try {
    await examine(options)
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof Unusable)) throw error
    process.stderr.write(`klamm: ${error.message}\n`)
    process.exit(2)
  }
}

async function examine(options: ConformanceOptions): Promise<void> {
  const cases = chosen(options)
  if (options.list) {
    for (const { area, name, source } of cases) print(`${area}: ${name} (${source})`)
    return
  }
  for (const flag of ['junit', 'html'] as const) checkWritable(flag, options[flag])
  const platform = nodePlatform()
  // The platform's timers let a process end, and a broker may be away for a while.
  setInterval(() => {}, 60_000)
  const prefix = `klamm-conformance-${platform.random.bytes(4).toString('hex')}-`
  const began = platform.clock.elapsed()
  const target = await reached(options, platform, prefix)
  print(`${target.description}: ${cases.length} cases`)
  const { results, isLost, isInterrupted } = await held(cases, { options, platform, target, prefix })
  if (isLost)
    print(`The broker went away and did not come back; ${cases.length - results.length} cases were not held.`)
  const left = isLost ? [] : await removeTraces(target.side(), prefix)
  if (left.length > 0)
    print(`What was made could not be removed: ${left.join('; ')} (all begin with ${prefix})`)
  await target.close()
  const tookMs = platform.clock.elapsed() - began
  const isWhole = options.only === undefined && results.length === cases.length
  tell(results, { options, target, tookMs, isWhole })
  if (isInterrupted) process.exit(INTERRUPTED)
  process.exit(isLost || totalOf(results).failed > 0 ? 1 : 0)
}

/** Before the minutes that a run takes, not behind them. */
function checkWritable(flag: 'junit' | 'html', path: string | undefined): void {
  if (path === undefined) return
  try {
    accessSync(dirname(resolve(path)), constants.W_OK)
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new Error('it is a directory')
  } catch (error) {
    throw new UsageError(`--${flag}: ${path} cannot be written: ${(error as Error).message}`)
  }
}

/** The cases that are to be held, in their order. */
function chosen({ only = [], persona }: ConformanceOptions): readonly Case[] {
  const all = [...CASES, ...(persona === undefined ? [] : personaCases(personaNamed(named(persona))))]
  if (only.length === 0) return all
  const found = all.filter(it => only.some(word => isMeant(it, word)))
  if (found.length > 0) return found
  const areas = AREAS.filter(area => all.some(it => it.area === area)).join(', ')
  throw new UsageError(
    `--only ${only.join(' ')}: no case is called so. Areas: ${areas}. klamm conformance --list tells all.`,
  )
}

function isMeant({ area, name, source }: Case, word: string): boolean {
  // The name of an area is also a word of other cases.
  if (AREAS.some(it => it === word)) return area === word
  if (source.split(', ').includes(word)) return true
  return name.toLowerCase().includes(word.toLowerCase())
}

function named(persona: string): PersonaName {
  const found = PERSONA_NAMES.find(it => it === persona)
  if (found === undefined)
    throw new UsageError(`--persona ${persona}: known are ${PERSONA_NAMES.join(', ')}.`)
  return found
}

async function reached(options: ConformanceOptions, platform: Platform, prefix: string): Promise<Target> {
  const { bootstrap, tls, tlsCa, persona } = options
  const address = parseAddress(bootstrap ?? '')
  if (!address) throw new UsageError(`--bootstrap: '${bootstrap ?? ''}' is not of the form host:port`)
  const isEncrypted = tls === true || tlsCa !== undefined
  const trusted = tlsCa === undefined ? {} : { trusted: fileAt(tlsCa) }
  const credentials = credentialsOf(options, platform)
  return reach({
    network: isEncrypted ? new NodeNetwork(trusted) : platform.network,
    clock: platform.clock,
    ...address,
    patienceMs: PATIENCE_MS,
    prefix,
    isEncrypted,
    ...(credentials && { credentials }),
    ...(persona !== undefined && { persona: named(persona) }),
  })
}

function fileAt(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`--tls-ca: ${(error as Error).message}`)
  }
}

function credentialsOf(
  { user, mechanism = 'PLAIN' }: ConformanceOptions,
  { random }: Platform,
): Credentials | undefined {
  const known = MECHANISMS.find(it => it === mechanism)
  if (!known) throw new UsageError(`--mechanism ${mechanism}: known are ${MECHANISMS.join(', ')}.`)
  if (user === undefined) return undefined
  const at = user.indexOf(':')
  if (at < 1) throw new UsageError('--user: it has to be of the form name:password')
  return { user: user.slice(0, at), password: user.slice(at + 1), mechanism: known, random }
}

interface Setting {
  readonly options: ConformanceOptions
  readonly platform: Platform
  readonly target: Target
  readonly prefix: string
}

/** Ctrl-C ends the run in order, so that nothing is left on the broker; twice ends it at once. */
async function held(cases: readonly Case[], { options, platform, target, prefix }: Setting) {
  let isInterrupted = false
  let stop = () => {}
  const stopped = new Promise<void>(resolve => {
    stop = resolve
  })
  const onSignal = () => {
    if (isInterrupted) process.exit(INTERRUPTED)
    isInterrupted = true
    print('\nInterrupted; taking away what was made on the broker. Once more to leave at once.')
    stop()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal)
  const progress = progressOf(cases.length)
  const { results, isLost } = await runCases({
    cases,
    recordings: RECORDINGS,
    side: target.side,
    clock: platform.clock,
    prefix,
    parallel: options.parallel,
    persona: options.persona,
    stopped,
    isThere: target.isThere,
    onResult: progress,
  })
  if (process.stdout.isTTY) process.stdout.write('\r\x1b[K')
  return { results, isLost, isInterrupted }
}

function progressOf(total: number): (result: Result) => void {
  let done = 0
  let failed = 0
  return ({ case: { area }, outcome }) => {
    done++
    if (outcome === 'failed') failed++
    if (!process.stdout.isTTY) return
    process.stdout.write(`\r\x1b[K${done}/${total}${failed > 0 ? `, ${failed} failed` : ''}: ${area}`)
  }
}

interface Ending {
  readonly tookMs: number
  /** Every case that there is was held. */
  readonly isWhole: boolean
}

function tell(
  results: readonly Result[],
  { options, target, tookMs, isWhole }: Pick<Setting, 'options' | 'target'> & Ending,
): void {
  const failures = failuresOf(results)
  if (failures) print(`\n${failures}`)
  print(`\n${tableOf(results)}\n`)
  for (const [reason, count] of reasonsNotToApply(results).slice(0, 10))
    print(`not applicable: ${reason} (${count})`)
  for (const it of results.filter(({ isSecond }) => isSecond)) {
    print(`passed only when held again, alone: ${it.case.area}: ${it.case.name}`)
  }
  const { persona, junit, html } = options
  if (junit !== undefined) writeFileSync(junit, junitOf(results))
  const head = { target: target.description, persona, version: packageVersion(), tookMs }
  if (html !== undefined) writeFileSync(html, pageOf(results, head))
  const { passed, failed } = totalOf(results)
  const good = isWhole ? 'it behaves like Kafka 4.3' : 'what was asked is as in Kafka 4.3'
  const verdict = failed === 0 ? good : `it differs from Kafka 4.3 in ${failed} cases`
  print(`${verdict}: ${passed} passed, ${failed} failed, in ${(tookMs / 1_000).toFixed(1)} s`)
}
