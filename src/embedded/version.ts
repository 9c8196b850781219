/** Of the package, as in its manifest: a test keeps the two together. */
export const KLAMM_VERSION = '0.1.0'
