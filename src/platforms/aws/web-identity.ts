import { claimText, isPresent } from '../../domain/claim-text.ts';
import { isJsonObject, type JsonObject } from '../../domain/json.ts';
import { quoted } from '../../domain/printable.ts';
import type { Check } from '../../domain/trust.ts';

/** The OIDC provider object in IAM, in the account of the role. */
export interface AwsProvider {
  readonly arn: string;
  /** As registered, with its scheme; must equal `iss`. */
  readonly url: string;
  readonly clientIds: readonly string[];
}

/** What a token is judged against before the trust policy is looked at. */
export interface AwsTokenGate {
  readonly roleArn: string;
  readonly provider: AwsProvider;
  readonly at: Date;
  /** Not published by AWS; 300 unless said. */
  readonly clockSkewSeconds?: number;
  /** The bound behind `Token too old`, which AWS does not publish; 25 h unless said. */
  readonly longestAgeSeconds?: number;
}

/** What a token brings into a session, once it passed the gate. */
export interface AwsWebIdentity {
  readonly subject: string;
  /** `azp` if there is one, else `aud`: the value of `HOST:aud`. */
  readonly audience: string;
  /** `HOST:oaud`: the original `aud`, when there is an `azp`. */
  readonly originalAudience: string | readonly string[] | undefined;
  readonly amr: readonly string[] | undefined;
  readonly email: string | undefined;
  readonly sessionTags: ReadonlyMap<string, string>;
  readonly transitiveTagKeys: readonly string[];
  readonly sourceIdentity: string | undefined;
  /** Whether the `roles` claim named this role; false also without such a claim. */
  readonly authorizedByIssuer: boolean;
}

/** An error of STS, as it stands on the wire. */
export interface AwsError {
  readonly code: string;
  readonly message: string;
  readonly status: 400 | 403;
}

/** The outcome of the gate: all checks, and either what the token brings or STS's error for the first that failed. */
export interface AwsGateOutcome {
  readonly checks: readonly Check[];
  readonly identity: AwsWebIdentity | null;
  readonly error: AwsError | null;
}

const claimPrefix = 'https://aws.amazon.com/';
const notAToken = 'The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)';

/**
 * Judges a token's claims as STS does before it looks at the trust policy: issuer, required claims, times, audience,
 * tags, `roles` claim. The signature is the caller's part. Pure; the order is not published and taken from what is
 * seen of AWS.
 *
 * @see AWS STS API, AssumeRoleWithWebIdentity, errors
 */
export function judgeWebIdentity(claims: JsonObject, gate: AwsTokenGate): AwsGateOutcome {
  const audience = audienceOf(claims);
  const tags = readTags(claims);
  const sourceIdentity = claims[`${claimPrefix}source_identity`] ?? undefined;
  const roles = readRoles(claims);
  const judged = [
    issuerCheck(claims, gate),
    accountCheck(gate),
    ...requiredClaimChecks(claims),
    subjectCheck(claims),
    ...timeChecks(claims, gate),
    audienceCheck(claims, audience, gate.provider),
    tagsCheck(tags),
    sourceIdentityCheck(sourceIdentity),
    rolesCheck(roles, gate.roleArn),
  ].filter((entry) => entry !== null);
  const error = judged.find(({ check }) => check.result !== 'pass')?.error ?? null;
  const checks = judged.map(({ check }) => check);
  if (error !== null || audience === null || tags === null) return { checks, identity: null, error };
  return {
    checks,
    error: null,
    identity: {
      subject: claims['sub'] as string,
      audience,
      originalAudience: isPresent(claims['azp']) ? (claims['aud'] as string | readonly string[]) : undefined,
      amr: readStrings(claims['amr']),
      email: typeof claims['email'] === 'string' ? claims['email'] : undefined,
      ...tags,
      sourceIdentity: sourceIdentity as string | undefined,
      authorizedByIssuer: roles !== undefined,
    },
  };
}

interface Judged {
  readonly check: Check;
  readonly error: AwsError;
}

function judge(
  row: { step: string; key: string; operator: string; expected: string; actual: string | null },
  holds: boolean,
  error: AwsError,
): Judged {
  const was = row.actual === null ? 'missing' : quoted(row.actual);
  return {
    check: {
      ...row,
      result: holds ? 'pass' : 'fail',
      sentence: `${row.step} ${row.key}: wanted ${row.expected}, was ${was}`,
    },
    error,
  };
}

const invalidToken = (message: string): AwsError => ({ code: 'InvalidIdentityToken', message, status: 400 });
const expired = (message: string): AwsError => ({ code: 'ExpiredTokenException', message, status: 400 });

