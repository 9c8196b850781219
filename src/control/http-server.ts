/**
 * Routes as an HTTP server: checks requests against their schemas, says in words what is wrong with one, and
 * describes itself as OpenAPI. The only file that knows fastify.
 */
import fastifySwagger from '@fastify/swagger'
import { type FastifyError, type FastifyInstance, type FastifyRequest, fastify } from 'fastify'
import { Refused } from '../embedded/refused.ts'
import { StartFailure, UsageError } from '../embedded.ts'
import type { Logger } from '../observe/logger.ts'
import { Answer, type Route, type RouteInput, type Schema } from './route.ts'

export interface HttpServerOptions {
  readonly routes: readonly Route[]
  readonly version: string
  readonly logger: Logger
}

/** One complaint of the validator. */
type Complaint = NonNullable<FastifyError['validation']>[number]

const BODY_LIMIT_BYTES = 64 * 1024 * 1024
const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost'])
/** By the kind of a refusal. */
const STATUS = { missing: 404, invalid: 400, timeout: 408, refused: 409 } as const
const ERROR: Schema = {
  type: 'object',
  properties: { error: { type: 'string', description: 'What is wrong, and what to do.' } },
  required: ['error'],
}

export class HttpServer {
  private readonly app: FastifyInstance
  private readonly options: HttpServerOptions
  private isLoopback = true

  constructor(options: HttpServerOptions) {
    this.options = options
    this.app = fastify({
      bodyLimit: BODY_LIMIT_BYTES,
      forceCloseConnections: true,
      ajv: {
        customOptions: {
          removeAdditional: false,
          coerceTypes: false,
          allErrors: true,
          allowUnionTypes: true,
        },
      },
    })
  }

