import { describe, expect, it } from 'vitest';
import { TrustDocumentError } from '../../domain/trust.ts';
import { decideKubernetesTrust, joinKubernetesTrust, readKubernetesTrust } from './trust-policy.ts';

const at = new Date('2026-11-21T10:00:00Z');
const seconds = at.getTime() / 1000;
const issuer = 'https://tf.example.com';

const token = {
  iss: issuer,
  aud: 'kubernetes.prod',
  sub: 'organization:acme:project:net:workspace:web:run_phase:apply',
  jti: 'j1',
  iat: seconds - 10,
  nbf: seconds - 10,
  exp: seconds + 600,
  terraform_organization_id: 'org-1',
  terraform_workspace_id: 'ws-1',
  terraform_run_phase: 'apply',
};

const configuration = `apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
jwt:
  - issuer:
      url: ${issuer}
      audiences: [kubernetes.prod]
    claimValidationRules:
      - claim: terraform_organization_id
        requiredValue: org-1
      - expression: claims.terraform_run_phase in ['plan', 'apply']
        message: no such phase
    claimMappings:
      username:
        expression: "'tf:' + claims.terraform_workspace_id + ':' + claims.terraform_run_phase"
      groups:
        expression: "['tf:' + claims.terraform_organization_id]"
      uid: {claim: sub}
      extra:
        - {key: hallpass.example/run, valueExpression: "claims.?terraform_run_id.orValue('')"}
    userValidationRules:
      - expression: "!user.username.startsWith('system:')"
        message: reserved name
`;

const decide = (changes: object = {}, text = configuration, more: object = {}) =>
  decideKubernetesTrust(readKubernetesTrust(text), { claims: { ...token, ...changes }, at, ...more });

describe('decideKubernetesTrust', () => {
  it('maps a token that passes, with the credential id', () => {
    const verdict = decide();
    expect(verdict).toMatchObject({ allowed: true, error: null, reasons: [] });
    expect(verdict.user).toEqual({
      username: 'tf:ws-1:apply',
      groups: ['tf:org-1'],
      uid: token.sub,
      extra: { 'authentication.kubernetes.io/credential-id': ['JTI=j1'] },
    });
    expect(verdict.checks.every((check) => check.result === 'pass')).toBe(true);
  });

  it.each([
    [{ iss: 'https://other.example.com' }, 'invalid bearer token'],
    [{ iss: `${issuer}/` }, 'invalid bearer token'],
    [{ aud: 'kubernetes' }, 'oidc: verify token: oidc: expected audience "kubernetes.prod" got ["kubernetes"]'],
    [{ exp: seconds - 1 }, 'oidc: verify token: oidc: token is expired (Token Expiry: 2026-11-21 09:59:59 +0000 UTC)'],
    [
      { nbf: seconds + 61 },
      'oidc: verify token: oidc: current time 2026-11-21 10:00:00 +0000 UTC before the nbf (not before) time: 2026-11-21 10:01:01 +0000 UTC',
    ],
    [
      { terraform_organization_id: 'org-2' },
      'oidc: required claim terraform_organization_id value does not match. Got = org-2, want = org-1',
    ],
    [
      { terraform_run_phase: 'test' },
      "oidc: error evaluating claim validation expression: validation expression 'claims.terraform_run_phase in ['plan', 'apply']' failed: no such phase",
    ],
    [
      { terraform_workspace_id: 7 },
      "oidc: error evaluating username claim expression: expression ''tf:' + claims.terraform_workspace_id + ':' + claims.terraform_run_phase' resulted in error: no such overload",
    ],
    [
      { sub: 7 },
      'oidc: verify token: oidc: failed to unmarshal claims: json: cannot unmarshal number into Go value of type string',
    ],
  ])('refuses %j, always as 401 Unauthorized, with the reason that only the log tells', (changes, log) => {
    const verdict = decide(changes);
    expect(verdict.allowed).toBe(false);
    expect(verdict.user).toBeNull();
    expect(verdict.error).toEqual({
      status: 401,
      message: 'Unauthorized',
      body: {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message: 'Unauthorized',
        reason: 'Unauthorized',
        code: 401,
      },
      log,
    });
    expect(verdict.reasons.length).toBeGreaterThan(0);
  });

  it('tells everything that stands in the way, in the order of the API server', () => {
    const verdict = decide({ aud: 'x', exp: 1, terraform_organization_id: 'org-2' });
    expect(verdict.checks.filter(({ result }) => result === 'fail').map(({ key }) => key)).toEqual([
      'aud',
      'exp',
      'terraform_organization_id',
    ]);
    expect(verdict.error!.log).toContain('expected audience');
  });

  it('takes exp to the very second, and nbf with a minute', () => {
    expect(decide({ exp: seconds }).allowed).toBe(true);
    expect(decide({ nbf: seconds + 60 }).allowed).toBe(true);
    expect(decide({ iat: seconds + 9999 }).allowed).toBe(true);
  });

  it('refuses an algorithm that is not among its own', () => {
    expect(decide({}, configuration, { algorithm: 'ES256' }).allowed).toBe(true);
    expect(decide({}, configuration, { algorithm: 'EdDSA' }).error!.log).toContain('unsupported algorithm');
  });

  it('never allows what it does not model', () => {
    const rule = "claims.sub.find('x') == ''";
    const verdict = decide({}, configuration.replace("claims.terraform_run_phase in ['plan', 'apply']", rule));
    expect(verdict.allowed).toBe(false);
    expect(verdict.error!.log).toBeNull();
    expect(verdict.checks.find(({ result }) => result === 'unknown')?.sentence).toContain('find is not modelled');
  });

  it('asks the authenticator of the issuer, whichever place it has', () => {
    const other = configuration.replace(issuer, 'https://first.example.com');
    const trust = joinKubernetesTrust([readKubernetesTrust(other), readKubernetesTrust(configuration)]);
    expect(decideKubernetesTrust(trust, { claims: token, at }).allowed).toBe(true);
    expect(decideKubernetesTrust(readKubernetesTrust(other), { claims: token, at }).error!.log).toBe(
      'invalid bearer token',
    );
  });

  it('knows nobody where nothing is configured', () => {
    expect(decideKubernetesTrust(readKubernetesTrust(''), { claims: token, at }).allowed).toBe(false);
  });
});

