import { quoted } from '../../domain/printable.ts';
import type { Check, CheckResult, Verdict } from '../../domain/trust.ts';
import { readJsonDocument, type Place } from '../json-document.ts';
import { iamPolicyOf, type GcpBinding, type GcpIamPolicy } from './iam-policy.ts';
import { gcpPrincipal, matchMember, type GcpIdentity } from './members.ts';
import { membersOf, objectOf, refuse } from './native-json.ts';
import { providerOf, type GcpProvider } from './provider.ts';

export { decideGcpExchange, type GcpVerdict } from './decide-exchange.ts';
export { readGcpIamPolicy, type GcpIamPolicy } from './iam-policy.ts';
export { gcpPrincipal, isGcpMember, type GcpIdentity } from './members.ts';
export { readGcpProvider, type GcpProvider } from './provider.ts';

/** What Google knows of us: a provider, and who may become which service account. */
export interface GcpTrust {
  readonly provider: GcpProvider;
  /** By email; null when no policies were given, so that impersonation is not known. */
  readonly serviceAccounts: ReadonlyMap<string, GcpIamPolicy> | null;
}

/** An error of an API of Google's, as it stands in its answer's body. */
export interface GcpApiError {
  readonly code: number;
  readonly message: string;
  readonly status: string;
}

/** The outcome of impersonation: every check, passed or not; when refused, the API's own error and what it does not say. */
export interface GcpImpersonationVerdict extends Verdict {
  readonly error: GcpApiError | null;
  /** Sentences with both values, for people. Empty when allowed. */
  readonly reasons: readonly string[];
}

/**
 * Reads a trust document: `{ "provider": …, "serviceAccounts": { EMAIL: … } }` with the provider as `gcloud iam
 * workload-identity-pools providers describe --format=json` prints it and policies as `gcloud iam service-accounts
 * get-iam-policy --format=json` does, or such a provider alone.
 *
 * @throws {TrustDocumentError} `trust_document_invalid`, with line and column
 */
export function readGcpTrust(text: string): GcpTrust {
  const root = readJsonDocument(text);
  const { members } = objectOf(root, 'the document');
  if (!members.some(({ name }) => name === 'provider' || name === 'serviceAccounts')) {
    return { provider: providerOf(root), serviceAccounts: null };
  }
  const parts = membersOf(root, 'the document', ['provider', 'serviceAccounts']);
  const provider = parts.get('provider');
  if (provider === undefined) throw refuse(root, 'the document has no provider');
  const accounts = parts.get('serviceAccounts');
  return {
    provider: providerOf(provider.value),
    serviceAccounts:
      accounts === undefined
        ? null
        : new Map(
            objectOf(accounts.value, 'serviceAccounts').members.map(({ name, at, value }) => [
              emailOf(name, at),
              iamPolicyOf(value),
            ]),
          ),
  };
}

function emailOf(name: string, at: Place): string {
  if (/^[^@\s]+@[^@\s]+$/.test(name)) return name;
  throw refuse(at, `${quoted(name)} is not the email of a service account`, 'name each policy by the whole email');
}

const denied: GcpApiError = {
  code: 403,
  message: "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
  status: 'PERMISSION_DENIED',
};

// Both hold iam.serviceAccounts.getAccessToken.
const impersonating = new Set(['roles/iam.workloadIdentityUser', 'roles/iam.serviceAccountTokenCreator']);
// None of these holds it, however mighty.
const notImpersonating = new Set([
  'roles/owner',
  'roles/editor',
  'roles/viewer',
  'roles/iam.serviceAccountUser',
  'roles/iam.serviceAccountAdmin',
  'roles/iam.serviceAccountViewer',
  'roles/iam.serviceAccountKeyAdmin',
  'roles/iam.serviceAccountOpenIdTokenCreator',
]);

/**
 * Decides whether a federated identity may have an access token of a service account, from the account's own policy. Pure.
 * What is granted on the project or above is not in this document; conditions of bindings and roles that are not known
 * here are `unknown`, and unknown never allows.
 *
 * @see Google Cloud IAM Service Account Credentials API, generateAccessToken
 */
export function decideGcpImpersonation(
  trust: Pick<GcpTrust, 'serviceAccounts'>,
  identity: GcpIdentity,
  email: string,
): GcpImpersonationVerdict {
  const principal = gcpPrincipal(identity);
  const policy = trust.serviceAccounts?.get(email);
  const checks =
    policy === undefined
      ? [noPolicy(email, trust.serviceAccounts, principal)]
      : policy.bindings.length === 0
        ? [emptyPolicy(email, principal)]
        : policy.bindings.map((binding) => checkBinding(binding, identity, principal));
  // One binding is enough.
  const allowed = checks.some(({ result }) => result === 'pass');
  return {
    allowed,
    checks,
    error: allowed ? null : denied,
    reasons: allowed ? [] : checks.map(({ sentence }) => sentence),
  };
}

function noPolicy(email: string, accounts: GcpTrust['serviceAccounts'], principal: string): Check {
  return {
    step: 'service account',
    key: 'policy',
    operator: 'exists',
    expected: email,
    actual: null,
    result: accounts === null ? 'unknown' : 'fail',
    sentence:
      accounts === null
        ? `no policies of service accounts were given: whether ${principal} may become ${email} is not known`
        : `service account: wanted ${quoted(email)}, known are ${[...accounts.keys()].map(quoted).join(', ') || 'none'}`,
  };
}

function emptyPolicy(email: string, principal: string): Check {
  return {
    step: 'service account',
    key: 'bindings',
    operator: 'exists',
    expected: principal,
    actual: null,
    result: 'fail',
    sentence: `the policy of ${email} has no bindings: roles/iam.workloadIdentityUser for ${quoted(principal)} is missing`,
  };
}

function checkBinding(binding: GcpBinding, identity: GcpIdentity, principal: string): Check {
  const { role, members, condition } = binding;
  const isMember = bestOf(members.map((member) => matchMember(member, identity)));
  const holdsPermission: CheckResult = impersonating.has(role)
    ? 'pass'
    : notImpersonating.has(role)
      ? 'fail'
      : 'unknown';
  const isInForce: CheckResult = condition === null ? 'pass' : 'unknown';
  const result = worstOf([isMember, holdsPermission, isInForce]);
  const notes = [
    holdsPermission === 'pass'
      ? null
      : `${role} ${holdsPermission === 'fail' ? 'does not hold' : 'may or may not hold'} iam.serviceAccounts.getAccessToken`,
    condition === null ? null : `its condition ${quoted(condition)} is not judged here`,
  ].filter((note) => note !== null);
  return {
    step: 'service account',
    key: role,
    operator: 'members',
    expected: members.join(' or '),
    actual: principal,
    result,
    sentence: [
      `binding ${role}: wanted ${members.map(quoted).join(' or ') || 'nobody'}, was ${quoted(principal)}`,
      ...notes,
    ].join('; '),
  };
}

function bestOf(results: readonly CheckResult[]): CheckResult {
  return results.includes('pass') ? 'pass' : results.includes('unknown') ? 'unknown' : 'fail';
}

function worstOf(results: readonly CheckResult[]): CheckResult {
  return results.includes('fail') ? 'fail' : results.includes('unknown') ? 'unknown' : 'pass';
}
