// Folders that are expensive to make (jars, a compiled client), kept outside the tree, named after the versions that
// they hold, and made when missing. A half-made one is never seen under its final name.

import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

export const cacheRoot = process.env.KLAMM_CACHE || join(homedir(), '.cache', 'klamm-interop')

export async function cached(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cacheRoot, name)
  if (existsSync(folder)) return folder
  const making = `${folder}.making-${process.pid}`
  await rm(making, { recursive: true, force: true })
  await mkdir(making, { recursive: true })
  process.stderr.write(`making ${folder}\n`)
  await make(making)
  await rename(making, folder)
  return folder
}
