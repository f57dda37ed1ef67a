import { quoted } from '../../domain/printable.ts';
import type { Check, CheckResult } from '../../domain/trust.ts';

/** An error of the token service, as it stands in its answer. */
export interface GcpTokenError {
  readonly status: 400;
  readonly error: 'invalid_target' | 'invalid_request' | 'invalid_grant' | 'unauthorized_client';
  readonly error_description: string;
}

/** The steps of a decision, in Google's order as far as it is known. */
export type GcpStep = 'request' | 'provider' | 'issuer' | 'times' | 'audience' | 'mapping' | 'condition';

/** A check with the error that Google answers when it fails. */
export interface GcpJudged {
  readonly check: Check;
  readonly error: GcpTokenError;
}

/** Makes a check and pairs it with its error. */
export function judge(
  row: { step: GcpStep; key: string; operator: string; expected: string; actual: string | null; note?: string },
  result: CheckResult,
  error: GcpTokenError['error'],
  description: string,
): GcpJudged {
  const { note, ...check } = row;
  const was = row.actual === null ? 'missing' : quoted(row.actual);
  const uncertain = result === 'unknown' ? ' (not certain)' : '';
  return {
    check: {
      ...check,
      result,
      sentence: `${row.step} ${row.key}: wanted ${row.expected}, was ${was}${uncertain}${note === undefined ? '' : `; ${note}`}`,
    },
    error: { status: 400, error, error_description: description },
  };
}

/** A claim or a CEL value on one line; null when there is none. Never throws, however deep it is nested. */
export function shown(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value, (_key, member: unknown) => (typeof member === 'bigint' ? String(member) : member));
  } catch {
    return 'a value nested too deeply';
  }
}
