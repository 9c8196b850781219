/**
 * The address that a client is told to come back to: the one that it connected to, as the socket shows it.
 * Behind address translation, as with a container's published port, the socket shows an inner address that
 * the client cannot reach; such clients are told the published one.
 */
import type { Socket } from '../platform/platform.ts'

export interface Reflection {
  /** Where clients beyond the translation reach this broker; without a port, they use the listener's own. */
  readonly published: { readonly host: string; readonly port: number | undefined }
  /** Of this machine. What forwards a published port mostly shows itself as one of them. */
  readonly gateways: readonly string[]
}

type Ends = Pick<Socket, 'localAddress' | 'localPort' | 'remoteAddress'>

/** Undefined for clients that can come back to the address that they connected to. */
export function publishedAddress(socket: Ends, reflection: Reflection | undefined) {
  if (!reflection || !isTranslated(socket, reflection.gateways)) return undefined
  return { host: reflection.published.host, port: reflection.published.port ?? socket.localPort }
}

/** `host` or `host:port`, where an IPv6 address is in brackets; the text has passed its option's check. */
export function parsePublished(text: string): Reflection['published'] | undefined {
  if (text === '') return undefined
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::([0-9]+))?$/.exec(text)
  if (!match) return { host: text, port: undefined }
  return { host: match[1] ?? match[2]!, port: match[3] === undefined ? undefined : Number(match[3]) }
}

/**
 * Forwarders on the host come as the gateway. Rootless Podman's comes as the container itself. What keeps a
 * public address while it reaches a private one has been translated too.
 */
function isTranslated({ localAddress, remoteAddress }: Ends, gateways: readonly string[]): boolean {
  if (isLoopback(localAddress)) return false
  if (remoteAddress === localAddress || gateways.includes(remoteAddress)) return true
  return isPrivate(localAddress) && !isPrivate(remoteAddress)
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1'
}

/** Not routed on the internet: private use, carrier-grade translation, link-local, loopback. */
function isPrivate(address: string): boolean {
  if (isLoopback(address)) return true
  if (address.includes(':')) return /^(f[cd]|fe[89ab])/i.test(address)
  return /^(10|192\.168|169\.254|172\.(1[6-9]|2\d|3[01])|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\./.test(
    address,
  )
}
