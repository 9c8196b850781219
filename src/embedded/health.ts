/** Whether the broker is well, and whether clients can connect: found out by connecting, not by believing. */
import type { BoundListener } from '../broker.ts'
import type { Listener } from '../metadata/listeners.ts'
import type { Network } from '../platform/platform.ts'
import type { DataSource } from './data.ts'

export interface Health {
  /** The broker runs, and all its log directories work. */
  readonly isHealthy: boolean
  /** It is healthy, and each of its listeners answers. */
  readonly isReady: boolean
  /** What is wrong, one sentence each. */
  readonly problems: readonly string[]
}

export interface HealthSource extends DataSource {
  readonly network: Network
  readonly listeners: readonly BoundListener[]
}

/** In the trace. */
const CLIENT_ID = 'klamm-health'
/** ApiVersions v0 with correlation id 7: what every broker answers before anything else. */
const QUESTION = Buffer.concat([Buffer.from('000000160012000000000007000c', 'hex'), Buffer.from(CLIENT_ID)])
const CORRELATION_ID_AT = 4
const ANSWER_WITHIN_MS = 1_000

export async function healthOf(source: HealthSource): Promise<Health> {
  const problems = await storageProblems(source)
  if (problems.length > 0) return { isHealthy: false, isReady: false, problems }
  const configured = source.context().config.listeners
  const answers = await Promise.all(
    source.listeners.map(bound => {
      const listener = configured.find(({ name }) => name === bound.name)
      return listenerProblem(source, bound, listener)
    }),
  )
  const silent = answers.filter(problem => problem !== undefined)
  return { isHealthy: true, isReady: silent.length === 0, problems: silent }
}

async function storageProblems(source: DataSource): Promise<string[]> {
  let context: ReturnType<DataSource['context']>
  try {
    context = source.context()
  } catch (error) {
    return [(error as Error).message]
  }
  const directories = await context.logs.describeDirectories()
  return directories.flatMap(({ path, isOnline }) =>
    isOnline ? [] : [`the log directory ${path} has failed; restart when its disk works`],
  )
}

async function listenerProblem(
  source: HealthSource,
  { name, host, port }: BoundListener,
  listener: Listener | undefined,
): Promise<string | undefined> {
  const isEncrypted = listener?.protocol === 'SSL' || listener?.protocol === 'SASL_SSL'
  try {
    await answers(source, {
      host: ['', '0.0.0.0', '::'].includes(host) ? 'localhost' : host,
      port,
      isEncrypted,
    })
    return undefined
  } catch (error) {
    return `listener ${name} on port ${port} does not answer: ${(error as Error).message}`
  }
}

interface Question {
  readonly host: string
  readonly port: number
  /** Then a connection is all that is asked for: a hand-shake would need a certificate. */
  readonly isEncrypted: boolean
}

async function answers({ network, clock }: HealthSource, question: Question): Promise<void> {
  const socket = await network.connect(question.host, question.port)
  if (question.isEncrypted) return socket.destroy()
  await new Promise<void>((resolve, reject) => {
    let received = Buffer.alloc(0)
    const timer = clock.after(ANSWER_WITHIN_MS, () =>
      end(new Error(`no answer within ${ANSWER_WITHIN_MS} ms`)),
    )
    const end = (error?: Error) => {
      timer.cancel()
      socket.destroy()
      if (error) reject(error)
      else resolve()
    }
    socket.handle({
      onData: chunk => {
        received = Buffer.concat([received, chunk])
        if (received.length < CORRELATION_ID_AT + 4) return
        const isAnswer = received.readInt32BE(CORRELATION_ID_AT) === 7
        end(isAnswer ? undefined : new Error('it answers something else'))
      },
      onDrain: () => {},
      onClose: error => end(error ?? new Error('it hangs up')),
    })
    socket.write([QUESTION])
  })
}
