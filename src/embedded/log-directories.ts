/** The log directories of a broker as files: read while it stands still, and written for another. */
import type { Disk } from '../platform/platform.ts'
import type { MemoryDisk } from '../platform/simulated/memory-disk.ts'

/** Work in the background may change files meanwhile; it rests soon. */
const MOST_ATTEMPTS = 20

/** A copy as of one moment, each directory under its number: `/0`, `/1` ... */
export async function readDirectories(disk: Disk, logDirs: readonly string[], to: MemoryDisk): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const before = await stateOf(disk, logDirs)
    try {
      for (const [index, path] of logDirs.entries()) {
        await to.remove(`/${index}`)
        await copyTree(disk, path, to, `/${index}`)
      }
      if ((await stateOf(disk, logDirs)) === before) return
    } catch (error) {
      // A file that was there a moment ago.
      if ((error as { code?: string }).code !== 'ENOENT' || attempt >= MOST_ATTEMPTS) throw error
    }
    if (attempt >= MOST_ATTEMPTS) throw new Error('The data directory does not come to rest: try again later')
  }
}

/** Changes when anything in the directories does. */
async function stateOf(disk: Disk, logDirs: readonly string[]): Promise<string> {
  const lines: string[] = []
  for (const directory of logDirs) {
    for (const path of await pathsUnder(disk, directory)) {
      const status = await disk.status(path)
      lines.push(`${path} ${status?.isDirectory ? '' : status?.sizeBytes} ${status?.modifiedMs}`)
    }
  }
  return lines.join('\n')
}

export async function copyTree(from: Disk, fromPath: string, to: Disk, toPath: string): Promise<void> {
  await to.makeDirectory(toPath)
  for (const path of await pathsUnder(from, fromPath)) {
    const target = `${toPath}${path.slice(fromPath.length)}`
    if ((await from.status(path))?.isDirectory) await to.makeDirectory(target)
    else await writeFile(to, target, await from.readFile(path))
  }
}

/** All that is in a directory, parents before children; without what says who holds it. */
export async function pathsUnder(disk: Disk, path: string): Promise<string[]> {
  const found: string[] = []
  for (const { name, isDirectory } of await disk.list(path)) {
    if (isLock(name)) continue
    const inner = `${path}/${name}`
    found.push(inner)
    if (isDirectory) found.push(...(await pathsUnder(disk, inner)))
  }
  return found
}

/** The sockets that a lock is made of. */
export function isLock(name: string): boolean {
  return name.startsWith('.lock-') || name.startsWith('.locking-')
}

export async function writeFile(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const file = await disk.open(path, 'write')
  await file.write([bytes], 0).finally(() => file.close())
}
