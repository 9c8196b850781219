/**
 * The bytes of a file in memory: full pages and a last one that grows by doubling, so that appending never
 * copies what is there and ten thousand small files stay small. Bytes that nobody wrote are zero and cost
 * nothing. A fork shares its pages with the original; whoever writes to a page first makes it his own.
 */
const PAGE_BYTES = 256 * 1024
const SMALLEST_PAGE_BYTES = 256

export class PagedBytes {
  private readonly pages: (Buffer | undefined)[] = []
  /** Of pages that a fork, or the original, has too. */
  private shared: Set<number> | undefined
  private length = 0

  get byteLength(): number {
    return this.length
  }

  read(target: Uint8Array, position: number): number {
    const wanted = Math.max(0, Math.min(target.byteLength, this.length - position))
    for (let done = 0; done < wanted; ) {
      const within = (position + done) % PAGE_BYTES
      const count = Math.min(PAGE_BYTES - within, wanted - done)
      const page = this.pages[Math.floor((position + done) / PAGE_BYTES)]
      const end = Math.min(page?.length ?? 0, within + count)
      const held = page && end > within ? page.copy(target, done, within, end) : 0
      if (held < count) target.fill(0, done + held, done + count)
      done += count
    }
    return wanted
  }

  write(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.byteLength; ) {
      const within = (position + done) % PAGE_BYTES
      const count = Math.min(PAGE_BYTES - within, bytes.byteLength - done)
      const page = this.pageFor(Math.floor((position + done) / PAGE_BYTES), within + count)
      page.set(bytes.subarray(done, done + count), within)
      done += count
    }
    this.length = Math.max(this.length, position + bytes.byteLength)
  }

  truncate(sizeBytes: number): void {
    if (sizeBytes < this.length) {
      this.pages.length = Math.ceil(sizeBytes / PAGE_BYTES)
      // What a later, longer size would bring back must read as zero.
      const within = sizeBytes % PAGE_BYTES
      if (within > 0 && this.pages.at(-1)) this.ownPage(this.pages.length - 1).fill(0, within)
    }
    this.length = sizeBytes
  }

  copy(): PagedBytes {
    const copy = new PagedBytes()
    copy.length = this.length
    for (const page of this.pages) copy.pages.push(page && Buffer.from(page))
    return copy
  }

  /** The same bytes; what is written to one of the two is not in the other. */
  fork(): PagedBytes {
    const fork = new PagedBytes()
    fork.length = this.length
    for (const page of this.pages) fork.pages.push(page)
    this.shared = new Set(this.pages.keys())
    fork.shared = new Set(this.shared)
    return fork
  }

  private pageFor(index: number, capacity: number): Buffer {
    const page = this.pages[index]
    if (page && page.length >= capacity) return this.ownPage(index)
    this.shared?.delete(index)
    let size = page?.length ?? SMALLEST_PAGE_BYTES
    while (size < capacity) size *= 2
    const grown = Buffer.alloc(Math.min(size, PAGE_BYTES))
    page?.copy(grown)
    while (this.pages.length < index) this.pages.push(undefined)
    this.pages[index] = grown
    return grown
  }

  /** A page that is there, to be changed. */
  private ownPage(index: number): Buffer {
    const page = this.pages[index]!
    if (!this.shared?.delete(index)) return page
    const own = Buffer.from(page)
    this.pages[index] = own
    return own
  }
}
