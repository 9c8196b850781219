/** What the simulation watches, by name, and how it says that it did not hold. */

export const INVARIANTS = {
  'acknowledged is durable': 'what a producer was told to be there is there after recovery',
  'offsets are contiguous': 'every offset from the log start to the log end is there, once',
  'only what was sent is stored': 'no batch that was refused, lost or never sent is in a log, and none twice',
  'reads give what was acknowledged': 'a fetch answers with the very bytes, from the offset asked for',
  'index entries point to batch starts': 'offset, time and transaction indexes say what the batches say',
  'times lead to their offsets': 'a look-up by time finds the first record at or after it',
  'the high watermark never goes back': 'while a leader lives',
  'the log start never goes back': 'not in a life, and not by a crash',
  'nothing is deleted early': 'retention takes only what is old or too much',
  'retention deletes': 'what is old or too much is gone once retention has run',
  'producer state equals a replay': 'epoch, sequence and transaction of each producer follow from the log',
  'retries are recognised': 'a batch that is sent again is answered with its offsets',
  'transactions are told rightly': 'aborted ones and the last stable offset follow from the log',
  'leader epochs are consistent': 'each batch lies in its own epoch',
  'the last value of each key survives': 'compaction removes only what a later record replaces',
  'tombstones stay for their time': 'what has deleted a key is there for whoever is not far behind',
  'damage is left as it is': 'what the disk has changed is not copied, and nothing else suffers from it',
  'deleted is deleted': 'a topic that was created anew is empty',
  'service resumes': 'once the disk works and has room, every partition takes records',
  'everything comes to an end': 'every request is answered, every start and stop ends',
  'no assertion fails': 'and nothing throws but the disk',
} as const

export type Invariant = keyof typeof INVARIANTS

export class Violation extends Error {
  override readonly name = 'Violation'
  readonly invariant: Invariant

  constructor(invariant: Invariant, details: string) {
    super(`${invariant}: ${details}`)
    this.invariant = invariant
  }
}

export function hold(claim: boolean, invariant: Invariant, details: () => string): void {
  if (!claim) throw new Violation(invariant, details())
}
