import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TrustDocumentError } from '../../domain/trust.ts';
import { ruleAllows } from './rbac.ts';
import { decideKubernetesAccess, readKubernetesTrust, type KubernetesAccess } from './trust-policy.ts';

const documents = `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: deployer, namespace: web}
rules:
  - apiGroups: ["", apps]
    resources: [configmaps, deployments, pods/log]
    verbs: [get, list, create]
  - apiGroups: [""]
    resources: [secrets]
    resourceNames: [one]
    verbs: ["*"]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: apply, namespace: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}
subjects:
  - {kind: User, name: "tf:ws-1:apply"}
  - {kind: Group, name: writers}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: readers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: Group, name: readers}]
`;

const trust = readKubernetesTrust(documents);
const apply = { username: 'tf:ws-1:apply', groups: [] };

const ask = (changes: object, user: { username: string; groups: string[] } = apply) =>
  decideKubernetesAccess(trust, user, {
    verb: 'get',
    group: '',
    resource: 'configmaps',
    namespace: 'web',
    name: 'one',
    ...changes,
  });

describe('decideKubernetesAccess', () => {
  it.each<[object]>([
    [{}],
    [{ verb: 'list', name: null }],
    [{ group: 'apps', resource: 'deployments' }],
    [{ resource: 'pods', subresource: 'log' }],
    [{ resource: 'pods/log' }],
    [{ resource: 'secrets', verb: 'delete' }],
  ])('allows what a rule covers: %j', (changes) => {
    expect(ask(changes)).toMatchObject({ allowed: true, error: null, reasons: [] });
  });

  it.each<[object, string]>([
    [
      { namespace: 'other' },
      'configmaps "one" is forbidden: User "tf:ws-1:apply" cannot get resource "configmaps" in API group "" in the namespace "other"',
    ],
    [{ verb: 'delete' }, 'cannot delete resource "configmaps"'],
    [
      { verb: 'list', name: null, namespace: null },
      'configmaps is forbidden: User "tf:ws-1:apply" cannot list resource "configmaps" in API group "" at the cluster scope',
    ],
    [{ group: 'apps', resource: 'deployments', verb: 'patch' }, 'deployments.apps "one" is forbidden'],
    [{ resource: 'pods' }, 'cannot get resource "pods"'],
    [{ resource: 'pods', subresource: 'exec' }, 'cannot get resource "pods/exec"'],
    [{ resource: 'secrets', name: 'two' }, 'cannot get resource "secrets"'],
    [{ resource: 'secrets', verb: 'list', name: null }, 'cannot list resource "secrets"'],
  ])('refuses with the words of the API server: %j', (changes, message) => {
    const verdict = ask(changes);
    expect(verdict.allowed).toBe(false);
    expect(verdict.error).toMatchObject({ status: 403, reason: 'Forbidden' });
    expect(verdict.error!.message).toContain(message);
    expect(verdict.reasons.length).toBeGreaterThan(0);
  });

  it.each<[string, { username: string; groups: string[] }, boolean]>([
    ['a member of a bound group', { username: 'x', groups: ['writers'] }, true],
    ['a name in another case', { username: 'TF:ws-1:apply', groups: [] }, false],
    ['the other phase', { username: 'tf:ws-1:plan', groups: [] }, false],
    ['a group of the name of the user', { username: 'x', groups: ['tf:ws-1:apply'] }, false],
    ['a user of the name of the group', { username: 'writers', groups: [] }, false],
    ['a glob', { username: 'tf:*', groups: ['*'] }, false],
  ])('decides over %s', (_, user, allowed) => {
    expect(ask({}, user).allowed).toBe(allowed);
  });

  it('does not know what a default role holds that was not given, and does not allow it', () => {
    const verdict = ask({}, { username: 'x', groups: ['readers'] });
    expect(verdict.allowed).toBe(false);
    expect(verdict.checks.map(({ result }) => result)).toContain('unknown');
    expect(verdict.reasons.join()).toContain('"view" is in every cluster, but was not given');
  });

  it('lets whoever is authenticated look around, and no more', () => {
    const none = { username: 'x', groups: [] };
    const get = (nonResourceURL: string) => decideKubernetesAccess(trust, none, { verb: 'get', nonResourceURL });
    for (const path of ['/version', '/api', '/apis/apps/v1', '/openapi/v3', '/healthz'])
      expect(get(path).allowed).toBe(true);
    expect(get('/metrics').error!.message).toBe('forbidden: User "x" cannot get path "/metrics"');
    const review = {
      verb: 'create',
      group: 'authentication.k8s.io',
      resource: 'selfsubjectreviews',
      namespace: null,
      name: null,
    };
    expect(decideKubernetesAccess(trust, none, review).allowed).toBe(true);
  });

  it('gives system:masters everything', () => {
    expect(ask({ verb: 'delete', resource: 'nodes' }, { username: 'x', groups: ['system:masters'] }).allowed).toBe(
      true,
    );
  });
});

