/**
 * A broker's options as one listener sees them: `listener.name.<listener>.<option>` before `<option>`, and
 * for a SASL mechanism `listener.name.<listener>.<mechanism>.<option>` before both.
 */
import type { BrokerConfig } from '../metadata/broker-config.ts'

export class ListenerOptionsOf {
  private readonly config: BrokerConfig
  private readonly prefix: string

  constructor(config: BrokerConfig, listener: string) {
    this.config = config
    this.prefix = `listener.name.${listener.toLowerCase()}.`
  }

  /** The name that the value comes from; that of the listener where there is none. */
  name(option: string): string {
    const own = this.prefix + option
    return this.config.given(own) === undefined && this.config.given(option) !== undefined ? option : own
  }

  isGiven(option: string): boolean {
    return this.config.given(this.name(option)) !== undefined
  }

  text(option: string): string | null {
    return this.config.given(this.prefix + option) ?? this.config.text(option)
  }

  string(option: string): string {
    return this.text(option) ?? ''
  }

  list(option: string): readonly string[] {
    return this.string(option)
      .split(',')
      .map(part => part.trim())
      .filter(part => part !== '')
  }

  /** What was set for one SASL mechanism of this listener, or for the listener. */
  ofMechanism(mechanism: string, option: string): string | undefined {
    const { config, prefix } = this
    return config.given(`${prefix}${mechanism.toLowerCase()}.${option}`) ?? config.given(prefix + option)
  }
}
