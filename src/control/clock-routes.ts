/** The broker's time over HTTP. */
import type { Klamm } from '../embedded.ts'
import { fields, type Route, route, text, whole } from './route.ts'

const CLOCK = fields({
  now: whole("The broker's time, in ms since 1970."),
  time: text('The same as a text of ISO 8601.'),
})

export function clockRoutes(klamm: Klamm, timeText: (ms: number) => string): Route[] {
  const tag = 'clock'
  const shown = () => {
    const now = klamm.clock.now()
    return { now, time: timeText(now) }
  }
  return [
    route({ method: 'GET', path: '/clock', tag, summary: 'What time it is', answer: CLOCK, handle: shown }),
    route<{ body: { by: number | string } }>({
      method: 'POST',
      path: '/clock/advance',
      tag,
      summary: 'Let time pass',
      description: 'Needs klamm.clock=manual. Answers when all that fell due is done.',
      body: fields(
        { by: { type: ['integer', 'string'], description: "Ms, or a text such as '90s' or '7d'." } },
        'by',
      ),
      answer: CLOCK,
      handle: async ({ body }) => {
        await klamm.clock.advance(body.by)
        return shown()
      },
    }),
  ]
}
