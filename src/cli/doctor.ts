/** `klamm doctor`: which of the native parts this machine has, and whether what is used works. */
import { type CodecReport, codecReport, compress, decompress } from '../records/compression.ts'
import { crc32c } from '../records/crc32c.ts'
import { packageVersion, print } from './terminal.ts'

const SAMPLE = Buffer.from('The quick brown fox jumps over the lazy dog. '.repeat(200))
/** CRC-32C of the digits 1 to 9: the check value that every description of it gives. */
const CHECK_VALUE = 0xe3069283

export function doctor(): void {
  print(`klamm ${packageVersion()}, Node ${process.version}, ${process.platform} ${process.arch}`)
  for (const { codec, implementation, limitation } of codecReport()) {
    const verdict = verdictOf(codec)
    if (verdict !== 'works') process.exitCode = 1
    const remark = limitation === undefined ? '' : `; ${limitation}`
    print(`  ${codec.padEnd(8)}${implementation.padEnd(32)}${verdict}${remark}`)
  }
  if (process.exitCode !== 1) print('Nothing is missing here.')
}

function verdictOf(codec: CodecReport['codec']): string {
  try {
    return isRight(codec) ? 'works' : 'GIVES WRONG RESULTS'
  } catch (error) {
    return `FAILS: ${(error as Error).message}`
  }
}

function isRight(codec: CodecReport['codec']): boolean {
  if (codec === 'crc32c') return crc32c(Buffer.from('123456789')) === CHECK_VALUE
  const decompressed = decompress(codec, compress(codec, SAMPLE), SAMPLE.length)
  return !decompressed.error && SAMPLE.equals(decompressed.value)
}
