/** Responses that do not arrive as they were sent. */
import type { DeferredBytes, EncodedMessage, RecordsSource } from '../../protocol/wire.ts'
import type { Random } from '../platform/platform.ts'
import { BATCH_HEADER_BYTES } from '../records/batch.ts'
import type { FaultEffect } from './rule.ts'

const SIZE_BYTES = 4
const CORRELATION_ID_AT = 4
const BODY_AT = 8
/** No size that any client takes. */
const ABSURD_SIZE = -2

/** What happens to the bytes of a response; undefined where nothing does. */
export function damageOf(effect: FaultEffect, random: Random) {
  const { truncate, corrupt } = effect
  if (truncate !== undefined && truncate !== false) {
    return (frame: EncodedMessage) => damaged(frame, bytes => truncated(bytes, truncate))
  }
  if (corrupt === undefined || corrupt === 'records') return undefined
  return (frame: EncodedMessage) => damaged(frame, bytes => corrupted(bytes, corrupt, random))
}

async function damaged(frame: EncodedMessage, change: (bytes: Buffer) => Buffer): Promise<EncodedMessage> {
  const changed = change(await gathered(frame.chunks))
  return { byteLength: changed.length, chunks: [changed] }
}

function truncated(bytes: Buffer, to: number | true): Buffer {
  return bytes.subarray(0, to === true ? bytes.length >>> 1 : Math.min(to, bytes.length - 1))
}

function corrupted(bytes: Buffer, where: 'body' | 'correlationId' | 'size', random: Random): Buffer {
  if (where === 'size') bytes.writeInt32BE(ABSURD_SIZE, 0)
  if (where === 'correlationId') bytes.writeInt32BE(bytes.readInt32BE(CORRELATION_ID_AT) ^ 0x40000000, 4)
  if (where === 'body' && bytes.length > BODY_AT) {
    const at = BODY_AT + random.below(bytes.length - BODY_AT)
    bytes[at] = bytes[at]! ^ (1 + random.below(255))
  }
  return bytes
}

/** A copy of all bytes, those of files too; lets go of what it has read. */
async function gathered(chunks: readonly (Uint8Array | DeferredBytes)[]): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for (const [index, chunk] of chunks.entries()) {
    if (chunk instanceof Uint8Array) {
      parts.push(chunk)
      continue
    }
    try {
      for (let at = 0; at < chunk.byteLength; ) {
        const piece = await chunk.read(at, chunk.byteLength - at)
        parts.push(Buffer.from(piece))
        at += piece.byteLength
      }
    } catch (error) {
      for (const rest of chunks.slice(index + 1)) if (!(rest instanceof Uint8Array)) rest.release()
      throw error
    } finally {
      chunk.release()
    }
  }
  return Buffer.concat(parts)
}

type Fields = Record<string, unknown>

/** The response with one bit of its records turned; undefined where it has none. */
export async function withCorruptRecords(response: object, random: Random): Promise<object | undefined> {
  const topics = (response as { responses?: unknown }).responses
  if (!Array.isArray(topics)) return undefined
  for (const [topicAt, topic] of (topics as Fields[]).entries()) {
    const partitions = (topic.partitions ?? []) as Fields[]
    const partitionAt = partitions.findIndex(({ records }) => bytesOf(records) > BATCH_HEADER_BYTES)
    if (partitionAt < 0) continue
    const records = await recordsOf(partitions[partitionAt]!.records as Uint8Array | RecordsSource)
    const length = Math.min(records.length, SIZE_BYTES + 8 + records.readInt32BE(8))
    const at = BATCH_HEADER_BYTES + random.below(Math.max(1, length - BATCH_HEADER_BYTES))
    records[at] = records[at]! ^ (1 << random.below(8))
    const changed = partitions.with(partitionAt, { ...partitions[partitionAt]!, records })
    return { ...response, responses: (topics as Fields[]).with(topicAt, { ...topic, partitions: changed }) }
  }
  return undefined
}

function bytesOf(records: unknown): number {
  if (records instanceof Uint8Array) return records.length
  return typeof records === 'object' && records !== null ? (records as RecordsSource).byteLength : 0
}

function recordsOf(records: Uint8Array | RecordsSource): Promise<Buffer> {
  return gathered(records instanceof Uint8Array ? [records] : records.parts)
}

/** Lets go of the file ranges in what will not be sent. */
export function discardRanges(value: unknown): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return
  if ('release' in value && typeof value.release === 'function') value.release()
  else for (const part of Object.values(value)) discardRanges(part)
}
