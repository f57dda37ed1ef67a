import type { JsonObject } from '../../domain/json.ts';
import { quoted } from '../../domain/printable.ts';
import type { Check, CheckResult } from '../../domain/trust.ts';
import { assertionErrors, type AzureError } from './aadsts.ts';
import { clauseHolds, type Clause } from './claims-expression.ts';
import type { FederatedCredential } from './federated-credential.ts';

/** What Microsoft lets expressions use, by issuer; every other issuer is refused. */
interface IssuerRule {
  readonly issuer: RegExp;
  readonly claims: readonly string[];
  /** At least one of these beside `sub`; whether Entra insists has changed, so that without it the outcome is unknown. */
  readonly oneOf?: readonly string[];
}

const rules: readonly IssuerRule[] = [
  { issuer: /^https:\/\/app\.(?:eu\.)?terraform\.io$/, claims: ['sub'] },
  {
    issuer: /^https:\/\/token\.actions\.githubusercontent\.com$/,
    claims: ['sub', 'repository_id', 'repository_owner_id', 'job_workflow_ref'],
    oneOf: ['repository_id', 'repository_owner_id', 'job_workflow_ref'],
  },
  {
    issuer: /^https:\/\/gitlab\.(?:com|[A-Za-z0-9-]+\.(?:com|ca))$/,
    claims: ['sub', 'project_id'],
    oneOf: ['project_id'],
  },
];

/**
 * Judges one flexible federated credential against a token of its issuer. Pure. Microsoft calls these credentials a
 * preview; the texts of errors 700233, 700234 and 700237 are ours.
 */
export function judgeExpression(
  credential: FederatedCredential,
  claims: JsonObject,
): { readonly check: Check; readonly error: AzureError | null } {
  const { match, issuer, name } = credential;
  if (match.kind !== 'expression') throw new TypeError('a credential with a subject has no expression');
  const row = { step: `credential ${name}`, key: 'claimsMatchingExpression', operator: 'expression' } as const;
  const outcome = (result: CheckResult, why: string, error: AzureError | null, actual: string | null = null) => ({
    check: { ...row, expected: match.text, actual, result, sentence: `${row.step}: ${why}` },
    error,
  });
  const rule = rules.find((one) => one.issuer.test(issuer));
  if (rule === undefined) {
    return outcome(
      'fail',
      `it matches by expression, which Entra allows for its own list of issuers only, and ${quoted(issuer)} is not on it`,
      assertionErrors.expressionIssuer(issuer),
    );
  }
  const { read } = match;
  if (!read.ok)
    return outcome(
      'fail',
      `its expression cannot be read: at ${read.at} ${read.why}`,
      assertionErrors.expressionSyntax(),
    );
  const foreign = read.clauses.find(({ claim }) => !rule.claims.includes(claim));
  if (foreign !== undefined) {
    return outcome(
      'fail',
      `it asks for ${quoted(foreign.claim)}; for ${quoted(issuer)} Entra allows ${rule.claims.join(', ')}`,
      assertionErrors.expressionNotAllowed(),
    );
  }
  const results = read.clauses.map((clause) => ({ clause, holds: clauseHolds(clause, claims) }));
  const values = results.map(({ clause }) => `${clause.claim} ${valueOf(clause, claims)}`).join(', ');
  const broken = results.find(({ holds }) => holds === null);
  if (broken !== undefined)
    return outcome(
      'fail',
      `${broken.clause.claim} is no text, so it cannot be compared`,
      assertionErrors.expressionRun(),
      values,
    );
  const lost = results.find(({ holds }) => !holds);
  if (lost !== undefined)
    return outcome('fail', `wanted ${textOf(lost.clause)}, was ${valueOf(lost.clause, claims)}`, null, values);
  if (rule.oneOf !== undefined && !read.clauses.some(({ claim }) => rule.oneOf!.includes(claim)))
    return outcome(
      'unknown',
      `Entra may demand ${rule.oneOf.join(' or ')} in the expression for this issuer`,
      null,
      values,
    );
  return outcome('pass', `wanted ${read.clauses.map(textOf).join(' and ')}, was ${values}`, null, values);
}

function textOf({ claim, operator, text }: Clause): string {
  return `${claim} ${operator} ${quoted(text)}`;
}

function valueOf({ claim }: Clause, claims: JsonObject): string {
  const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
  return value === undefined ? 'missing' : quoted(typeof value === 'string' ? value : JSON.stringify(value));
}
