import type { JsonObject } from '../../domain/json.ts';
import { quoted } from '../../domain/printable.ts';
import { TrustDocumentError, type Verdict } from '../../domain/trust.ts';
import type { JsonNode, ObjectNode } from '../json-document.ts';
import { readAuthenticationConfiguration } from './authentication-configuration.ts';
import type {
  ClaimRule,
  ExpressionRule,
  KubernetesAuthenticator,
  ReadOptions,
  RequiredClaim,
} from './authenticator.ts';
import type { CelOutcome, KubernetesUser } from './cel/index.ts';
import { mapClaims, resulted } from './claim-mapping.ts';
import { readText } from './go-json.ts';
import { issuerOf, judgeIdToken, step, type Step } from './id-token.ts';
import { readNativeDocuments } from './native-document.ts';
import { readOidcFlags } from './oidc-flags.ts';
import { isRbacKind, readRbacObject, type KubernetesRbac, type RbacObject } from './rbac-document.ts';

export type { KubernetesAuthenticator } from './authenticator.ts';
export type { KubernetesUser } from './cel/index.ts';
export type { KubernetesRbac } from './rbac-document.ts';
export { decideKubernetesAccess, type KubernetesAccess } from './rbac.ts';

/** Who a cluster believes, and what it lets them do. */
export interface KubernetesTrust {
  /** In order; each has its own issuer. */
  readonly authenticators: readonly KubernetesAuthenticator[];
  readonly rbac: KubernetesRbac;
}

/** One token, its signature verified before. */
export interface KubernetesTrustRequest {
  readonly claims: JsonObject;
  readonly at: Date;
  /** `alg` of the header; RS256 unless said. */
  readonly algorithm?: string;
}

/** What a client sees of a refused token, and what only the API server's log says. */
export interface KubernetesError {
  readonly status: 401;
  readonly message: 'Unauthorized';
  /** The body of the answer. */
  readonly body: JsonObject;
  /** The reason in the API server's words; null where we cannot know it. */
  readonly log: string | null;
}

/** What the API server makes of a token. */
export interface KubernetesVerdict extends Verdict {
  readonly error: KubernetesError | null;
  /** Sentences with both values, for people: what stood in the way. Empty when allowed. */
  readonly reasons: readonly string[];
  /** Without `system:authenticated`, which the API server adds; null when refused. */
  readonly user: KubernetesUser | null;
}

const configurationVersions = ['v1', 'v1beta1', 'v1alpha1'];

/**
 * Reads native documents, several in one text: an `AuthenticationConfiguration` or the older flags (`kind: OidcFlags`),
 * and RBAC objects. Each kind may be absent. What Kubernetes would refuse is refused, with its words.
 *
 * @throws {TrustDocumentError} `trust_document_invalid`, with line and column
 */
export function readKubernetesTrust(text: string, options: ReadOptions = {}): KubernetesTrust {
  const objects = readNativeDocuments(text).flatMap(listed);
  const authenticators: (readonly KubernetesAuthenticator[])[] = [];
  const rbac: RbacObject[] = [];
  for (const node of objects) {
    const { apiVersion, kind } = typeMeta(node);
    const [group, version = ''] = apiVersion.split('/');
    if (kind === 'OidcFlags') {
      authenticators.push([readOidcFlags(node, options)]);
    } else if (kind === 'AuthenticationConfiguration') {
      if (group !== 'apiserver.config.k8s.io' || !configurationVersions.includes(version)) {
        throw unregistered(node, kind, apiVersion);
      }
      authenticators.push(readAuthenticationConfiguration(node, version, options));
    } else if (isRbacKind(kind)) {
      if (apiVersion !== 'rbac.authorization.k8s.io/v1') throw unregistered(node, kind, apiVersion);
      rbac.push(readRbacObject(node, kind));
    } else {
      throw unregistered(node, kind, apiVersion);
    }
    if (authenticators.length > 1) {
      const what = 'authentication is configured twice';
      throw new TrustDocumentError(node, what, 'an API server has one configuration, or flags: give one of them');
    }
  }
  return { authenticators: authenticators.flat(), rbac: { objects: rbac } };
}

/** Several readings as one cluster. */
export function joinKubernetesTrust(parts: readonly KubernetesTrust[]): KubernetesTrust {
  return {
    authenticators: parts.flatMap(({ authenticators }) => authenticators),
    rbac: { objects: parts.flatMap(({ rbac }) => rbac.objects) },
  };
}

/**
 * Decides over a token as the API server's own authenticator does, and says the reason that it only logs. Pure. What is
 * not modelled is `unknown`, and unknown never allows.
 *
 * @see Kubernetes docs, "Authenticating", OpenID Connect tokens
 */
export function decideKubernetesTrust(trust: KubernetesTrust, request: KubernetesTrustRequest): KubernetesVerdict {
  const { claims, at, algorithm = 'RS256' } = request;
  const issuer = issuerOf(claims);
  const authenticator = trust.authenticators.find((one) => one.issuer === issuer);
  const known = trust.authenticators.map((one) => one.issuer).join(' or ') || 'no issuer at all';
  const found = step(
    { step: 'issuer', key: 'iss', operator: 'equals', expected: known, actual: issuer },
    authenticator !== undefined,
    'invalid bearer token',
  );
  if (authenticator === undefined) return verdict([found], null);
  const gate = judgeIdToken(authenticator, claims, at, algorithm);
  const { user, steps } = mapClaims(authenticator, claims);
  const rules = authenticator.rules.filter((rule) => 'claim' in rule).map((rule) => requiredClaim(rule, claims));
  const claimRules = expressionRules(authenticator.rules, 'claim rule', 'claim validation expression', (rule) =>
    rule.expression.evaluate(claims),
  );
  const userRules = expressionRules(authenticator.userRules, 'user rule', 'user info validation rule', (rule) =>
    user === null ? { kind: 'unknown', message: 'there is no user to look at' } : rule.expression.evaluate(user),
  );
  return verdict([found, ...gate, ...steps, ...rules, ...claimRules, ...userRules], user);
}

