/** Maps that can be changed on trial: what a command would write is looked at before it is written. */

/** What a `Map` with keys of text and an overlay have in common. */
export interface Table<Value> {
  readonly size: number
  get(key: string): Value | undefined
  has(key: string): boolean
  set(key: string, value: Value): unknown
  delete(key: string): boolean
  entries(): IterableIterator<[string, Value]>
  values(): IterableIterator<Value>
  keys(): IterableIterator<string>
}

/** Changes over a table that stays as it is. */
export class Overlay<Value> implements Table<Value> {
  private readonly base: Table<Value>
  private readonly changes = new Map<string, { readonly value: Value } | undefined>()
  size: number

  constructor(base: Table<Value>) {
    this.base = base
    this.size = base.size
  }

  get(key: string): Value | undefined {
    return this.changes.has(key) ? this.changes.get(key)?.value : this.base.get(key)
  }

  has(key: string): boolean {
    return this.changes.has(key) ? this.changes.get(key) !== undefined : this.base.has(key)
  }

  set(key: string, value: Value): void {
    if (!this.has(key)) this.size += 1
    this.changes.set(key, { value })
  }

  delete(key: string): boolean {
    const hadKey = this.has(key)
    if (hadKey) this.size -= 1
    this.changes.set(key, undefined)
    return hadKey
  }

  /** Those of the base first, in its order, then those that are new. */
  *entries(): IterableIterator<[string, Value]> {
    for (const [key, value] of this.base.entries()) {
      if (!this.changes.has(key)) yield [key, value]
      else {
        const change = this.changes.get(key)
        if (change) yield [key, change.value]
      }
    }
    for (const [key, change] of this.changes) if (change && !this.base.has(key)) yield [key, change.value]
  }

  *values(): IterableIterator<Value> {
    for (const [, value] of this.entries()) yield value
  }

  *keys(): IterableIterator<string> {
    for (const [key] of this.entries()) yield key
  }
}
