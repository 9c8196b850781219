/**
 * The shell over the metadata store: commands run one at a time, each a pure function from the image to
 * changes and an answer; what it changes is stored in one durable step, becomes the next image, and is taken
 * up by all listeners before the command is answered. What cannot be stored is refused and changes nothing;
 * reading goes on.
 */
import { ErrorCode, type Refusal, type Result, refuse } from '../../protocol/errors.ts'
import type { BrokerConfig } from '../metadata/broker-config.ts'
import type { ClusterImage, ImageChanges } from '../metadata/image.ts'
import { decodeRecords, encodeChanges } from '../metadata/metadata-records.ts'
import { featureProblem } from '../metadata/personas.ts'
import type { Logger } from '../observe/logger.ts'
import type { Clock, MetadataStore, Random } from '../platform/platform.ts'
import {
  type AlteredResource,
  type AlterResource,
  alterConfigs,
  type IncrementalAlterResource,
  incrementalAlterConfigs,
} from './alter-configs.ts'
import { type CreatePartitions, type CreatePartitionsResult, createPartitions } from './create-partitions.ts'
import { type CreateTopic, type CreateTopicResult, createTopics } from './create-topics.ts'
import { type DeleteTopic, type DeleteTopicResult, deleteTopics } from './delete-topics.ts'
import type { Outcome } from './outcome.ts'
import { allocateProducerIds, type ProducerIdBlock } from './producer-ids.ts'
import { bootstrapChanges, registrationChanges } from './registration.ts'
import {
  type AlteredScramUser,
  type AlterScramCredentials,
  alterScramCredentials,
} from './scram-credentials.ts'
import { type FeatureUpdate, updateFeatures } from './update-features.ts'

export interface ControllerOptions {
  readonly store: MetadataStore
  readonly config: BrokerConfig
  readonly clock: Clock
  readonly random: Random
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>
  /** For a store that is new, such as the one in `meta.properties`; made up where there is none. */
  readonly clusterId?: string
  /** Why a store without records is refused: there are logs already, which a new cluster would not know. */
  readonly whyNotNew?: string
}

/** Takes up a new image; the command that made it waits. */
export type ImageListener = (image: ClusterImage, previous: ClusterImage) => void | Promise<void>

export interface CommandOptions {
  /** After this the caller is told REQUEST_TIMED_OUT; what was begun goes on. 0 and less: no limit. */
  readonly timeoutMs?: number
  readonly validateOnly?: boolean
}

interface Command<Answer> {
  readonly timeoutMs?: number | undefined
  run(image: ClusterImage): Outcome<Answer>
  /** The answer when there is no telling, or nothing was done: a refusal for every item. */
  refused(refusal: Refusal): Answer
}

export class Controller {
  private readonly options: ControllerOptions
  private readonly listeners: ImageListener[] = []
  private current: ClusterImage
  private queue: Promise<unknown> = Promise.resolve()
  private isClosed = false

  private constructor(options: ControllerOptions, image: ClusterImage) {
    this.options = options
    this.current = image
    options.config.update(image)
  }

  /** Loads what is stored, sets up a cluster that is new, and registers this broker. */
  static async open(options: ControllerOptions): Promise<Controller> {
    const { store, config, random, clusterId } = options
    const { version, records } = await store.load()
    const stored = decodeRecords(version, records)
    if (stored.clusterId !== '' && clusterId !== undefined && stored.clusterId !== clusterId) {
      throw new Error(
        `The metadata belongs to cluster ${stored.clusterId}, the log directories to ${clusterId}: ` +
          'they come from different brokers.',
      )
    }
    const tooNew = featureProblem(config.persona, stored.features)
    if (tooNew !== undefined) {
      throw new Error(`klamm.persona: the cluster's ${tooNew}; choose another persona or another directory`)
    }
    const isNew = stored.clusterId === ''
    if (isNew && options.whyNotNew !== undefined) throw new Error(options.whyNotNew)
    const controller = new Controller(options, stored)
    const first = isNew ? bootstrapChanges({ config, random, clusterId }) : {}
    await controller.apply({ ...first, ...registrationChanges(stored, config) })
    return controller
  }

  /** The cluster as it is now. */
  image(): ClusterImage {
    return this.current
  }

  /** Listeners are called in the order of their coming, for every image after the current one. */
  onImage(listener: ImageListener): void {
    this.listeners.push(listener)
  }

  /** A result for each name, in the order of the request. */
  createTopics(
    topics: readonly CreateTopic[],
    { timeoutMs, validateOnly = false }: CommandOptions = {},
  ): Promise<readonly CreateTopicResult[]> {
    const { config, random } = this.options
    return this.submit({
      timeoutMs,
      run: image => createTopics(topics, { image, config, random, validateOnly }),
      refused: result => topics.map(({ name }) => ({ name, result })),
    })
  }

