import type { Json, JsonObject } from '../../domain/json.ts';
import { ownMember } from './claim-match.ts';
import { goInteger, goQuoted } from './go-value.ts';
import type { JwtConfig } from './jwt-config.ts';
import type { JwtRole } from './jwt-role.ts';
import { judged, listed, shownClaim, type Judged } from './judged.ts';

/**
 * The checks of the token itself, in the server's order: algorithm, kinds of the registered claims, issuer, subject,
 * audience, times. The signature was verified before.
 */
export function judgeToken(
  config: JwtConfig,
  role: JwtRole,
  claims: JsonObject,
  algorithm: string | undefined,
  at: Date,
): readonly Judged[] {
  const kinds = kindsError(claims);
  return [
    lookalikeCheck(claims),
    algorithmCheck(config, algorithm),
    judged(
      { step: 'token', key: 'registered claims', operator: 'kind', expected: 'texts, numeric times', actual: kinds },
      kinds === null,
      `error validating token: ${kinds}`,
      kinds === null ? 'the registered claims are of their kinds' : `a registered claim is of the wrong kind: ${kinds}`,
    ),
    issuerCheck(config, claims),
    subjectCheck(role, claims),
    audienceCheck(role, claims),
    ...timeChecks(role, claims, at),
  ].filter((check) => check !== null);
}

function algorithmCheck(config: JwtConfig, algorithm: string | undefined): Judged | null {
  if (algorithm === undefined) return null;
  return judged(
    {
      step: 'token',
      key: 'alg',
      operator: 'one of',
      expected: config.algorithms.join(' or '),
      actual: algorithm,
    },
    config.algorithms.includes(algorithm),
    'error validating token: invalid algorithm (alg) header parameter: token signed with unexpected algorithm',
  );
}

const isText = (value: Json): boolean => typeof value === 'string';

const kindNames: Readonly<Record<string, string>> = { number: 'number', boolean: 'bool' };

/** What the server's JSON reader says to registered claims of the wrong kind; it reads them in the order of their names. */
function kindsError(claims: JsonObject): string | null {
  for (const name of ['aud', 'exp', 'iat', 'iss', 'jti', 'nbf', 'sub']) {
    const value = ownMember(claims, name);
    if (value === undefined) continue;
    if (name === 'aud') {
      if (!isText(value) && !(Array.isArray(value) && (value as readonly Json[]).every(isText)))
        return 'go-jose/go-jose/jwt: expected string or array value to unmarshal to Audience';
    } else if (value === null) {
      continue;
    } else if (['exp', 'iat', 'nbf'].includes(name)) {
      if (typeof value !== 'number') return 'go-jose/go-jose/jwt: expected number value to unmarshal NumericDate';
    } else if (!isText(value)) {
      const kind = kindNames[typeof value] ?? (Array.isArray(value) ? 'array' : 'object');
      return `json: cannot unmarshal ${kind} into Go struct field Claims.${name} of type string`;
    }
  }
  return null;
}

/** A claim that the server could take for a registered one, since it differs from it in letter case only. */
function lookalikeCheck(claims: JsonObject): Judged {
  const names = Object.keys(claims).map((name) => ({ name, folded: folded(name) }));
  const found = names.find(({ name, folded: like }) => name !== like && registered.includes(like));
  return judged(
    {
      step: 'token',
      key: 'claim names',
      operator: 'unlike',
      expected: registered.join(', '),
      actual: found?.name ?? 'nothing alike',
    },
    found === undefined,
    `error validating token: ambiguous claim: key ${goQuoted(found?.name ?? '')} collides with registered claim ${goQuoted(found?.folded ?? '')} under case folding`,
  );
}

const registered = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti'];

/** Letters as Unicode's simple folding has them: the long s is an s. */
function folded(name: string): string {
  return name.toLowerCase().replaceAll('\u017f', 's');
}

function issuerCheck(config: JwtConfig, claims: JsonObject): Judged | null {
  if (config.boundIssuer === '') return null;
  const issuer = ownMember(claims, 'iss') ?? '';
  return judged(
    {
      step: 'token',
      key: 'iss',
      operator: 'equals bound_issuer',
      expected: config.boundIssuer,
      actual: shownClaim(issuer),
    },
    issuer === config.boundIssuer,
    'error validating token: invalid issuer (iss) claim',
  );
}

