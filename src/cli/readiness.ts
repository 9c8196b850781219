/**
 * How a broker in a process of its own says where it is, to people and to programs: text, one line of JSON,
 * and a file that is there exactly as long as clients can connect.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { BoundListener } from '../broker.ts'
import { UsageError } from './terminal.ts'

/** What the line of `--json` and the ready file hold. */
export interface Addresses {
  /** Of the first listener, for a client's `bootstrap.servers`. */
  readonly bootstrapServers: string
  readonly listeners: readonly {
    readonly name: string
    readonly protocol: string
    readonly host: string
    readonly port: number
    /** `host:port` */
    readonly address: string
  }[]
  /** The address of the HTTP control API, where it is served. */
  readonly control?: string
  readonly clusterId: string
  readonly pid: number
  readonly version: string
  /** What clients of TLS listeners have to trust, as a path, where it was made here. */
  readonly caFile?: string
}

export function listenerAddresses(
  bound: readonly BoundListener[],
  protocolOf: (name: string) => string,
): Addresses['listeners'] {
  return bound.map(({ name, host: configured, port }) => {
    const host = ['', '0.0.0.0', '::'].includes(configured) ? 'localhost' : configured
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
    return { name, protocol: protocolOf(name), host, port, address }
  })
}

/** The file of `--ready-file`. */
export class ReadyFile {
  private readonly path: string

  /** Takes away what an earlier process left, so that whoever waits for the file does not read that. */
  constructor(path: string) {
    this.path = resolve(path)
    try {
      mkdirSync(dirname(this.path), { recursive: true })
      rmSync(this.path, { force: true })
    } catch (error) {
      throw new UsageError(`--ready-file: ${this.path} cannot be written: ${(error as Error).message}`)
    }
  }

  /** Whole from the moment that it is there. */
  write(addresses: Addresses): void {
    const temporary = `${this.path}.${process.pid}.tmp`
    try {
      writeFileSync(temporary, `${JSON.stringify(addresses, null, 2)}\n`)
      renameSync(temporary, this.path)
    } catch (error) {
      rmSync(temporary, { force: true })
      throw new UsageError(`--ready-file: ${this.path} cannot be written: ${(error as Error).message}`)
    }
    process.once('exit', () => this.remove())
  }

  /** Leaves the file of another broker that has taken the path meanwhile. */
  remove(): void {
    try {
      const { pid } = JSON.parse(readFileSync(this.path, 'utf8'))
      if (pid === process.pid) rmSync(this.path, { force: true })
    } catch {
      // It is gone, or no longer ours.
    }
  }
}
