/**
 * X.509 and PKCS#12 beyond what Node has: loaded when somebody needs it. The only file that knows node-forge.
 */
export type Forge = typeof import('node-forge')

export async function loadForge(): Promise<Forge> {
  return (await import('node-forge')).default
}
