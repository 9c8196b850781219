/**
 * Worker threads. Each open session has one to itself, which imports the module of its task; so that works
 * from TypeScript sources where Node runs them, from compiled ones, and inside of another's process. Where a
 * thread could not load the modules (a bundle has none, and would run all of itself again), the work is done
 * inline.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { InlineSession } from './inline-compute.ts'
import type { Compute, ComputeSession, ComputeTask } from './platform.ts'

/** What a thread is told of its task. */
interface TaskPlace {
  readonly klammComputeTask: { readonly module: string; readonly name: string }
}

type Answer =
  | { readonly isDone: true; readonly reply: unknown }
  | { readonly isDone: false; readonly error: Error }

export class NodeCompute implements Compute {
  open<Request, Reply>(task: ComputeTask<Request, Reply>): ComputeSession<Request, Reply> {
    return OWN_NAME.test(import.meta.url) && canLoad(import.meta.url) && canLoad(task.module)
      ? new ThreadSession(task)
      : new InlineSession(task)
  }
}

const OWN_NAME = /\/node-compute\.[jt]s$/

/** TypeScript as it stands is for Node 22.18 and later; a test runner that compiles it does so for itself. */
function canLoad(module: string): boolean {
  if (!module.startsWith('file:')) return false
  return !module.endsWith('.ts') || Boolean((process.features as { typescript?: unknown }).typescript)
}

interface Waiting {
  readonly resolve: (reply: never) => void
  readonly reject: (error: Error) => void
}

class ThreadSession<Request, Reply> implements ComputeSession<Request, Reply> {
  private readonly worker: Worker
  /** In the order of the requests, which is that of the answers. */
  private readonly waiting: Waiting[] = []
  private failure: Error | undefined

  constructor({ module, name }: ComputeTask<Request, Reply>) {
    const workerData: TaskPlace = { klammComputeTask: { module, name } }
    // Options of the process, such as a test runner's loaders, are not for this thread.
    this.worker = new Worker(new URL(import.meta.url), { workerData, execArgv: [] })
    this.worker.on('message', (answer: Answer) => this.answered(answer))
    this.worker.on('error', error => this.end(error as Error))
    this.worker.on('exit', () => this.end(new Error('The thread has ended.')))
    this.worker.unref()
  }

  run(request: Request): Promise<Reply> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject })
      this.worker.ref()
      this.worker.postMessage(request, handedOver(request))
    })
  }

  async close(): Promise<void> {
    this.end(new Error('The session is closed.'))
    await this.worker.terminate()
  }

  private answered(answer: Answer): void {
    const first = this.waiting.shift()
    if (this.waiting.length === 0) this.worker.unref()
    if (answer.isDone) first?.resolve(answer.reply as never)
    else first?.reject(answer.error)
  }

  private end(error: Error): void {
    this.failure ??= error
    for (const { reject } of this.waiting.splice(0)) reject(this.failure)
  }
}

/** Byte arrays that have a backing store to themselves; others are copied. */
function handedOver(message: unknown): ArrayBuffer[] {
  if (typeof message !== 'object' || message === null) return []
  return Object.values(message).flatMap((value: unknown) =>
    value instanceof Uint8Array && value.byteLength === value.buffer.byteLength && value.byteLength > 0
      ? [value.buffer as ArrayBuffer]
      : [],
  )
}

/** The other side: this module is also what its threads run. */
async function serve({ module, name }: TaskPlace['klammComputeTask']): Promise<void> {
  const port = parentPort!
  const loading = import(module).then((loaded: Record<string, ComputeTask<unknown, unknown>>) =>
    loaded[name]!.start(),
  )
  port.on('message', async request => {
    try {
      const reply = (await loading)(request)
      port.postMessage({ isDone: true, reply } satisfies Answer, handedOver(reply))
    } catch (error) {
      port.postMessage({ isDone: false, error: error as Error } satisfies Answer)
    }
  })
}

if (!isMainThread && parentPort !== null) {
  const { klammComputeTask } = (workerData ?? {}) as Partial<TaskPlace>
  if (klammComputeTask !== undefined) void serve(klammComputeTask)
}
