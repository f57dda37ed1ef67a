import { inspect } from 'node:util';

/**
 * A value that must not reach logs, errors, audit, argv or JSON. Printing, joining or serialising it gives
 * `[secret]`; only {@link Secret.reveal} gives the value, so that every use can be found by searching for it.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Call it where the value is written to its destination, not before. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

/** The text of a value that may be secret. Same rule as {@link Secret.reveal}: only at the destination. */
export function revealed(value: Secret | string): string {
  return typeof value === 'string' ? value : value.reveal();
}
