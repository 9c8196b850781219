/** The names of a segment's files. Each kind has its own suffix, since renaming may end half way. */
import type { Disk } from '../platform/platform.ts'
import { fileName } from './producer-snapshot.ts'

export const DELETED_SUFFIX = '.deleted'

const KINDS = ['.log', '.index', '.timeindex', '.txnindex'] as const

/** Where a log's files are; its directory is renamed when the log is deleted. */
export interface LogLocation {
  path: string
}

type Kind = (typeof KINDS)[number]

export class SegmentFiles {
  private readonly disk: Disk
  private readonly location: LogLocation
  private readonly baseOffset: bigint
  private readonly suffixes: Map<Kind, string>

  constructor(parts: {
    readonly disk: Disk
    readonly location: LogLocation
    readonly baseOffset: bigint
    readonly suffix: string
  }) {
    this.disk = parts.disk
    this.location = parts.location
    this.baseOffset = parts.baseOffset
    this.suffixes = new Map(KINDS.map(kind => [kind, parts.suffix]))
  }

  pathOf(kind: Kind, suffix = this.suffixes.get(kind)!): string {
    return `${this.location.path}/${fileName(this.baseOffset, kind)}${suffix}`
  }

  /**
   * All or none of those that are there; where what was done cannot be undone either, that is what is thrown,
   * and the next change of the suffix begins with the names that are. Whoever finds some under the one name
   * and some under the other goes by the file of the batches.
   */
  async changeSuffix(suffix: string, order: 'batches first' | 'batches last'): Promise<void> {
    await this.changeSome(order === 'batches first' ? KINDS : KINDS.toReversed(), suffix)
  }

  /** Takes the suffix off, of the batches first; what is given is done before the others follow. */
  async takeName(afterBatches: () => Promise<void>): Promise<void> {
    await this.changeSome(KINDS.slice(0, 1), '')
    await afterBatches()
    await this.changeSome(KINDS.slice(1), '')
  }

  async remove(): Promise<void> {
    for (const kind of KINDS) await this.disk.remove(this.pathOf(kind))
  }

  private async changeSome(kinds: readonly Kind[], suffix: string): Promise<void> {
    const done: (readonly [Kind, string])[] = []
    try {
      for (const kind of kinds) {
        const before = this.suffixes.get(kind)!
        if (before === suffix) continue
        await this.rename(kind, suffix)
        done.push([kind, before])
      }
    } catch (error) {
      for (const [kind, before] of done.toReversed()) await this.rename(kind, before)
      throw error
    }
  }

  private async rename(kind: Kind, suffix: string): Promise<void> {
    try {
      await this.disk.rename(this.pathOf(kind), this.pathOf(kind, suffix))
    } catch (error) {
      // Not every segment has all of the indexes. Where batches are to stay, they have to be there.
      const mayMiss = kind !== '.log' || suffix === DELETED_SUFFIX
      if ((error as { code?: string }).code !== 'ENOENT' || !mayMiss) throw error
    }
    this.suffixes.set(kind, suffix)
  }
}
