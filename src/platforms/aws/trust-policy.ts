import type { JsonObject } from '../../domain/json.ts';
import { quoted } from '../../domain/printable.ts';
import type { Check, CheckResult, Verdict } from '../../domain/trust.ts';
import { issuerHost } from './arn.ts';
import { conditionContext, type ConditionContext } from './condition-context.ts';
import { checkAction, decideAction, judgeStatement, opposite, reasonsAgainst } from './decide.ts';
import { fits } from '../../domain/glob.ts';
import { readPolicyDocument, type PolicyDocument, type PolicyKind, type Statement } from './policy-document.ts';
import { judgeWebIdentity, type AwsError, type AwsTokenGate, type AwsWebIdentity } from './web-identity.ts';

/** A role's trust policy, read and checked. */
export type AwsTrustPolicy = PolicyDocument;

/** One `AssumeRoleWithWebIdentity`, as far as the decision looks at it. The signature was verified before. */
export interface AwsTrustRequest extends AwsTokenGate {
  readonly claims: JsonObject;
  readonly sessionName: string;
  /** Tags of the role itself. */
  readonly roleTags?: Readonly<Record<string, string>>;
  // What is absent here is `unknown` in conditions.
  readonly sourceIp?: string;
  readonly region?: string;
  readonly secureTransport?: boolean;
  readonly userAgent?: string;
}

/** Every check, passed or not; when refused, STS's own error and the reasons that STS does not give. */
export interface AwsTrustVerdict extends Verdict {
  /** `AccessDenied`, `InvalidIdentityToken`, …; null when allowed. */
  readonly code: string | null;
  readonly error: AwsError | null;
  /** Sentences with both values, for people: what stood in the way. Empty when allowed. */
  readonly reasons: readonly string[];
  /** What the session is made of; null when the token itself was refused. */
  readonly identity: AwsWebIdentity | null;
}

const assumeActions = [
  'sts:AssumeRole',
  'sts:AssumeRoleWithWebIdentity',
  'sts:AssumeRoleWithSAML',
  'sts:TagSession',
  'sts:SetSourceIdentity',
  'sts:SetContext',
];

const trustPolicy: PolicyKind = {
  title: 'trust policy',
  hasPrincipal: true,
  hasResource: false,
  longest: 2048,
  lengthMend: 'shorten it, or have the quota "Role trust policy length" raised',
  refuseAction: (action) =>
    assumeActions.some((known) => fits(action.toLowerCase(), known.toLowerCase()))
      ? null
      : `${quoted(action)} cannot stand in a trust policy (IAM: "AssumeRole policy may only specify STS AssumeRole actions.")`,
};

/**
 * Reads a native trust policy, with IAM's own refusals: unknown elements, `Resource`, names that stand twice, unknown
 * operators, characters and length that IAM does not store.
 *
 * @param longest characters without white space; 2048 unless the account's quota was raised
 * @throws {TrustDocumentError} `trust_document_invalid`, with line and column
 */
export function readAwsTrustPolicy(text: string, longest: number = trustPolicy.longest): AwsTrustPolicy {
  return readPolicyDocument(text, { ...trustPolicy, longest });
}

/**
 * Decides over a token as STS would: first the token itself, then the trust policy, for each action that the call
 * needs. Pure. What AWS does not publish is `unknown`, and unknown never allows.
 *
 * @see AWS IAM User Guide, "Policy evaluation logic"
 */
export function decideAwsTrust(policy: AwsTrustPolicy, request: AwsTrustRequest): AwsTrustVerdict {
  const gate = judgeWebIdentity(request.claims, request);
  if (gate.identity === null) {
    const reasons = gate.checks.filter((check) => check.result !== 'pass').map((check) => check.sentence);
    return {
      allowed: false,
      checks: gate.checks,
      code: gate.error?.code ?? null,
      error: gate.error,
      reasons,
      identity: null,
    };
  }
  const context = trustContext(request, gate.identity);
  const judged = policy.statements.map((statement) =>
    judgeStatement(policy, statement, context, [principalCheck(statement, request.provider.arn)]),
  );
  const decisions = neededActions(gate.identity).map((action) => ({ action, decision: decideAction(judged, action) }));
  const refused = decisions.find(({ decision }) => decision.result !== 'pass');
  const checks = [
    ...gate.checks,
    ...judged.flatMap(({ statement, checks: own }) => [
      ...decisions.map(({ action }) => checkAction(statement, action)),
      ...own,
    ]),
    ...decisions.map(({ decision }) => decision.check),
  ];
  const error: AwsError | null =
    refused === undefined
      ? null
      : { code: 'AccessDenied', message: `Not authorized to perform ${refused.action}`, status: 403 };
  return {
    allowed: error === null,
    checks,
    code: error?.code ?? null,
    error,
    reasons: error === null ? [] : reasonsAgainst(judged, decisions),
    identity: gate.identity,
  };
}