function issuerCheck(claims: JsonObject, gate: AwsTokenGate): Judged {
  const actual = claimText(claims['iss']);
  return judge(
    { step: 'issuer', key: 'iss', operator: 'equals', expected: quoted(gate.provider.url), actual },
    claims['iss'] === gate.provider.url,
    invalidToken(
      actual === null
        ? 'Missing a required claim: iss'
        : `No OpenIDConnect provider found in your account for ${actual}`,
    ),
  );
}

/** The provider is looked for in the account of the role. */
function accountCheck(gate: AwsTokenGate): Judged {
  const wanted = gate.roleArn.split(':')[4] ?? '';
  const actual = gate.provider.arn.split(':')[4] ?? '';
  return judge(
    { step: 'issuer', key: 'account of the OIDC provider', operator: 'equals', expected: quoted(wanted), actual },
    wanted === actual,
    invalidToken(`No OpenIDConnect provider found in your account for ${gate.provider.url}`),
  );
}

function requiredClaimChecks(claims: JsonObject): readonly Judged[] {
  return ['aud', 'sub', 'iat', 'exp'].map((name) =>
    judge(
      { step: 'claim', key: name, operator: 'present', expected: 'a value', actual: claimText(claims[name]) },
      isPresent(claims[name]) && (name !== 'sub' || typeof claims[name] === 'string'),
      invalidToken(`Missing a required claim: ${name}`),
    ),
  );
}

/** STS echoes the subject in a field of 6 to 255 characters; its words for another length are not known. */
function subjectCheck(claims: JsonObject): Judged {
  const actual = claimText(claims['sub']);
  return judge(
    { step: 'claim', key: 'sub', operator: 'length', expected: '6 to 255 characters', actual },
    actual !== null && actual.length >= 6 && actual.length <= 255,
    invalidToken('Invalid claim: sub'),
  );
}

function timeChecks(claims: JsonObject, gate: AwsTokenGate): readonly Judged[] {
  const now = Math.floor(gate.at.getTime() / 1000);
  const skew = gate.clockSkewSeconds ?? 300;
  const longestAge = gate.longestAgeSeconds ?? 90_000;
  const times = ['iat', 'nbf', 'exp'].filter((name) => isPresent(claims[name]));
  const whole = times.map((name) =>
    judge(
      { step: 'time', key: name, operator: 'integer', expected: 'whole seconds', actual: claimText(claims[name]) },
      Number.isSafeInteger(claims[name]),
      invalidToken(notAToken),
    ),
  );
  const [iat, nbf, exp] = ['iat', 'nbf', 'exp'].map((name) => claims[name]) as (number | undefined)[];
  if (whole.some(({ check }) => check.result !== 'pass')) return whole;
  const bounds: Judged[] = [];
  const bound = (key: string, value: number | undefined, expected: string, holds: boolean, error: AwsError): void => {
    if (value === undefined) return;
    bounds.push(judge({ step: 'time', key, operator: 'bound', expected, actual: String(value) }, holds, error));
  };
  bound(
    'exp',
    exp,
    `later than ${now - skew} (now ${now}, tolerance ${skew} s)`,
    exp! > now - skew,
    expired(`Token expired: current date/time ${now} must be before the expiration date/time ${exp}`),
  );
  bound(
    'iat',
    iat,
    `not before ${now - longestAge} and not after ${now + skew}`,
    iat! >= now - longestAge && iat! <= now + skew,
    iat! > now ? invalidToken(notAToken) : expired(`Token too old: ${now - (iat ?? 0)}`),
  );
  bound('nbf', nbf, `not after ${now + skew}`, nbf! <= now + skew, invalidToken(notAToken));
  return [...whole, ...bounds];
}

/** `azp` if present; else `aud` if it is one value; null when there are several. */
function audienceOf(claims: JsonObject): string | null {
  if (typeof claims['azp'] === 'string') return claims['azp'];
  const aud = readStrings(claims['aud']);
  return aud?.length === 1 ? aud[0]! : null;
}

function audienceCheck(claims: JsonObject, audience: string | null, provider: AwsProvider): Judged {
  const expected = provider.clientIds.map(quoted).join(' or ') || 'a client id (the provider has none)';
  const row = { step: 'audience', key: isPresent(claims['azp']) ? 'azp' : 'aud', operator: 'client id', expected };
  if (audience === null && Array.isArray(claims['aud']) && claims['aud'].length > 1) {
    return judge(
      { ...row, expected: `one value, or an azp`, actual: claimText(claims['aud']) },
      false,
      invalidToken('Token audience contains more than one audience while authorized party is not present'),
    );
  }
  return judge(
    { ...row, actual: audience ?? claimText(claims['aud']) },
    audience !== null && provider.clientIds.includes(audience),
    invalidToken('Incorrect token audience'),
  );
}

