/** Conversations that were held before there was the kit, for cases to hold again. */
import assert from 'node:assert'

/** Finds a conversation by its name; there has to be one. */
export function conversationNamed<T extends { readonly name: string }>(all: readonly T[], name: string): T {
  const found = all.find(it => it.name === name)
  assert(found, `no conversation is called "${name}"`)
  return found
}
