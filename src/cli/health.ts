/**
 * `klamm health`: whether a broker answers, asked in Kafka's protocol as a client would. Container
 * healthchecks and scripts go by its exit code.
 */
import { ErrorCode } from '../../protocol/errors.ts'
import { DescribeClusterRequest, DescribeClusterResponse } from '../../protocol/messages/describe-cluster.ts'
import { WireClient } from '../conformance/wire-client.ts'
import { nodePlatform } from '../platform/node.ts'
import { parseAddress } from '../proxy/broker-address.ts'
import { configOf } from './start.ts'
import { print, UsageError } from './terminal.ts'

export interface HealthOptions {
  /** `host:port`. */
  readonly server?: string
  readonly env?: boolean
  readonly timeout: number
}

/** Prints what the broker says of itself, or fails with why there is no answer. */
export async function health(options: HealthOptions): Promise<void> {
  const { host, port } = addressOf(options)
  const { clock, network } = nodePlatform()
  const where = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  const outOfTime = new Promise<never>((_, reject) => {
    clock.after(options.timeout, () => reject(new Error(`no answer within ${options.timeout} ms`)))
  })
  try {
    print(`${where} is ready: ${await Promise.race([ask(), outOfTime])}`)
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException
    const why = code === 'ECONNREFUSED' ? 'nothing listens there' : message || code
    throw new UsageError(`${where} is not ready: ${why}`)
  }
  process.exit(0)

  async function ask(): Promise<string> {
    const client = await WireClient.connect(network, { host, port, clientId: 'klamm-health' })
    const { errorCode, clusterId, brokers } = await client.call({
      request: DescribeClusterRequest,
      response: DescribeClusterResponse,
      version: 0,
      body: { includeClusterAuthorizedOperations: false, includeFencedBrokers: false },
    })
    if (errorCode !== ErrorCode.NONE) throw new Error(`it answers with error ${errorCode}`)
    if (brokers.length === 0) throw new Error('it knows of no broker yet')
    return `cluster ${clusterId}, broker ${brokers.map(it => it.brokerId).join(', ')}`
  }
}

/** What is given; else, as configured by the environment, the first listener of this machine. */
function addressOf({ server, env }: HealthOptions): { readonly host: string; readonly port: number } {
  if (server !== undefined) {
    const address = parseAddress(server)
    if (!address) throw new UsageError(`--server: '${server}' is not of the form host:port`)
    return address
  }
  const { host, port } = configOf({ profile: 'default', ...(env && { env }) }).listeners[0]!
  return { host: ['', '0.0.0.0', '::'].includes(host) ? 'localhost' : host, port }
}
