/** Those who read a partition, and those who have its oldest records deleted. */
import { ErrorCode } from '../../protocol/errors.ts'
import { readRecords } from '../replication/pinned-records.ts'
import { checkRead } from './audit.ts'
import type { DiskTrouble } from './disk-trouble.ts'
import type { PartitionModel } from './model.ts'
import type { Stage } from './stage.ts'
import { isDiskError } from './story.ts'
import { hold } from './violation.ts'

export class Consumers {
  private readonly stage: Stage
  private readonly trouble: DiskTrouble

  constructor(stage: Stage, trouble: DiskTrouble) {
    this.stage = stage
    this.trouble = trouble
  }

  /** A fetch by a consumer, who may be behind or at the end. */
  async read(): Promise<void> {
    const { stage, trouble } = this
    const { random, engine } = stage
    const model = stage.anyModel()
    const log = model && stage.logOf(model)
    if (!model || !log?.isOnline) return
    const { logStartOffset, highWatermark } = log
    const offset = logStartOffset + BigInt(random.below(Number(highWatermark - logStartOffset) + 1))
    const { faults } = trouble
    const [outcome] = await engine.replicas.fetch({
      replicaId: -1,
      isolation: 'high-watermark',
      maxWaitMs: random.below(500),
      minBytes: 1,
      maxBytes: 1 + random.below(5_000),
      targets: [this.fetchTarget(model, offset)],
    })
    // What the disk has changed is not given out as if it were intact, and that is all.
    if (model.rot !== undefined) return
    const isThere = outcome!.error === ErrorCode.NONE
    hold(
      isThere ||
        outcome!.error === ErrorCode.OFFSET_OUT_OF_RANGE ||
        stage.logOf(model)?.isOnline !== true ||
        trouble.faults > faults ||
        stage.world.clock.elapsed() - trouble.lastFaultMs < 1_000,
      'reads give what was acknowledged',
      () => `${model.name} at ${offset}: error ${outcome!.error}`,
    )
    if (!isThere) return
    const bytes = await readRecords(outcome!.records).catch(error => {
      if (!isDiskError(error)) throw error
    })
    if (bytes && model.rot === undefined) checkRead(model, offset, { bytes, before: highWatermark })
  }

  private fetchTarget(model: PartitionModel, fetchOffset: bigint) {
    return {
      topic: model.topic,
      topicId: model.topicId,
      index: model.index,
      currentLeaderEpoch: -1,
      fetchOffset,
      lastFetchedEpoch: -1,
      logStartOffset: -1n,
      maxBytes: 1 + this.stage.random.below(3_000),
    }
  }

  deleteRecords(): void {
    const { stage } = this
    const { random, engine, life } = stage
    const model = stage.anyModel()
    const log = model && stage.logOf(model)
    if (!model || !log?.isOnline) return
    const { logStartOffset, highWatermark } = log
    const offset = logStartOffset + BigInt(random.below(Number(highWatermark - logStartOffset) + 1))
    // From now on they may be gone.
    if (offset > model.deletedTo) model.deletedTo = offset
    stage.launch(async () => {
      const deleted = await engine.replicas.deleteRecords(model.topic, model.index, offset)
      if (stage.life !== life) return
      stage.note(`${model.name}: records are deleted to ${offset}, error ${deleted.error}`)
      if (deleted.error) return
      hold(deleted.value >= offset, 'the log start never goes back', () => `${model.name}: ${deleted.value}`)
      if (offset > model.startFloor) model.startFloor = offset
    })
  }
}
