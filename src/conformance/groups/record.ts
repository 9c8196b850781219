/**
 * Holds the conversations about groups with a broker that runs, and prints what it answered as JSON. Run on
 * Apache Kafka, it makes the expectations that the tests compare Klamm with:
 *
 *     node dist/src/conformance/groups/record.js plain 127.0.0.1:9092 > plain.json
 */

import { ErrorCode } from '../../../protocol/errors.ts'
import { nodePlatform } from '../../platform/node.ts'
import { asText, realSide } from '../recording.ts'
import type { Entry, Side } from '../talk.ts'
import { CONSUMER_CONVERSATIONS } from './consumer-conversations.ts'
import { CONVERSATIONS, hold } from './conversations.ts'
import { FIND, GroupTalk } from './group-talk.ts'

/** Groups must have a coordinator before the first conversation: asking for it makes the topic. */
export async function prepareGroups(side: Side): Promise<void> {
  const talk = new GroupTalk(side, 'preparation')
  for (;;) {
    await talk.call('admin', FIND, 3, { key: 'preparation', keyType: 0, coordinatorKeys: [] })
    const { groups } = await talk.describe(['preparation'], { v: 5 })
    if (groups[0]?.errorCode === ErrorCode.NONE) return talk.close()
    await side.wait(100)
  }
}

const PATIENCE_MS = 25_000

export async function record(
  setting: string,
  side: Side,
  names?: RegExp,
): Promise<Record<string, readonly Entry[]>> {
  await prepareGroups(side)
  const transcripts: Record<string, readonly Entry[]> = {}
  for (const conversation of [...CONVERSATIONS, ...CONSUMER_CONVERSATIONS]) {
    if (conversation.setting !== setting || names?.test(conversation.name) === false) continue
    transcripts[conversation.name] = [...(await hold(conversation, side, side.wait(PATIENCE_MS)))]
  }
  return transcripts
}

if (process.argv[1]?.endsWith('record.js')) {
  const [, , setting = 'plain', address = '127.0.0.1:9092', names] = process.argv
  const { network, clock } = nodePlatform()
  const side = realSide(network, clock, address)
  const transcripts = await record(setting, side, names === undefined ? undefined : new RegExp(names))
  process.stdout.write(asText(transcripts))
  process.exit(0)
}
