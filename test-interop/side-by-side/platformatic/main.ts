// Runs every case against the broker of its only argument, and prints a line for each.

import { adminCases } from './admin.ts'
import { Cases } from './cases.ts'
import { consumingCases } from './consuming.ts'
import { groupCases } from './groups.ts'
import { producingCases } from './producing.ts'
import { transactionCases } from './transactions.ts'

const cases = new Cases()
producingCases(cases)
consumingCases(cases)
groupCases(cases)
adminCases(cases)
transactionCases(cases)
await cases.run(process.argv[2]!, 6)
process.stdout.write('END\n')
// A client that hangs in close may not keep the program alive.
process.exit(0)
