/**
 * A log manager on a memory disk and a clock that stands still, for tests; batches to put in, and what is in
 * there.
 */
import assert from 'node:assert'
import type { Result } from '../../../protocol/errors.ts'
import type { RecordsSource } from '../../../protocol/wire.ts'
import type { LogDetails, Logger } from '../../observe/logger.ts'
import type { Clock, Disk } from '../../platform/platform.ts'
import { ManualClock } from '../../platform/simulated/manual-clock.ts'
import { MemoryDisk, type Unsynced } from '../../platform/simulated/memory-disk.ts'
import { SeededRandom } from '../../platform/simulated/seeded-random.ts'
import { RecordBatch } from '../../records/batch.ts'
import { type BatchOptions, buildBatch } from '../../records/builder.ts'
import { decodeRecords } from '../../records/lookup.ts'
import type { Log } from '../log.ts'
import {
  DEFAULT_LOG_CONFIG,
  DEFAULT_LOG_MANAGER_CONFIG,
  type LogConfig,
  type LogManagerConfig,
} from '../log-config.ts'
import { LogManager, type LogManagerOptions } from '../log-manager.ts'
import type { ReadOptions } from '../log-surface.ts'

export const TOPIC_ID = 'y2kTeV5WRiiy96_8cXBNJA'

export interface RigOptions {
  readonly config?: Partial<LogConfig>
  readonly broker?: Partial<LogManagerConfig>
  readonly disk?: Disk
}

export class Rig {
  readonly clock = new ManualClock(1_700_000_000_000)
  readonly memory = new MemoryDisk({ clock: this.clock, isCrashable: true })
  readonly disk: Disk
  readonly lines: { level: string; message: string; details: LogDetails }[] = []
  readonly offline: string[] = []
  config: LogConfig
  broker: LogManagerConfig
  manager!: LogManager
  private seed = 1
  private life: Life = { isOver: false }

  constructor(options: RigOptions = {}) {
    this.disk = options.disk ?? this.memory
    this.config = { ...DEFAULT_LOG_CONFIG, ...options.config }
    this.broker = { ...DEFAULT_LOG_MANAGER_CONFIG, logDirs: ['/data'], nodeId: 1, ...options.broker }
  }

  get options(): LogManagerOptions {
    const { life } = this
    return {
      disk: mortalDisk(this.disk, life),
      clock: mortalClock(this.clock, life),
      random: new SeededRandom(this.seed++),
      logger: recordingLogger(this.lines),
      config: this.broker,
      logConfig: () => this.config,
      onDirectoryOffline: path => {
        if (!life.isOver) this.offline.push(path)
      },
    }
  }

  async start(): Promise<LogManager> {
    const opened = await LogManager.open(this.options)
    this.manager = must(opened)
    return this.manager
  }

  async log(topic = 'topic', partition = 0): Promise<Log> {
    if (this.manager === undefined) await this.start()
    const spec = { topic, topicId: TOPIC_ID, partition, config: this.config, isNew: true }
    return must(await this.manager.createLog(spec))
  }

  /** Moves the clock in steps, so that background work which a timer starts comes to its end. */
  async advance(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 1_000) {
      this.clock.advance(Math.min(1_000, ms - passed))
      await idle()
    }
  }

  async text(path: string): Promise<string> {
    return String(await this.disk.readFile(path))
  }

  /** A clean stop and start. */
  async restart(): Promise<Log> {
    await this.manager.shutdown()
    await this.start()
    return this.manager.log('topic', 0)!
  }

  /** The process dies; what no fsync has covered is as asked. */
  async crash(unsynced: Unsynced = 'kept'): Promise<Log> {
    this.life.isOver = true
    this.memory.crash(unsynced)
    this.life = { isOver: false }
    this.offline.length = 0
    await this.start()
    return this.manager.log('topic', 0)!
  }
}

/**
 * One process. Once it is over, nothing that it had set going reaches the disk, and no timer of its fires.
 */
