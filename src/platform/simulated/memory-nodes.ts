/**
 * What a disk in memory is made of: files and directories as programs see them, and what of each a power
 * failure would leave. Bytes become durable by a sync of the file, names by a sync of the directory; until
 * then any sector may be as it was after any of the writes, a write may be cut at a byte, and changes of
 * names may be lost one without the other, though never a rename by half, nor a later change of a name
 * without an earlier one of the same name.
 */
import type { Random } from '../platform.ts'
import { PagedBytes } from './paged-bytes.ts'

export const SECTOR_BYTES = 512

export type Node = File | Directory

/** A change of a file's bytes that is not durable yet. */
type Change = { readonly position: number; readonly bytes: Uint8Array } | { readonly sizeBytes: number }

export class File {
  bytes = new PagedBytes()
  modifiedMs: number
  handles = 0
  links = 1
  /** Under which it was made: for error messages only. */
  readonly path: string
  isFreed = false
  private durable = new PagedBytes()
  private unsynced: Change[] = []

  constructor(path: string, nowMs: number) {
    this.path = path
    this.modifiedMs = nowMs
  }

  change(change: Change, isRemembered: boolean): void {
    apply(this.bytes, change)
    if (!isRemembered) return
    this.unsynced.push('bytes' in change ? { ...change, bytes: Uint8Array.from(change.bytes) } : change)
  }

  sync(): void {
    for (const change of this.unsynced) apply(this.durable, change)
    this.unsynced = []
  }

  /** A sync has failed: some of the bytes never reach the disk, though whoever reads still sees them. */
  failSync(random: Random): void {
    this.tear(random)
    this.unsynced = []
  }

  revert(random: Random | undefined): void {
    if (random !== undefined) this.tear(random)
    this.unsynced = []
    this.bytes = this.durable.copy()
  }

  /** The same bytes; what is written to one is not in the other. Durable where durability is remembered. */
  fork(isRemembered: boolean): File {
    const fork = new File(this.path, this.modifiedMs)
    fork.bytes = this.bytes.fork()
    if (isRemembered) fork.durable = this.bytes.fork()
    return fork
  }

  /** Bits turn over on the disk itself. */
  rot(position: number, mask: number): void {
    for (const bytes of [this.bytes, this.durable]) {
      const byte = Buffer.alloc(1)
      if (bytes.read(byte, position) === 0) continue
      byte[0]! ^= mask
      bytes.write(byte, position)
    }
  }

  private tear(random: Random): void {
    const kind = random.below(4)
    if (kind === 0) this.tearSectors(random)
    else this.tearAt(kind === 1 ? this.unsynced.length : random.below(this.unsynced.length + 1), random)
  }

  /** The first changes are there, the next one in part. */
  private tearAt(survivors: number, random: Random): void {
    for (const change of this.unsynced.slice(0, survivors)) apply(this.durable, change)
    const torn = this.unsynced[survivors]
    if (!torn || !('bytes' in torn)) return
    const bytes = torn.bytes.subarray(0, random.below(torn.bytes.byteLength + 1))
    apply(this.durable, { position: torn.position, bytes })
  }

  /** Each sector is as some of the changes left it, and so is the size. */
  private tearSectors(random: Random): void {
    const count = this.unsynced.length
    const versions = new Map<number, number>()
    for (const change of this.unsynced) {
      for (const sector of sectorsOf(change)) {
        if (!versions.has(sector)) versions.set(sector, random.below(count + 1))
      }
    }
    const sizeVersion = random.below(count + 1)
    const live = this.durable.copy()
    let sizeBytes = live.byteLength
    for (const [i, change] of this.unsynced.entries()) {
      apply(live, change)
      if (i + 1 === sizeVersion) sizeBytes = live.byteLength
      for (const [sector, version] of versions) if (version === i + 1) copySector(live, this.durable, sector)
    }
    this.durable.truncate(sizeBytes)
  }
}