const change = (from: string, to: string): string => {
  expect(configuration).toContain(from);
  return configuration.replace(from, to);
};

const role = (name: string) => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name, labels: { a: 'b' } },
  rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }],
});

describe('readKubernetesTrust', () => {
  it.each([
    [
      () => change('https://tf', 'http://tf'),
      5,
      'jwt[0].issuer.url: Invalid value: "http://tf.example.com": URL scheme must be https',
    ],
    [
      () => change('[kubernetes.prod]', '[]'),
      6,
      'jwt[0].issuer.audiences: Required value: at least one jwt[0].issuer.audiences is required',
    ],
    [
      () => change('[kubernetes.prod]', '[a, b]'),
      4,
      'jwt[0].issuer.audienceMatchPolicy: Invalid value: "": audienceMatchPolicy must be MatchAny for multiple audiences',
    ],
    [
      () => change('claimValidationRules', 'claimValidationRule'),
      7,
      'strict decoding error: unknown field "jwt[0].claimValidationRule"',
    ],
    [
      () => change('[kubernetes.prod]', '[yes]'),
      6,
      'json: cannot unmarshal bool into Go struct field Issuer.jwt.issuer.audiences of type string',
    ],
    [
      () => change('claims.terraform_run_phase in', 'claims.terraform_run_phase inn'),
      10,
      'jwt[0].claimValidationRules[1].expression: Invalid value',
    ],
    [
      () => change('hallpass.example/run', 'run'),
      19,
      'jwt[0].claimMappings.extra[0].key: Invalid value: "run": must be a domain-prefixed path (such as "acme.io/foo")',
    ],
    [
      () => change('config.k8s.io/v1', 'config.k8s.io/v2'),
      1,
      'no kind "AuthenticationConfiguration" is registered for version "apiserver.config.k8s.io/v2"',
    ],
    [() => `${configuration}---\n${configuration}`, 24, 'authentication is configured twice'],
    [() => `${configuration}jwt: []\n`, 23, 'yaml: Map keys must be unique'],
    [() => 'a: [', 1, 'yaml:'],
    [() => '- a', 1, "couldn't get version/kind"],
    [() => 'kind: Pod\napiVersion: v1', 1, 'no kind "Pod" is registered'],
  ])('refuses with the words of the API server, and the place (%#)', (text, line, words) => {
    let error: unknown;
    try {
      readKubernetesTrust(text());
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(TrustDocumentError);
    expect((error as TrustDocumentError).problem.what).toContain(words);
    expect((error as TrustDocumentError).line).toBe(line);
  });

  it('takes JSON, v1beta1, several documents, and the lists that kubectl prints', () => {
    const text = [
      configuration.replace('/v1', '/v1beta1'),
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [role('a'), role('b')] }),
      '',
    ].join('\n---\n');
    const trust = readKubernetesTrust(text);
    expect(trust.authenticators).toHaveLength(1);
    expect(trust.rbac.objects.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('takes http on loopback where that was asked for, and nowhere else', () => {
    const local = change(issuer, 'http://127.0.0.1:8080');
    expect(() => readKubernetesTrust(local)).toThrow('URL scheme must be https');
    expect(readKubernetesTrust(local, { httpOnLoopback: true }).authenticators[0]!.issuer).toBe(
      'http://127.0.0.1:8080',
    );
    expect(() => readKubernetesTrust(change('https://tf', 'http://tf'), { httpOnLoopback: true })).toThrow('https');
  });
});
