/** Writes many lines to a stream in large pieces, and waits for it where it does not keep up. */
import type { Writable } from 'node:stream'

const PIECE_CHARACTERS = 65_536

export class LineOutput {
  private readonly stream: Writable
  private text = ''
  private isFull = false

  constructor(stream: Writable) {
    this.stream = stream
  }

  write(line: string): void {
    this.text += `${line}\n`
    if (this.text.length >= PIECE_CHARACTERS) this.pass()
  }

  /** To be awaited now and then, so that what waits in memory stays small. */
  async ready(): Promise<void> {
    if (!this.isFull || this.stream.destroyed) return
    await new Promise<void>(resolve => {
      const done = () => {
        for (const event of ['drain', 'close', 'error']) this.stream.off(event, done)
        resolve()
      }
      for (const event of ['drain', 'close', 'error']) this.stream.on(event, done)
    })
    this.isFull = false
  }

  async flush(): Promise<void> {
    this.pass()
    await this.ready()
  }

  private pass(): void {
    this.isFull = !this.stream.write(this.text) || this.isFull
    this.text = ''
  }
}
