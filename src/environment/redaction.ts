import { SecretMatcher } from './secret-matcher.ts';
import { formsOf, shortestSecret } from './secret-forms.ts';

/** What stands in the output where a secret stood. */
export const redactionMark = '[redacted]';

/** The secrets of one phase. Grows while the phase runs: a renewed token is as secret as the first. */
export class SecretList {
  /** Each with the moment from which it is worth nothing, in ms since the epoch. */
  readonly #values = new Map<string, number>();
  #matcher: SecretMatcher | null = null;

  /**
   * Adds a value with all its forms.
   *
   * @param until when it ends to be a secret; default: never
   * @returns false when it is too short to be looked for: it would shred the output
   */
  add(value: string, until: Date | null = null): boolean {
    if ([...value].length < shortestSecret) return value === '';
    if (!this.#values.has(value)) this.#matcher = null;
    this.#values.set(value, Math.max(this.#values.get(value) ?? 0, until?.getTime() ?? Infinity));
    return true;
  }

  /** Forgets what has ended: a command that fetches a token every second would fill the memory, and slow its output. */
  forgetEnded(now: Date): void {
    for (const [value, until] of this.#values) {
      if (until > now.getTime()) continue;
      this.#values.delete(value);
      this.#matcher = null;
    }
  }

  /** The matcher over all values so far; the same object until one is added. */
  matcher(): SecretMatcher {
    this.#matcher ??= new SecretMatcher([...this.#values.keys()].flatMap(formsOf));
    return this.#matcher;
  }
}

/** A stretch of secret bytes, counted from the beginning of what is held back. */
interface Stretch {
  from: number;
  to: number;
}

/**
 * Replaces secrets in a stream of bytes, also those that come in pieces. Holds back exactly the longest tail that may be
 * the beginning of a secret; everything else passes at once, so that prompts do. Pure but for its own state.
 */
export class Redactor {
  readonly #secrets: SecretList;
  #matcher: SecretMatcher;
  #state = 0;
  #held: Buffer = Buffer.alloc(0);
  #stretches: Stretch[] = [];
  /** The last byte given out belonged to a secret: its mark stands there already. */
  #insideSecret = false;

  constructor(secrets: SecretList) {
    this.#secrets = secrets;
    this.#matcher = secrets.matcher();
  }

  /** Takes bytes and gives what may be shown of all so far. */
  write(chunk: Uint8Array): Buffer {
    this.#followSecrets();
    const start = this.#held.length;
    const held = start === 0 ? Buffer.from(chunk) : Buffer.concat([this.#held, chunk]);
    this.#scan(held, start);
    this.#held = held;
    return this.#release(held.length - this.#matcher.depth(this.#state));
  }

  /** Gives the rest: the stream, or one command's share of it, has ended. */
  end(): Buffer {
    const rest = this.#release(this.#held.length);
    this.#state = 0;
    this.#insideSecret = false;
    return rest;
  }

  /** After a secret was added, what is held back is looked at anew. */
  #followSecrets(): void {
    const matcher = this.#secrets.matcher();
    if (matcher === this.#matcher) return;
    this.#matcher = matcher;
    this.#state = 0;
    this.#scan(this.#held, 0);
  }

  #scan(bytes: Buffer, from: number): void {
    this.#state = this.#matcher.scan(this.#state, bytes, from, (start, end) => this.#cover(start, end));
  }

  /** Stretches come by their ends; one that begins earlier swallows those before it. Touching ones become one. */
  #cover(start: number, end: number): void {
    let from = Math.max(0, start);
    while (this.#stretches.length > 0 && this.#stretches.at(-1)!.to >= from) {
      from = Math.min(from, this.#stretches.pop()!.from);
    }
    this.#stretches.push({ from, to: end });
  }

  #release(count: number): Buffer {
    const parts: Buffer[] = [];
    let position = 0;
    for (const { from, to } of this.#stretches) {
      if (from >= count) break;
      if (from > position) {
        parts.push(this.#held.subarray(position, from));
        this.#insideSecret = false;
      }
      if (!this.#insideSecret) parts.push(Buffer.from(redactionMark));
      this.#insideSecret = true;
      position = Math.min(to, count);
    }
    if (position < count) {
      parts.push(this.#held.subarray(position, count));
      this.#insideSecret = false;
    }
    this.#held = this.#held.subarray(count);
    this.#stretches = this.#stretches
      .filter((stretch) => stretch.to > count)
      .map((stretch) => ({ from: Math.max(0, stretch.from - count), to: stretch.to - count }));
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }
}