const word = fc.constantFrom<string>('a', 'b', 'c', '*', 'a/b', '*/b', '');
const rules = fc.record({
  verbs: fc.array(word, { maxLength: 2 }),
  apiGroups: fc.array(word, { maxLength: 2 }),
  resources: fc.array(word, { maxLength: 2 }),
  resourceNames: fc.array(word, { maxLength: 2 }),
  nonResourceURLs: fc.array(fc.constantFrom('*', '/a', '/a*', '/a/*', '/**', ''), { maxLength: 2 }),
});
const accesses: fc.Arbitrary<KubernetesAccess> = fc.oneof(
  fc.record({ verb: word, nonResourceURL: fc.constantFrom('/a', '/a/b', '/ab', '/', '') }),
  fc.record({
    verb: word,
    group: word,
    resource: fc.constantFrom('a', 'b'),
    subresource: fc.constantFrom('', 'b'),
    namespace: fc.constant(null),
    name: fc.option(fc.constantFrom('a', 'b')),
  }),
);

const holds = (list: readonly string[], value: string) => list.some((one) => one === '*' || one === value);

const cluster = (kept: readonly object[]) =>
  readKubernetesTrust(
    [
      { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'r' }, rules: kept },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name: 'b' },
        roleRef: { kind: 'ClusterRole', name: 'r' },
        subjects: [{ kind: 'User', name: 'u' }],
      },
    ]
      .map((one) => JSON.stringify(one))
      .join('\n---\n'),
  );
const resourceRule = fc.record({
  verbs: fc.array(word, { minLength: 1, maxLength: 2 }),
  apiGroups: fc.array(word, { minLength: 1, maxLength: 2 }),
  resources: fc.array(word, { minLength: 1, maxLength: 2 }),
});

describe('ruleAllows', () => {
  it('is the naive reading of every rule', () => {
    fc.assert(
      fc.property(rules, accesses, (rule, access) => {
        const expected =
          holds(rule.verbs, access.verb) &&
          ('nonResourceURL' in access
            ? rule.nonResourceURLs.some((one) =>
                one.endsWith('*')
                  ? access.nonResourceURL.startsWith(one.split('*')[0]!)
                  : one === access.nonResourceURL,
              )
            : holds(rule.apiGroups, access.group) &&
              (holds(
                rule.resources,
                access.subresource ? `${access.resource}/${access.subresource}` : access.resource,
              ) ||
                (Boolean(access.subresource) && rule.resources.includes(`*/${access.subresource}`))) &&
              (rule.resourceNames.length === 0 || rule.resourceNames.includes(access.name ?? '')));
        expect(ruleAllows(rule, access)).toBe(expected);
      }),
    );
  });

  it('never allows more with a rule taken away', () => {
    const user = { username: 'u', groups: [] };
    fc.assert(
      fc.property(fc.array(resourceRule, { minLength: 1, maxLength: 4 }), accesses, (all, access) => {
        const whole = decideKubernetesAccess(cluster(all), user, access);
        const less = decideKubernetesAccess(cluster(all.slice(1)), user, access);
        expect(less.allowed && !whole.allowed).toBe(false);
      }),
    );
  });
});

const change = (from: string, to: string): string => {
  expect(documents).toContain(from);
  return documents.replace(from, to);
};

describe('RBAC documents', () => {
  it.each([
    [
      'verbs: [get, list, create]',
      'verbs: []',
      'rules[0].verbs: Required value: verbs must contain at least one value',
    ],
    [
      'apiGroups: ["", apps]',
      'apiGroups: []',
      'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
    ],
    [
      'resources: [secrets]',
      'resources: []',
      'rules[1].resources: Required value: resource rules must supply at least one resource',
    ],
    [
      'resourceNames: [one]',
      'nonResourceURLs: [/a]',
      'rules[1].nonResourceURLs: Invalid value: ["/a"]: namespaced rules cannot apply to non-resource URLs',
    ],
    [
      'kind: Role, name',
      'kind: Rolle, name',
      'roleRef.kind: Unsupported value: "Rolle": supported values: "ClusterRole", "Role"',
    ],
    [
      'kind: ClusterRole, name',
      'kind: Role, name',
      'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
    ],
    ['{kind: User, name', '{kind: user, name', 'subjects[0].kind: Unsupported value: "user"'],
    ['name: writers', 'name: ""', 'subjects[1].name: Required value'],
    ['{kind: User, name', '{kind: User, apiGroup: v1, name', 'subjects[0].apiGroup: Unsupported value: "v1"'],
    ['subjects: [', 'subject: [', 'strict decoding error: unknown field "subject"'],
    ['{name: readers}', '{}', 'metadata.name: Required value'],
    ['{name: readers}', '{name: readers, namespace: web}', 'metadata.namespace: Forbidden'],
    ['name: view', 'name: 7', 'json: cannot unmarshal number into Go struct field RoleRef.roleRef.name of type string'],
  ])('refuses %s as %s', (from, to, words) => {
    const read = () => readKubernetesTrust(change(from, to));
    expect(read).toThrow(TrustDocumentError);
    expect(read).toThrow(words);
  });
});
