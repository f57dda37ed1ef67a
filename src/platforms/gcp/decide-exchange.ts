import type { Json, JsonObject } from '../../domain/json.ts';
import { quoted } from '../../domain/printable.ts';
import type { CheckResult, Verdict } from '../../domain/trust.ts';
import { judge, shown, type GcpJudged, type GcpTokenError } from './judged.ts';
import { mapClaims } from './mapping.ts';
import type { GcpIdentity } from './members.ts';
import type { GcpProvider } from './provider.ts';
import { faultOfProviderName, readProviderName } from './resource-name.ts';

/** One token exchange, as far as the decision looks at it. The signature was verified before. */
export interface GcpExchangeQuestion {
  readonly claims: JsonObject;
  /** `audience` of the request: `//iam.googleapis.com/` and the provider's name. */
  readonly audience: string;
  readonly at: Date;
  /** Not published; seen to be about 60. */
  readonly clockSkewSeconds?: number;
  /** What is not confirmed of Google, and what is made of it: `unknown` (refused, and said) unless given. */
  readonly unconfirmed?: {
    /** An `iat` more than 24 h ago: refused by the documentation, taken by a measurement. */
    readonly oldToken?: CheckResult;
    /** An `aud` that is a list. */
    readonly audienceList?: CheckResult;
  };
}

/** Every check, passed or not; when refused, Google's own error for the first that failed and the reasons it does not give. */
export interface GcpVerdict extends Verdict {
  readonly error: GcpTokenError | null;
  /** Sentences with both values, for people: what stood in the way. Empty when allowed. */
  readonly reasons: readonly string[];
  /** What `google.subject` came to; null when it could not be mapped. */
  readonly subject: string | null;
  /** Attributes of one's own, by name without `attribute.`. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Who the federated token stands for; null when refused. */
  readonly identity: GcpIdentity | null;
}

const oldestSeconds = 24 * 3600;
const defaultSkewSeconds = 60;

/**
 * Decides over a token as Google's token service would: request, provider, issuer, times, audience, mapping, condition.
 * Pure; never throws, whatever the claims. Google publishes neither the order nor all of the texts.
 *
 * @see Google Cloud, Security Token Service API, v1/token; IAM, "Workload identity federation"
 */
export function decideGcpExchange(
  trust: { readonly provider: GcpProvider },
  question: GcpExchangeQuestion,
): GcpVerdict {
  const { provider } = trust;
  const mapped = mapClaims(provider, question.claims);
  const judged = [
    ...requestChecks(provider, question.audience),
    providerCheck(provider),
    issuerCheck(provider, question.claims),
    ...timeChecks(question),
    audienceCheck(provider, question),
    ...mapped.judged,
  ];
  const refused = judged.find(({ check }) => check.result !== 'pass');
  const identity: GcpIdentity | null =
    refused === undefined && mapped.subject !== null
      ? { pool: provider.pool, subject: mapped.subject, groups: mapped.groups, attributes: mapped.attributes }
      : null;
  return {
    allowed: identity !== null,
    checks: judged.map(({ check }) => check),
    error: refused?.error ?? null,
    reasons: judged.filter(({ check }) => check.result !== 'pass').map(({ check }) => check.sentence),
    subject: mapped.subject,
    attributes: mapped.attributes,
    identity,
  };
}

function requestChecks(provider: GcpProvider, audience: string): readonly GcpJudged[] {
  const prefix = '//iam.googleapis.com/';
  const parts = audience.startsWith(prefix) ? readProviderName(audience.slice(prefix.length)) : null;
  const fault =
    parts === null
      ? audience.startsWith('https:')
        ? 'it has https: before it, which only the aud of the token may have'
        : 'it is not the resource name of a provider'
      : faultOfProviderName(parts);
  const wanted = `${prefix}${provider.name}`;
  return [
    judge(
      {
        step: 'request',
        key: 'audience',
        operator: 'form',
        expected: quoted(wanted),
        actual: audience,
        ...(fault === null ? {} : { note: fault }),
      },
      fault === null ? 'pass' : 'fail',
      'invalid_request',
      'Invalid value for "audience". This value should be the full resource name of the Identity Provider. See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible formats.',
    ),
    judge(
      { step: 'request', key: 'audience', operator: 'equals', expected: quoted(wanted), actual: audience },
      audience === wanted ? 'pass' : 'fail',
      'invalid_target',
      noSuchTarget,
    ),
  ];
}