function verdict(steps: readonly Step[], user: KubernetesUser | null): KubernetesVerdict {
  const checks = steps.map(({ check }) => check);
  const standing = steps.filter(({ check }) => check.result !== 'pass');
  const allowed = standing.length === 0 && user !== null;
  const log = standing[0]?.log ?? null;
  const body: JsonObject = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'Unauthorized',
    reason: 'Unauthorized',
    code: 401,
  };
  return {
    allowed,
    checks,
    error: allowed ? null : { status: 401, message: 'Unauthorized', body, log },
    reasons: standing.map(({ check }) => check.sentence),
    user: allowed ? user : null,
  };
}

function requiredClaim({ claim, requiredValue }: RequiredClaim, claims: JsonObject): Step {
  const parts = { step: 'claim rule', key: claim, operator: 'equals', expected: requiredValue };
  if (!Object.hasOwn(claims, claim)) {
    return step({ ...parts, actual: null }, false, `oidc: required claim ${claim} not present in ID token`);
  }
  const read = readText(claims[claim]!);
  if ('error' in read) {
    return step(
      { ...parts, actual: JSON.stringify(claims[claim]) },
      false,
      `oidc: parse claim ${claim}: ${read.error}`,
    );
  }
  const log = `oidc: required claim ${claim} value does not match. Got = ${read.value}, want = ${requiredValue}`;
  return step({ ...parts, actual: read.value }, read.value === requiredValue, log);
}

/** The API server evaluates all rules before it looks at what they say: a failure counts before a `false`. */
function expressionRules(
  rules: readonly (ClaimRule | ExpressionRule)[],
  name: string,
  words: string,
  evaluate: (rule: ExpressionRule) => CelOutcome,
): readonly Step[] {
  const steps = rules
    .filter((rule) => 'expression' in rule)
    .map((rule) => ({ rule, result: evaluate(rule) }))
    .map(({ rule: { expression, message }, result }) => {
      const prefix = `oidc: error evaluating ${words}: `;
      const actual = result.kind === 'value' ? JSON.stringify(result.value) : result.message;
      const parts = { step: name, key: expression.text, operator: 'evaluates to', expected: 'true', actual };
      const log =
        result.kind === 'value'
          ? `${prefix}validation expression '${expression.text}' failed: ${message}`
          : `${prefix}${resulted(expression, result.kind === 'failure' ? result.message : '')}`;
      const { check } = step(parts, result.kind === 'value' && result.value === true, log);
      const why = message === '' || check.result === 'pass' ? '' : ` (${quoted(message)})`;
      const sentence = `${name}: wanted ${quoted(expression.text)} to be true, was ${quoted(actual)}${why}`;
      const isUnknown = result.kind === 'unknown';
      return {
        rank: isUnknown ? 0 : result.kind === 'failure' ? 1 : 2,
        one: {
          check: { ...check, result: isUnknown ? ('unknown' as const) : check.result, sentence },
          log: check.result === 'pass' || isUnknown ? null : log,
        },
      };
    });
  return steps.toSorted((left, right) => left.rank - right.rank).map(({ one }) => one);
}

/** A `List`, as `kubectl get -o yaml` prints several objects, is its items. */
function listed(node: JsonNode): readonly ObjectNode[] {
  if (node.kind !== 'object') {
    const mend = 'each document is a mapping with apiVersion and kind';
    throw new TrustDocumentError(node, "couldn't get version/kind of a document that is no object", mend);
  }
  const items = node.members.find(({ name }) => name === 'items')?.value;
  return typeMeta(node).kind.endsWith('List') && items?.kind === 'list' ? items.items.flatMap(listed) : [node];
}

function typeMeta(node: ObjectNode): { apiVersion: string; kind: string } {
  const text = (name: string): string => {
    const value = node.members.find((member) => member.name === name)?.value;
    return value?.kind === 'text' ? value.value : '';
  };
  const [apiVersion, kind] = [text('apiVersion'), text('kind')];
  if (kind === '')
    throw new TrustDocumentError(node, "Object 'Kind' is missing", 'each document has apiVersion and kind');
  if (apiVersion === '' && kind !== 'OidcFlags') {
    throw new TrustDocumentError(node, "Object 'apiVersion' is missing", 'each document has apiVersion and kind');
  }
  return { apiVersion, kind };
}

function unregistered(node: ObjectNode, kind: string, apiVersion: string): TrustDocumentError {
  return new TrustDocumentError(
    node,
    `no kind ${quoted(kind)} is registered for version ${quoted(apiVersion)}`,
    'known here: AuthenticationConfiguration (apiserver.config.k8s.io/v1), OidcFlags, and the kinds of rbac.authorization.k8s.io/v1',
  );
}
