/** All that is said to brokers about groups. */

import { type Entry, holdScript, type Side } from '../talk.ts'
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
export function hold(
  { name, hold: script }: Pick<Conversation, 'name' | 'hold'>,
  side: Side,
  patience?: Promise<void>,
): Promise<readonly Entry[]> {
  const talk = new GroupTalk(side, name)
  return holdScript(talk, script(talk), { side, patience })
}
