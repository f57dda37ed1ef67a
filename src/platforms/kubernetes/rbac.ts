import { quoted } from '../../domain/printable.ts';
import type { Check, CheckResult, Verdict } from '../../domain/trust.ts';
import type { KubernetesUser } from './cel/index.ts';
import type { Binding, KubernetesRbac, PolicyRule, Role } from './rbac-document.ts';

/** One request, as the authorizer sees it. */
export type KubernetesAccess = ResourceAccess | NonResourceAccess;

/** A request about objects of the API. */
export interface ResourceAccess {
  /** `get`, `list`, `create`, … */
  readonly verb: string;
  /** "" for the core group. */
  readonly group: string;
  /** `pods`; `pods/log` means the subresource `log` of `pods`. */
  readonly resource: string;
  readonly subresource?: string | null;
  /** Null or "" for what lies in no namespace, and for all namespaces. */
  readonly namespace: string | null;
  /** Null or "" where the request names no object. */
  readonly name: string | null;
}

/** A request about a path that holds no objects. */
export interface NonResourceAccess {
  /** `get`, … */
  readonly verb: string;
  /** The path: `/healthz`. */
  readonly nonResourceURL: string;
}

/** What RBAC says to one request of one user. */
export interface KubernetesAccessVerdict extends Verdict {
  /** What the client sees. */
  readonly error: { readonly status: 403; readonly reason: 'Forbidden'; readonly message: string } | null;
  readonly reasons: readonly string[];
}

const everyone = 'system:authenticated';

const rule = (changes: Partial<PolicyRule>): PolicyRule => ({
  verbs: [],
  apiGroups: [],
  resources: [],
  resourceNames: [],
  nonResourceURLs: [],
  ...changes,
});

const paths = ['/healthz', '/livez', '/readyz', '/version', '/version/'];

/**
 * What every cluster has from its start, and whom it is for.
 *
 * @see Kubernetes docs, "Using RBAC Authorization", default roles and role bindings
 */
