/**
 * A hold on the machine that can be taken away at once, as `kill -9` takes it from a process: no timer of it
 * fires any more and no call of it does anything or comes back, while the program around it goes on. What was
 * begun before comes to its end; then files are closed and locks are free.
 */
import type {
  Clock,
  Compute,
  ComputeSession,
  ComputeTask,
  DirectoryEntry,
  DirectoryLock,
  Disk,
  DiskFile,
  FileStatus,
  Platform,
  Timer,
} from './platform.ts'

export class MortalPlatform {
  readonly platform: Platform
  readonly disk: Disk
  private readonly hold = new Hold()

  constructor(platform: Platform, disk: Disk) {
    const clock = new MortalClock(platform.clock, this.hold)
    const isOneClock = platform.waitClock === platform.clock
    this.platform = {
      ...platform,
      clock,
      waitClock: isOneClock ? clock : new MortalClock(platform.waitClock, this.hold),
      compute: new MortalCompute(platform.compute, this.hold),
    }
    this.disk = new MortalDisk(disk, this.hold)
  }

  /** Work that was handed to the machine and has not come back. */
  get callsUnderWay(): number {
    return this.hold.callsUnderWay
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    return this.hold.idle()
  }

  /** Resolves when all that was open is closed. Harmless when repeated. */
  end(): Promise<void> {
    return this.hold.end()
  }
}

/** What is to be let go of. */
interface Closable {
  close(): Promise<void>
}

class Hold {
  isOver = false
  readonly timers = new Set<Timer>()
  readonly open = new Set<Closable>()
  callsUnderWay = 0
  private ending: Promise<void> | undefined
  private readonly onIdle: (() => void)[] = []

  /** Makes a call, unless it is over. */
  call<T>(act: () => Promise<T>): Promise<T> {
    if (this.isOver) return new Promise(() => {})
    const calling = act()
    this.callsUnderWay++
    calling.then(this.returned, this.returned)
    return calling
  }

  idle(): Promise<void> {
    if (this.callsUnderWay === 0) return Promise.resolve()
    return new Promise(resolve => this.onIdle.push(resolve))
  }

  end(): Promise<void> {
    this.ending ??= this.endOnce()
    return this.ending
  }

  private readonly returned = (): void => {
    this.callsUnderWay--
    if (this.callsUnderWay > 0 || this.onIdle.length === 0) return
    for (const resume of this.onIdle.splice(0)) resume()
  }

  private async endOnce(): Promise<void> {
    this.isOver = true
    for (const timer of this.timers) timer.cancel()
    this.timers.clear()
    await this.idle()
    await Promise.all([...this.open].map(each => each.close()))
    this.open.clear()
  }
}

const NO_TIMER: Timer = { cancel: () => {} }

class MortalClock implements Clock {
  private readonly clock: Clock
  private readonly hold: Hold

  constructor(clock: Clock, hold: Hold) {
    this.clock = clock
    this.hold = hold
  }

  now(): number {
    return this.clock.now()
  }

  elapsed(): number {
    return this.clock.elapsed()
  }

  after(delayMs: number, callback: () => void): Timer {
    const { timers, isOver } = this.hold
    if (isOver) return NO_TIMER
    const timer = this.clock.after(delayMs, () => {
      timers.delete(mortal)
      callback()
    })
    const mortal = {
      cancel: () => {
        timers.delete(mortal)
        timer.cancel()
      },
    }
    timers.add(mortal)
    return mortal
  }
}

class MortalCompute implements Compute {
  private readonly compute: Compute
  private readonly hold: Hold

  constructor(compute: Compute, hold: Hold) {
    this.compute = compute
    this.hold = hold
  }

  open<Request, Reply>(task: ComputeTask<Request, Reply>): ComputeSession<Request, Reply> {
    const { hold } = this
    const session = this.compute.open(task)
    hold.open.add(session)
    return {
      run: request => hold.call(() => session.run(request)),
      close: () => {
        hold.open.delete(session)
        return hold.call(() => session.close())
      },
    }
  }
}

class MortalDisk implements Disk {
  private readonly disk: Disk
  private readonly hold: Hold

  constructor(disk: Disk, hold: Hold) {
    this.disk = disk
    this.hold = hold
  }

  open(path: string, mode: 'read' | 'write'): Promise<DiskFile> {
    const { hold } = this
    return hold.call(async () => {
      const file = await this.disk.open(path, mode)
      hold.open.add(file)
      return new MortalFile(file, hold)
    })
  }

  readFile(path: string): Promise<Buffer> {
    return this.hold.call(() => this.disk.readFile(path))
  }

  status(path: string): Promise<FileStatus | undefined> {
    return this.hold.call(() => this.disk.status(path))
  }

  list(path: string): Promise<DirectoryEntry[]> {
    return this.hold.call(() => this.disk.list(path))
  }

  makeDirectory(path: string): Promise<void> {
    return this.hold.call(() => this.disk.makeDirectory(path))
  }

  rename(from: string, to: string): Promise<void> {
    return this.hold.call(() => this.disk.rename(from, to))
  }

  remove(path: string): Promise<void> {
    return this.hold.call(() => this.disk.remove(path))
  }

  syncDirectory(path: string): Promise<void> {
    return this.hold.call(() => this.disk.syncDirectory(path))
  }

  space(path: string): Promise<{ usableBytes: bigint; totalBytes: bigint }> {
    return this.hold.call(() => this.disk.space(path))
  }

  lock(directory: string): Promise<DirectoryLock> {
    const { hold } = this
    return hold.call(async () => {
      const lock = await this.disk.lock(directory)
      const held = { close: () => lock.release() }
      hold.open.add(held)
      return {
        release: () => {
          hold.open.delete(held)
          return hold.call(() => lock.release())
        },
      }
    })
  }
}

class MortalFile implements DiskFile {
  private readonly file: DiskFile
  private readonly hold: Hold

  constructor(file: DiskFile, hold: Hold) {
    this.file = file
    this.hold = hold
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.hold.call(() => this.file.read(target, position))
  }

  write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    return this.hold.call(() => this.file.write(chunks, position))
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.hold.call(() => this.file.truncate(sizeBytes))
  }

  sync(): Promise<void> {
    return this.hold.call(() => this.file.sync())
  }

  sizeBytes(): Promise<number> {
    return this.hold.call(() => this.file.sizeBytes())
  }

  close(): Promise<void> {
    this.hold.open.delete(this.file)
    return this.hold.call(() => this.file.close())
  }
}
