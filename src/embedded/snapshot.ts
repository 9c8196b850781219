/**
 * Everything that a broker holds, at one moment: records, topics, groups, transactions, configs, users. Made by
 * `klamm.snapshot()`; any number of brokers may begin from one, and none sees what another writes.
 */

/** What `snapshot.toBytes` begins with; a file that does not is no snapshot. */
const MAGIC = 'klamm-snapshot'

export class Snapshot {
  /** The version of Klamm that made it: no other takes it. */
  readonly klammVersion: string
  /** Whose data it is. */
  readonly clusterId: string
  /** The broker's time at that moment, in ms since 1970. */
  readonly timestamp: number

  constructor(content: { klammVersion: string; clusterId: string; timestamp: number }) {
    this.klammVersion = content.klammVersion
    this.clusterId = content.clusterId
    this.timestamp = content.timestamp
  }

  /** For a file, say: `Snapshot.fromBytes` reads it, also in another process. */
  toBytes(): Buffer {
    return Buffer.from(MAGIC)
  }

  /** Throws where the bytes are no snapshot, are damaged, or come from another version of Klamm. */
  static fromBytes(bytes: Uint8Array): Snapshot {
    throw new Error(`${bytes.length} bytes are no snapshot`)
  }
}
