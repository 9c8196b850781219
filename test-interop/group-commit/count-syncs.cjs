// Loaded into the broker: counts its calls of fdatasync, and writes the count to the file in SYNC_COUNT on SIGUSR2.
// SYNC_MS makes each of them last so much longer, as on a disk that does not answer from a cache.

const fs = require('node:fs')
const { syncBuiltinESMExports } = require('node:module')

let count = 0
const { fdatasync } = fs
fs.fdatasync = (file, done) => {
  count += 1
  fdatasync(file, error => setTimeout(done, Number(process.env.SYNC_MS), error))
}
syncBuiltinESMExports()

process.on('SIGUSR2', () => fs.writeFileSync(process.env.SYNC_COUNT, String(count)))
