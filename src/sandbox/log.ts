import { printable } from '../domain/printable.ts';
import type { Check } from '../domain/trust.ts';

/** What the stand-in tells of one request. Never holds a token, a secret key or a signature. */
export interface SandboxLogLine {
  readonly at: string;
  readonly request_id: string;
  /** `aws`, `gcp`, … */
  readonly platform: string;
  /** `sts:AssumeRoleWithWebIdentity` at AWS; what was asked for, as far as it could be understood. */
  readonly action: string;
  /** ARN of the role that was asked for, or that the session has. */
  readonly role: string | null;
  /** The session's ARN, or the token's subject. */
  readonly principal: string | null;
  /** What the call was about, such as a parameter's ARN. */
  readonly resource: string | null;
  readonly outcome: 'ok' | 'refused';
  readonly status: number;
  /** The platform's error code and words; null when it went well. */
  readonly code: string | null;
  readonly message: string | null;
  /** Why it was refused, for people: one sentence for each failed check, with both values. */
  readonly reasons: readonly string[];
  /** Every check of the trust policy or identity policy that decided, passed or not. */
  readonly checks: readonly Check[];
  /** When the credentials that were handed out end. */
  readonly expires_at: string | null;
}

/** A signed token, whole or cut off; a token of Vault's. */
const tokens = /\beyJ[\w-]{10,}(?:\.[\w-]*)*|\bhv[sb]\.[\w-]{10,}/g;

/** The line as it may be kept: whoever puts a token where a name belongs must not find it in a log. */
export function withoutTokens(line: SandboxLogLine): SandboxLogLine {
  return masked(line) as SandboxLogLine;
}

function masked(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(tokens, '[token]');
  if (Array.isArray(value)) return value.map(masked);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, masked(member)]));
}

/** One request as a sentence for people, with a line for each reason of a refusal. */
export function sandboxSentence(line: SandboxLogLine): string {
  const role = line.role !== null && line.role !== line.principal ? ` as ${line.role}` : '';
  const resource = line.resource === null ? '' : ` on ${line.resource}`;
  const what = `${line.action}${role}${resource} by ${line.principal ?? 'somebody without credentials'}`;
  const time = line.at.slice(11, 19);
  if (line.outcome === 'ok')
    return oneLine(`${time} ok       ${what}${line.expires_at === null ? '' : `, until ${line.expires_at}`}`);
  const words = line.message ? `: ${line.message}` : '';
  return [
    oneLine(`${time} refused  ${what}: ${line.status} ${line.code}${words}`),
    ...line.reasons.map((reason) => oneLine(`           because ${reason}`)),
  ].join('\n');
}

const longestLine = 2_000;

/** What strangers send stands in these lines: it must not start new ones, nor speak to the terminal. */
function oneLine(text: string): string {
  const shown = printable(text);
  return shown.length > longestLine ? `${shown.slice(0, longestLine)}…` : shown;
}
