/** What the events and the invariants of a run work on. */
import type { Log } from '../log/log.ts'
import type { World } from '../platform/simulated/world.ts'
import type { Engine } from './engine.ts'
import type { PartitionModel } from './model.ts'

export interface Stage {
  readonly world: World
  readonly random: World['random']
  readonly engine: Engine
  /** Of the partitions that there are. */
  readonly models: readonly PartitionModel[]
  /** The broker's lives are counted: whoever waited for one that has ended gets no answer. */
  readonly life: number
  note(line: string): void
  /** Undefined while the broker is down, or without the log. */
  logOf(model: PartitionModel): Log | undefined
  anyModel(): PartitionModel | undefined
  /** Something goes on beside the rest; a violation in it ends the run. */
  launch(task: () => Promise<void>): void
  finish<T>(promise: Promise<T>): Promise<T>
  /** All that was launched comes to its end. */
  quiesce(): Promise<void>
}
