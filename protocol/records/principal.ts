/**
 * How a principal travels in an Envelope request: an int16 version and this.
 */
import { bool, message, string, type ValueOf } from '../schema.ts'

export const DefaultPrincipalData = message('DefaultPrincipalData', -1, '0', '0+', {
  type: string,
  name: string,
  tokenAuthenticated: bool,
})
export type DefaultPrincipalData = ValueOf<typeof DefaultPrincipalData.fields>
