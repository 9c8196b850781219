// Loaded into the broker: counts its calls of fdatasync, and writes the count to the file in SYNC_COUNT on SIGUSR2.

const fs = require('node:fs')
const { syncBuiltinESMExports } = require('node:module')

let count = 0
const { fdatasync } = fs
fs.fdatasync = (...given) => {
  count += 1
  return fdatasync(...given)
}
syncBuiltinESMExports()

process.on('SIGUSR2', () => fs.writeFileSync(process.env.SYNC_COUNT, String(count)))