const noSuchTarget =
  'The target service indicated by the "audience" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn\'t exist.';

function providerCheck(provider: GcpProvider): GcpJudged {
  return judge(
    {
      step: 'provider',
      key: 'state',
      operator: 'equals',
      expected: 'a provider neither disabled nor deleted',
      actual: provider.isEnabled ? 'enabled' : 'disabled or deleted',
    },
    provider.isEnabled ? 'pass' : 'fail',
    'invalid_target',
    noSuchTarget,
  );
}

function issuerCheck(provider: GcpProvider, claims: JsonObject): GcpJudged {
  const actual = shown(claims['iss']);
  return judge(
    { step: 'issuer', key: 'iss', operator: 'equals', expected: quoted(provider.issuerUri), actual },
    claims['iss'] === provider.issuerUri ? 'pass' : 'fail',
    'invalid_grant',
    actual === null
      ? 'null does not match the expected one'
      : `The issuer in ID Token ${actual} does not match the expected one in config: ${provider.issuerUri}.`,
  );
}

function timeChecks({
  claims,
  at,
  clockSkewSeconds = defaultSkewSeconds,
  unconfirmed,
}: GcpExchangeQuestion): GcpJudged[] {
  const now = at.getTime() / 1000;
  const { iat, exp, nbf } = claims;
  const stale = `ID Token issued at ${shown(iat) ?? 'null'} is stale to sign-in.`;
  const time = (key: string, expected: string, value: Json | undefined, result: CheckResult): GcpJudged =>
    judge({ step: 'times', key, operator: 'time', expected, actual: shown(value) }, result, 'invalid_grant', stale);
  const isOld = typeof iat === 'number' && iat < now - oldestSeconds - clockSkewSeconds;
  const isEarly = nbf !== undefined && !(typeof nbf === 'number' && nbf <= now + clockSkewSeconds);
  return [
    time(
      'exp',
      `later than ${now - clockSkewSeconds}`,
      exp,
      typeof exp === 'number' && exp > now - clockSkewSeconds ? 'pass' : 'fail',
    ),
    time(
      'iat',
      `at most ${now + clockSkewSeconds}`,
      iat,
      typeof iat === 'number' && iat <= now + clockSkewSeconds ? 'pass' : 'fail',
    ),
    time('iat', `at most 24 h before ${now}`, iat, isOld ? (unconfirmed?.oldToken ?? 'unknown') : 'pass'),
    // Google's pages do not speak of it.
    ...(isEarly ? [time('nbf', `at most ${now + clockSkewSeconds}`, nbf, 'unknown')] : []),
  ];
}

function audienceCheck(provider: GcpProvider, { claims, unconfirmed }: GcpExchangeQuestion): GcpJudged {
  const resource = `//iam.googleapis.com/${provider.name}`;
  // The default is no longer taken once a list is set.
  const accepted = provider.allowedAudiences.length > 0 ? provider.allowedAudiences : [resource, `https:${resource}`];
  const aud = claims['aud'];
  const named = (Array.isArray(aud) ? (aud as readonly Json[]) : [aud]).some(
    (audience) => typeof audience === 'string' && accepted.includes(audience),
  );
  const actual = Array.isArray(aud) ? aud.map((audience) => shown(audience) ?? '').join(', ') : shown(aud);
  return judge(
    { step: 'audience', key: 'aud', operator: 'equals', expected: accepted.map(quoted).join(' or '), actual },
    named ? (Array.isArray(aud) ? (unconfirmed?.audienceList ?? 'unknown') : 'pass') : 'fail',
    'invalid_grant',
    `The audience in ID Token [${actual ?? 'null'}] does not match the expected audience.`,
  );
}
