/**
 * Capture files read back: Klamm's own, and those of tcpdump and Wireshark (pcapng) that hold plain TCP.
 * Packets become the two streams of each connection, streams become frames, and frames exchanges.
 */
import {
  BYTE_ORDER_MAGIC,
  CAPTURE_VERSION,
  ENHANCED_PACKET,
  INTERFACE_DESCRIPTION,
  LINK_RAW,
  OPTION_COMMENT,
  type PacketComment,
  SECTION_HEADER,
} from './capture-file.ts'

/** A frame without its size, as it went one way. */
export interface ReadFrame {
  readonly connection: string
  readonly listener: string
  readonly clientAddress: string
  readonly isRequest: boolean
  readonly at: number
  readonly frame: Buffer
  readonly faults: readonly string[]
}

/** A file that is no capture, or none that can be read here. */
export class UnreadableCapture extends Error {
  override readonly name = 'UnreadableCapture'
}

interface Packet {
  readonly at: number
  readonly link: number
  readonly bytes: Buffer
  readonly comment: PacketComment | undefined
}

const LINK_ETHERNET = 1
const LINK_NULL = 0
const LINK_LOOP = 108
const LINK_LINUX = 113
const LINK_LINUX_2 = 276
/** Where the packet of IP begins, by the kind of link. */
const IP_AT = new Map([
  [LINK_RAW, 0],
  [LINK_ETHERNET, 14],
  [LINK_NULL, 4],
  [LINK_LOOP, 4],
  [LINK_LINUX, 16],
  [LINK_LINUX_2, 20],
])
const TCP = 6
const SIZE_BYTES = 4
const MOST_FRAME_BYTES = 1024 * 1024 * 1024

/** All frames of a capture, in its order. */
export function readCapture(file: Buffer): ReadFrame[] {
  const flows = new Map<string, ReadFlow>()
  const frames: ReadFrame[] = []
  for (const packet of packetsOf(file)) {
    const part = segmentOf(packet)
    if (!part) continue
    const { from, to } = part
    const known = flows.get(`${from}>${to}`) ?? flows.get(`${to}>${from}`)
    const flow = known ?? new ReadFlow(from, to, packet.comment)
    if (!known) flows.set(`${from}>${to}`, flow)
    frames.push(...flow.add(from, part, packet))
  }
  return frames
}

function* packetsOf(file: Buffer): Generator<Packet> {
  if (file.length < 12 || file.readUInt32LE(0) !== SECTION_HEADER) {
    throw new UnreadableCapture(
      'this is no capture in pcapng; Klamm writes them with trace.save(path) and klamm proxy --record',
    )
  }
  const isLittle = file.readUInt32LE(8) === BYTE_ORDER_MAGIC
  const u32 = (at: number) => (isLittle ? file.readUInt32LE(at) : file.readUInt32BE(at))
  const u16 = (at: number) => (isLittle ? file.readUInt16LE(at) : file.readUInt16BE(at))
  const links: number[] = []
  for (let at = 0; at + 12 <= file.length; ) {
    const type = u32(at)
    const length = u32(at + 4)
    // Whoever recorded may have been killed in the middle of the last block.
    if (length < 12 || length % 4 !== 0 || at + length > file.length) return
    if (type === INTERFACE_DESCRIPTION) links.push(u16(at + 8))
    if (type === ENHANCED_PACKET) {
      const link = links[u32(at + 8)] ?? LINK_RAW
      const micros = BigInt(u32(at + 12)) * 0x1_0000_0000n + BigInt(u32(at + 16))
      const captured = u32(at + 20)
      const bytes = file.subarray(at + 28, at + 28 + captured)
      const optionsAt = at + 28 + Math.ceil(captured / 4) * 4
      const comment = commentIn(file, { from: optionsAt, to: at + length - 4, u16 })
      yield { at: Number(micros) / 1000, link, bytes, comment }
    }
    at += length
  }
}

interface OptionsRange {
  readonly from: number
  readonly to: number
  u16(at: number): number
}

function commentIn(file: Buffer, { from, to, u16 }: OptionsRange): PacketComment | undefined {
  for (let at = from; at + 4 <= to; ) {
    const length = u16(at + 2)
    if (u16(at) === OPTION_COMMENT) return parseComment(file.toString('utf8', at + 4, at + 4 + length))
    at += 4 + Math.ceil(length / 4) * 4
  }
  return undefined
}