function subjectCheck(role: JwtRole, claims: JsonObject): Judged | null {
  if (role.boundSubject === '') return null;
  const subject = ownMember(claims, 'sub') ?? '';
  const wildcard = role.boundSubject.includes('*') ? ' (bound_subject is never a glob; use bound_claims for that)' : '';
  return judged(
    {
      step: 'token',
      key: 'sub',
      operator: 'equals bound_subject',
      expected: role.boundSubject,
      actual: shownClaim(subject),
    },
    subject === role.boundSubject,
    'error validating token: invalid subject (sub) claim',
    undefined,
    wildcard,
  );
}

function audienceCheck(role: JwtRole, claims: JsonObject): Judged | null {
  if (role.boundAudiences.length === 0) return null;
  const audience = ownMember(claims, 'aud');
  const audiences = typeof audience === 'string' ? [audience] : ((audience ?? []) as readonly Json[]);
  return judged(
    {
      step: 'token',
      key: 'aud',
      operator: 'one of bound_audiences',
      expected: listed(role.boundAudiences),
      actual: audience === undefined ? null : shownClaim(audience),
    },
    Array.isArray(audiences) && audiences.some((one) => role.boundAudiences.includes(one as string)),
    'error validating token: invalid audience (aud) claim: audience claim does not match any expected audience',
  );
}

/** Seconds that stand for a leeway as set: 0 for the default, a negative number for none. */
const leewayOf = (set: number, whenZero: number): bigint => BigInt(set < 0 ? 0 : set === 0 ? whenZero : set);

/** A sum as Go's int64 has it. */
const sum = (left: bigint, right: bigint): bigint => BigInt.asIntN(64, left + right);

/** Seconds from year 1 to 1970: Go counts from there, so that times near the end of 64 bits wrap round. */
const fromYearOne = 62_135_596_800n;

/**
 * The times. An absent `exp` becomes the later of `iat` and `nbf` plus a leeway, an absent `nbf` becomes `iat`, or `exp`
 * minus a leeway; 0 and null are absent, fractions are cut off. The clock may differ by `clock_skew_leeway`.
 */
function timeChecks(role: JwtRole, claims: JsonObject, at: Date): readonly Judged[] {
  const read = (name: string): bigint => {
    const value = ownMember(claims, name);
    return typeof value === 'number' ? goInteger(value) : 0n;
  };
  const [issued, expiry, start] = [read('iat'), read('exp'), read('nbf')];
  const none = issued === 0n && expiry === 0n && start === 0n;
  const any = judged(
    { step: 'token', key: 'iat, nbf, exp', operator: 'any', expected: 'one of them', actual: none ? null : 'given' },
    !none,
    'error validating token: no issued at (iat), not before (nbf), or expiration time (exp) claims in token',
    none ? 'the token has neither iat, nbf nor exp' : 'the token has a time',
  );
  if (none) return [any];
  const ends = expiry === 0n ? sum(start > issued ? start : issued, leewayOf(role.expirationLeeway, 150)) : expiry;
  const begins = start !== 0n ? start : issued !== 0n ? issued : sum(ends, -leewayOf(role.notBeforeLeeway, 150));
  const skew = leewayOf(role.clockSkewLeeway, 60);
  const now = BigInt(at.getTime());
  const milliseconds = (seconds: bigint): bigint => (sum(seconds, fromYearOne) - fromYearOne) * 1000n;
  const row = (key: string, operator: string, time: bigint, fits: boolean, words: string, from: string): Judged =>
    judged(
      {
        step: 'token',
        key,
        operator,
        expected: `${at.toISOString()} (give or take ${skew} s)`,
        actual: isoSeconds(time),
      },
      fits,
      `error validating token: ${words}`,
      `${key} is ${isoSeconds(time)}${from}; the time is ${at.toISOString()}, and ${skew} s are tolerated`,
    );
  return [
    any,
    row(
      'nbf',
      'not after',
      begins,
      now + skew * 1000n >= milliseconds(begins),
      'invalid not before (nbf) claim: token not yet valid',
      start === 0n ? ' (derived)' : '',
    ),
    row(
      'exp',
      'not before',
      ends,
      now - skew * 1000n <= milliseconds(ends),
      'invalid expiration time (exp) claim: token is expired',
      expiry === 0n ? ' (derived, since the token has none)' : '',
    ),
    row(
      'iat',
      'not after',
      issued,
      now + skew * 1000n >= milliseconds(issued),
      'invalid issued at (iat) claim: token issued in the future',
      issued === 0n ? ' (absent)' : '',
    ),
  ];
}

function isoSeconds(seconds: bigint): string {
  const date = new Date(Number(seconds) * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString();
}
