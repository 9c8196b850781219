/** All that is said to brokers about transactions. */
import { type Entry, holdScript, type Side } from '../talk.ts'
import { ADMINISTRATION } from './administration.ts'
import { BAD_INPUT } from './bad-input.ts'
import { BOTH_VERSIONS } from './both-versions.ts'
import { MARKERS } from './markers.ts'
import { READING } from './reading.ts'
import { type TransactionConversation, TransactionTalk } from './transaction-talk.ts'

export const CONVERSATIONS: readonly TransactionConversation[] = [
  ...BOTH_VERSIONS,
  ...BAD_INPUT,
  ...MARKERS,
  ...ADMINISTRATION,
  ...READING,
]

/** Holds one conversation; what fails in it, or its patience, ends the transcript. */
export function hold(
  { name, hold: script }: TransactionConversation,
  side: Side,
  patience?: Promise<void>,
): Promise<readonly Entry[]> {
  const talk = new TransactionTalk(side, name)
  return holdScript(talk, script(talk), { side, patience })
}
