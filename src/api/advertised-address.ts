/** Where clients are told to find the brokers. */
import type { Context } from './context.ts'

export interface BrokerAddress {
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
}

/**
 * The live brokers as the asking client reaches them, on the listener that it uses. A broker that registered
 * no host of its own is told as where the client has connected to, as its socket shows it, so that random
 * ports, several interfaces and container networks need no configuration; or as the published address where
 * the socket shows one that the client does not know.
 */
export function brokerAddresses({ controller, session }: Context): BrokerAddress[] {
  const reached = session.publishedAddress ?? { host: session.localAddress, port: session.localPort }
  return [...controller.image().brokers.values()].flatMap(({ id, rack, endpoints }) => {
    const endpoint = endpoints.find(({ listener }) => listener === session.listener)
    if (!endpoint) return []
    if (endpoint.host === '') return [{ nodeId: id, rack, ...reached }]
    return [{ nodeId: id, rack, host: endpoint.host, port: endpoint.port || session.localPort }]
  })
}
