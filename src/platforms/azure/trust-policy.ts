import { claimText, isPresent } from '../../domain/claim-text.ts';
import type { JsonObject } from '../../domain/json.ts';
import { quoted } from '../../domain/printable.ts';
import type { Check, CheckResult, Verdict } from '../../domain/trust.ts';
import { assertionErrors, type AzureError } from './aadsts.ts';
import { judgeExpression } from './flexible.ts';
import type { AzureTrust, FederatedCredential } from './federated-credential.ts';

export { readAzureTrust, type AzureTrust } from './federated-credential.ts';

/** One exchange, as far as the decision looks at it. The signature was verified before. */
export interface AzureTrustRequest {
  readonly claims: JsonObject;
  readonly at: Date;
  /** Not published by Microsoft; 300 (the default of its libraries) unless said. */
  readonly clockSkewSeconds?: number;
  /** The application, for the one text that names it. */
  readonly applicationName?: string;
}

/** Every check, passed or not; when refused, Entra's own error and the reasons that it does not give. */
export interface AzureVerdict extends Verdict {
  readonly error: AzureError | null;
  /** Sentences with both values, for people: what stood in the way. Empty when allowed. */
  readonly reasons: readonly string[];
}

/** What Entra takes at most, `1.01:00:00` in its own words. */
const longestLifetimeSeconds = 90_000;

/**
 * Decides over a token as Entra would for one application: issuer, times, subject, audience; all comparisons by code
 * point, nothing is trimmed or folded. Pure. The order of subject, audience and times is not published.
 *
 * @see Microsoft Entra, "Workload identity federation", how it works
 */
export function decideAzureTrust(trust: AzureTrust, request: AzureTrustRequest): AzureVerdict {
  const { claims } = request;
  const ofIssuer = trust.credentials.filter(({ issuer }) => issuer === claims['iss']);
  const subject = judgeSubject(ofIssuer, claims);
  const judged: readonly Judged[] = [
    ...presentClaims(claims),
    ...(trust.credentials.length === 0 ? [noCredentials(trust, request)] : [judgeIssuer(trust, claims)]),
    ...judgeTimes(request),
    ...subject.judged,
    judgeAudience(subject.matched, ofIssuer, claims),
  ];
  const against = judged.filter(({ check }) => check.result !== 'pass');
  return {
    allowed: against.length === 0,
    checks: judged.map(({ check }) => check),
    // What is not certain has no error of its own; the wire gets the next one, or the general one.
    error:
      against.length === 0 ? null : (against.find(({ error }) => error !== null)?.error ?? assertionErrors.malformed()),
    reasons: against.map(({ check }) =>
      check.result === 'unknown' ? `${check.sentence} (not certain)` : check.sentence,
    ),
  };
}

interface Judged {
  readonly check: Check;
  /** What the wire says when the check did not pass; null leaves it to a later check. */
  readonly error: AzureError | null;
}

type Row = Pick<Check, 'step' | 'key' | 'operator' | 'expected' | 'actual'>;

function judge(row: Row, result: CheckResult | boolean, error: AzureError | null, note = ''): Judged {
  const outcome = typeof result === 'boolean' ? (result ? 'pass' : 'fail') : result;
  const was = row.actual === null ? 'missing' : quoted(row.actual);
  const sentence = `${row.step} ${row.key}: wanted ${row.expected}, was ${was}${outcome === 'pass' ? '' : note}`;
  return { check: { ...row, result: outcome, sentence }, error };
}

function presentClaims(claims: JsonObject): readonly Judged[] {
  const present = ['iss', 'sub', 'aud', 'exp'].map((key) =>
    judge(
      { step: 'claim', key, operator: 'present', expected: 'a value', actual: claimText(claims[key]) },
      isPresent(claims[key]) && (key === 'aud' || typeof claims[key] === (key === 'exp' ? 'number' : 'string')),
      assertionErrors.malformed(),
    ),
  );
  // Sound ones are told by the checks that compare them.
  return present.filter(({ check }) => check.result !== 'pass');
}

function noCredentials(trust: AzureTrust, request: AzureTrustRequest): Judged {
  const expected = 'at least one federated credential';
  return judge(
    { step: 'application', key: 'federated credentials', operator: 'present', expected, actual: 'none' },
    false,
    assertionErrors.noCredentials(trust.clientId ?? 'unknown', request.applicationName ?? 'application'),
  );
}

function judgeIssuer(trust: AzureTrust, claims: JsonObject): Judged {
  const issuers = [...new Set(trust.credentials.map(({ issuer }) => issuer))];
  const actual = claimText(claims['iss']);
  return judge(
    { step: 'issuer', key: 'iss', operator: 'equals', expected: anyOf(issuers), actual },
    actual !== null && issuers.includes(actual),
    assertionErrors.issuer(actual ?? ''),
    caseNote(actual, issuers),
  );
}

