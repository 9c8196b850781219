/** Work done on the spot, in the thread that asks for it: for simulation, and where there are no threads. */
import type { Compute, ComputeSession, ComputeTask } from './platform.ts'

export const inlineCompute: Compute = {
  open: task => new InlineSession(task),
}

export class InlineSession<Request, Reply> implements ComputeSession<Request, Reply> {
  private answer: ((request: Request) => Reply) | undefined

  constructor(task: ComputeTask<Request, Reply>) {
    this.answer = task.start()
  }

  async run(request: Request): Promise<Reply> {
    if (this.answer === undefined) throw new Error('The session is closed.')
    return this.answer(request)
  }

  async close(): Promise<void> {
    this.answer = undefined
  }
}
