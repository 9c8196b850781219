import { ErrorCode } from '../../protocol/errors.ts'
import { UpdateFeaturesRequest, UpdateFeaturesResponse } from '../../protocol/messages/update-features.ts'
import { handler } from './handler.ts'

const UPGRADE = 1

export const updateFeatures = handler({
  request: UpdateFeaturesRequest,
  response: UpdateFeaturesResponse,
  refuse: errorCode => ({ errorCode, results: [] }),

  async handle({ featureUpdates, timeoutMs, validateOnly }, { apiVersion, controller }) {
    const updates = featureUpdates.map(({ feature, maxVersionLevel, upgradeType }) => ({
      name: feature,
      level: maxVersionLevel,
      // Before v1 nothing can be said about downgrades that Kafka heeds.
      upgradeType: apiVersion === 0 ? UPGRADE : upgradeType,
    }))
    const updated = await controller.updateFeatures(updates, { timeoutMs, validateOnly })
    if (updated.error) return { errorCode: updated.error, errorMessage: updated.message ?? null, results: [] }
    const results = featureUpdates.map(({ feature }) => {
      return { feature, errorCode: ErrorCode.NONE, errorMessage: 'NONE' }
    })
    return { errorCode: ErrorCode.NONE, results: apiVersion < 2 ? results : [] }
  },
})
