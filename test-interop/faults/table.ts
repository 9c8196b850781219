// docs/faults.md: the faults that were demonstrated, by client.

import type { Scenario } from './scenario.ts'

const HEAD = `# Faults, and what clients do about them

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
