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
 * ports, several interfaces and container networks need no configuration.
 */
export function brokerAddresses({ controller, session }: Context): BrokerAddress[] {
  return [...controller.image().brokers.values()].flatMap(({ id, rack, endpoints }) => {
    const endpoint = endpoints.find(({ listener }) => listener === session.listener)
    if (!endpoint) return []
    const reflects = endpoint.host === ''
    return [
      {
        nodeId: id,
        host: reflects ? session.localAddress : endpoint.host,
        port: reflects || endpoint.port === 0 ? session.localPort : endpoint.port,
        rack,
      },
    ]
  })
}
