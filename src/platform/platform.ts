/**
 * The only door to the outside world. Everything a broker needs from its machine (time, chance, disk,
 * network, threads, durable metadata) comes through these interfaces, handed to constructors as plain
 * arguments, so that the same code runs on a real machine, in memory, and in a simulation driven by one seed.
 */

export interface Platform {
  /** The time that data and members live by: timestamps, sessions, time-outs, retention, what expires. */
  readonly clock: Clock
  /**
   * The time that requests wait by: long polls, deadlines of requests, throttles, idle connections, and the
   * pace of work on the disk. The same as `clock`, but where somebody holds that one in the hand: clients do
   * not.
   */
  readonly waitClock: Clock
  readonly random: Random
  readonly disk: Disk
  readonly network: Network
  readonly compute: Compute
  /**
   * Keeps the process alive, which timers alone do not, until the function that it gives is called. Absent
   * where time passes on request only.
   */
  readonly stayAlive?: () => () => void
}

/** Time. `now` may step (it is the wall clock); `elapsed` never goes back. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Milliseconds since an arbitrary start, monotonic, with fractions. */
  elapsed(): number
  /** Runs `callback` once, after at least `delayMs`. Timers do not keep the process alive. */
  after(delayMs: number, callback: () => void): Timer
}

export interface Timer {
  /** Harmless after it has fired. */
  cancel(): void
}

/** Ids and jitter. Cryptographically strong on a real machine, seeded in simulation. */
export interface Random {
  bytes(count: number): Buffer
  /** A whole number from 0 up to, not including, `bound`. */
  below(bound: number): number
}

export interface DirectoryEntry {
  readonly name: string
  readonly isDirectory: boolean
}

export interface FileStatus {
  readonly isDirectory: boolean
  readonly sizeBytes: number
  readonly modifiedMs: number
}

/**
 * The few file calls that the broker uses. Failures are errors that carry Node's `code` (`ENOENT`, `EIO`,
 * `ENOSPC`, `EACCES` ...); each caller owns a policy for them.
 */
export interface Disk {
  /**
   * `read`: the file must exist. `write`: readable and writable, created when missing, never truncated.
   */
  open(path: string, mode: 'read' | 'write'): Promise<DiskFile>
  /** The whole file. */
  readFile(path: string): Promise<Buffer>
  /** Undefined where there is nothing at the path. */
  status(path: string): Promise<FileStatus | undefined>
  list(path: string): Promise<DirectoryEntry[]>
  /** Makes the missing parents too; harmless when it is there. */
  makeDirectory(path: string): Promise<void>
  /** Replaces a file at `to`. Durable only after `syncDirectory` of the parent. */
  rename(from: string, to: string): Promise<void>
  /** A file, or a directory with all that is in it; harmless when it is not there. */
  remove(path: string): Promise<void>
  /** Makes creations, renames and removals directly inside the directory durable. */
  syncDirectory(path: string): Promise<void>
  /** Bytes that can still be written under the path, and in all. */
  space(path: string): Promise<{ usableBytes: bigint; totalBytes: bigint }>
  /**
   * Takes the exclusive right to a directory, until released or the process ends however abruptly.
   * Rejects with code `ELOCKED`, naming the holder where it is known, while another holds it.
   */
  lock(directory: string): Promise<DirectoryLock>
}

export interface DirectoryLock {
  release(): Promise<void>
}

export interface DiskFile {
  /** Reads into `target` from a byte position; returns the bytes read, fewer only at the end of the file. */
  read(target: Uint8Array, position: number): Promise<number>
  /**
   * Writes all of `chunks` one after the other from a byte position, or rejects (what was written is then
   * unknown).
   */
  write(chunks: readonly Uint8Array[], position: number): Promise<void>
  truncate(sizeBytes: number): Promise<void>
  /**
   * Makes the written bytes durable (fdatasync). After a failure the file's state is unknown: never try
   * again.
   */
  sync(): Promise<void>
  sizeBytes(): Promise<number>
  close(): Promise<void>
}