const defaults: readonly { readonly role: Role; readonly group: string }[] = [
  clusterDefault('system:public-info-viewer', everyone, [rule({ verbs: ['get'], nonResourceURLs: paths })]),
  clusterDefault('system:discovery', everyone, [
    rule({
      verbs: ['get'],
      nonResourceURLs: [...paths, '/api', '/api/*', '/apis', '/apis/*', '/openapi', '/openapi/*'],
    }),
  ]),
  clusterDefault('system:basic-user', everyone, [
    rule({
      verbs: ['create'],
      apiGroups: ['authorization.k8s.io'],
      resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
    }),
    rule({ verbs: ['create'], apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'] }),
  ]),
  clusterDefault('cluster-admin', 'system:masters', [
    rule({ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }),
    rule({ verbs: ['*'], nonResourceURLs: ['*'] }),
  ]),
];

// Every cluster has them too, but what they hold differs from version to version, and is aggregated.
const unlistedDefaults = ['admin', 'edit', 'view'];

/**
 * Whether RBAC lets a user do this. Pure. The default roles for discovery are there without being given; aggregation is
 * not computed: the rules that a ClusterRole holds count, as in the cluster.
 *
 * @param user without `system:authenticated`, which is added
 * @see Kubernetes docs, "Using RBAC Authorization"
 */
export function decideKubernetesAccess(
  trust: { readonly rbac: KubernetesRbac },
  user: Pick<KubernetesUser, 'username' | 'groups'>,
  access: KubernetesAccess,
): KubernetesAccessVerdict {
  const groups = [...user.groups, everyone];
  const asked = normalised(access);
  const roles = [...trust.rbac.objects.filter((one) => 'rules' in one), ...defaults.map((one) => one.role)];
  const given = trust.rbac.objects.filter((one) => 'roleRef' in one);
  const bindings = [...given, ...defaults.map(({ role, group }) => defaultBinding(role, group))];
  const checks = bindings
    .filter((binding) => binding.namespace === null || binding.namespace === namespaceOf(asked))
    .filter((binding) => binding.subjects.some((subject) => isSubject(subject, binding, user.username, groups)))
    .map((binding) => bindingCheck(binding, roles, asked));
  const allowed = checks.some((check) => check.result === 'pass');
  const message = forbiddenMessage(user.username, asked);
  if (allowed) return { allowed, checks, error: null, reasons: [] };
  const standing = checks.filter(({ step }) => given.some((one) => stepName(one) === step));
  const none = `RBAC: no binding that counts here names the user ${quoted(user.username)} or one of the groups ${groups.map(quoted).join(', ')}`;
  return {
    allowed,
    checks,
    error: { status: 403, reason: 'Forbidden', message },
    reasons: standing.length === 0 ? [none] : standing.map(({ sentence }) => sentence),
  };
}

/** Whether one rule of a role covers the request. Pure. */
export function ruleAllows(one: PolicyRule, access: KubernetesAccess): boolean {
  const asked = normalised(access);
  if (!one.verbs.includes('*') && !one.verbs.includes(asked.verb)) return false;
  if ('nonResourceURL' in asked) {
    return one.nonResourceURLs.some(
      (pattern) =>
        pattern === '*' ||
        pattern === asked.nonResourceURL ||
        // Any number of stars at the end is one.
        (pattern.endsWith('*') && asked.nonResourceURL.startsWith(pattern.replace(/\*+$/, ''))),
    );
  }
  const { group, resource, name } = asked;
  const subresource = asked.subresource ?? '';
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  return (
    (one.apiGroups.includes('*') || one.apiGroups.includes(group)) &&
    one.resources.some(
      (known) => known === '*' || known === whole || (subresource !== '' && known === `*/${subresource}`),
    ) &&
    (one.resourceNames.length === 0 || one.resourceNames.includes(name ?? ''))
  );
}

function normalised(access: KubernetesAccess): KubernetesAccess {
  if ('nonResourceURL' in access || (access.subresource ?? '') !== '' || !access.resource.includes('/')) return access;
  const slash = access.resource.indexOf('/');
  return { ...access, resource: access.resource.slice(0, slash), subresource: access.resource.slice(slash + 1) };
}

function namespaceOf(access: KubernetesAccess): string {
  return 'nonResourceURL' in access ? '' : (access.namespace ?? '');
}

function isSubject(
  subject: Binding['subjects'][number],
  binding: Binding,
  username: string,
  groups: readonly string[],
): boolean {
  if (subject.kind === 'User') return subject.name === username;
  if (subject.kind === 'Group') return groups.includes(subject.name);
  const namespace = subject.namespace || binding.namespace;
  return username === `system:serviceaccount:${namespace}:${subject.name}`;
}

function bindingCheck(binding: Binding, roles: readonly Role[], asked: KubernetesAccess): Check {
  const { kind, name } = binding.roleRef;
  const role = roles.find(
    (one) => one.kind === kind && one.name === name && (kind === 'ClusterRole' || one.namespace === binding.namespace),
  );
  const wanted = shown(asked);
  const result: CheckResult =
    role === undefined
      ? kind === 'ClusterRole' && unlistedDefaults.includes(name)
        ? 'unknown'
        : 'fail'
      : role.rules.some((one) => ruleAllows(one, asked))
        ? 'pass'
        : 'fail';
  const verdict =
    result === 'unknown'
      ? 'is in every cluster, but was not given: nobody here knows its rules'
      : role === undefined
        ? 'does not exist'
        : result === 'pass'
          ? `allows ${quoted(wanted)}`
          : `has no rule for ${quoted(wanted)}`;
  return {
    step: stepName(binding),
    key: `${kind} ${name}`,
    operator: 'allows',
    expected: wanted,
    actual: role === undefined ? null : JSON.stringify(role.rules),
    result,
    sentence: `${stepName(binding)}: ${kind} ${quoted(name)} ${verdict}`,
  };
}

function stepName({ kind, name, namespace }: Binding): string {
  return `${kind} ${namespace === null ? '' : `${namespace}/`}${name}`;
}

function shown(access: KubernetesAccess): string {
  if ('nonResourceURL' in access) return `${access.verb} ${access.nonResourceURL}`;
  const { verb, resource, subresource, group, name } = access;
  const whole = [subresource ? `${resource}/${subresource}` : resource, ...(group === '' ? [] : [group])].join('.');
  return name ? `${verb} ${whole} ${name}` : `${verb} ${whole}`;
}

/** The words of the API server's 403. */
function forbiddenMessage(username: string, access: KubernetesAccess): string {
  const user = `User ${JSON.stringify(username)} cannot ${access.verb}`;
  if ('nonResourceURL' in access) return `forbidden: ${user} path ${JSON.stringify(access.nonResourceURL)}`;
  const { resource, subresource, group, name, namespace } = access;
  const whole = subresource ? `${resource}/${subresource}` : resource;
  const object = [group === '' ? resource : `${resource}.${group}`, ...(name ? [JSON.stringify(name)] : [])].join(' ');
  const scope = namespace ? `in the namespace ${JSON.stringify(namespace)}` : 'at the cluster scope';
  return `${object} is forbidden: ${user} resource ${JSON.stringify(whole)} in API group ${JSON.stringify(group)} ${scope}`;
}

function clusterDefault(name: string, group: string, rules: readonly PolicyRule[]): { role: Role; group: string } {
  return { role: { kind: 'ClusterRole', name, namespace: null, rules }, group };
}

function defaultBinding(role: Role, group: string): Binding {
  return {
    kind: 'ClusterRoleBinding',
    name: role.name,
    namespace: null,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role.name },
    subjects: [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: group, namespace: '' }],
  };
}
