import type { JsonNode } from '../json-document.ts';
import { anything, Decoding, list, object, optional, text } from './decode.ts';

/** Roles and bindings of a cluster. */
export interface KubernetesRbac {
  readonly objects: readonly RbacObject[];
}

/** What RBAC is written in. */
export type RbacObject = Role | Binding;

/** A `Role` or `ClusterRole`. */
export interface Role {
  readonly kind: 'Role' | 'ClusterRole';
  readonly name: string;
  /** Null for a ClusterRole. */
  readonly namespace: string | null;
  readonly rules: readonly PolicyRule[];
}

/** One rule of a role; what is not written is empty. */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
  readonly nonResourceURLs: readonly string[];
}

/** A `RoleBinding` or `ClusterRoleBinding`. */
export interface Binding {
  readonly kind: 'RoleBinding' | 'ClusterRoleBinding';
  readonly name: string;
  /** Null for a ClusterRoleBinding. */
  readonly namespace: string | null;
  readonly roleRef: { readonly apiGroup: string; readonly kind: string; readonly name: string };
  readonly subjects: readonly Subject[];
}

/** Whom a binding speaks of. */
export interface Subject {
  readonly kind: string;
  readonly apiGroup: string;
  readonly name: string;
  readonly namespace: string;
}

const rbacGroup = 'rbac.authorization.k8s.io';
const kinds = ['Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'] as const;

type RbacKind = (typeof kinds)[number];

/** Whether documents of this kind belong to RBAC. */
export function isRbacKind(kind: string): kind is RbacKind {
  return kinds.some((known) => known === kind);
}

const metadata = object('ObjectMeta', {
  name: text,
  namespace: text,
  // What kubectl prints beside them.
  ...Object.fromEntries(
    (
      'generateName uid resourceVersion generation creationTimestamp deletionTimestamp deletionGracePeriodSeconds ' +
      'labels annotations ownerReferences finalizers managedFields selfLink'
    )
      .split(' ')
      .map((name) => [name, anything]),
  ),
}) as unknown as ReturnType<typeof object<{ name: string; namespace: string }>>;

const typeMeta = { apiVersion: text, kind: text, metadata };

const role = object('ClusterRole', {
  ...typeMeta,
  rules: list(
    object<PolicyRule>('PolicyRule', {
      verbs: list(text),
      apiGroups: list(text),
      resources: list(text),
      resourceNames: list(text),
      nonResourceURLs: list(text),
    }),
  ),
  // A controller writes the rules of the roles that it selects into `rules`: those count.
  aggregationRule: anything,
});

const binding = object('RoleBinding', {
  ...typeMeta,
  subjects: list(object<Subject>('Subject', { kind: text, apiGroup: text, name: text, namespace: text })),
  roleRef: object('RoleRef', { apiGroup: text, kind: text, name: text }),
  userNames: optional(list(text)),
});

/**
 * Reads a role or a binding, with the refusals of Kubernetes' own validation.
 *
 * @throws {TrustDocumentError} `trust_document_invalid`
 * @see Kubernetes docs, "Using RBAC Authorization"
 */
export function readRbacObject(node: JsonNode, kind: RbacKind): RbacObject {
  const decoding = new Decoding('v1');
  decoding.note('', node);
  const refuse = (path: string, what: string): Error =>
    decoding.error(path, `${path}: ${what}`, 'Kubernetes refuses such an object: mend this field');
  const at = { path: '', goField: '' };
  const isRole = kind === 'Role' || kind === 'ClusterRole';
  const read = isRole ? role(node, at, decoding) : binding(node, at, decoding);
  const { name, namespace } = read.metadata;
  if (name === '') throw refuse('metadata.name', 'Required value: name or generateName is required');
  const isCluster = kind === 'ClusterRole' || kind === 'ClusterRoleBinding';
  if (isCluster && namespace !== '') {
    throw refuse('metadata.namespace', 'Forbidden: not allowed on this type');
  }
  // kubectl would put the object into the namespace of its context, which is `default` unless told otherwise.
  const place = isCluster ? null : namespace || 'default';
  if ('rules' in read) {
    for (const [index, rule] of read.rules.entries()) refuseRule(rule, kind, `rules[${index}]`, refuse);
    return { kind: kind as Role['kind'], name, namespace: place, rules: read.rules };
  }
  return { kind: kind as Binding['kind'], name, namespace: place, ...checkedBinding(read, isCluster, refuse) };
}

