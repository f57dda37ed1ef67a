import type { Json, JsonObject } from '../../domain/json.ts';
import type { Check } from '../../domain/trust.ts';
import { quoted } from '../../domain/printable.ts';
import type { KubernetesAuthenticator } from './authenticator.ts';
import { cannotUnmarshal, folded, membersLike, readText, readTextOrTexts, type Read } from './go-json.ts';

/** One check, and the words of the API server's log where it fails. */
export interface Step {
  readonly check: Check;
  /** Null when the check passed, or when nobody knows. */
  readonly log: string | null;
}

/** The members of a token that the OIDC library itself looks at. */
interface RegisteredClaims {
  readonly audience: readonly string[];
  /** Whole seconds; null: absent. */
  readonly expiry: number | null;
  readonly notBefore: number | null;
}

/**
 * `iss` as the API server reads it before anything is verified; null where it finds none.
 *
 * @see OpenID Connect Core 1.0 section 15.6.2 (the two names of Google)
 */
export function issuerOf(claims: JsonObject): string | null {
  let issuer = '';
  for (const json of membersLike(claims, 'iss')) {
    const read = readText(json);
    if ('error' in read) return null;
    if (json !== null) issuer = read.value;
  }
  return issuer === 'accounts.google.com' ? 'https://accounts.google.com' : issuer;
}

/** What the OIDC library checks of a token whose signature is good: algorithm, claims, audience, times. Pure. */
export function judgeIdToken(
  authenticator: KubernetesAuthenticator,
  claims: JsonObject,
  at: Date,
  algorithm: string,
): readonly Step[] {
  const { algorithms, audiences } = authenticator;
  const isKnown = algorithms.includes(algorithm);
  const listed = `[${algorithms.map((one) => JSON.stringify(one)).join(' ')}]`;
  const steps = [
    step(
      { step: 'algorithm', key: 'alg', operator: 'in', expected: algorithms.join(' or '), actual: algorithm },
      isKnown,
      `oidc: id token signed with unsupported algorithm, expected ${listed} got ${JSON.stringify(algorithm)}`,
    ),
  ];
  const read = readRegistered(claims);
  if ('error' in read) {
    const log = `oidc: failed to unmarshal claims: ${read.error}`;
    const expected = 'registered claims of the right types';
    return [
      ...steps,
      step({ step: 'claims', key: 'claims', operator: 'type', expected, actual: read.error }, false, log),
    ].map(verifying);
  }
  const { audience, expiry, notBefore } = read.value;
  const wanted = [...audiences].sort(byBytes).map((one) => JSON.stringify(one));
  const shownAudience = `[${audience.map((one) => JSON.stringify(one)).join(' ')}]`;
  const audienceStep = step(
    { step: 'audience', key: 'aud', operator: 'in', expected: audiences.join(' or '), actual: audience.join(', ') },
    audience.some((one) => audiences.includes(one)),
    `oidc: expected audience ${wanted.length > 1 ? `in [${wanted.join(' ')}]` : wanted[0]!} got ${shownAudience}`,
  );
  const times = timeSteps(expiry, notBefore, at);
  // The library looks at one audience before the times; Kubernetes at several behind them.
  return [...steps, ...(wanted.length > 1 ? [...times, audienceStep] : [audienceStep, ...times])].map(verifying);
}

function timeSteps(expiry: number | null, notBefore: number | null, at: Date): readonly Step[] {
  const now = at.getTime();
  const expires = step(
    { step: 'times', key: 'exp', operator: 'not before', expected: at.toISOString(), actual: shownTime(expiry) },
    expiry !== null && expiry * 1000 >= now,
    `oidc: token is expired (Token Expiry: ${goTime(expiry === null ? null : expiry * 1000)})`,
  );
  if (notBefore === null) return [expires];
  const expected = `${at.toISOString()} and one minute`;
  const begins = step(
    { step: 'times', key: 'nbf', operator: 'not after', expected, actual: shownTime(notBefore) },
    now + 60_000 >= notBefore * 1000,
    `oidc: current time ${goTime(now)} before the nbf (not before) time: ${goTime(notBefore * 1000)}`,
  );
  return [expires, begins];
}

function verifying({ check, log }: Step): Step {
  return { check, log: log === null ? null : `oidc: verify token: ${log}` };
}

