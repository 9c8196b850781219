/**
 * Cuts a connection's byte stream into frames: a size of four bytes, then that many bytes. A frame that
 * lies in one received chunk is a view of it. Any other is gathered in a buffer of its own, which grows
 * with what has arrived, so that a size alone, however large, makes nobody allocate.
 */
const SIZE_BYTES = 4
const FIRST_CAPACITY = 256 * 1024
/** Each growth copies what is there: fourfold growth copies at most a third of a frame in all. */
const GROWTH = 4

/** Why the stream cannot be read any further: the size that was announced. */
export interface BadFrameSize {
  readonly sizeBytes: number
  /** The first four bytes that the peer ever sent, which may tell what it speaks instead. */
  readonly isFirst: boolean
}

export class FrameReader {
  private readonly maxFrameBytes: () => number
  private readonly onFrame: (frame: Buffer) => void
  private readonly sizePart = Buffer.alloc(SIZE_BYTES)
  private sizePartBytes = 0
  /** Of the frame that has begun; -1 between frames. */
  private frameBytes = -1
  private gathered: Buffer | undefined
  private gatheredBytes = 0
  private isFirst = true

  /** The bound may change with what the peer has proved to be. */
  constructor(maxFrameBytes: () => number, onFrame: (frame: Buffer) => void) {
    this.maxFrameBytes = maxFrameBytes
    this.onFrame = onFrame
  }

  /** True when more bytes have to come before the next frame is whole. */
  get isMidFrame(): boolean {
    return this.frameBytes >= 0 || this.sizePartBytes > 0
  }

  /** Hands over the frames that the chunk completes. After a bad size the reader must not be used again. */
  push(chunk: Buffer): BadFrameSize | undefined {
    let at = 0
    while (at < chunk.length) {
      if (this.frameBytes < 0) {
        at = this.readSize(chunk, at)
        if (this.sizePartBytes > 0) return undefined
        if (this.frameBytes < 0 || this.frameBytes > this.maxFrameBytes()) {
          return { sizeBytes: this.frameBytes, isFirst: this.isFirst }
        }
        this.isFirst = false
      }
      at = this.gathered ? this.gather(chunk, at) : this.cut(chunk, at)
    }
    return undefined
  }

  /** As the other steps, returns the position behind what it has used of the chunk. */
  private readSize(chunk: Buffer, at: number): number {
    if (this.sizePartBytes === 0 && chunk.length - at >= SIZE_BYTES) {
      this.frameBytes = chunk.readInt32BE(at)
      return at + SIZE_BYTES
    }
    const end = Math.min(at + SIZE_BYTES - this.sizePartBytes, chunk.length)
    this.sizePartBytes += chunk.copy(this.sizePart, this.sizePartBytes, at, end)
    if (this.sizePartBytes === SIZE_BYTES) {
      this.sizePartBytes = 0
      this.frameBytes = this.sizePart.readInt32BE(0)
    }
    return end
  }

  private cut(chunk: Buffer, at: number): number {
    const end = at + this.frameBytes
    if (end <= chunk.length) {
      this.finish(chunk.subarray(at, end))
      return end
    }
    if (at === chunk.length) return at
    const capacity = Math.max(FIRST_CAPACITY, (chunk.length - at) * GROWTH)
    this.gathered = Buffer.allocUnsafeSlow(Math.min(this.frameBytes, capacity))
    return this.gather(chunk, at)
  }

  private gather(chunk: Buffer, at: number): number {
    const end = Math.min(at + this.frameBytes - this.gatheredBytes, chunk.length)
    const target = this.gatherInto(this.gatheredBytes + end - at)
    this.gatheredBytes += chunk.copy(target, this.gatheredBytes, at, end)
    if (this.gatheredBytes === this.frameBytes) {
      this.gathered = undefined
      this.gatheredBytes = 0
      this.finish(target)
    }
    return end
  }

  private gatherInto(neededBytes: number): Buffer {
    const current = this.gathered!
    if (current.length >= neededBytes) return current
    const grown = Buffer.allocUnsafeSlow(Math.min(this.frameBytes, neededBytes * GROWTH))
    current.copy(grown, 0, 0, this.gatheredBytes)
    this.gathered = grown
    return grown
  }

  private finish(frame: Buffer): void {
    this.frameBytes = -1
    this.onFrame(frame)
  }
}
