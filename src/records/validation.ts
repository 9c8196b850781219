/**
 * What the broker checks before it takes a client's records, by Kafka 4.3's rules, and the rewriting that a
 * topic's settings ask for (append time, another compression, an old message format).
 *
 * The common case walks the records without an object or a bigint for any; only when something is amiss are
 * they walked again, slowly, to say what.
 */
import { ErrorCode, ok, type Refusal, type Result, refuse } from '../../protocol/errors.ts'
import {
  BATCH_HEADER_BYTES,
  COMPRESSION_MASK,
  type CompressionType,
  LENGTH_AT,
  LOG_OVERHEAD_BYTES,
  MAGIC_AT,
  NO_TIMESTAMP,
  RecordBatch,
  type TimestampType,
} from './batch.ts'
import { assembleBatch, type BatchAttributes, buildBatch, type NewRecord } from './builder.ts'
import { type Message, readInnerMessages, readMessageSet } from './legacy.ts'
import { decodeRecords } from './lookup.ts'
import { openRecords, RecordCursor } from './record-cursor.ts'

/** What the topic and the request ask of the records. All times are in ms. */
export interface ProduceRules {
  /** `topic-partition`, for messages. */
  readonly topicPartition: string
  /** The version of the Produce request: from 3 on exactly one v2 batch is allowed, zstd only from 7 on. */
  readonly produceVersion: number
  readonly now: bigint
  readonly timestampType: TimestampType
  readonly timestampBeforeMaxMs: bigint
  readonly timestampAfterMaxMs: bigint
  /** `compression.type`: `producer` keeps what came. */
  readonly compressionType: 'producer' | CompressionType
  /** The level of that codec where the topic sets one. */
  readonly compressionLevel?: number
  readonly maxMessageBytes: number
  readonly segmentBytes: number
  /** `cleanup.policy` contains `compact`: every record needs a key. */
  readonly isCompacted: boolean
  /** Bounds what one batch may take once decompressed; DEFAULT_MAX_DECOMPRESSED_BYTES unless told. */
  readonly maxDecompressedBytes?: number
  /** `header` trusts the records inside an intact batch; not Kafka's behaviour, but much cheaper. */
  readonly depth?: 'records' | 'header'
}

/** One batch, ready for `assignOffset`. It is the client's own buffer where nothing had to change. */
export interface ValidatedBatch {
  readonly batch: RecordBatch
  readonly recordCount: number
  readonly maxTimestamp: bigint
  /** For the Produce response: -1 unless the topic uses LogAppendTime. */
  readonly logAppendTimeMs: bigint
  /** The batch was built anew: other compression, or an old format. */
  readonly isRebuilt: boolean
}

/** Index and message as Produce v8+ answers them. */
export interface RecordError {
  readonly batchIndex: number
  readonly message: string
}

export interface ProduceRefusal extends Refusal {
  readonly recordErrors?: readonly RecordError[]
}

export type ValidationResult = { readonly error: 0; readonly value: ValidatedBatch } | ProduceRefusal

/** More are counted, not listed: a batch may hold millions. */
const MOST_RECORD_ERRORS = 1000

/** `records` is edited in place where that is enough; nothing is kept of it after a refusal. */
export function validateProduced(records: Buffer, rules: ProduceRules): ValidationResult {
  const { produceVersion, topicPartition } = rules
  const size = firstEntrySize(records)
  if (size.error) return size
  if (size.value === undefined) {
    return invalid(`Produce v${produceVersion} needs a record batch for ${topicPartition}, and has none`)
  }
  const magic = records.readInt8(MAGIC_AT)
  if (magic < 2 && produceVersion < 3) return validateMessageSet(records, rules)
  if (magic !== 2) {
    return invalid(`Produce v${produceVersion} takes batches of format 2 only, not of format ${magic}`)
  }
  if (size.value < BATCH_HEADER_BYTES) return corrupt(`A batch of ${size.value} bytes is too small`)
  const next = firstEntrySize(records.subarray(size.value))
  if (next.error) return next
  if (next.value !== undefined) {
    return invalid(`Produce v${produceVersion} takes exactly one record batch for ${topicPartition}`)
  }
  return validateBatch(new RecordBatch(records), rules)
}

/** Of the batch or old message at the start; undefined where there is no whole one, as if it had not come. */
function firstEntrySize(records: Buffer): Result<number | undefined> {
  if (records.length < MAGIC_AT + 1) return ok(undefined)
  const size = records.readInt32BE(LENGTH_AT)
  // The least that any format takes.
  if (size < 14) return corrupt(`A record size of ${size} bytes is less than any record's`)
  const magic = records.readInt8(MAGIC_AT)
  if (magic < 0 || magic > 2) return corrupt(`There is no message format ${magic}`)
  return ok(size > records.length - LOG_OVERHEAD_BYTES ? undefined : size + LOG_OVERHEAD_BYTES)
}