function judgeTimes({ claims, at, clockSkewSeconds: skew = 300 }: AzureTrustRequest): readonly Judged[] {
  const now = at.getTime() / 1000;
  const [iat, nbf, exp] = ['iat', 'nbf', 'exp'].map((name) => claims[name]);
  const wrongKind = (['iat', 'nbf'] as const).filter(
    (name) => isPresent(claims[name]) && typeof claims[name] !== 'number',
  );
  const judged = wrongKind.map((key) =>
    judge(
      { step: 'time', key, operator: 'number', expected: 'seconds since 1970', actual: claimText(claims[key]) },
      false,
      assertionErrors.malformed(),
    ),
  );
  if (typeof exp !== 'number' || judged.length > 0) return judged;
  const from = typeof nbf === 'number' ? nbf : typeof iat === 'number' ? iat : 0;
  const outOfRange = assertionErrors.time(at, from, exp);
  const bound = (
    key: string,
    value: unknown,
    expected: string,
    holds: CheckResult | boolean,
    error: AzureError,
  ): void => {
    if (typeof value !== 'number') return;
    judged.push(judge({ step: 'time', key, operator: 'bound', expected, actual: String(value) }, holds, error));
  };
  const start = typeof iat === 'number' ? iat : null;
  bound(
    'lifetime',
    exp,
    `exp at most 25 h after iat, so not after ${start === null ? 'an iat, which is missing' : start + longestLifetimeSeconds}`,
    // What Entra counts from without iat is not published.
    start === null ? 'unknown' : exp <= start + longestLifetimeSeconds,
    assertionErrors.lifetime(start ?? 0, exp),
  );
  bound('exp', exp, `later than ${now - skew} (now ${now}, tolerance ${skew} s)`, exp > now - skew, outOfRange);
  bound('nbf', nbf, `not after ${now + skew}`, typeof nbf !== 'number' || nbf <= now + skew, outOfRange);
  return judged;
}

/** Classic credentials first, then expressions; the credentials that matched go on to the audience. */
function judgeSubject(
  ofIssuer: readonly FederatedCredential[],
  claims: JsonObject,
): { readonly judged: readonly Judged[]; readonly matched: readonly FederatedCredential[] } {
  if (ofIssuer.length === 0) return { judged: [], matched: [] };
  const actual = claimText(claims['sub']);
  const subjects = ofIssuer.flatMap(({ match }) => (match.kind === 'subject' ? [match.subject] : []));
  const exact = ofIssuer.filter(({ match }) => match.kind === 'subject' && match.subject === claims['sub']);
  const flexible = ofIssuer.filter(({ match }) => match.kind === 'expression');
  const outcomes =
    exact.length > 0 ? [] : flexible.map((credential) => ({ credential, ...judgeExpression(credential, claims) }));
  const passed = outcomes.filter(({ check }) => check.result === 'pass');
  if (passed.length > 0) return { judged: passed.slice(0, 1), matched: passed.map(({ credential }) => credential) };
  const note = caseNote(actual, subjects);
  const subjectError = assertionErrors[
    note !== '' ? 'subjectCase' : flexible.length > 0 ? 'subjectOrExpression' : 'subject'
  ](actual ?? '');
  const classic =
    subjects.length === 0
      ? []
      : [
          judge(
            { step: 'subject', key: 'sub', operator: 'equals', expected: anyOf(subjects), actual },
            exact.length > 0,
            // A fault of an expression itself is what the wire tells.
            outcomes.find(({ error }) => error !== null)?.error ?? subjectError,
            note,
          ),
        ];
  const expressions = outcomes.map(({ check, error }) => ({ check, error: error ?? subjectError }));
  return { judged: [...classic, ...expressions], matched: exact };
}

function judgeAudience(
  matched: readonly FederatedCredential[],
  ofIssuer: readonly FederatedCredential[],
  claims: JsonObject,
): Judged {
  const { aud } = claims;
  // Without a credential that matched, the others tell what was meant.
  const wanted = [...new Set((matched.length > 0 ? matched : ofIssuer).map(({ audience }) => audience))];
  const actual = claimText(aud);
  const row: Row = {
    step: 'audience',
    key: 'aud',
    operator: 'equals',
    expected: wanted.length === 0 ? 'the audience of a federated credential' : anyOf(wanted),
    actual,
  };
  // What Entra makes of a list is not published.
  if (Array.isArray(aud)) {
    const among = aud.some((one) => typeof one === 'string' && wanted.includes(one));
    return judge(row, among ? 'unknown' : 'fail', assertionErrors.audience(actual ?? ''), '; aud is a list');
  }
  return judge(
    row,
    typeof aud === 'string' && wanted.includes(aud),
    assertionErrors.audience(actual ?? ''),
    caseNote(actual, wanted),
  );
}

/** Says so when only upper and lower case stand between the value and one that is wanted. */
function caseNote(actual: string | null, wanted: readonly string[]): string {
  const lower = actual?.toLowerCase();
  const close = wanted.some((one) => one !== actual && one.toLowerCase() === lower) && !wanted.includes(actual ?? '');
  return close ? '; they differ in upper and lower case only, and Entra compares exactly' : '';
}

function anyOf(values: readonly string[]): string {
  return values.map(quoted).join(' or ');
}
