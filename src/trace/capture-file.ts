/**
 * Exchanges as a capture file: pcapng, which Wireshark and its relatives read as well. Each frame becomes TCP
 * segments between the client and the broker as they stood, made up where a trace knows no such detail. What
 * Klamm knows beyond the bytes goes into comments of packets, as JSON.
 */

export const SECTION_HEADER = 0x0a0d0d0a
export const INTERFACE_DESCRIPTION = 1
export const ENHANCED_PACKET = 6
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d
export const LINK_RAW = 101
export const OPTION_COMMENT = 1
const OPTION_END = 0
const OPTION_TIME_RESOLUTION = 9
const MICROSECONDS = 6
const OPTION_APPLICATION = 4

const IP_BYTES = 20
const TCP_BYTES = 20
const TCP = 6
const PUSH_AND_ACKNOWLEDGE = 0x18
/** Of the frame's bytes, in one packet. */
const SEGMENT_BYTES = 65_535 - IP_BYTES - TCP_BYTES
const SIZE_BYTES = 4
/** Where a connection's name says no more: ports that nobody has. */
const FIRST_MADE_UP_PORT = 1024

/** The version of what is in the comments; a reader refuses what is newer. */
export const CAPTURE_VERSION = 1

/** What a comment says of the packet that it is on. */
export interface PacketComment {
  readonly klamm: number
  readonly connection: string
  readonly isRequest: boolean
  readonly listener?: string
  readonly client?: string
  readonly faults?: readonly string[]
}

/** One frame, without its size, as it went one way. */
export interface CapturedFrame {
  readonly connection: string
  readonly listener: string
  readonly clientAddress: string
  readonly isRequest: boolean
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  readonly frame: Uint8Array
  readonly faults?: readonly string[]
}

/** A whole file. */
export function captureOf(captured: readonly CapturedFrame[]): Buffer[] {
  const writer = new CaptureWriter()
  const frames = captured.toSorted((a, b) => a.at - b.at)
  return [writer.header(), ...frames.flatMap(frame => writer.frame(frame))]
}

interface Flow {
  readonly client: Endpoint
  readonly server: Endpoint
  sent: number
  received: number
}

interface Endpoint {
  readonly address: Buffer
  readonly port: number
}

/** Makes the bytes of a capture, frame by frame. */
export class CaptureWriter {
  private readonly flows = new Map<string, Flow>()

  header(): Buffer {
    const section = Buffer.alloc(16)
    section.writeUInt32LE(BYTE_ORDER_MAGIC, 0)
    section.writeUInt16LE(1, 4)
    section.writeBigInt64LE(-1n, 8)
    const options = [option(OPTION_APPLICATION, Buffer.from('klamm')), option(OPTION_END, Buffer.alloc(0))]
    const link = Buffer.alloc(8)
    link.writeUInt16LE(LINK_RAW, 0)
    const resolution = [
      option(OPTION_TIME_RESOLUTION, Buffer.from([MICROSECONDS])),
      option(OPTION_END, Buffer.alloc(0)),
    ]
    return Buffer.concat([
      block(SECTION_HEADER, [section, ...options]),
      block(INTERFACE_DESCRIPTION, [link, ...resolution]),
    ])
  }

  /** The packets of one frame. */
  frame(captured: CapturedFrame): Buffer[] {
    const flow = this.flowOf(captured)
    const size = Buffer.alloc(SIZE_BYTES)
    size.writeInt32BE(captured.frame.length)
    const bytes = Buffer.concat([size, captured.frame])
    const packets: Buffer[] = []
    for (let at = 0; at < bytes.length; at += SEGMENT_BYTES) {
      const payload = bytes.subarray(at, at + SEGMENT_BYTES)
      const packet = segment(flow, captured.isRequest, payload)
      packets.push(enhancedPacket(packet, captured.at, at === 0 ? commentOf(captured) : undefined))
      if (captured.isRequest) flow.sent += payload.length
      else flow.received += payload.length
    }
    return packets
  }

