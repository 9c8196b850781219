/** Several files get other names: all of those that are there, or none. */
import type { Disk } from '../platform/platform.ts'

/** What was renamed before a failure gets its old name back; where that fails too, that is what is thrown. */
export async function renameAll(disk: Disk, from: readonly string[], to: readonly string[]): Promise<void> {
  let done = 0
  try {
    for (; done < from.length; done++) await renameIfThere(disk, from[done]!, to[done]!)
  } catch (error) {
    while (done-- > 0) await renameIfThere(disk, to[done]!, from[done]!)
    throw error
  }
}

async function renameIfThere(disk: Disk, from: string, to: string): Promise<void> {
  try {
    await disk.rename(from, to)
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw error
  }
}
