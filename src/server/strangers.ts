/**
 * Peers that speak something else than Kafka's protocol to a plain listener, told by the first four bytes
 * they send.
 */

import type { Session } from '../api/context.ts'
import { type Rejection, reject } from './dispatch.ts'
import type { BadFrameSize } from './frame-reader.ts'

const TLS_HANDSHAKE = 0x1603
const HTTP_BEGINNINGS = new Set([
  'GET ',
  'POST',
  'PUT ',
  'HEAD',
  'DELE',
  'OPTI',
  'PATC',
  'CONN',
  'TRAC',
  'PRI ',
])

/** Why a frame's size cannot be one, in words that say what to do about it. */
export function describeStranger(bad: BadFrameSize, maxBytes: number, session: Session): Rejection {
  const at = `port ${session.localPort} (listener ${session.listener})`
  if (bad.isFirst) {
    if (bad.sizeBytes >>> 16 === TLS_HANDSHAKE) {
      return reject('tls', `it speaks TLS, and ${at} does not: set its security.protocol to PLAINTEXT`)
    }
    if (HTTP_BEGINNINGS.has(textOf(bad.sizeBytes))) {
      return reject(
        'http',
        `it speaks HTTP, and ${at} speaks Kafka's protocol: connect a Kafka client instead`,
      )
    }
  }
  if (bad.sizeBytes < 0) {
    return reject(
      'frame-size',
      `it announced a request of ${bad.sizeBytes} bytes: it does not speak Kafka's protocol`,
    )
  }
  const limit = `socket.request.max.bytes is ${maxBytes}`
  return reject('frame-size', `it announced a request of ${bad.sizeBytes} bytes, and ${limit}`)
}

function textOf(size: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(size)
  return bytes.toString('latin1')
}
