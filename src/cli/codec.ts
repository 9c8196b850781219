/** `klamm codec`: the emitted code of a message, as the broker runs it. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { apis } from '../../protocol/apis.ts'
import { emitReader, emitWriter } from '../../protocol/emit.ts'
import type { Message } from '../../protocol/schema.ts'
import { print, UsageError } from './terminal.ts'

export async function printCodec(name: string): Promise<void> {
  const messages = await allMessages()
  const message = messages.get(name.toLowerCase())
  if (!message) {
    const near = [...messages.values()]
      .map(it => it.name)
      .filter(it => it.toLowerCase().includes(name.toLowerCase()))
    const hint = near.length > 0 ? `; there are ${near.slice(0, 8).join(', ')}` : ''
    throw new UsageError(`There is no message ${name}${hint}`)
  }
  print(`// ${message.name}, versions ${message.versions.first} to ${message.versions.last}`)
  print(`${emitReader(message)}\n\n${emitWriter(message)}`)
}

/** Requests and responses, and the records of internal topics, by name in small letters. */
async function allMessages(): Promise<Map<string, Message>> {
  const messages = [...apis.values()].flatMap(({ request, response }) => [request, response])
  const directory = join(import.meta.dirname, '../../protocol/records')
  for (const file of readdirSync(directory).filter(it => /^(?!.*\.(test|d)\.)[a-z-]+\.[jt]s$/.test(it))) {
    const module: Record<string, unknown> = await import(pathToFileURL(join(directory, file)).href)
    messages.push(...Object.values(module).filter(isMessage))
  }
  return new Map(messages.map(message => [message.name.toLowerCase(), message]))
}

function isMessage(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && 'fields' in value && 'versions' in value
}
