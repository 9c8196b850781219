/** The engine's log lines as a part of a run's story; those that tell of a bug end it. */
import type { Logger } from '../observe/logger.ts'

export interface Listener {
  note(line: string): void
  fail(error: Error): void
}

/** Only the disk may fail: any other error that the engine tells of is a bug. */
export function storyLogger(listener: Listener): Logger {
  const at =
    (level: string) =>
    (message: string, details: Readonly<Record<string, unknown>> = {}) => {
      const { error, ...rest } = details
      const reason = error instanceof Error ? `: ${error.message}` : ''
      listener.note(`${level}: ${message}${reason} ${Object.values(rest).map(String).join(' ')}`)
      if (error instanceof Error && !isDiskError(error) && level === 'error') listener.fail(error)
    }
  const logger: Logger = {
    trace: () => {},
    debug: () => {},
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    isEnabled: () => true,
    child: () => logger,
  }
  return logger
}

export function isDiskError(error: unknown): boolean {
  return /^E[A-Z]+$/.test((error as { code?: string }).code ?? '')
}