/** A check with its sentence. */
export function step(parts: Omit<Check, 'result' | 'sentence'>, passed: boolean, log: string): Step {
  const was = parts.actual === null ? 'was absent' : `was ${quoted(parts.actual)}`;
  const sentence = `${parts.step}: wanted ${parts.key} ${parts.operator} ${quoted(parts.expected)}, ${was}`;
  return { check: { ...parts, result: passed ? 'pass' : 'fail', sentence }, log: passed ? null : log };
}

/** How one registered member is read; `aborts`: its error counts before those of the others. */
interface Member {
  readonly read: (json: Json) => Read<unknown>;
  readonly aborts?: true;
}

const registered: Readonly<Record<string, Member>> = {
  iss: { read: readText },
  sub: { read: readText },
  nonce: { read: readText },
  at_hash: { read: readText },
  aud: { read: (json) => (json === null ? { value: [''] } : readTextOrTexts(json)), aborts: true },
  exp: { read: readTime, aborts: true },
  iat: { read: readTime, aborts: true },
  nbf: { read: (json) => (json === null ? { value: null } : readTime(json)), aborts: true },
  _claim_names: { read: (json) => readMap(json, readText) },
  _claim_sources: { read: (json) => readMap(json, readSource) },
};

function readRegistered(claims: JsonObject): Read<RegisteredClaims> {
  const values = new Map<string, unknown>();
  let first: { readonly error: string } | undefined;
  for (const [given, json] of Object.entries(claims)) {
    const name = folded(given);
    const member = Object.hasOwn(registered, name) ? registered[name] : undefined;
    const one = member?.read(json);
    if (one === undefined) continue;
    if ('value' in one) values.set(name, one.value);
    else if (member?.aborts) return one;
    else first ??= one;
  }
  if (first !== undefined) return first;
  const sources = (values.get('_claim_sources') ?? {}) as JsonObject;
  for (const source of Object.values((values.get('_claim_names') ?? {}) as JsonObject)) {
    if (typeof source !== 'string' || source === '') {
      return { error: 'oidc: failed to obtain source from claim name' };
    }
    if (!Object.hasOwn(sources, source)) return { error: 'oidc: source does not exist' };
  }
  return {
    value: {
      audience: (values.get('aud') ?? []) as readonly string[],
      expiry: (values.get('exp') ?? null) as number | null,
      notBefore: (values.get('nbf') ?? null) as number | null,
    },
  };
}

/** Whole seconds from a number, or from a text that holds one. */
function readTime(json: Json): Read<number | null> {
  if (json === null) return { error: 'strconv.ParseFloat: parsing "": invalid syntax' };
  if (typeof json !== 'number' && typeof json !== 'string') return cannotUnmarshal(json, 'json.Number');
  if (typeof json === 'string' && !/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(json)) {
    return {
      error: `json: invalid number literal, trying to unmarshal ${JSON.stringify(JSON.stringify(json))} into Number`,
    };
  }
  return { value: Math.trunc(Number(json)) };
}

function readMap(json: Json, read: (value: Json) => Read<unknown>): Read<JsonObject> {
  if (json === null) return { value: {} };
  if (typeof json !== 'object' || Array.isArray(json)) return cannotUnmarshal(json, 'map');
  for (const value of Object.values(json as JsonObject)) {
    const one = read(value);
    if ('error' in one) return one;
  }
  return { value: json as JsonObject };
}

function readSource(json: Json): Read<null> {
  const object = readMap(json, () => ({ value: null }));
  if ('error' in object) return object;
  for (const name of ['endpoint', 'access_token']) {
    const wrong = membersLike(object.value, name)
      .map(readText)
      .find((one) => 'error' in one);
    if (wrong !== undefined && 'error' in wrong) return wrong;
  }
  return { value: null };
}

/** Seconds beyond any calendar stay numbers. */
function shownTime(seconds: number | null): string | null {
  if (seconds === null) return null;
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString();
}

/** A time as Go prints it, in UTC. */
function goTime(milliseconds: number | null): string {
  if (milliseconds === null) return '0001-01-01 00:00:00 +0000 UTC';
  const date = new Date(milliseconds);
  if (Number.isNaN(date.getTime())) return String(milliseconds / 1000);
  const [day, time = ''] = date.toISOString().split('T');
  return `${day} ${time.replace(/\.?0*Z$/, '')} +0000 UTC`;
}

function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
