/** Tells how far a long copy has come. */
import type { Progress } from './copy-files.ts'

const PROGRESS_EVERY_MS = 1_000
const PROGRESS_AFTER_BYTES = 64 * 1_048_576

/** Lines on the error output, one a second, when there is much to copy. */
export function progressLine(): (progress: Progress) => void {
  let nextAt = Date.now() + PROGRESS_EVERY_MS
  return ({ copiedBytes, totalBytes }) => {
    if (totalBytes < PROGRESS_AFTER_BYTES || Date.now() < nextAt) return
    nextAt = Date.now() + PROGRESS_EVERY_MS
    const percent = Math.floor((copiedBytes * 100) / totalBytes)
    process.stderr.write(
      `klamm: copied ${mebibytes(copiedBytes)} of ${mebibytes(totalBytes)} MiB (${percent}%)\n`,
    )
  }
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 1_048_576)
}
