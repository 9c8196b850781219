/**
 * `klamm proxy`: between clients and brokers, showing, recording and disturbing what they say; or replaying
 * it.
 */

import { once } from 'node:events'
import { createWriteStream, readFileSync, type WriteStream } from 'node:fs'
import { Faults } from '../faults/faults.ts'
import { parseFaultText } from '../faults/parse.ts'
import { InvalidFault } from '../faults/rule.ts'
import { jsonReplacer } from '../observe/logger.ts'
import { nodePlatform } from '../platform/node.ts'
import { type BrokerAddress, bracketed, parseAddress } from '../proxy/broker-address.ts'
import { BrokerProxy } from '../proxy/broker-proxy.ts'
import { NOT_COMPARED, type Replayed, replay } from '../proxy/replay.ts'
import { keptExchangesIn } from '../trace/capture-exchanges.ts'
import { CaptureWriter } from '../trace/capture-file.ts'
import { UnreadableCapture } from '../trace/capture-reader.ts'
import type { KeptExchange } from '../trace/kept-exchange.ts'
import { Trace } from '../trace/trace.ts'
import { fail, print, UsageError } from './terminal.ts'
import { readCaptureFile, shown } from './trace.ts'

export interface ProxyCommandOptions {
  readonly to: string
  readonly port: number
  readonly host: string
  readonly advertisedHost?: string
  readonly record?: string
  readonly replay?: string
  readonly fault?: readonly string[]
  readonly seed: number
  readonly quiet?: boolean
  readonly detail?: boolean
  readonly json?: boolean
}

const REPLAY_TIMEOUT_MS = 35_000

export async function proxy(options: ProxyCommandOptions): Promise<void> {
  const to = addressesOf(options.to)
  if (options.replay !== undefined) {
    process.exitCode = await replayFile(options.replay, to[0]!, options)
    return
  }
  const { network, clock, disk } = nodePlatform()
  const trace = new Trace({ clock, disk, isOn: true })
  const faults = new Faults({
    clock,
    seed: options.seed,
    onFired: ({ rule, connection, correlationId, effect }) =>
      trace.annotate({ connection, correlationId, text: `rule ${rule}: ${effect}` }),
  })
  addFaults(faults, options.fault ?? [])
  const recording = options.record === undefined ? undefined : await startRecording(options.record)
  const { host, port, advertisedHost } = options
  const onTrouble = (trouble: string) => process.stderr.write(`klamm: ${trouble}\n`)
  const started = { to, host, port, advertisedHost, network, clock, faults, trace, onTrouble }
  const running = await BrokerProxy.start(started).catch((error: Error) => {
    throw new UsageError(`--host, --port: cannot listen on ${bracketed(host)}:${port}: ${error.message}`)
  })
  announce(running, options)
  const stopped = untilSignal()
  const following = follow(trace, recording, options)
  await stopped
  await running.close()
  await following
  if (recording) await recording.end()
  for (const { id, count } of faults.all) {
    process.stderr.write(`klamm: rule ${id} fired ${count === 1 ? 'once' : `${count} times`}\n`)
  }
  process.exit(0)
}

function announce(running: BrokerProxy, { host, json }: ProxyCommandOptions): void {
  const where = (port: number) => `${bracketed(host)}:${port}`
  if (json) {
    print(
      JSON.stringify({ listening: running.brokers.map(each => ({ ...each, address: where(each.port) })) }),
    )
    return
  }
  for (const { broker, port } of running.brokers) {
    print(`Clients that connect to ${where(port)} talk to ${bracketed(broker.host)}:${broker.port}`)
  }
}

function addressesOf(text: string): BrokerAddress[] {
  return text.split(',').map(each => {
    const address = parseAddress(each)
    if (address) return address
    throw new UsageError(`--to: ${each} is no host:port; give a broker, such as localhost:9092`)
  })
}