function validateBatch(batch: RecordBatch, rules: ProduceRules): ValidationResult {
  const refused = checkHeader(batch, rules)
  if (refused) return refused
  const source = batch.compression!
  const target = rules.compressionType === 'producer' ? source : rules.compressionType
  const needsRecords = rules.depth !== 'header' || source !== target
  if (!needsRecords) return finishInPlace(batch, batch.maxTimestamp, rules)

  const opened = openRecords(batch, rules.maxDecompressedBytes)
  if (opened.error) return opened
  const walked =
    rules.depth === 'header'
      ? { error: 0 as const, value: batch.maxTimestamp }
      : walkRecords(batch, opened.value, rules)
  if (walked.error) return walked
  if (source === target) return finishInPlace(batch, walked.value, rules)
  return recompress(batch, { target, plain: opened.value, maxTimestamp: walked.value }, rules)
}

function checkHeader(batch: RecordBatch, rules: ProduceRules): ProduceRefusal | undefined {
  const { topicPartition, produceVersion, maxMessageBytes } = rules
  const { baseOffset, sizeInBytes, lastOffsetDelta, recordCount } = batch
  if (batch.compression === 'zstd' && produceVersion < 7) {
    return refuse(
      ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
      `Produce v${produceVersion} is too old for zstd, which v7 brought`,
    )
  }
  if (baseOffset !== 0n) {
    return invalid(`A batch produced to ${topicPartition} must have base offset 0, not ${baseOffset}`)
  }
  if (sizeInBytes > maxMessageBytes) return tooLarge(sizeInBytes, rules)
  if (!batch.isChecksumValid()) {
    return corrupt(`A batch for ${topicPartition} does not have the checksum that it states, ${batch.crc}`)
  }
  if (batch.compression === undefined) {
    const type = batch.attributes & COMPRESSION_MASK
    return refuse(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, `There is no compression type ${type}`)
  }
  if (lastOffsetDelta < 0) {
    return invalid(`A batch for ${topicPartition} has a last offset delta of ${lastOffsetDelta}`)
  }
  if (recordCount <= 0) return invalid(`A batch for ${topicPartition} states ${recordCount} records`)
  if (recordCount !== lastOffsetDelta + 1) {
    return invalid(
      `A batch for ${topicPartition} states ${recordCount} records up to offset delta ${lastOffsetDelta}`,
    )
  }
  if (batch.isControl) return invalid(`Clients may not write control batches (${topicPartition})`)
  if (batch.hasProducerId && batch.baseSequence < 0) {
    return invalid(
      `A batch of producer ${batch.producerId} for ${topicPartition} has base sequence ${batch.baseSequence}`,
    )
  }
  return undefined
}

function finishInPlace(batch: RecordBatch, maxTimestamp: bigint, rules: ProduceRules): ValidationResult {
  const hasAppendTime = rules.timestampType === 'LogAppendTime'
  batch.setTimestampTypeAndMax(rules.timestampType, hasAppendTime ? rules.now : maxTimestamp)
  return finish(batch, false, rules)
}

function finish(batch: RecordBatch, isRebuilt: boolean, rules: ProduceRules): ValidationResult {
  const { sizeInBytes } = batch
  if (isRebuilt && sizeInBytes > rules.maxMessageBytes) return tooLarge(sizeInBytes, rules)
  if (sizeInBytes > rules.segmentBytes) {
    return refuse(
      ErrorCode.RECORD_LIST_TOO_LARGE,
      `${sizeInBytes} bytes are over segment.bytes, ${rules.segmentBytes} (${rules.topicPartition})`,
    )
  }
  const logAppendTimeMs = rules.timestampType === 'LogAppendTime' ? rules.now : NO_TIMESTAMP
  const { recordCount, maxTimestamp } = batch
  return ok({ batch, recordCount, maxTimestamp, logAppendTimeMs, isRebuilt })
}

/** The greatest timestamp, or what is wrong. */
type WalkResult = { readonly error: 0; readonly value: bigint } | ProduceRefusal

function walkRecords(batch: RecordBatch, plain: Buffer, rules: ProduceRules): WalkResult {
  const maxDelta = walkQuickly(batch, new RecordCursor(plain), rules)
  if (maxDelta === undefined) return walkSlowly(batch, new RecordCursor(plain), rules)
  return ok(batch.baseTimestamp + BigInt(maxDelta))
}

