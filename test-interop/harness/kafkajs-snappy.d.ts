// The package brings no types of its own.
declare module 'kafkajs-snappy' {
  interface Codec {
    compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>
    decompress(buffer: Buffer): Promise<Buffer>
  }
  const snappyCodec: () => Codec
  // biome-ignore lint/style/noDefaultExport: so the package does it
  export default snappyCodec
}
