/**
 * The exclusive right to a directory, held by a listening Unix socket in it: the kernel ends the listening
 * when the process ends, however abruptly, and nothing rests on process ids or on clocks.
 *
 * Whoever wants the lock makes a socket under a name that is never used again, lists the directory, and
 * connects to every other such socket. A refused connection means a dead holder, whose name may be removed
 * for good. Of two that come at once, the later one to list sees the earlier, so both can never hold; if
 * each sees the other, the one with the lower name goes on. A socket answers whether it holds the lock or
 * only asks for it; silence counts as holding. Who hangs up without a word was withdrawing when it was
 * asked, and is asked again.
 */
import { createHash, randomBytes } from 'node:crypto'
import * as fs from 'node:fs/promises'
import * as net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DirectoryLock } from './platform.ts'

export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const real = await fs.realpath(directory)
  if (process.platform === 'win32') return lockByPipe(real)
  try {
    return await lockBySocket(real, real)
  } catch (error) {
    if (!NO_SOCKETS_HERE.has(codeOf(error))) throw error
    // Some shared and network file systems hold no sockets. The machine's own temporary directory does.
    const substitute = join(tmpdir(), `klamm-lock-${hashOf(real)}`)
    await fs.mkdir(substitute, { recursive: true })
    return lockBySocket(substitute, real)
  }
}

const NO_SOCKETS_HERE = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EPERM', 'ENOSYS', 'EINVAL'])

/** `.lock-<process>-<random>`; while it is bound but does not listen yet, it has another prefix. */
const NAME_PREFIX = '.lock-'
const UNFINISHED_PREFIX = '.locking-'

const HELD = 'held'
const ASKING = 'asking'
const HUNG_UP = 'hung up'
const ANSWER_WITHIN_MS = 1_000
const ASK_AGAIN_MS = 10
/** Who hangs up so often counts as a holder, whatever it is. */
const MOST_HANG_UPS = 100

/**
 * The shortest limit of a Unix socket's path among the systems that Node runs on, less its terminating zero.
 */
const LONGEST_SOCKET_PATH = 103

async function lockBySocket(directory: string, locked: string): Promise<DirectoryLock> {
  const name = `${NAME_PREFIX}${process.pid}-${randomBytes(6).toString('hex')}`
  const alias = await shortAlias(directory, name)
  const candidate = new Candidate()
  const path = join(directory, name)
  try {
    await candidate.listen(alias.path, name)
    for (;;) {
      const others = await survey(alias.path, name)
      if (others.verdict === 'refused') throw lockedError(locked, others.holder)
      if (others.verdict === 'free') {
        candidate.answer = HELD
        await Promise.all(others.dead.map(dead => fs.rm(join(directory, dead), { force: true })))
        return { release: () => candidate.close(path) }
      }
      await sleep(ASK_AGAIN_MS)
    }
  } catch (error) {
    await candidate.close(path)
    throw error
  } finally {
    await alias.remove()
  }
}

/** The socket by which one process asks for a lock, and then holds it. */
class Candidate {
  answer = ASKING
  private readonly server = net.createServer(socket => {
    socket.on('error', () => socket.destroy())
    socket.write(this.answer)
    // Whoever asks may never hang up, and nobody who lets go of the lock is to wait for that.
    socket.destroySoon()
    socket.unref()
  })

  /** The name appears only when the socket listens: before that, others would take it for a dead one. */
  async listen(directory: string, name: string): Promise<void> {
    const unfinished = join(directory, name.replace(NAME_PREFIX, UNFINISHED_PREFIX))
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject)
      // Another user's process must be able to tell a dead socket from a live one.
      this.server.listen({ path: unfinished, readableAll: true, writableAll: true }, resolve)
    })
    this.server.unref()
    await fs.rename(unfinished, join(directory, name))
  }

  async close(path: string): Promise<void> {
    await fs.rm(path, { force: true })
    if (this.server.listening) await new Promise(resolve => this.server.close(resolve))
  }
}

interface Survey {
  /** `contested`: somebody with a higher name asks too, and will either withdraw or turn out to hold. */
  readonly verdict: 'free' | 'refused' | 'contested'
  readonly holder: string
  readonly dead: readonly string[]
}

async function survey(directory: string, ownName: string): Promise<Survey> {
  const names = (await fs.readdir(directory)).filter(name => name.startsWith(NAME_PREFIX) && name !== ownName)
  const dead: string[] = []
  let contested = false
  for (const name of names) {
    const answer = await ask(join(directory, name))
    if (answer === 'dead') dead.push(name)
    else if (answer === ASKING && name > ownName) contested = true
    else return { verdict: 'refused', holder: name, dead }
  }
  return { verdict: contested ? 'contested' : 'free', holder: '', dead }
}

/**
 * What the socket at the path says. Only a refused connection, or no socket at all, proves that nobody holds
 * it.
 */
async function ask(path: string): Promise<string> {
  for (let hangUps = 0; hangUps < MOST_HANG_UPS; hangUps++) {
    const answer = await askOnce(path)
    if (answer === ASKING || answer === 'dead') return answer
    if (answer !== HUNG_UP) return HELD
    await sleep(ASK_AGAIN_MS)
  }
  return HELD
}

function askOnce(path: string): Promise<string> {
  return new Promise(resolve => {
    let said = ''
    let outcome: string | undefined
    const socket = net.connect({ path })
    socket.setTimeout(ANSWER_WITHIN_MS, () => {
      outcome = HELD
      socket.destroy()
    })
    socket.on('data', chunk => {
      said += chunk.toString('latin1')
    })
    socket.on('error', error => {
      const code = codeOf(error)
      if (['ECONNREFUSED', 'ENOENT'].includes(code)) outcome = 'dead'
      else if (code !== 'ECONNRESET') outcome = HELD
    })
    socket.on('close', () => resolve(outcome ?? (said === '' ? HUNG_UP : said)))
  })
}

/**
 * The directory by a path short enough for a socket's address: itself, or a link to it for the time of
 * asking.
 */
async function shortAlias(
  directory: string,
  name: string,
): Promise<{ path: string; remove(): Promise<void> }> {
  const longestName = name.length - NAME_PREFIX.length + UNFINISHED_PREFIX.length
  if (Buffer.byteLength(directory) + 1 + longestName <= LONGEST_SOCKET_PATH) {
    return { path: directory, remove: async () => {} }
  }
  const path = join(tmpdir(), `klamm-${randomBytes(6).toString('hex')}`)
  await fs.symlink(directory, path)
  return { path, remove: () => fs.rm(path, { force: true }) }
}

/** Windows ends a named pipe with its process, and lets one process alone have the first instance. */
async function lockByPipe(directory: string): Promise<DirectoryLock> {
  const server = net.createServer(socket => socket.destroy())
  const path = `\\\\.\\pipe\\klamm-lock-${hashOf(directory.toLowerCase())}`
  await new Promise<void>((resolve, reject) => {
    server.once('error', error => reject(codeOf(error) === 'EADDRINUSE' ? lockedError(directory, '') : error))
    server.listen(path, resolve)
  })
  server.unref()
  return { release: () => new Promise(resolve => server.close(() => resolve())) }
}

function lockedError(directory: string, holder: string): Error {
  const pid = holder.slice(NAME_PREFIX.length).split('-')[0]
  const who = pid ? `Another broker (process ${pid})` : 'Another broker'
  return Object.assign(new Error(`${who} uses the directory ${directory}`), {
    code: 'ELOCKED',
    path: directory,
    ...(pid ? { holderPid: Number(pid) } : {}),
  })
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? ''
}