  private flowOf({ connection, clientAddress }: CapturedFrame): Flow {
    const known = this.flows.get(connection)
    if (known) return known
    const ends = /^(.*):(\d+)-(.*):(\d+)-\d+$/.exec(connection)
    const made: Flow = {
      server: { address: ipv4(ends?.[1] ?? ''), port: Number(ends?.[2] ?? 9092) },
      client: {
        address: ipv4(ends?.[3] ?? clientAddress),
        port: Number(ends?.[4] ?? FIRST_MADE_UP_PORT + this.flows.size),
      },
      sent: 1,
      received: 1,
    }
    this.flows.set(connection, made)
    return made
  }
}

function commentOf({ connection, isRequest, listener, clientAddress, faults }: CapturedFrame): string {
  const comment: PacketComment = {
    klamm: CAPTURE_VERSION,
    connection,
    isRequest,
    listener,
    client: clientAddress,
    ...(faults && faults.length > 0 && { faults }),
  }
  return JSON.stringify(comment)
}

/** Addresses of the other family are shown as loopback: the comment has the true one. */
function ipv4(address: string): Buffer {
  const parts = address
    .replace(/^::ffff:/, '')
    .split('.')
    .map(Number)
  const isValid = parts.length === 4 && parts.every(part => part >= 0 && part <= 255)
  return Buffer.from(isValid ? parts : [127, 0, 0, 1])
}

function segment(flow: Flow, isRequest: boolean, payload: Uint8Array): Buffer {
  const [from, to] = isRequest ? [flow.client, flow.server] : [flow.server, flow.client]
  const packet = Buffer.alloc(IP_BYTES + TCP_BYTES)
  packet[0] = 0x45
  packet.writeUInt16BE(packet.length + payload.length, 2)
  packet.writeUInt16BE(0x4000, 6)
  packet[8] = 64
  packet[9] = TCP
  from.address.copy(packet, 12)
  to.address.copy(packet, 16)
  packet.writeUInt16BE(internetChecksum(packet.subarray(0, IP_BYTES)), 10)
  packet.writeUInt16BE(from.port, IP_BYTES)
  packet.writeUInt16BE(to.port, IP_BYTES + 2)
  packet.writeUInt32BE((isRequest ? flow.sent : flow.received) >>> 0, IP_BYTES + 4)
  packet.writeUInt32BE((isRequest ? flow.received : flow.sent) >>> 0, IP_BYTES + 8)
  packet[IP_BYTES + 12] = (TCP_BYTES / 4) << 4
  packet[IP_BYTES + 13] = PUSH_AND_ACKNOWLEDGE
  packet.writeUInt16BE(0xffff, IP_BYTES + 14)
  return Buffer.concat([packet, payload])
}

function internetChecksum(header: Buffer): number {
  let sum = 0
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

function enhancedPacket(packet: Buffer, atMs: number, comment: string | undefined): Buffer {
  const fixed = Buffer.alloc(20)
  const micros = BigInt(Math.round(atMs * 1000))
  fixed.writeUInt32LE(Number(micros >> 32n), 4)
  fixed.writeUInt32LE(Number(micros & 0xffffffffn), 8)
  fixed.writeUInt32LE(packet.length, 12)
  fixed.writeUInt32LE(packet.length, 16)
  const options = comment
    ? [option(OPTION_COMMENT, Buffer.from(comment)), option(OPTION_END, Buffer.alloc(0))]
    : []
  return block(ENHANCED_PACKET, [fixed, padded(packet), ...options])
}

/** Type, length, body, length again. */
function block(type: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const head = Buffer.alloc(8)
  head.writeUInt32LE(type, 0)
  head.writeUInt32LE(body.length + 12, 4)
  return Buffer.concat([head, body, head.subarray(4)])
}

function option(code: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt16LE(code, 0)
  head.writeUInt16LE(value.length, 2)
  return Buffer.concat([head, padded(value)])
}

function padded(bytes: Buffer): Buffer {
  const rest = bytes.length % 4
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4 - rest)])
}
