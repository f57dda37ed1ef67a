import { isGcpMember, type GcpIamPolicy } from '../../platforms/gcp/trust-policy.ts';
import type { TokenFacts } from './access-tokens.ts';
import { permissionDenied } from './refusal.ts';

const readSecrets = [
  'secretmanager.secrets.get',
  'secretmanager.secrets.list',
  'secretmanager.versions.get',
  'secretmanager.versions.list',
  'resourcemanager.projects.get',
] as const;
const manageVersions = [
  'secretmanager.versions.add',
  'secretmanager.versions.destroy',
  'secretmanager.versions.disable',
  'secretmanager.versions.enable',
] as const;
const changeSecrets = [
  'secretmanager.secrets.create',
  'secretmanager.secrets.update',
  'secretmanager.secrets.delete',
] as const;

/** A permission that a method of the stand-in asks for. */
export type Permission =
  | (typeof readSecrets)[number]
  | (typeof manageVersions)[number]
  | (typeof changeSecrets)[number]
  | 'secretmanager.versions.access';

const all: readonly Permission[] = [
  ...readSecrets,
  ...manageVersions,
  ...changeSecrets,
  'secretmanager.versions.access',
];

/** What Google's predefined roles grant, as far as the stand-in has methods. */
const roles: Readonly<Record<string, readonly Permission[]>> = {
  'roles/owner': all,
  // Editors and viewers of a project may see that secrets are there, never what they hold.
  'roles/editor': [...readSecrets, ...manageVersions, ...changeSecrets],
  'roles/viewer': readSecrets,
  'roles/browser': ['resourcemanager.projects.get'],
  'roles/secretmanager.admin': all,
  'roles/secretmanager.viewer': readSecrets,
  'roles/secretmanager.secretAccessor': ['secretmanager.versions.access', 'resourcemanager.projects.get'],
  'roles/secretmanager.secretVersionAdder': ['secretmanager.versions.add', 'resourcemanager.projects.get'],
  'roles/secretmanager.secretVersionManager': [
    'secretmanager.versions.get',
    'secretmanager.versions.list',
    ...manageVersions,
    'resourcemanager.projects.get',
  ],
};

/**
 * Lets a caller pass when a binding of one of the policies grants it the permission: what a project grants holds for
 * everything in it.
 *
 * @param resource  as the refusal names it
 * @throws {GcpRefusal} 403 `PERMISSION_DENIED`; the reasons tell every binding that was looked at
 */
export function authorize(
  permission: Permission,
  resource: string,
  token: TokenFacts,
  policies: readonly GcpIamPolicy[],
): void {
  const caller = token.kind === 'federated' ? token.identity : { email: token.email };
  const who = token.kind === 'federated' ? token.principal : `serviceAccount:${token.email}`;
  const bindings = policies.flatMap((policy) => policy.bindings);
  const granting = bindings.filter(({ role }) => roles[role]?.includes(permission));
  const naming = granting.filter(({ members }) => members.some((member) => isGcpMember(member, caller) === true));
  if (naming.some(({ condition }) => condition === null)) return;
  const unknown = [...new Set(bindings.map(({ role }) => role).filter((role) => !Object.hasOwn(roles, role)))];
  const members = granting.flatMap((binding) => binding.members.map((member) => `${binding.role} to ${member}`));
  throw permissionDenied(permission, resource, {
    reasons: [
      members.length === 0
        ? `no binding grants ${permission} to anybody on ${resource}`
        : `${permission} on ${resource} is granted by ${members.join(', ')}; the caller is ${who}`,
      ...(naming.length > 0 ? ['a binding names the caller under a condition, and the stand-in judges none'] : []),
      ...(unknown.length > 0
        ? [`the stand-in does not know ${unknown.join(', ')}; it knows ${Object.keys(roles).join(', ')}`]
        : []),
    ],
  });
}
