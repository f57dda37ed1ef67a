import { testSubject } from './issuer.ts';

const group = 'rbac.authorization.k8s.io';

/** A binding in the namespace `payments` of one user to a role of the cluster. */
export const bound = (name: string, role: string, user: string) => ({
  apiVersion: `${group}/v1`,
  kind: 'RoleBinding',
  metadata: { name, namespace: 'payments' },
  roleRef: { apiGroup: group, kind: 'ClusterRole', name: role },
  subjects: [{ apiGroup: group, kind: 'User', name: user }],
});

/** The part `kubernetes` of a sandbox file: the plan of payments-prod may read, its apply may write. */
export function kubernetesPart(issuer: string, more: readonly object[] = []): Readonly<Record<string, unknown>> {
  return {
    authentication: {
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'AuthenticationConfiguration',
      jwt: [
        {
          issuer: { url: issuer, audiences: ['kubernetes'] },
          claimValidationRules: [
            {
              expression: "claims.sub.startsWith('organization:acme:project:payments:')",
              message: 'project must be payments',
            },
          ],
          claimMappings: { username: { claim: 'sub', prefix: '' } },
        },
      ],
    },
    rbac: [
      bound('plan-reads', 'view', testSubject),
      bound('apply-writes', 'edit', testSubject.replace(/plan$/, 'apply')),
      ...more,
    ],
    config_maps: { payments: { settings: { region: 'eu-north-1' } } },
  };
}