interface Life {
  isOver: boolean
}

function mortalDisk(disk: Disk, life: Life): Disk {
  return new Proxy(disk, {
    get(target, name) {
      const call = target[name as keyof Disk] as (...given: unknown[]) => Promise<unknown>
      return (...given: unknown[]) =>
        life.isOver ? Promise.reject(diskError('EBADF')) : call.apply(target, given)
    },
  })
}

function mortalClock(clock: ManualClock, life: Life): Clock {
  return {
    now: () => clock.now(),
    elapsed: () => clock.elapsed(),
    after: (delayMs, callback) =>
      clock.after(delayMs, () => {
        if (!life.isOver) callback()
      }),
  }
}

/** Resolves when everything that a memory disk keeps waiting has had its turn. */
export async function idle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise(resolve => setImmediate(resolve))
}

export function diskError(code: string): Error {
  return Object.assign(new Error(`${code}: made to fail`), { code })
}

export function recordingLogger(lines: Rig['lines']): Logger {
  const at =
    (level: string) =>
    (message: string, details: LogDetails = {}) => {
      lines.push({ level, message, details })
    }
  return {
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    isEnabled: () => true,
    child: () => recordingLogger(lines),
  } as Logger
}

export function must<T>(result: Result<T>): T {
  if (result.error !== 0) throw new Error(`refused with ${result.error}: ${result.message ?? ''}`)
  return result.value
}

/** A batch of one record for each value. */
export function batchOf(
  values: readonly string[],
  options: Partial<BatchOptions> & { at?: number } = {},
): Buffer {
  const { at = 1_700_000_000_000, ...attributes } = options
  const records = values.map((value, i) => ({
    timestamp: BigInt(at + i),
    key: null,
    value: Buffer.from(value),
  }))
  return Buffer.from(buildBatch({ records, ...attributes }))
}

export const CLIENT = { leaderEpoch: 0, origin: 'client' } as const

export async function append(log: Log, ...values: string[]): Promise<bigint> {
  return must(await log.append(batchOf(values), CLIENT)).baseOffset
}

export async function bytesOf(source: RecordsSource): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for (const part of source.parts) {
    if (part instanceof Uint8Array) parts.push(part)
    else {
      for (let at = 0; at < part.byteLength; ) {
        const chunk = await part.read(at, 65_536)
        assert(chunk.length > 0)
        parts.push(chunk)
        at += chunk.length
      }
      part.release()
    }
  }
  return Buffer.concat(parts)
}

const EVERYTHING: ReadOptions = { maxBytes: 2 ** 30, maxOffset: 2n ** 62n, minOneBatch: true }

export async function readBatches(
  log: Log,
  offset: bigint,
  options: Partial<ReadOptions> = {},
): Promise<RecordBatch[]> {
  const { records } = must(await log.read(offset, { ...EVERYTHING, ...options }))
  const bytes = await bytesOf(records)
  assert(bytes.length === records.byteLength)
  const batches: RecordBatch[] = []
  for (let at = 0; at < bytes.length; ) {
    const batch = new RecordBatch(bytes, at)
    batches.push(batch)
    at += batch.sizeInBytes
  }
  assert(batches.every(batch => batch.isChecksumValid()))
  return batches
}

/** Every value of the log, by offset, read segment by segment from the log start. */
export async function contents(log: Log): Promise<Map<bigint, string>> {
  const found = new Map<bigint, string>()
  let offset = log.logStartOffset
  while (offset < log.logEndOffset) {
    const batches = await readBatches(log, offset)
    if (batches.length === 0) break
    for (const batch of batches) {
      if (batch.isControl) continue
      for (const record of must(decodeRecords(batch))) {
        if (record.offset >= log.logStartOffset) found.set(record.offset, String(record.value))
      }
    }
    offset = batches.at(-1)!.nextOffset
  }
  return found
}
