import { installCodecs } from '../harness/kafkajs-codecs.ts'
import { adminCases } from './kafkajs/admin.ts'
import { consumingCases } from './kafkajs/consuming.ts'
import { groupAdminCases } from './kafkajs/group-admin.ts'
import { groupCases } from './kafkajs/groups.ts'
import { producingCases } from './kafkajs/producing.ts'
import { refusalCases } from './kafkajs/refusals.ts'
import { transactionCases } from './kafkajs/transactions.ts'
import { suite } from './suite.ts'

installCodecs()
const kafkajs = await suite({ client: 'kafkajs 2.2.4', position: 1 })
producingCases(kafkajs)
consumingCases(kafkajs)
groupCases(kafkajs)
adminCases(kafkajs)
groupAdminCases(kafkajs)
refusalCases(kafkajs)
transactionCases(kafkajs)