/** Each is JSON, or a file that holds some. */
function addFaults(faults: Faults, given: readonly string[]): void {
  for (const text of given) {
    try {
      for (const fault of parseFaultText(isJson(text) ? text : faultFile(text))) {
        faults.add(fault.match, fault.effect)
      }
    } catch (error) {
      if (error instanceof InvalidFault) throw new UsageError(`--fault: ${error.message}`)
      throw error
    }
  }
}

function isJson(text: string): boolean {
  return /^\s*[{["]/.test(text)
}

function faultFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const why = (error as Error).message
    throw new UsageError(`--fault: ${path} is neither JSON nor a file that can be read: ${why}`)
  }
}

interface Recording {
  add(exchange: KeptExchange): void
  end(): Promise<void>
}

async function startRecording(path: string): Promise<Recording> {
  const file: WriteStream = createWriteStream(path)
  file.on('error', error => fail(new UsageError(`--record: ${path} cannot be written: ${error.message}`)))
  await once(file, 'open')
  const writer = new CaptureWriter()
  file.write(writer.header())
  return {
    add: exchange => {
      for (const frame of exchange.frames()) for (const block of writer.frame(frame)) file.write(block)
    },
    end: async () => {
      file.end()
      await once(file, 'finish')
    },
  }
}

async function follow(
  trace: Trace,
  recording: Recording | undefined,
  options: ProxyCommandOptions,
): Promise<void> {
  for await (const exchange of trace) {
    recording?.add(exchange as KeptExchange)
    if (!options.quiet) print(shown(exchange, options))
  }
}

function untilSignal(): Promise<void> {
  return new Promise(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
}

/** 0: all answers are the same in what is comparable; 2: some are not. */
async function replayFile(path: string, to: BrokerAddress, options: ProxyCommandOptions): Promise<number> {
  const exchanges = recorded(path)
  const { network, clock } = nodePlatform()
  let same = 0
  const different: Replayed[] = []
  await replay({
    exchanges,
    to,
    network,
    clock,
    timeoutMs: REPLAY_TIMEOUT_MS,
    onReplayed: replayed => {
      if (replayed.differences.length === 0 && replayed.problem === undefined) same++
      else {
        different.push(replayed)
        print(options.json ? jsonOf(replayed) : textOf(replayed))
      }
    },
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === undefined) throw error
    throw new UsageError(`--to: cannot reach ${to.host}:${to.port}: ${error.message}`)
  })
  const silent = exchanges.length - same - different.length
  const summary = { requests: exchanges.length, same, different: different.length, withoutAnswer: silent }
  if (options.json) print(JSON.stringify(summary))
  else {
    print(
      `${exchanges.length} requests sent again: ${same} answered the same, ${different.length} otherwise, ` +
        `${silent} without an answer to compare.`,
    )
    print(`Not compared, for they are of a broker, a run or the clock: ${NOT_COMPARED.join(', ')}.`)
  }
  return different.length > 0 ? 2 : 0
}

function recorded(path: string): KeptExchange[] {
  try {
    return keptExchangesIn(readCaptureFile(path))
  } catch (error) {
    if (error instanceof UnreadableCapture) throw new UsageError(`--replay: ${path}: ${error.message}`)
    throw error
  }
}

function textOf({ exchange, differences, problem }: Replayed): string {
  const lines = differences.map(
    ({ path, recorded: was, replayed: is }) => `    ${path}: ${worded(was)} was recorded, ${worded(is)} came`,
  )
  return [exchange.text(), ...(problem === undefined ? [] : [`    ${problem}`]), ...lines].join('\n')
}

function worded(value: unknown): string {
  return JSON.stringify(value, jsonReplacer) ?? 'nothing'
}

function jsonOf({ exchange, differences, problem }: Replayed): string {
  const { number, api, version, client } = exchange
  return JSON.stringify({ number, api, version, client, problem, differences }, jsonReplacer)
}