type Tags = Pick<AwsWebIdentity, 'sessionTags' | 'transitiveTagKeys'>;

/** Session tags of the nested and of the flattened form; null when they cannot be read. */
function readTags(claims: JsonObject): Tags | null {
  const nested = claims[`${claimPrefix}tags`];
  const sessionTags = new Map<string, string>();
  let transitive = claims[`${claimPrefix}tags/transitive_tag_keys`];
  if (isPresent(nested)) {
    if (!isJsonObject(nested)) return null;
    const tags = nested['principal_tags'] ?? {};
    if (!isJsonObject(tags)) return null;
    for (const [key, value] of Object.entries(tags)) {
      // One value per key, in a list.
      const values = readStrings(value);
      if (values?.length !== 1) return null;
      sessionTags.set(key, values[0]!);
    }
    transitive = nested['transitive_tag_keys'] ?? transitive;
  }
  const flattened = `${claimPrefix}tags/principal_tags/`;
  for (const [name, value] of Object.entries(claims)) {
    if (!name.startsWith(flattened)) continue;
    const values = readStrings(value);
    if (values?.length !== 1) return null;
    sessionTags.set(name.slice(flattened.length), values[0]!);
  }
  const transitiveTagKeys = isPresent(transitive) ? readStrings(transitive) : [];
  if (transitiveTagKeys === undefined) return null;
  return isValid(sessionTags, transitiveTagKeys) ? { sessionTags, transitiveTagKeys } : null;
}

/** At most 50 tags; keys to 128, values to 256 characters, no `aws:`, unique ignoring case. */
function isValid(tags: ReadonlyMap<string, string>, transitive: readonly string[]): boolean {
  const keys = [...tags.keys()].map((key) => key.toLowerCase());
  const characters = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
  return (
    tags.size <= 50 &&
    new Set(keys).size === keys.length &&
    transitive.every((key) => keys.includes(key.toLowerCase())) &&
    [...tags].every(
      ([key, value]) =>
        key.length >= 1 &&
        key.length <= 128 &&
        value.length <= 256 &&
        !key.toLowerCase().startsWith('aws:') &&
        characters.test(key) &&
        characters.test(value),
    )
  );
}

function tagsCheck(tags: Tags | null): Judged | null {
  if (tags !== null && tags.sessionTags.size === 0) return null;
  return judge(
    {
      step: 'claim',
      key: `${claimPrefix}tags`,
      operator: 'session tags',
      expected: 'at most 50 tags, one value each, no aws: prefix, keys unique ignoring case',
      actual: tags === null ? 'tags that cannot be used' : [...tags.sessionTags.keys()].join(', '),
    },
    tags !== null,
    invalidToken('The session tags in the identity token are not valid'),
  );
}

function sourceIdentityCheck(value: unknown): Judged | null {
  if (value === undefined) return null;
  return judge(
    {
      step: 'claim',
      key: `${claimPrefix}source_identity`,
      operator: 'source identity',
      expected: '2 to 64 of letters, digits and _+=,.@-, not beginning with aws:',
      actual: claimText(value),
    },
    typeof value === 'string' && /^[\w+=,.@-]{2,64}$/.test(value),
    invalidToken('The source identity in the identity token is not valid'),
  );
}

/** The `roles` claim as a list: an array, or a text with semicolons; null and absence mean that there is none. */
function readRoles(claims: JsonObject): readonly string[] | undefined {
  const value = claims[`${claimPrefix}roles`];
  if (!isPresent(value)) return undefined;
  return typeof value === 'string' ? value.split(';').map((role) => role.trim()) : (readStrings(value) ?? []);
}

function rolesCheck(roles: readonly string[] | undefined, roleArn: string): Judged | null {
  if (roles === undefined) return null;
  return judge(
    {
      step: 'claim',
      key: `${claimPrefix}roles`,
      operator: 'names the role',
      expected: quoted(roleArn),
      actual: roles.join(', '),
    },
    roles.includes(roleArn),
    invalidToken('The target role ARN is not present in the roles claim of the identity token'),
  );
}

/** A text, or a list of texts, as a list; undefined for anything else. */
function readStrings(value: unknown): readonly string[] | undefined {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.every((item) => typeof item === 'string') ? list : undefined;
}