/** A token with tags or a source identity needs more than the one action. */
function neededActions(identity: AwsWebIdentity): readonly string[] {
  return [
    'sts:AssumeRoleWithWebIdentity',
    ...(identity.sessionTags.size > 0 ? ['sts:TagSession'] : []),
    ...(identity.sourceIdentity === undefined ? [] : ['sts:SetSourceIdentity']),
  ];
}

function principalCheck(statement: Statement, providerArn: string): Check {
  const principal = statement.principal!;
  const named: CheckResult = principal.federated.includes(providerArn) ? 'pass' : principal.anyone ? 'unknown' : 'fail';
  const operator = principal.negated ? 'NotPrincipal' : 'Principal';
  const wanted = [...principal.federated, ...(principal.anyone ? ['*'] : []), ...principal.others];
  return {
    step: statement.label,
    key: operator,
    operator,
    expected: wanted.join(' or '),
    actual: providerArn,
    result: principal.negated ? notNamed(named, statement.effect) : named,
    sentence: `${operator}: ${principal.negated ? 'wanted anything but' : 'wanted'} ${wanted.map(quoted).join(' or ')}, was ${quoted(providerArn)}`,
  };
}

/** AWS has NotPrincipal for Deny; what it makes of one that allows is not published, and must not open a door here. */
function notNamed(named: CheckResult, effect: Statement['effect']): CheckResult {
  const result = opposite(named);
  return effect === 'Allow' && result === 'pass' ? 'unknown' : result;
}

// Present at AWS by report only, or inputs that nobody here has.
const unknownKeys = [
  'aws:PrincipalAccount',
  'aws:PrincipalType',
  'aws:PrincipalIsAWSService',
  'aws:userid',
  'aws:SourceVpc',
  'aws:SourceVpce',
  'aws:SourceVpcArn',
  'aws:VpcSourceIp',
  'aws:Referer',
  'aws:ViaAWSService',
  'aws:ResourceOrgID',
  'aws:ResourceOrgPaths',
];

/**
 * The condition keys of the call, for an issuer that AWS does not know by name: `sub`, `aud`, `oaud`, `amr`, `email`
 * under the issuer's host; no other claim.
 */
function trustContext(request: AwsTrustRequest, identity: AwsWebIdentity): ConditionContext {
  const host = issuerHost(request.provider.url);
  const roleTags = Object.entries(request.roleTags ?? {});
  const hasTags = identity.sessionTags.size > 0;
  const now = request.at;
  return conditionContext(
    [
      [`${host}:sub`, identity.subject],
      [`${host}:aud`, identity.audience],
      [`${host}:oaud`, identity.originalAudience],
      [`${host}:amr`, identity.amr],
      [`${host}:email`, identity.email],
      ['sts:RoleSessionName', request.sessionName],
      ['sts:SourceIdentity', identity.sourceIdentity],
      ['sts:RoleAuthorizedByIdp', String(identity.authorizedByIssuer)],
      ['sts:TransitiveTagKeys', hasTags ? identity.transitiveTagKeys : undefined],
      ['aws:TagKeys', hasTags ? [...identity.sessionTags.keys()] : undefined],
      ...[...identity.sessionTags].map(([key, value]) => [`aws:RequestTag/${key}`, value] as const),
      ...roleTags.flatMap(([key, value]) => [
        [`iam:ResourceTag/${key}`, value] as const,
        [`aws:ResourceTag/${key}`, value] as const,
      ]),
      ['aws:ResourceAccount', request.roleArn.split(':')[4]],
      ['aws:FederatedProvider', request.provider.arn],
      ['aws:CurrentTime', now.toISOString()],
      ['aws:EpochTime', String(Math.floor(now.getTime() / 1000))],
      ['aws:SourceIp', request.sourceIp],
      ['aws:RequestedRegion', request.region],
      ['aws:SecureTransport', request.secureTransport === undefined ? undefined : String(request.secureTransport)],
      ['aws:UserAgent', request.userAgent],
    ],
    [...unknownKeys, 'aws:SourceIp', 'aws:RequestedRegion', 'aws:SecureTransport', 'aws:UserAgent'],
  );
}