  /** Resolves with the address, when it is served. */
  async listen({ host, port }: { readonly host: string; readonly port: number }): Promise<string> {
    this.isLoopback = LOOPBACK.has(host)
    const { app } = this
    await app.register(fastifySwagger, { openapi: documentOf(this.options.version) })
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', { parseAs: 'string' }, (_, body, done) => parseBody(String(body), done))
    app.addHook('onRequest', async request => this.refuseBrowsers(request))
    app.setSerializerCompiler(() => toJson)
    app.setErrorHandler((error: FastifyError, request, reply) => {
      const { status, message } = this.told(error, request)
      return reply.status(status).type('application/json').send({ error: message })
    })
    app.setNotFoundHandler((request, reply) => reply.status(404).send({ error: this.unknownRoute(request) }))
    await app.register(async scope => {
      for (const route of this.options.routes) serve(scope, route)
    })
    app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
    try {
      await app.listen({ host, port })
    } catch (error) {
      const why =
        (error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'is in use' : (error as Error).message
      throw new StartFailure(`klamm.control.listener: port ${port} of ${host} ${why}; choose another port`)
    }
    const bound = app.server.address()
    const actual = typeof bound === 'object' && bound !== null ? bound.port : port
    return `http://${host.includes(':') ? `[${host}]` : host}:${actual}`
  }

  close(): Promise<void> {
    return this.app.close()
  }

  /** A page in a browser may not reach a broker of the machine that it is read on. */
  private refuseBrowsers({ headers, host }: FastifyRequest): void {
    if (headers.origin !== undefined && headers.origin !== `http://${host}`) {
      throw new Refused('refused', `pages of ${headers.origin} may not use this API`)
    }
    const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
    if (this.isLoopback && !LOOPBACK.has(name)) {
      throw new Refused(
        'refused',
        `ask for localhost or 127.0.0.1, not for ${name}; or set klamm.control.listener`,
      )
    }
  }

  private told(error: FastifyError, { method, url }: FastifyRequest): { status: number; message: string } {
    if (error.validation) {
      const part =
        error.validationContext === 'querystring' ? 'query' : (error.validationContext ?? 'request')
      return { status: 400, message: error.validation.map(it => complaint(part, it)).join('; ') }
    }
    if (error instanceof Refused) return { status: STATUS[error.kind], message: error.message }
    const { statusCode = 500 } = error
    if (statusCode < 500) return { status: statusCode, message: error.message }
    if (error.name === 'InvalidFault') return { status: 400, message: error.message }
    // Of the embedded API: asked for what cannot be, as things are.
    if (error instanceof UsageError || error instanceof StartFailure) {
      return { status: STATUS.refused, message: error.message }
    }
    this.options.logger.error(`A bug: ${method} ${url} failed`, { error })
    return { status: 500, message: `a bug of Klamm's: ${error.stack ?? error.message}` }
  }

  private unknownRoute({ method, url }: FastifyRequest): string {
    const path = url.replace(/\?.*$/, '')
    const others = this.options.routes.filter(route => matches(route.path, path)).map(route => route.method)
    if (others.length > 0) return `${path} does not take ${method}, but ${others.join(', ')}`
    return `there is no ${method} ${path}; /openapi.json says what there is`
  }
}

function serve(app: FastifyInstance, route: Route): void {
  const { method, path, tag, summary, description, params, query, body, answer, answerType } = route
  const isText = answerType === 'text/plain'
  const failures = Object.fromEntries(
    [400, 404, 408, 409].map(status => [status, { description: 'Refused, in words.', ...ERROR }]),
  )
  const url = path.replace(/\{(\w+)\}/g, ':$1')
  app.route({
    method,
    url,
    schema: {
      tags: [tag],
      summary,
      ...(description && { description }),
      ...(params && { params }),
      ...(query && { querystring: query }),
      ...(body && { body }),
      operationId: operationId(route),
      response: { 200: { description: 'Done.', ...answer }, ...failures },
    },
    ...(route.afterwards && { onResponse: async () => route.afterwards?.() }),
    ...(route.isCheckedByHandler && { validatorCompiler: () => () => true }),
    // An optional body is an empty one, and what a URL says is all text.
    preValidation: async request => {
      if (query) request.query = typed(request.query as Readonly<Record<string, unknown>>, query)
      if (body && request.body === undefined && route.isBodyOptional) request.body = {}
      if (body && request.body === undefined) {
        throw new Refused('invalid', `${method} ${path} needs a body of JSON; /openapi.json describes it`)
      }
    },
    handler: async (request, reply) => {
      const input = { params: request.params, query: request.query, body: request.body ?? {} } as RouteInput
      const result = await route.handle(input)
      const { status, body: content } = result instanceof Answer ? result : new Answer(200, result)
      reply.code(status as 200).type(isText ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8')
      return isText ? content : toJson(content)
    },
  })
}

/** Numbers and truth values of a URL, where the schema asks for them. */
function typed(query: Readonly<Record<string, unknown>>, { properties }: Schema): object {
  const types = properties as Readonly<Record<string, { readonly type?: unknown }>>
  const entries = Object.entries(query).map(([name, given]) => {
    const type = types[name]?.type
    if (type === 'integer' && /^-?\d{1,15}$/.test(String(given))) return [name, Number(given)]
    if (type === 'boolean' && /^(true|false|)$/.test(String(given))) return [name, given !== 'false']
    return [name, given]
  })
  return Object.fromEntries(entries)
}

/** Whatever a client calls its JSON; nothing at all is no body. */
function parseBody(text: string, done: (error: Error | null, body?: unknown) => void): void {
  let body: unknown
  try {
    if (text.trim() !== '') body = JSON.parse(text)
  } catch (error) {
    done(new Refused('invalid', `the body is no JSON: ${(error as Error).message}`))
    return
  }
  done(null, body)
}

function complaint(part: string, { instancePath, keyword, params, message }: Complaint): string {
  const where = `${part}${instancePath.replaceAll('/', '.')}`
  if (keyword === 'additionalProperties') {
    return `${where}: ${params.additionalProperty} is not known; /openapi.json says what is`
  }
  if (keyword === 'required') return `${where}: ${params.missingProperty} is missing`
  if (keyword === 'enum')
    return `${where}: one of ${(params.allowedValues as unknown[]).join(', ')} is allowed`
  return `${where}: it ${message}`
}

/** `postTopicsTopicRecords` */
function operationId({ method, path }: Route): string {
  const words = path.split(/[^A-Za-z]+/).filter(word => word !== '')
  return method.toLowerCase() + words.map(word => word[0]!.toUpperCase() + word.slice(1)).join('')
}

/** Offsets as numbers, as long as those are exact. */
function toJson(value: unknown): string {
  return JSON.stringify(value, (_, field) => {
    if (typeof field !== 'bigint') return field
    const isExact = field <= Number.MAX_SAFE_INTEGER && field >= Number.MIN_SAFE_INTEGER
    return isExact ? Number(field) : String(field)
  })
}

function matches(template: string, path: string): boolean {
  const pattern = template.replace(/\{\w+\}/g, '[^/]+')
  return new RegExp(`^${pattern}/?$`).test(path)
}

function documentOf(version: string) {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Klamm, the control API',
      description: 'Controls a Klamm that stands in for Apache Kafka in tests.',
      version,
    },
  }
}