function parseComment(text: string): PacketComment | undefined {
  let comment: PacketComment
  try {
    comment = JSON.parse(text) as PacketComment
  } catch {
    return undefined
  }
  if (typeof comment?.klamm !== 'number') return undefined
  if (comment.klamm <= CAPTURE_VERSION) return comment
  throw new UnreadableCapture(
    `this capture has version ${comment.klamm}, and ${CAPTURE_VERSION} is the last known: use a newer Klamm`,
  )
}

interface Segment {
  readonly from: string
  readonly to: string
  readonly sequence: number
  readonly payload: Buffer
}

function segmentOf({ link, bytes }: Packet): Segment | undefined {
  const ipAt = IP_AT.get(link)
  if (ipAt === undefined || bytes.length < ipAt + 40) return undefined
  const version = bytes[ipAt]! >> 4
  const isOld = version === 4
  if (!isOld && version !== 6) return undefined
  const tcpAt = ipAt + (isOld ? (bytes[ipAt]! & 0xf) * 4 : 40)
  const protocol = isOld ? bytes[ipAt + 9] : bytes[ipAt + 6]
  if (protocol !== TCP || bytes.length < tcpAt + 20) return undefined
  const end = isOld ? ipAt + bytes.readUInt16BE(ipAt + 2) : tcpAt + bytes.readUInt16BE(ipAt + 4)
  const address = (at: number) =>
    isOld ? [...bytes.subarray(at, at + 4)].join('.') : `[${bytes.toString('hex', at, at + 16)}]`
  const [source, target] = isOld ? [ipAt + 12, ipAt + 16] : [ipAt + 8, ipAt + 24]
  return {
    from: `${address(source)}:${bytes.readUInt16BE(tcpAt)}`,
    to: `${address(target)}:${bytes.readUInt16BE(tcpAt + 2)}`,
    sequence: bytes.readUInt32BE(tcpAt + 4),
    // A segment that the card was to cut has no length of its own.
    payload: bytes.subarray(tcpAt + (bytes[tcpAt + 12]! >> 4) * 4, end > ipAt ? end : bytes.length),
  }
}

/** One connection. Where no comment tells, who sends first is the client. */
class ReadFlow {
  private readonly client: string
  private readonly name: string
  private readonly comment: PacketComment | undefined
  private readonly streams = new Map<string, Stream>()

  constructor(from: string, to: string, comment: PacketComment | undefined) {
    const [client, server] = comment?.isRequest === false ? [to, from] : [from, to]
    this.client = client
    this.comment = comment
    this.name = comment?.connection ?? `${server}-${client}-0`
  }

  add(from: string, { sequence, payload }: Segment, { at, comment }: Packet): ReadFrame[] {
    if (payload.length === 0) return []
    const stream = this.streams.get(from) ?? new Stream()
    this.streams.set(from, stream)
    return stream.add(sequence, payload).map(frame => ({
      connection: this.name,
      listener: this.comment?.listener ?? '',
      clientAddress: this.comment?.client ?? this.client.replace(/:\d+$/, ''),
      isRequest: from === this.client,
      at,
      frame,
      faults: comment?.faults ?? [],
    }))
  }
}

/** Bytes in their order, cut into frames. What comes again is dropped, what comes early waits. */
class Stream {
  private next: number | undefined
  private bytes: Buffer = Buffer.alloc(0)
  private readonly early = new Map<number, Buffer>()

  add(sequence: number, payload: Buffer): Buffer[] {
    this.next ??= sequence
    this.early.set(sequence, payload)
    for (let part = this.takeNext(); part; part = this.takeNext()) {
      this.bytes = this.bytes.length === 0 ? part : Buffer.concat([this.bytes, part])
      this.next = (this.next + part.length) >>> 0
    }
    return this.cut()
  }

  private takeNext(): Buffer | undefined {
    const part = this.early.get(this.next!)
    if (part) this.early.delete(this.next!)
    return part
  }

  private cut(): Buffer[] {
    const frames: Buffer[] = []
    while (this.bytes.length >= SIZE_BYTES) {
      const size = this.bytes.readInt32BE(0)
      if (size < 0 || size > MOST_FRAME_BYTES) {
        this.bytes = Buffer.alloc(0)
        break
      }
      if (this.bytes.length < SIZE_BYTES + size) break
      frames.push(this.bytes.subarray(SIZE_BYTES, SIZE_BYTES + size))
      this.bytes = this.bytes.subarray(SIZE_BYTES + size)
    }
    return frames
  }
}
