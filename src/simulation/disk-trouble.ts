/** What disks do now and then: they fail, are full or slow, open no file, or change bytes at rest. */
import { IN_DOUBT } from '../log/checkpoint.ts'
import type { Log } from '../log/log.ts'
import type { Random } from '../platform/platform.ts'
import type { DiskFaults } from '../platform/simulated/simulated-disk.ts'
import { RecordBatch } from '../records/batch.ts'
import type { PartitionModel } from './model.ts'
import type { Stage } from './stage.ts'
import { hold } from './violation.ts'

const ROOMY = 2 ** 40
/** Its offset and the leader's epoch, which no checksum covers. */
const UNCHECKED_BYTES = 16

export class DiskTrouble {
  /** How many calls have failed, and when the last of them. */
  faults = 0
  lastFaultMs = Number.NEGATIVE_INFINITY
  /** Log directories where a sync has failed, of whatever file: what is read may not be on the disk. */
  readonly failedSyncs = new Set<string>()
  private isBroken = false
  private lastTroubleMs = 0
  private readonly stage: Stage
  private readonly logDirs: readonly string[]

  constructor(stage: Stage, logDirs: readonly string[]) {
    this.stage = stage
    this.logDirs = logDirs
    const { clock, faults } = stage.world
    faults.onFault = (call, path, code) => {
      this.faults++
      this.lastFaultMs = clock.elapsed()
      stage.note(`the disk fails: ${code} at ${call} of ${path}`)
      if (call === 'sync') this.syncFailed(path)
    }
  }

  get isFull(): boolean {
    return this.stage.world.memory.capacityBytes < ROOMY
  }

  /** For how long the disk has done as it was told. */
  get quietMs(): number {
    if (this.isFull || this.isBroken) return 0
    return this.stage.world.clock.elapsed() - Math.max(this.lastTroubleMs, this.lastFaultMs)
  }

  get hasFailedSync(): boolean {
    return this.failedSyncs.size > 0
  }

  private syncFailed(path: string): void {
    for (const directory of this.logDirs)
      if (path.startsWith(`${directory}/`)) this.failedSyncs.add(directory)
  }

  /** Whether the broker has told its next life of each. */
  async isMarked(): Promise<boolean> {
    for (const directory of this.failedSyncs) {
      if (!(await this.stage.world.memory.status(`${directory}/${IN_DOUBT}`))) return false
    }
    return true
  }

  async fill(): Promise<void> {
    const { world, random } = this.stage
    const { usableBytes, totalBytes } = await world.memory.space(this.logDirs[0]!)
    const room = random.below(2_500)
    this.stage.note(`the disk has room for ${room} bytes`)
    world.memory.capacityBytes = Number(totalBytes - usableBytes) + room
  }

  makeRoom(): void {
    if (!this.isFull) return
    this.stage.note('the disk has room again')
    this.stage.world.memory.capacityBytes = ROOMY
    this.lastTroubleMs = this.stage.world.clock.elapsed()
  }

  break(): void {
    const { world, random } = this.stage
    addTrouble(world.faults, this.logDirs[random.below(this.logDirs.length)]!, random)
    this.isBroken = true
  }

  mend(): void {
    this.stage.world.faults.clear()
    if (this.isBroken) this.lastTroubleMs = this.stage.world.clock.elapsed()
    this.isBroken = false
  }

  /** Of a batch that nobody has a reason to touch: a start after a crash does not look at its segment. */
  async rot(model: PartitionModel, log: Log): Promise<void> {
    const { world, random } = this.stage
    const end = (i: number) => log.segments[i + 1]?.baseOffset ?? log.logEndOffset
    const sealed = log.segments.filter((it, i) => it.sizeBytes > 0 && end(i) < log.recoveryPoint)
    const segment = sealed[random.below(Math.max(1, sealed.length))]
    if (segment === undefined || !(await log.home.saveRecoveryPoints())) return
    const { path } = segment
    if (!path.endsWith('.log')) return
    const at = log.segments.indexOf(segment)
    const bytes = await world.memory.readFile(path).catch(() => undefined)
    if (bytes === undefined || at < 0 || segment.path !== path || (await this.isBeingCopied(model, log)))
      return
    const starts = [...positionsOf(bytes)]
    const position = starts[random.below(starts.length)]!
    const size = new RecordBatch(bytes, position).sizeInBytes
    const where = position + UNCHECKED_BYTES + random.below(size - UNCHECKED_BYTES)
    world.memory.rot(path, where, 1 << random.below(8))
    const rotten = await world.memory.readFile(path)
    model.rot = { from: segment.baseOffset, to: end(at), path, bytes: rotten }
    this.stage.note(`byte ${where} of ${path} turns over`)
  }

