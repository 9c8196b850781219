/**
 * What a trace must never hold: proofs and tokens of SASL, salted passwords, keys of delegation tokens, and
 * settings that are secrets. They are blanked before a frame is kept, so that no text and no file has them.
 */
import { apis } from '../../protocol/apis.ts'
import { decode } from '../../protocol/codec.ts'
import {
  decodeRequestHeader,
  decodeResponseHeader,
  encodeRequestFrame,
  encodeResponseFrame,
} from '../../protocol/header.ts'
import { joined } from '../../protocol/wire.ts'

const ALTER_CONFIGS = 33
const SASL_AUTHENTICATE = 36
const CREATE_DELEGATION_TOKEN = 38
const RENEW_DELEGATION_TOKEN = 39
const EXPIRE_DELEGATION_TOKEN = 40
const DESCRIBE_DELEGATION_TOKEN = 41
const INCREMENTAL_ALTER_CONFIGS = 44
const ALTER_USER_SCRAM_CREDENTIALS = 51
const ENVELOPE = 58

const SECRET_REQUESTS = new Set([
  ALTER_CONFIGS,
  SASL_AUTHENTICATE,
  RENEW_DELEGATION_TOKEN,
  EXPIRE_DELEGATION_TOKEN,
  INCREMENTAL_ALTER_CONFIGS,
  ALTER_USER_SCRAM_CREDENTIALS,
  ENVELOPE,
])
const SECRET_RESPONSES = new Set([
  SASL_AUTHENTICATE,
  CREATE_DELEGATION_TOKEN,
  DESCRIBE_DELEGATION_TOKEN,
  ENVELOPE,
])
const SECRET_BYTES = new Set([
  'authBytes',
  'hmac',
  'salt',
  'saltedPassword',
  'requestData',
  'responseData',
  'requestPrincipal',
])
const SECRET_SETTING = /password|jaas|secret|credential|token|\.key$|klamm\.sasl\.users/i
const BLANKED_SETTING = '(secret)'

const SIZE_BYTES = 4
/** API key, version and correlation id. */
const FIXED_HEADER_BYTES = 8

/** A copy of a request's frame, without its size, that may be kept. */
export function keptRequest(frame: Uint8Array): Buffer {
  const apiKey = frame.length >= SIZE_BYTES ? Buffer.from(frame.buffer, frame.byteOffset).readInt16BE(0) : -1
  if (!SECRET_REQUESTS.has(apiKey)) return Buffer.from(frame)
  let headerBytes = FIXED_HEADER_BYTES
  try {
    const { request } = apis.get(apiKey)!
    const { apiVersion: version, correlationId, clientId, bodyPosition } = decodeRequestHeader(frame)
    headerBytes = bodyPosition
    const body = blanked(decode(request, version, frame, bodyPosition)) as never
    return joined(encodeRequestFrame(request, { version, correlationId, clientId, body })).subarray(
      SIZE_BYTES,
    )
  } catch {
    // What cannot be read may be a secret as well.
    return Buffer.from(frame.subarray(0, headerBytes))
  }
}

/** A response's frame, without its size, as it may be kept. */
export function keptResponse(apiKey: number, version: number, frame: Buffer): Buffer {
  if (!SECRET_RESPONSES.has(apiKey)) return frame
  try {
    const { response } = apis.get(apiKey)!
    const { correlationId, bodyPosition } = decodeResponseHeader(apiKey, version, frame)
    const body = blanked(decode(response, version, frame, bodyPosition)) as never
    return joined(encodeResponseFrame(response, version, correlationId, body)).subarray(SIZE_BYTES)
  } catch {
    return Buffer.from(frame.subarray(0, SIZE_BYTES))
  }
}

function blanked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(blanked)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  const fields = value as Record<string, unknown>
  const isSecretSetting = typeof fields.name === 'string' && SECRET_SETTING.test(fields.name)
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => {
      if (SECRET_BYTES.has(name) && field instanceof Uint8Array) return [name, Buffer.alloc(field.length)]
      if (name === 'value' && isSecretSetting && typeof field === 'string') return [name, BLANKED_SETTING]
      return [name, blanked(field)]
    }),
  )
}