export interface Network {
  /**
   * Listens on a host and port; port 0 picks a free one. An empty host means every address of both families.
   * Rejects with Node's codes (`EADDRINUSE`, `EACCES` ...).
   */
  listen(options: ListenOptions, onConnection: (socket: Socket) => void): Promise<Listening>
  connect(host: string, port: number): Promise<Socket>
  /** Through which this machine reaches what is not on its own networks; empty where that is unknown. */
  gateways(): Promise<readonly string[]>
}

export interface ListenOptions {
  readonly host: string
  readonly port: number
  readonly tls?: TlsSettings | undefined
  /** A peer came and never got as far as a socket. */
  readonly onHandshakeFailure?: (remoteAddress: string, error: Error) => void
}

/** How a listener proves itself, and what it asks of clients. Either a PKCS#12 store or PEM texts. */
export interface TlsSettings {
  readonly pfx?: Buffer | undefined
  readonly certificateChain?: string | undefined
  readonly key?: string | undefined
  /** Of the store, or of the key. */
  readonly passphrase?: string | undefined
  /** Who may have signed the certificates of clients, as PEM. */
  readonly trusted?: string | undefined
  readonly clientCertificate: 'none' | 'requested' | 'required'
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3'
  /** As OpenSSL or the standards name them, separated by colons; undefined for the usual ones. */
  readonly ciphers?: string | undefined
}

export interface Listening {
  readonly port: number
  /** Stops accepting; open sockets live on. */
  close(): Promise<void>
}

/** A byte stream. No event is delivered before the handlers are set. */
export interface Socket {
  readonly localAddress: string
  readonly localPort: number
  readonly remoteAddress: string
  readonly remotePort: number
  /** The host name that the peer asked TLS for; undefined without one. */
  readonly serverName?: string | undefined
  /** The distinguished name in the peer's verified certificate; undefined without one. */
  readonly peerName?: string | undefined
  /** Received chunks belong to the receiver and may be kept. `onClose` fires exactly once, last. */
  handle(handlers: SocketHandlers): void
  /**
   * Queues the chunks in order as one burst. They must not change until they are written. False means that
   * the outgoing buffer is full: wait for `onDrain`. On a socket that is gone it does nothing.
   */
  write(chunks: readonly Uint8Array[]): boolean
  /** Bytes queued and not yet handed to the operating system. */
  readonly bufferedBytes: number
  pause(): void
  resume(): void
  /** Sends what is queued, then closes. */
  end(): void
  /** Closes at once. */
  destroy(): void
}

export interface SocketHandlers {
  onData(chunk: Buffer): void
  onDrain(): void
  /** The peer has closed its side, or the connection failed. */
  onClose(error?: Error): void
}

/**
 * Durable cluster metadata: keyed records under one version. A commit is atomic and is refused when the
 * version has moved on (another controller wrote).
 */
export interface MetadataStore {
  /** All records, and the version they make up. Called once, before any commit. */
  load(): Promise<{ readonly version: bigint; readonly records: ReadonlyMap<string, Uint8Array> }>
  /** Puts and deletes (a null value) in one durable step; returns the new version. */
  commit(expectedVersion: bigint, changes: ReadonlyMap<string, Uint8Array | null>): Promise<bigint>
  close(): Promise<void>
}

/**
 * Work that would hold up the event loop: done by threads on a real machine, and on the spot where there are
 * none (in simulation, say). It computes and nothing else; whatever it needs of the world is sent to it.
 */
export interface Compute {
  /** Opens a task of its own; a thread at most, and only while it is open. */
  open<Request, Reply>(task: ComputeTask<Request, Reply>): ComputeSession<Request, Reply>
}

/** A task can be found by a thread, which shares no memory with whoever asked for it. */
export interface ComputeTask<Request, Reply> {
  /** `import.meta.url` of the module that exports the task. */
  readonly module: string
  /** The name that it is exported under. */
  readonly name: string
  /** Makes the state of one session. What is returned answers its requests, one after the other. */
  readonly start: () => (request: Request) => Reply
}

export interface ComputeSession<Request, Reply> {
  /**
   * Requests are answered in their order, with what can be cloned. Byte arrays that stand directly in a
   * request or reply are handed over: the sender does not touch them any more. Rejects with what the task
   * has thrown, and for all that is asked after the session is closed or its thread has died.
   */
  run(request: Request): Promise<Reply>
  close(): Promise<void>
}