/** The greatest timestamp delta when all is well; undefined when not, or when doubles do not suffice. */
function walkQuickly(batch: RecordBatch, cursor: RecordCursor, rules: ProduceRules): number | undefined {
  const baseTimestamp = Number(batch.baseTimestamp)
  if (!Number.isSafeInteger(baseTimestamp) || batch.timestampType === 'LogAppendTime') return undefined
  const { recordCount } = batch
  const { isCompacted } = rules
  const isBounded = rules.timestampType === 'CreateTime'
  const leastDelta = isBounded ? Number(rules.now - rules.timestampBeforeMaxMs) - baseTimestamp : -Infinity
  const mostDelta = isBounded ? Number(rules.now + rules.timestampAfterMaxMs) - baseTimestamp : Infinity
  const noTimestampDelta = -1 - baseTimestamp
  let maxDelta = -Infinity
  for (let i = 0; i < recordCount; i++) {
    if (!cursor.next() || cursor.offsetDelta !== i) return undefined
    if (isCompacted && cursor.keyLength < 0) return undefined
    const { timestampDelta } = cursor
    if (timestampDelta < leastDelta || timestampDelta > mostDelta) {
      if (timestampDelta !== noTimestampDelta) return undefined
    }
    if (cursor.isTimestampWide) return undefined
    if (timestampDelta > maxDelta) maxDelta = timestampDelta
  }
  if (cursor.position !== cursor.end) return undefined
  // Kafka's maximum begins at -1, so lesser timestamps do not count.
  return Math.max(maxDelta, noTimestampDelta)
}

function walkSlowly(batch: RecordBatch, cursor: RecordCursor, rules: ProduceRules): WalkResult {
  const { recordCount, baseTimestamp } = batch
  const errors = new RecordErrors(rules)
  const hasAppendTime = batch.timestampType === 'LogAppendTime'
  let maxTimestamp = NO_TIMESTAMP
  for (let i = 0; i < recordCount; i++) {
    if (!cursor.next()) return invalid(`A batch for ${rules.topicPartition} is malformed: ${cursor.problem}`)
    if (cursor.offsetDelta !== i) {
      return invalid(
        `Record ${i} of a batch for ${rules.topicPartition} has offset delta ${cursor.offsetDelta}`,
      )
    }
    const timestamp = hasAppendTime
      ? batch.maxTimestamp
      : BigInt.asIntN(64, baseTimestamp + cursor.readTimestampDelta())
    errors.check(i, { hasKey: cursor.keyLength >= 0, timestamp, timestampType: batch.timestampType })
    if (timestamp > maxTimestamp) maxTimestamp = timestamp
  }
  if (cursor.position !== cursor.end) {
    return invalid(
      `A batch for ${rules.topicPartition} has ${cursor.end - cursor.position} bytes after its last record`,
    )
  }
  return errors.refusal() ?? ok(maxTimestamp)
}

interface CheckedRecord {
  readonly hasKey: boolean
  readonly timestamp: bigint
  readonly timestampType: TimestampType
}

/** Collects what is wrong with single records; one bad record refuses its batch. */
class RecordErrors {
  private readonly rules: ProduceRules
  private readonly errors: RecordError[] = []
  private count = 0
  private hasInvalidTimestamp = false

  constructor(rules: ProduceRules) {
    this.rules = rules
  }

  check(batchIndex: number, { hasKey, timestamp, timestampType }: CheckedRecord): void {
    const { rules } = this
    if (rules.isCompacted && !hasKey) {
      this.add(batchIndex, `A record without a key is not allowed in the compacted ${rules.topicPartition}`)
    } else if (rules.timestampType === 'CreateTime' && timestamp !== NO_TIMESTAMP) {
      const least = rules.now - rules.timestampBeforeMaxMs
      const most = rules.now + rules.timestampAfterMaxMs
      if (timestamp >= least && timestamp <= most) return
      this.hasInvalidTimestamp = true
      this.add(batchIndex, `Timestamp ${timestamp} is not within [${least}, ${most}]`)
    } else if (timestampType === 'LogAppendTime') {
      this.hasInvalidTimestamp = true
      this.add(batchIndex, 'A producer may not set the timestamp type LogAppendTime')
    }
  }

  add(batchIndex: number, message: string): void {
    this.count++
    if (this.errors.length < MOST_RECORD_ERRORS) this.errors.push({ batchIndex, message })
  }

  refusal(): ProduceRefusal | undefined {
    const [first] = this.errors
    if (first === undefined) return undefined
    const message = `${this.count} record(s) refused, first index ${first.batchIndex}: ${first.message}`
    const error = this.hasInvalidTimestamp ? ErrorCode.INVALID_TIMESTAMP : ErrorCode.INVALID_RECORD
    return { error, message, recordErrors: this.errors }
  }
}

interface Recompression {
  readonly target: CompressionType
  readonly plain: Buffer
  readonly maxTimestamp: bigint
}

