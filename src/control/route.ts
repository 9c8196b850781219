/**
 * What one operation of the control API is: data, so that it is served, checked and described from one place.
 */

/** JSON Schema, as OpenAPI 3.1 and the validator read it. */
export type Schema = Readonly<Record<string, unknown>>

/** What a request says, as its schemas have checked it. */
export interface RouteInput {
  readonly params: Readonly<Record<string, string>>
  readonly query: object
  readonly body: object
}

export interface Route<Input extends RouteInput = RouteInput> {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** As OpenAPI writes it: `/topics/{topic}`. */
  readonly path: string
  /** Of operations that belong together. */
  readonly tag: string
  readonly summary: string
  readonly description?: string
  readonly params?: Schema
  readonly query?: Schema
  readonly body?: Schema
  /** A body may be left out altogether. */
  readonly isBodyOptional?: boolean
  /** The schema is for people; the handler says what is wrong in better words. */
  readonly isCheckedByHandler?: boolean
  /** What a successful answer holds. */
  readonly answer: Schema
  readonly answerType?: 'application/json' | 'text/plain'
  handle(input: Input): unknown
  /** When the answer is sent. */
  readonly afterwards?: () => void
}

/** An answer with another status than 200. */
export class Answer {
  readonly status: number
  readonly body: unknown

  constructor(status: number, body: unknown) {
    this.status = status
    this.body = body
  }
}

/** Checks a route against the types that its schemas stand for, then forgets them. */
export function route<Input extends Partial<RouteInput>>(spec: Route<RouteInput & Input>): Route {
  return spec as unknown as Route
}

export const text = (description: string, rest: Schema = {}): Schema => ({
  type: 'string',
  description,
  ...rest,
})
export const whole = (description: string, rest: Schema = {}): Schema => ({
  type: 'integer',
  description,
  ...rest,
})
export const truth = (description: string): Schema => ({ type: 'boolean', description })

/** An object that has only these fields. */
export function fields(properties: Readonly<Record<string, Schema>>, ...required: string[]): Schema {
  return { type: 'object', properties, required, additionalProperties: false }
}

export const listOf = (items: Schema, description = ''): Schema => ({ type: 'array', items, description })

/** Where there is nothing to say but that it is done. */
export const NOTHING: Schema = { type: 'object', description: 'Empty: it is done.' }

/** An object as it comes, told in words. */
export const anything = (description: string): Schema => ({ type: 'object', description })
