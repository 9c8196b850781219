/**
 * Holds the conversations about SASL with a broker that runs, and prints what it answered as JSON. Run on an
 * Apache Kafka that is set up as `conversations.ts` says, it makes the expectations of the tests:
 *
 *     node dist/src/conformance/security/record.js 127.0.0.1:9092 > kafka.json
 */

import { nodePlatform } from '../../platform/node.ts'
import type { Clock, Network } from '../../platform/platform.ts'
import { WireClient } from '../wire-client.ts'
import { CONVERSATIONS, type Heard } from './conversations.ts'

export interface SaslSide {
  readonly network: Network
  readonly clock: Clock
  readonly host: string
  readonly port: number
}

export async function recordSasl(side: SaslSide): Promise<Record<string, Heard>> {
  const { network, clock, host, port } = side
  const heard: Record<string, Heard> = {}
  for (const conversation of CONVERSATIONS) {
    const open: WireClient[] = []
    const dial = async () => {
      const client = await WireClient.connect(network, { host, port, clientId: 'talk' })
      open.push(client)
      return client
    }
    const wait = (ms: number) => new Promise<void>(resolve => clock.after(ms, resolve))
    heard[conversation.name] = await conversation.hold(Object.assign(dial, { wait }))
    for (const client of open) await client.close()
  }
  return heard
}

if (process.argv[1]?.endsWith('record.js')) {
  const [host = '127.0.0.1', port = '9092'] = (process.argv[2] ?? '').split(':')
  const { network, clock } = nodePlatform()
  process.stdout.write(
    `${JSON.stringify(await recordSasl({ network, clock, host, port: Number(port) }), null, 1)}\n`,
  )
  process.exit(0)
}
