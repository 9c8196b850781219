/**
 * Listeners as Kafka writes them: `listeners`, `advertised.listeners`, `listener.security.protocol.map` and
 * `controller.listener.names` together say where a broker listens and what it tells its clients.
 */

export interface Listener {
  readonly name: string
  /** Empty for every address. */
  readonly host: string
  readonly port: number
  readonly protocol: SecurityProtocol
  /** What clients of this listener are told; undefined: the address that they connected to. */
  readonly advertised: { readonly host: string; readonly port: number } | undefined
}

type ProtocolMap = ReadonlyMap<string, SecurityProtocol>

export interface ListenerTexts {
  readonly listeners: readonly string[]
  readonly advertised: readonly string[]
  readonly protocolMap: string
  readonly controllerNames: readonly string[]
}

export interface ListenerPlan {
  readonly listeners: readonly Listener[]
  /** Listeners of Kafka's own controllers, which are not opened. */
  readonly ignored: readonly string[]
  /** Each names the option, what is wrong, and what would be right. */
  readonly problems: readonly string[]
}

interface ParsedEndpoint {
  readonly name: string
  readonly host: string
  readonly port: number
}

const PROTOCOLS = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const
export type SecurityProtocol = (typeof PROTOCOLS)[number]

export function planListeners(texts: ListenerTexts): ListenerPlan {
  const problems: string[] = []
  const endpoints = parseEndpoints('listeners', texts.listeners, problems)
  const advertised = parseEndpoints('advertised.listeners', texts.advertised, problems)
  const protocols = parseProtocolMap(texts.protocolMap, problems)
  const controllers = new Set(texts.controllerNames.map(name => name.toUpperCase()))
  if (controllers.size === 0 && !protocols.has('CONTROLLER')) controllers.add('CONTROLLER')

  const served = endpoints.filter(({ name }) => !controllers.has(name))
  if (served.length === 0 && problems.length === 0) {
    problems.push('listeners: there is none for clients, for example PLAINTEXT://:9092')
  }
  checkNames('listeners', served, problems)
  for (const { name } of served) problems.push(...protocolProblems(name, protocols))
  for (const { name, host } of advertised) {
    if (!endpoints.some(endpoint => endpoint.name === name)) {
      problems.push(`advertised.listeners: ${name} is not one of the listeners`)
    }
    if (host === '0.0.0.0' || host === '::') {
      problems.push(`advertised.listeners: clients cannot connect to ${host}; give a name or an address`)
    }
  }
  return {
    listeners: served.map(endpoint => ({
      ...endpoint,
      protocol: protocolOf(endpoint.name, protocols) ?? 'PLAINTEXT',
      advertised: addressOf(advertised.find(({ name }) => name === endpoint.name)),
    })),
    ignored: endpoints.filter(({ name }) => controllers.has(name)).map(({ name }) => name),
    problems,
  }
}

function addressOf(endpoint: ParsedEndpoint | undefined): Listener['advertised'] {
  return endpoint && { host: endpoint.host, port: endpoint.port }
}

function parseEndpoints(option: string, texts: readonly string[], problems: string[]): ParsedEndpoint[] {
  const endpoints: ParsedEndpoint[] = []
  for (const text of texts) {
    const match = /^([A-Za-z0-9_.-]+):\/\/(\[[0-9a-fA-F:.%a-z]*\]|[^\s:/[\]]*):([0-9]{1,5})$/.exec(text)
    if (!match || Number(match[3]) > 65_535) {
      problems.push(`${option}: '${text}' is not of the form NAME://host:port`)
      continue
    }
    const host = match[2]!.replace(/^\[(.*)\]$/, '$1')
    endpoints.push({ name: match[1]!.toUpperCase(), host, port: Number(match[3]) })
  }
  return endpoints
}

function parseProtocolMap(text: string, problems: string[]): ProtocolMap {
  const map = new Map<string, SecurityProtocol>()
  for (const entry of text.split(',').filter(part => part.trim() !== '')) {
    const [name = '', protocol = '', ...rest] = entry.trim().split(':')
    const known = PROTOCOLS.find(one => one === protocol.toUpperCase())
    if (name === '' || rest.length > 0 || !known) {
      const allowed = `NAME:protocol with one of ${PROTOCOLS.join(', ')}`
      problems.push(`listener.security.protocol.map: '${entry.trim()}' is not of the form ${allowed}`)
    } else {
      map.set(name.toUpperCase(), known)
    }
  }
  return map
}

function protocolOf(name: string, protocols: ProtocolMap): SecurityProtocol | undefined {
  return protocols.get(name) ?? PROTOCOLS.find(protocol => protocol === name)
}

function protocolProblems(name: string, protocols: ProtocolMap): string[] {
  if (protocolOf(name, protocols)) return []
  return [`listeners: no security protocol is given for ${name} in listener.security.protocol.map`]
}

function checkNames(option: string, endpoints: readonly ParsedEndpoint[], problems: string[]): void {
  const names = new Set<string>()
  const ports = new Set<string>()
  for (const { name, host, port } of endpoints) {
    if (names.has(name))
      problems.push(`${option}: each listener needs its own name, but ${name} is there twice`)
    const address = `${host}:${port}`
    if (port !== 0 && ports.has(address)) problems.push(`${option}: ${address} is there twice`)
    names.add(name)
    ports.add(address)
  }
}
