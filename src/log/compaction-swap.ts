/**
 * Puts a compacted segment in the place of those that it was made of, safe at every crash point. Its files
 * and their names, which end in `.cleaned`, are complete and synced; a start after a crash removes them.
 *
 * 1. `.cleaned` to `.swap`, the batches last. From here on a start finishes what was begun.
 * 2. The old segments get names that end in `.deleted`, and are out of the way.
 * 3. `.swap` is taken off the batches.
 * 4. `.swap` is taken off the indexes. A start that still finds `.log.swap` takes indexes without it for
 *    those of old segments, and removes them.
 *
 * Each step is durable before the next, for names may reach the disk in any order.
 */
import type { Disk } from '../platform/platform.ts'
import { isPassing } from './append-queue.ts'
import type { Segment } from './segment.ts'

export const CLEANED_SUFFIX = '.cleaned'
export const SWAP_SUFFIX = '.swap'

export interface Swap {
  readonly disk: Disk
  readonly directory: string
  readonly cleaned: Segment
  readonly sources: readonly Segment[]
}

/**
 * When it throws, either nothing has changed, or `mustFinish` was called: the old segments are gone, and the
 * next start has to do the rest.
 */
export async function swapIn(swap: Swap, mustFinish: (cause: Error) => void): Promise<void> {
  const { disk, directory, cleaned, sources } = swap
  const aside: Segment[] = []
  try {
    await cleaned.changeSuffix(SWAP_SUFFIX, 'batches last')
    await disk.syncDirectory(directory)
    for (const source of sources) {
      aside.push(source)
      await source.setAside()
    }
    await disk.syncDirectory(directory)
  } catch (error) {
    await putBack(swap, aside, mustFinish)
    throw error
  }
  try {
    await cleaned.names.takeName(() => syncAtLast(disk, directory))
  } catch (error) {
    mustFinish(error as Error)
    throw error
  }
}

/** There is no way back from here: a want of handles or room has some more tries to pass. */
async function syncAtLast(disk: Disk, directory: string): Promise<void> {
  for (let left = 3; ; left--) {
    try {
      return await disk.syncDirectory(directory)
    } catch (error) {
      if (left === 0 || !isPassing(error)) throw error
    }
  }
}

/** Until the old segments are back for certain, the swap files have to stay. */
async function putBack(
  swap: Swap,
  aside: readonly Segment[],
  mustFinish: (cause: Error) => void,
): Promise<void> {
  try {
    for (const source of aside) await source.changeSuffix('', 'batches first')
    if (aside.length > 0) await swap.disk.syncDirectory(swap.directory)
    await swap.cleaned.changeSuffix(CLEANED_SUFFIX, 'batches first')
  } catch (error) {
    // What it was that failed first is what is thrown.
    mustFinish(error as Error)
  }
}
