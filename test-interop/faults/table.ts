// docs/faults.md: the faults that were demonstrated, by client.

import type { Scenario } from './scenario.ts'

const RULES = `## What a rule can say

\`klamm.faults.add(match, effect)\` or, in one piece, \`{ ...match, effect }\`. All of the match is optional; texts may have
\`*\` for any characters.

| match | |
| --- | --- |
| \`api\` | name, or names; without it, every API that the effect can happen to |
| \`version\` | \`9\`, \`'3-8'\`, \`'9+'\` |
| \`topic\`, \`partition\` | an error then strikes these alone, and the others are served |
| \`client\`, \`group\`, \`transactionalId\`, \`listener\`, \`user\` | whose request it is |
| \`nth\` | of those that match: \`3\`, or \`[1, 2, 5]\` |
| \`times\` | the rule is over when it has fired so often |
| \`probability\` | from 0 to 1; the same \`seed\` chooses the same |

| effect | |
| --- | --- |
| \`error\` | a code by name or number; a text in the place of the effect means the same |
| \`delayMs\` | a time, or \`[from, to]\`; what the connection sends behind it waits too |
| \`drop\` | the connection is cut |
| \`silence\` | this request is never answered, nor are those behind it |
| \`truncate\` | so many bytes of the response (\`true\`: half), then the connection is cut |
| \`corrupt\` | \`'records'\` (one bit of them), \`'body'\`, \`'correlationId'\`, \`'size'\` |
| \`throttleMs\` | told in the response; the connection is not read from for as long (KIP-219) |
| \`staleMetadata\` | Metadata as it was when the rule was added |
| \`coordinatorMoved\` | NOT_COORDINATOR from coordinators, COORDINATOR_NOT_AVAILABLE from FindCoordinator |
| \`when\` | \`'before'\` (unless told): the request is not served, or later; \`'after'\`: it is served, and the answer replaced, late or lost |

Rules are asked in the order in which they were added, each about what those before it let through. With \`acks=0\` an error
ends the connection, as in Kafka. While a rule strikes partitions of fetches, fetch sessions are ended and none is opened,
so that each fetch names its partitions.
`

const HEAD = `# Faults, and what clients do about them

${RULES}
## What clients do

Each line was played by [test-interop/faults](../test-interop/faults) with a real client against Klamm: the rule is what
\`klamm.faults.define\`, \`klamm proxy --fault\` and the HTTP API take, and the last column is what the trace tells of the
APIs named there (repetitions in a row once). What the client does is asserted by what is stored in the end, by what the
client says, and by the trace. Made by \`FAULTS_TABLE=1 npx vitest run faults\` in test-interop; each run checks it.

`

/** A scenario, and what the trace told of it. */
interface Played extends Scenario {
  readonly evidence: string
}

export function renderTable(scenarios: readonly Played[]): string {
  const rows = scenarios.map(({ client, fault, rules, does, evidence }) => {
    const written = rules.map(rule => `\`${JSON.stringify(rule)}\``).join('<br>')
    return `| ${[client, fault, written, does, evidence].join(' | ')} |`
  })
  const head = ['client', 'what goes wrong', 'rule', 'what the client does', 'the trace']
  return `${HEAD}| ${head.join(' | ')} |\n|${' --- |'.repeat(head.length)}\n${rows.join('\n')}\n`
}
