/**
 * What six Kafkas answer ApiVersions: 2.8.2 (with ZooKeeper), 3.3.2, 3.9.1, 4.0.0, 4.3.1 and 4.4.0 (with KRaft). Derived
 * from the recordings in api/fixtures/personas, which a test compares it with.
 */

/** API key, name, and the versions that each advertises; `-` where it has no such API. */
export const API_VERSIONS = `
`

/** The levels that each supports, and behind `=` that of a new cluster, where it is not 0. */
export const FEATURES = `
`
