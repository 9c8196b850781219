// The two requests that tell how far a broker is on its start, as bytes: no client library waits for it this closely.

import { connect } from 'node:net'

const apiVersions = 18
const metadata = 3

/** Whether the broker answers at all. */
export async function answers(port: number): Promise<boolean> {
  return (await ask(port, request(apiVersions, 0, Buffer.alloc(0)))) !== undefined
}

/** Partitions of all topics that have a leader now; undefined where the broker does not answer. */
export async function ledPartitions(port: number): Promise<number | undefined> {
  const allTopics = Buffer.alloc(4, 0xff)
  const answer = await ask(port, request(metadata, 1, allTopics))
  return answer && countLed(answer)
}

function request(apiKey: number, version: number, body: Buffer): Buffer {
  const header = Buffer.alloc(14)
  header.writeInt32BE(10 + body.length, 0)
  header.writeInt16BE(apiKey, 4)
  header.writeInt16BE(version, 6)
  header.writeInt32BE(1, 8)
  header.writeInt16BE(-1, 12)
  return Buffer.concat([header, body])
}

/** The answer behind its correlation id. */
function ask(port: number, frame: Buffer): Promise<Buffer | undefined> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    socket.on('connect', () => socket.write(frame))
    socket.on('data', chunk => {
      chunks.push(chunk)
      const bytes = chunks.reduce((sum, each) => sum + each.length, 0)
      const first = chunks[0]!
      if (first.length < 4 || bytes < 4 + first.readInt32BE(0)) return
      socket.destroy()
      resolve(Buffer.concat(chunks).subarray(8))
    })
    socket.on('error', () => resolve(undefined))
    socket.on('end', () => resolve(undefined))
  })
}

/** Metadata v1. */
function countLed(bytes: Buffer): number {
  let at = 0
  const take = (count: number) => {
    at += count
    return at - count
  }
  const int16 = () => bytes.readInt16BE(take(2))
  const int32 = () => bytes.readInt32BE(take(4))
  const string = () => {
    const length = int16()
    if (length > 0) at += length
  }
  const skipInts = () => {
    const count = int32()
    at += 4 * count
  }
  for (let left = int32(); left > 0; left -= 1) {
    int32()
    string()
    int32()
    string()
  }
  int32()
  let led = 0
  for (let topics = int32(); topics > 0; topics -= 1) {
    int16()
    string()
    at += 1
    for (let partitions = int32(); partitions > 0; partitions -= 1) {
      const error = int16()
      int32()
      const leader = int32()
      if (error === 0 && leader >= 0) led += 1
      skipInts()
      skipInts()
    }
  }
  return led
}
