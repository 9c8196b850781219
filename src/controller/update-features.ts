/** Switches the cluster to other levels of Kafka's features: all that are asked for, or none. */
import { ErrorCode, ok, type Result, refuse } from '../../protocol/errors.ts'
import type { ClusterImage } from '../metadata/image.ts'
import { type Persona, supportedFeature } from '../metadata/personas.ts'
import type { Outcome } from './outcome.ts'

export interface FeatureUpdate {
  readonly name: string
  /** 0 switches the feature off. */
  readonly level: number
  /** As in UpdateFeatures: 1 only upwards, 2 and 3 downwards too, if need be with a loss. */
  readonly upgradeType: number
}

const TOGETHER = 'The update failed for all features since the following feature had an error: '
const UPGRADE = 1
const UNSAFE_DOWNGRADE = 3
/** Levels below it can keep less. */
const METADATA_FEATURE = 'metadata.version'

export interface UpdateFeaturesOptions {
  readonly image: ClusterImage
  readonly nodeId: number
  readonly persona: Persona
  readonly validateOnly: boolean
}

export function updateFeatures(
  updates: readonly FeatureUpdate[],
  { image, validateOnly, ...node }: UpdateFeaturesOptions,
): Outcome<Result<void>> {
  for (const update of updates) {
    const problem = problemOf(update, image.features.get(update.name) ?? 0, node)
    if (problem) {
      return { changes: null, answer: refuse(ErrorCode.INVALID_UPDATE_VERSION, TOGETHER + problem) }
    }
  }
  const features = updates.map(({ name, level }) => [name, level === 0 ? undefined : level] as const)
  return { changes: validateOnly || updates.length === 0 ? null : { features }, answer: ok() }
}

function problemOf(
  { name, level, upgradeType }: FeatureUpdate,
  current: number,
  { nodeId, persona }: Pick<UpdateFeaturesOptions, 'nodeId' | 'persona'>,
): string | undefined {
  const invalid = `Invalid update version ${level} for feature ${name}.`
  const supported = supportedFeature(persona, name)
  if (level < 0) return `${invalid} A feature version cannot be less than 0.`
  if (!supported) return `${invalid} Local controller ${nodeId} does not support this feature.`
  const { minVersion, maxVersion } = supported
  if (level < minVersion || level > maxVersion) {
    return `${invalid} Local controller ${nodeId} only supports versions ${minVersion}-${maxVersion}`
  }
  if (upgradeType < UPGRADE || upgradeType > UNSAFE_DOWNGRADE) {
    return `${invalid} The controller does not support the given upgrade type.`
  }
  if (upgradeType === UPGRADE && level < current) {
    return (
      `${invalid} Can't downgrade the version of this feature without setting the upgrade type to ` +
      'either safe or unsafe downgrade.'
    )
  }
  if (upgradeType !== UPGRADE && level > current) return `${invalid} Can't downgrade to a newer version.`
  if (name === METADATA_FEATURE && level < current) {
    return (
      `Unsupported ${name} downgrade from ${current} to ${level}. Refusing to perform the requested ` +
      'downgrade because it might delete metadata information.'
    )
  }
  return undefined
}
