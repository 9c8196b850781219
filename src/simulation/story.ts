/** The engine's log lines as a part of a run's story; those that tell of a bug end it. */
import { DamagedSegment } from '../log/damaged-segment.ts'
import type { Logger } from '../observe/logger.ts'

export interface Listener {
  note(line: string): void
  fail(error: Error): void
  /** Whether the disk has changed bytes of a log. */
  isRotten(log: string): boolean
}

/**
 * Logs of which the disk has changed bytes. A topic that is deleted is out of sight at once; its log may
 * complain until it is gone, in this life of the broker or the next, and so until its name has a new one.
 */
export class RottenLogs {
  private readonly names = new Set<string>()

  add(log: string): void {
    this.names.add(log)
  }

  /** There is another one of that name. */
  replaced(log: string): void {
    this.names.delete(log)
  }

  has(log: string): boolean {
    return this.names.has(log)
  }
}

/**
 * Only the disk may fail, and a log complain of what the disk has done to it: any other error that the
 * engine tells of is a bug.
 */
export function storyLogger(listener: Listener): Logger {
  const at =
    (level: string) =>
    (message: string, details: Readonly<Record<string, unknown>> = {}) => {
      const { error, ...rest } = details
      const reason = error instanceof Error ? `: ${error.message}` : ''
      listener.note(`${level}: ${message}${reason} ${Object.values(rest).map(String).join(' ')}`)
      if (!(error instanceof Error) || level !== 'error' || isDiskError(error)) return
      const { log } = rest
      const isRot = error instanceof DamagedSegment && typeof log === 'string' && listener.isRotten(log)
      if (!isRot) listener.fail(error)
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
  const { code, cause } = error as { code?: string; cause?: unknown }
  return /^E[A-Z]+$/.test(code ?? '') || (cause !== undefined && isDiskError(cause))
}