/** Levels matter only here: a batch that has the right codec already keeps its bytes. */
function recompress(batch: RecordBatch, what: Recompression, rules: ProduceRules): ValidationResult {
  const attributes: BatchAttributes = {
    ...targetAttributes(what.target, rules),
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    baseSequence: batch.baseSequence,
    isTransactional: batch.isTransactional,
  }
  if (batch.timestampType === 'LogAppendTime') {
    // All records have the header's time then, which has to be written into each.
    const decoded = decodeRecords(batch, rules.maxDecompressedBytes)
    if (decoded.error) return decoded
    return finish(new RecordBatch(buildBatch({ ...attributes, records: decoded.value })), true, rules)
  }
  const rebuilt = assembleBatch(attributes, {
    recordBytes: what.plain,
    recordCount: batch.recordCount,
    lastOffsetDelta: batch.lastOffsetDelta,
    baseTimestamp: batch.baseTimestamp,
    maxTimestamp: what.maxTimestamp,
  })
  return finish(new RecordBatch(rebuilt), true, rules)
}

function targetAttributes(target: CompressionType, rules: ProduceRules): BatchAttributes {
  const { timestampType, compressionLevel } = rules
  return {
    compression: target,
    ...(compressionLevel !== undefined && rules.compressionType === target ? { compressionLevel } : {}),
    timestampType,
    ...(timestampType === 'LogAppendTime' ? { logAppendTime: rules.now } : {}),
  }
}

/** Messages of format 0 or 1, which Produce v0 to v2 may carry, as one batch of format 2. */
function validateMessageSet(records: Buffer, rules: ProduceRules): ValidationResult {
  const read = readMessageSet(records)
  if (read.error) return read
  const messages = read.value
  const [first] = messages
  if (first === undefined) return invalid(`There is no whole message for ${rules.topicPartition}`)
  let source: CompressionType = 'none'
  for (const message of messages) {
    if (message.sizeInBytes > rules.maxMessageBytes) return tooLarge(message.sizeInBytes, rules)
    if (!message.isChecksumValid) return corrupt(`A message for ${rules.topicPartition} has a wrong checksum`)
    if (message.compression === undefined) {
      return refuse(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, 'There is no such compression type')
    }
    if (message.compression !== 'none') source = message.compression
    if (message.magic !== first.magic) {
      return invalid(
        `Formats ${first.magic} and ${message.magic} are mixed in a set for ${rules.topicPartition}`,
      )
    }
  }
  if (source !== 'none' && messages.length > 1) {
    return invalid(`A compressed message for ${rules.topicPartition} must be the only one of its set`)
  }
  const checked = source === 'none' ? checkMessages(messages, rules) : checkWrapper(first, rules)
  if (checked.error) return checked
  const target = rules.compressionType === 'producer' ? source : rules.compressionType
  const built = buildBatch({ ...targetAttributes(target, rules), records: checked.value })
  return finish(new RecordBatch(built), true, rules)
}

type CheckedMessages = { readonly error: 0; readonly value: readonly NewRecord[] } | ProduceRefusal

function checkWrapper(wrapper: Message, rules: ProduceRules): CheckedMessages {
  const inner = readInnerMessages(wrapper, rules.maxDecompressedBytes)
  if (inner.error) return inner
  for (const message of inner.value) {
    if (!message.isChecksumValid) {
      return corrupt(`A message inside a compressed one for ${rules.topicPartition} has a wrong checksum`)
    }
  }
  return checkMessages(inner.value, rules, wrapper.magic)
}

function checkMessages(
  messages: readonly Message[],
  rules: ProduceRules,
  wrapperMagic?: number,
): CheckedMessages {
  const errors = new RecordErrors(rules)
  for (const [i, message] of messages.entries()) {
    if (wrapperMagic !== undefined && message.compression !== 'none') {
      errors.add(i, 'A message inside a compressed one is compressed again')
    } else if (wrapperMagic !== undefined && message.magic !== wrapperMagic) {
      errors.add(i, `A message of format ${message.magic} is inside one of format ${wrapperMagic}`)
    } else {
      const { timestamp, timestampType } = message
      errors.check(i, { hasKey: message.key !== null, timestamp, timestampType })
    }
  }
  return errors.refusal() ?? ok(messages)
}

function tooLarge(sizeInBytes: number, rules: ProduceRules): Refusal {
  return refuse(
    ErrorCode.MESSAGE_TOO_LARGE,
    `${sizeInBytes} bytes are over max.message.bytes, ${rules.maxMessageBytes} (${rules.topicPartition})`,
  )
}

function invalid(message: string): Refusal {
  return refuse(ErrorCode.INVALID_RECORD, message)
}

function corrupt(message: string): Refusal {
  return refuse(ErrorCode.CORRUPT_MESSAGE, message)
}
