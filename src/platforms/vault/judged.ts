import type { Json } from '../../domain/json.ts';
import { quoted } from '../../domain/printable.ts';
import type { Check, CheckResult } from '../../domain/trust.ts';

/** The server's own answer to a refused login. */
export interface VaultError {
  readonly status: number;
  readonly message: string;
}

/** A check, with what the server answers when it is the first that fails. */
export interface Judged {
  readonly check: Check;
  /** Null when it passed. */
  readonly error: VaultError | null;
}

/** A check as it turned out. The sentence names both values unless another is given. */
export function judged(
  about: Omit<Check, 'result' | 'sentence'>,
  result: boolean | CheckResult,
  message: string,
  sentence?: string,
  hint = '',
  status = 400,
): Judged {
  const outcome = typeof result === 'boolean' ? (result ? 'pass' : 'fail') : result;
  const plain = `${about.key}: wanted ${about.operator} ${quoted(about.expected)}, was ${about.actual === null ? 'absent' : quoted(about.actual)}`;
  return {
    check: { ...about, result: outcome, sentence: `${sentence ?? plain}${outcome === 'pass' ? '' : hint}` },
    error: outcome === 'pass' ? null : { status, message },
  };
}

/** A claim's value for people; texts as they are, anything else as JSON. */
export function shownClaim(value: Json | undefined): string | null {
  return value === undefined || value === null ? null : typeof value === 'string' ? value : JSON.stringify(value);
}

/** Values for a sentence: one of them is enough. */
export function listed(values: readonly string[]): string {
  return values.join(' or ');
}
