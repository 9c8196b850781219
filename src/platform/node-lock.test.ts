import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { lockDirectory } from './node-lock.ts'

const scratch = await mkdtemp(join(tmpdir(), 'klamm-lock-'))
afterAll(() => rm(scratch, { recursive: true, force: true }))
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

let rooms = 0
async function room(...below: string[]): Promise<string> {
  const directory = join(scratch, `${rooms++}`, ...below)
  await mkdir(directory, { recursive: true })
  return directory
}

/**
 * Another process that does to the directory what a broker that was killed has done: it listens, and is gone.
 */
async function killedHolder(directory: string, name: string): Promise<void> {
  const script = `require('node:net').createServer().listen(${JSON.stringify(join(directory, name))},
    () => process.stdout.write('up'))`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  await new Promise(resolve => child.stdout?.once('data', resolve))
  await expect(lockDirectory(directory)).rejects.toMatchObject({ code: 'ELOCKED' })
  child.kill('SIGKILL')
  await new Promise(resolve => child.once('exit', resolve))
}

const socketsIn = async (directory: string) =>
  (await readdir(directory)).filter(name => name.startsWith('.lock'))

test('a killed holder holds nothing, even when its process id is in use again', async () => {
  const directory = await room()
  await killedHolder(directory, `.lock-${process.pid}-0123456789ab`)
  expect(await socketsIn(directory)).toHaveLength(1)
  const lock = await lockDirectory(directory)
  expect(await socketsIn(directory)).toHaveLength(1)
  await lock.release()
  expect(await socketsIn(directory)).toEqual([])
})

test('the error names the directory and the holder', async () => {
  const directory = await room()
  const lock = await lockDirectory(directory)
  const error = await lockDirectory(directory).catch((caught: Error) => caught)
  expect(error).toMatchObject({ code: 'ELOCKED', holderPid: process.pid })
  expect((error as Error).message).toBe(
    `Another broker (process ${process.pid}) uses the directory ${directory}`,
  )
  await lock.release()
})

test('a holder that does not answer still holds', async () => {
  const directory = await room()
  const silent = createServer(() => {})
  await new Promise<void>(resolve => silent.listen(join(directory, '.lock-1-0123456789ab'), resolve))
  await expect(lockDirectory(directory)).rejects.toMatchObject({ code: 'ELOCKED', holderPid: 1 })
  silent.close()
})

test('one that hangs up because it withdraws does not keep the lock from who asks it', async () => {
  const directory = await room()
  const name = join(directory, '.lock-1-0123456789ab')
  const withdrawing = createServer(socket => {
    socket.destroy()
    withdrawing.close()
  })
  await new Promise<void>(resolve => withdrawing.listen(name, resolve))
  await (await lockDirectory(directory)).release()
  expect(await socketsIn(directory)).toEqual([])
})

test('one that hangs up time and again counts as a holder', async () => {
  const directory = await room()
  const rude = createServer(socket => socket.destroy())
  await new Promise<void>(resolve => rude.listen(join(directory, '.lock-1-0123456789ab'), resolve))
  await expect(lockDirectory(directory)).rejects.toMatchObject({ code: 'ELOCKED', holderPid: 1 })
  rude.close()
})

test('who asks and then stays cannot keep a holder from letting go', async () => {
  const directory = await room()
  const lock = await lockDirectory(directory)
  const [name] = await socketsIn(directory)
  const asking = connect({ path: join(directory, name!), allowHalfOpen: true })
  try {
    expect(String((await once(asking, 'data'))[0])).toBe('held')
    await lock.release()
    await (await lockDirectory(directory)).release()
  } finally {
    asking.destroy()
  }
})

test('of many that ask at once, exactly one gets the lock', async () => {
  for (let round = 0; round < 10; round++) {
    const directory = await room()
    const asked = await Promise.allSettled(Array.from({ length: 8 }, () => lockDirectory(directory)))
    const holders = asked.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
    expect(holders).toHaveLength(1)
    await holders[0]?.release()
    expect(await socketsIn(directory)).toEqual([])
  }
})

test('a directory whose path is too long for a socket is locked all the same', async () => {
  const directory = await room('a'.repeat(80), 'b'.repeat(80))
  const lock = await lockDirectory(directory)
  await expect(lockDirectory(directory)).rejects.toMatchObject({ code: 'ELOCKED' })
  await lock.release()
  expect(await readdir(directory)).toEqual([])
  await (await lockDirectory(directory)).release()
})

test('two paths to one directory are one lock', async () => {
  const directory = await room()
  const lock = await lockDirectory(directory)
  await expect(
    lockDirectory(join(directory, '..', join('/', directory).split('/').at(-1) ?? '')),
  ).rejects.toThrow(/uses the directory/)
  await lock.release()
})

test('what is no socket does not stand in the way', async () => {
  const directory = await room()
  await writeFile(join(directory, '.lock'), 'left by a Kafka broker')
  await (await lockDirectory(directory)).release()
})
