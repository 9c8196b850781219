/** All that is said to brokers about groups. */

import type { Entry, Side } from '../talk.ts'
import { ADMINISTRATION } from './administration.ts'
import { type Conversation, GroupTalk } from './group-talk.ts'
import { MEMBERSHIP } from './membership.ts'
import { OFFSET_CONVERSATIONS } from './offsets.ts'
import { STATIC_MEMBERS } from './static-members.ts'
import { TIME } from './time.ts'

export const CONVERSATIONS: readonly Conversation[] = [
  ...MEMBERSHIP,
  ...TIME,
  ...STATIC_MEMBERS,
  ...OFFSET_CONVERSATIONS,
  ...ADMINISTRATION,
]

/** Holds one conversation; what fails in it, or its patience, ends the transcript. */
export async function hold(
  { name, hold: script }: Conversation,
  side: Side,
  patience?: Promise<void>,
): Promise<readonly Entry[]> {
  const talk = new GroupTalk(side, name)
  const held = script(talk).catch(error => talk.note('ended by', (error as Error).message))
  const stuck = patience?.then(() => talk.note('ended by', 'no answer'))
  await (stuck ? Promise.race([held, stuck]) : held)
  await side.settle()
  const transcript = talk.transcript.map(({ said, heard }) => ({ said, heard: heard ?? 'nothing' }))
  // Members that still wait are of no interest any more.
  void talk.close()
  return transcript
}