  /** A result for each topic asked for, in the order of the request. */
  deleteTopics(
    topics: readonly DeleteTopic[],
    { timeoutMs }: CommandOptions = {},
  ): Promise<readonly DeleteTopicResult[]> {
    const { config } = this.options
    return this.submit({
      timeoutMs,
      run: image => deleteTopics(topics, { image, config }),
      refused: result => topics.map(({ name, topicId }) => ({ name, topicId, result })),
    })
  }

  /** A result for each name, in the order of the request. */
  createPartitions(
    topics: readonly CreatePartitions[],
    { timeoutMs, validateOnly = false }: CommandOptions = {},
  ): Promise<readonly CreatePartitionsResult[]> {
    const { config, random } = this.options
    return this.submit({
      timeoutMs,
      run: image => createPartitions(topics, { image, config, random, validateOnly }),
      refused: result => topics.map(({ name }) => ({ name, result })),
    })
  }

  /** Replaces configs: what is not mentioned goes back to its default. */
  alterConfigs(
    resources: readonly AlterResource[],
    { timeoutMs, validateOnly = false }: CommandOptions = {},
  ): Promise<readonly AlteredResource[]> {
    const { config } = this.options
    return this.submit({
      timeoutMs,
      run: image => alterConfigs(resources, { image, config, validateOnly }),
      refused: result => resources.map(resource => ({ ...resource, result })),
    })
  }

  /** Edits configs, key by key. */
  incrementalAlterConfigs(
    resources: readonly IncrementalAlterResource[],
    { timeoutMs, validateOnly = false }: CommandOptions = {},
  ): Promise<readonly AlteredResource[]> {
    const { config } = this.options
    return this.submit({
      timeoutMs,
      run: image => incrementalAlterConfigs(resources, { image, config, validateOnly }),
      refused: result => resources.map(resource => ({ ...resource, result })),
    })
  }

  /** A result for each user that the request names. */
  alterScramCredentials(request: AlterScramCredentials): Promise<readonly AlteredScramUser[]> {
    const users = new Set([...request.deletions, ...request.upsertions].map(({ name }) => name))
    return this.submit({
      run: image => alterScramCredentials(request, image),
      refused: result => Array.from(users, user => ({ user, result })),
    })
  }

  /** All of the levels are taken, or none. */
  updateFeatures(
    updates: readonly FeatureUpdate[],
    { timeoutMs, validateOnly = false }: CommandOptions = {},
  ): Promise<Result<void>> {
    const { nodeId, persona } = this.options.config
    return this.submit<Result<void>>({
      timeoutMs,
      run: image => updateFeatures(updates, { image, nodeId, persona, validateOnly }),
      refused: result => result,
    })
  }

  /** The next block of producer ids; undefined when it could not be stored. No id is ever given out twice. */
  allocateProducerIds(): Promise<ProducerIdBlock | undefined> {
    return this.submit<ProducerIdBlock | undefined>({ run: allocateProducerIds, refused: () => undefined })
  }

  /** Lets what was submitted end, then closes the store. */
  async close(): Promise<void> {
    this.isClosed = true
    await this.queue
    await this.options.store.close()
  }

  /** Takes a command its turn; past its deadline, the caller no longer waits for it. */
  private submit<Answer>(command: Command<Answer>): Promise<Answer> {
    if (this.isClosed) return Promise.resolve(command.refused(refuse(ErrorCode.BROKER_NOT_AVAILABLE)))
    const expiry = refuse(ErrorCode.REQUEST_TIMED_OUT, 'The request timed out.')
    let isExpired = false
    const turn = this.queue.then(() => (isExpired ? command.refused(expiry) : this.execute(command)))
    // The next in the queue waits for the end of this one, however it ends; its failure is its caller's.
    this.queue = turn.catch(() => undefined)
    const { timeoutMs = 0 } = command
    if (timeoutMs <= 0) return turn
    return new Promise((resolve, reject) => {
      const timer = this.options.clock.after(timeoutMs, () => {
        isExpired = true
        resolve(command.refused(expiry))
      })
      turn.then(resolve, reject).finally(() => timer.cancel())
    })
  }

  private async execute<Answer>(command: Command<Answer>): Promise<Answer> {
    const { changes, answer } = command.run(this.current)
    if (!changes) return answer
    try {
      await this.apply(changes)
      return answer
    } catch (error) {
      this.options.logger.error('The metadata could not be stored', { error })
      const message = `The metadata could not be stored: ${(error as Error).message}`
      return command.refused(refuse(ErrorCode.KAFKA_STORAGE_ERROR, message))
    }
  }

  private async apply(changes: ImageChanges): Promise<void> {
    const previous = this.current
    const version = await this.options.store.commit(previous.version, encodeChanges(changes))
    const image = previous.with(version, changes)
    this.current = image
    this.options.config.update(image)
    for (const listener of this.listeners) {
      try {
        await listener(image, previous)
      } catch (error) {
        // The change is made and durable; a listener that cannot follow has its own way to say so to clients.
        this.options.logger.error('A part of the broker could not take up new metadata', { error })
      }
    }
  }
}
