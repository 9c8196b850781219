/**
 * Holds the conversations about transactions with a broker that runs, and prints what it answered as JSON.
 * Run on Apache Kafka, it makes the expectations that the tests compare Klamm with:
 *
 *     node dist/src/conformance/transactions/record.js 127.0.0.1:9092 > transactions.json
 */
import { ErrorCode } from '../../../protocol/errors.ts'
import { nodePlatform } from '../../platform/node.ts'
import { FIND } from '../groups/group-talk.ts'
import { asText, realSide } from '../recording.ts'
import type { Entry, Side } from '../talk.ts'
import { CONVERSATIONS, hold } from './conversations.ts'
import { TransactionTalk } from './transaction-talk.ts'

const PATIENCE_MS = 30_000
/** A group's and a transactional id, of no conversation; begun until both coordinators answer. */
export const PREPARATION = 'preparation'

/** Both coordinators must be there before the first conversation: asking for them makes their topics. */
export async function prepareTransactions(side: Side): Promise<void> {
  const talk = new TransactionTalk(side, PREPARATION)
  for (;;) {
    await talk.call('admin', FIND, 3, { key: PREPARATION, keyType: 0, coordinatorKeys: [] })
    await talk.call('admin', FIND, 3, { key: PREPARATION, keyType: 1, coordinatorKeys: [] })
    const { groups } = await talk.describe([PREPARATION], { v: 5 })
    const { errorCode } = await talk.init('admin')
    if (groups[0]?.errorCode === ErrorCode.NONE && errorCode === ErrorCode.NONE) return talk.close()
    await side.wait(100)
  }
}

export async function record(side: Side, names?: RegExp): Promise<Record<string, readonly Entry[]>> {
  await prepareTransactions(side)
  const transcripts: Record<string, readonly Entry[]> = {}
  for (const conversation of CONVERSATIONS) {
    if (names?.test(conversation.name) === false) continue
    transcripts[conversation.name] = [...(await hold(conversation, side, side.wait(PATIENCE_MS)))]
  }
  return transcripts
}

if (/transactions.record\.[jt]s$/.test(process.argv[1] ?? '')) {
  const [, , address = '127.0.0.1:9092', names] = process.argv
  const { network, clock } = nodePlatform()
  const side = realSide(network, clock, address)
  process.stdout.write(asText(await record(side, names === undefined ? undefined : new RegExp(names))))
  process.exit(0)
}