type Refuse = (path: string, what: string) => Error;

function refuseRule(rule: PolicyRule, kind: string, path: string, refuse: Refuse): void {
  if (rule.verbs.length === 0) throw refuse(`${path}.verbs`, 'Required value: verbs must contain at least one value');
  if (rule.nonResourceURLs.length > 0) {
    const shown = JSON.stringify(rule.nonResourceURLs);
    if (kind === 'Role') {
      throw refuse(
        `${path}.nonResourceURLs`,
        `Invalid value: ${shown}: namespaced rules cannot apply to non-resource URLs`,
      );
    }
    if (rule.apiGroups.length > 0 || rule.resources.length > 0 || rule.resourceNames.length > 0) {
      const why = 'rules cannot apply to both regular resources and non-resource URLs';
      throw refuse(`${path}.nonResourceURLs`, `Invalid value: ${shown}: ${why}`);
    }
    return;
  }
  if (rule.apiGroups.length === 0) {
    throw refuse(`${path}.apiGroups`, 'Required value: resource rules must supply at least one api group');
  }
  if (rule.resources.length === 0) {
    throw refuse(`${path}.resources`, 'Required value: resource rules must supply at least one resource');
  }
}

function supported(values: readonly string[]): string {
  return `supported values: ${values.map((one) => `"${one}"`).join(', ')}`;
}

function checkedBinding(
  read: { subjects: readonly Subject[]; roleRef: Binding['roleRef'] },
  isCluster: boolean,
  refuse: Refuse,
): Pick<Binding, 'roleRef' | 'subjects'> {
  const roleRef = { ...read.roleRef, apiGroup: read.roleRef.apiGroup || rbacGroup };
  if (roleRef.apiGroup !== rbacGroup) {
    throw refuse(
      'roleRef.apiGroup',
      `Unsupported value: ${JSON.stringify(roleRef.apiGroup)}: ${supported([rbacGroup])}`,
    );
  }
  const roles = isCluster ? ['ClusterRole'] : ['ClusterRole', 'Role'];
  if (!roles.includes(roleRef.kind)) {
    throw refuse('roleRef.kind', `Unsupported value: ${JSON.stringify(roleRef.kind)}: ${supported(roles)}`);
  }
  if (roleRef.name === '') throw refuse('roleRef.name', 'Required value');
  const subjects = read.subjects.map((subject, index): Subject => {
    const path = `subjects[${index}]`;
    const group = subject.kind === 'ServiceAccount' ? '' : rbacGroup;
    if (!['ServiceAccount', 'User', 'Group'].includes(subject.kind)) {
      const known = supported(['ServiceAccount', 'User', 'Group']);
      throw refuse(`${path}.kind`, `Unsupported value: ${JSON.stringify(subject.kind)}: ${known}`);
    }
    if (subject.name === '') throw refuse(`${path}.name`, 'Required value');
    if (subject.kind === 'ServiceAccount' && subject.namespace === '' && isCluster) {
      throw refuse(`${path}.namespace`, 'Required value');
    }
    const apiGroup = subject.apiGroup || group;
    if (apiGroup === group) return { ...subject, apiGroup };
    throw refuse(`${path}.apiGroup`, `Unsupported value: ${JSON.stringify(apiGroup)}: ${supported([group])}`);
  });
  return { roleRef, subjects };
}
