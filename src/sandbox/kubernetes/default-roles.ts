import type { JsonObject } from '../../domain/json.ts';

const apiVersion = 'rbac.authorization.k8s.io/v1';
const read = ['get', 'list', 'watch'];
const write = ['create', 'delete', 'deletecollection', 'patch', 'update'];

const role = (name: string, rules: readonly JsonObject[]): JsonObject => ({
  apiVersion,
  kind: 'ClusterRole',
  metadata: { name },
  rules,
});

const readRule = { apiGroups: [''], resources: ['configmaps', 'namespaces'], verbs: read };
const writeRule = { apiGroups: [''], resources: ['configmaps'], verbs: write };

/**
 * Roles that every cluster has for people to bind, as far as they speak of what is played here. Those that are bound from the
 * start (`cluster-admin`, `system:discovery`, …) are part of the decision itself.
 *
 * @see Kubernetes docs, "Using RBAC Authorization", user-facing roles
 */
export const defaultRoles: readonly JsonObject[] = [
  role('admin', [readRule, writeRule]),
  role('edit', [readRule, writeRule]),
  role('view', [readRule]),
];