  /**
   * Of what follows from the batches: whoever meets it does without, and it is made anew. Where the file has
   * no checksum, as Kafka made it, and no other way to tell, only what makes it unreadable is put in.
   */
  async rotDerived(model: PartitionModel, log: Log): Promise<void> {
    const { world, random } = this.stage
    const { memory } = world
    const list = async (directory: string) =>
      (await memory.list(directory)).filter(it => !it.isDirectory).map(({ name }) => `${directory}/${name}`)
    const files = [...(await list(log.location.path)), ...(await list(log.home.path))]
    const isText = (path: string) => /(leader-epoch|replication-offset|cleaner-offset)-checkpoint$/.test(path)
    const derived = files.filter(path => isText(path) || /\d\.(index|timeindex|snapshot)$/.test(path))
    const path = derived[random.below(Math.max(1, derived.length))]
    const sizeBytes = path === undefined ? 0 : ((await memory.status(path))?.sizeBytes ?? 0)
    if (path === undefined || sizeBytes === 0) return
    const where = isText(path) ? 0 : random.below(sizeBytes)
    memory.rot(path, where, isText(path) ? 0x80 : 1 << random.below(8))
    model.hasRottenIndex ||= path.endsWith('index')
    this.stage.note(`byte ${where} of ${path} turns over`)
  }

  /** By compaction, or on its way to another directory: what was read before is intact. */
  private async isBeingCopied({ name }: PartitionModel, { home }: Log): Promise<boolean> {
    const { memory } = this.stage.world
    const files = await memory.list(`${home.path}/${name}`)
    const others = await Promise.all(this.logDirs.map(directory => memory.list(directory)))
    return (
      files.some(file => /\.(cleaned|swap)$/.test(file.name)) ||
      others.flat().some(other => other.name.startsWith(`${name}.`) && other.name.endsWith('-future'))
    )
  }

  /** Damage is left as it is, for whoever can mend it, until the segment goes as a whole. */
  async checkRot(model: PartitionModel, log: Log): Promise<void> {
    const { rot } = model
    if (rot === undefined || model.isSuspect || log.logStartOffset >= rot.to) return
    const now = await this.stage.world.memory.readFile(rot.path).catch(() => undefined)
    if (log.logStartOffset >= rot.to) return
    hold(now?.equals(rot.bytes) === true, 'damage is left as it is', () => {
      return `${rot.path}, which is damaged, is ${now === undefined ? 'gone' : 'other than it was'}`
    })
  }
}

function* positionsOf(bytes: Buffer): Iterable<number> {
  for (let at = 0; at < bytes.length; at += new RecordBatch(bytes, at).sizeInBytes) yield at
}

function addTrouble(faults: DiskFaults, under: string, random: Random): void {
  const calls = [['write'], ['sync'], ['read'], ['rename', 'open'], ['syncDirectory']] as const
  switch (random.below(5)) {
    case 0:
      faults.add({ calls: calls[random.below(calls.length)]!, under, code: 'EIO', times: 1 })
      break
    case 1:
      faults.add({ calls: ['sync'], under, suffix: '.log', code: 'EIO', times: 1 })
      break
    case 2:
      faults.add({ under, delayMs: 20 + random.below(200), times: 40 })
      break
    case 3:
      faults.add({ calls: ['open'], under, code: 'EMFILE', times: 1 + random.below(5) })
      break
    default:
      faults.add({ calls: ['sync', 'syncDirectory'], under, delayMs: 300, times: 20 })
  }
}
