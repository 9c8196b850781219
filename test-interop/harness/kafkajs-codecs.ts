// kafkajs brings gzip only. Its usual lz4 packages do not load on a newer Node or write frames that Java refuses, so the
// three others are plugged in here over packages that keep to the formats.

import { Decoder, Encoder } from '@toondepauw/node-zstd'
import kafkajs from 'kafkajs'
import SnappyCodec from 'kafkajs-snappy'
import { compressFrameSync, decompressFrameSync } from 'lz4-napi'

interface Encodable {
  readonly buffer: Buffer
}

export function installCodecs(): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs
  CompressionCodecs[CompressionTypes.Snappy] = SnappyCodec
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: async ({ buffer }: Encodable) => compressFrameSync(buffer),
    decompress: async (buffer: Buffer) => decompressFrameSync(buffer),
  })
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: ({ buffer }: Encodable) => new Encoder(3).encode(buffer),
    decompress: (buffer: Buffer) => new Decoder().decode(buffer),
  })
}