function sectorsOf(change: Change): number[] {
  if (!('bytes' in change) || change.bytes.byteLength === 0) return []
  const first = Math.floor(change.position / SECTOR_BYTES)
  const last = Math.floor((change.position + change.bytes.byteLength - 1) / SECTOR_BYTES)
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}

function copySector(from: PagedBytes, to: PagedBytes, sector: number): void {
  const bytes = Buffer.alloc(SECTOR_BYTES)
  const count = from.read(bytes, sector * SECTOR_BYTES)
  to.write(bytes.subarray(0, count), sector * SECTOR_BYTES)
}

function apply(bytes: PagedBytes, change: Change): void {
  if ('bytes' in change) bytes.write(change.bytes, change.position)
  else bytes.truncate(change.sizeBytes)
}

export class Directory {
  entries = new Map<string, Node>()
  modifiedMs: number
  private readonly durable = new Map<string, Node>()

  constructor(nowMs: number) {
    this.modifiedMs = nowMs
  }

  set(name: string, node: Node | undefined, nowMs: number): void {
    if (node) this.entries.set(name, node)
    else this.entries.delete(name)
    this.modifiedMs = nowMs
  }

  /** With all that is in it. */
  fork(isRemembered: boolean): Directory {
    const fork = new Directory(this.modifiedMs)
    for (const [name, node] of this.entries) {
      const copy = node.fork(isRemembered)
      fork.entries.set(name, copy)
      if (isRemembered) fork.durable.set(name, copy)
    }
    return fork
  }

  setDurable(name: string, node: Node | undefined): void {
    if (node) this.durable.set(name, node)
    else this.durable.delete(name)
  }

  revert(random: Random | undefined): void {
    this.entries = new Map(this.durable)
    for (const node of this.entries.values()) node.revert(random)
  }
}

/** A name gets a node, or none. */
export interface NameChange {
  readonly directory: Directory
  readonly name: string
  readonly node: Node | undefined
}

/** Changes of names that are not durable yet, in the order in which they were made. */
export class NameJournal {
  /** What one call changed, which is kept or lost as one. */
  private steps: (readonly NameChange[])[] = []

  note(step: readonly NameChange[]): void {
    this.steps.push(step)
  }

  /** With what else has to be: the earlier changes of the same names. */
  sync(directory: Directory): void {
    const needed = new Slots()
    const isDue = this.steps
      .toReversed()
      .map(step => {
        const due = step.some(change => change.directory === directory || needed.has(change))
        if (due) for (const change of step) needed.add(change)
        return due
      })
      .reverse()
    const kept = this.steps.filter((_, i) => !isDue[i])
    for (const [i, step] of this.steps.entries()) if (isDue[i]) persist(step)
    this.steps = kept
  }

  syncAll(): void {
    for (const step of this.steps) persist(step)
    this.steps = []
  }

  /** A power failure: some of the changes were on the disk. */
  crash(random: Random | undefined): void {
    const blocked = new Slots()
    const chances = [1, 2, 8][random?.below(3) ?? 0]!
    for (const step of this.steps) {
      const isLost = random === undefined || step.some(change => blocked.has(change))
      if (!isLost && random.below(chances + 1) > 0) persist(step)
      else for (const change of step) blocked.add(change)
    }
    this.steps = []
  }
}

function persist(step: readonly NameChange[]): void {
  for (const { directory, name, node } of step) directory.setDurable(name, node)
}

class Slots {
  private readonly names = new Map<Directory, Set<string>>()

  add({ directory, name }: NameChange): void {
    const known = this.names.get(directory)
    if (known) known.add(name)
    else this.names.set(directory, new Set([name]))
  }

  has({ directory, name }: NameChange): boolean {
    return this.names.get(directory)?.has(name) ?? false
  }
}

export function* filesUnder(node: Node): Generator<File> {
  if (node instanceof File) yield node
  else for (const child of node.entries.values()) yield* filesUnder(child)
}
