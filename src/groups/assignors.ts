/** The assignors that a broker has for its consumer groups, as `group.consumer.assignors` names them. */

import type { Assignor } from './assignor.ts'
import { rangeAssignor } from './range-assignor.ts'
import { uniformAssignor } from './uniform-assignor.ts'

/** Kafka takes the names of its classes too. */
const CLASS_NAMES: ReadonlyMap<string, Assignor> = new Map([
  ['org.apache.kafka.coordinator.group.assignor.UniformAssignor', uniformAssignor],
  ['org.apache.kafka.coordinator.group.assignor.RangeAssignor', rangeAssignor],
])

/** By the option's value. The first is that of groups whose members do not ask for one. */
export function assignorsNamed(names: readonly string[]): ReadonlyMap<string, Assignor> {
  const known = [uniformAssignor, rangeAssignor]
  const chosen = names.flatMap(
    name => known.find(assignor => assignor.name === name) ?? CLASS_NAMES.get(name) ?? [],
  )
  return new Map(chosen.map(assignor => [assignor.name, assignor]))
}
