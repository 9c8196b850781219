/** Whether an Apache Kafka runs on a directory, as far as that can be seen. */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Java locks Kafka's `.lock` in a way that Node cannot ask for, but Linux lists such locks by the file's
 * number. Undefined proves nothing: a Kafka in another container, on another machine or system is not seen.
 */
export async function kafkaHolding(directory: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(join(directory, '.lock'))
    const [major, minor] = [dev >>> 8, (dev & 0xff) | ((dev >>> 12) & 0xfff00)]
    const hex = (number: number) => number.toString(16).padStart(2, '0')
    const file = `${hex(major & 0xfff)}:${hex(minor)}:${ino}`
    const locks = await readFile('/proc/locks', 'utf8')
    const held = locks.split('\n').find(line => line.split(/\s+/).includes(file))
    return held === undefined ? undefined : `process ${held.split(/\s+/)[4]}`
  } catch {
    // No lock file, or no Linux: there is nothing to see.
    return undefined
  }
}
