import { assert as check, constantFrom, dictionary, jsonValue, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../domain/json.ts';
import { TrustDocumentError } from '../../domain/trust.ts';
import { anyText } from '../../../test/support/any-text.ts';
import {
  decideGcpExchange,
  decideGcpImpersonation,
  gcpPrincipal,
  isGcpMember,
  readGcpIamPolicy,
  readGcpProvider,
  readGcpTrust,
  type GcpIdentity,
  type GcpVerdict,
} from './trust-policy.ts';

const pool = 'projects/123456789012/locations/global/workloadIdentityPools/tf-example-com';
const name = `${pool}/providers/tf-example-com`;
const resource = `//iam.googleapis.com/${name}`;
const issuer = 'https://tf.example.com';
const subject = 'organization:acme:project:Default Project:workspace:web:run_phase:plan';
const at = new Date('2026-11-21T10:00:00Z');
const now = at.getTime() / 1000;

const claims: JsonObject = {
  iss: issuer,
  aud: resource,
  sub: subject,
  iat: now - 10,
  nbf: now - 15,
  exp: now + 3600,
  terraform_organization_id: 'org-1',
  terraform_organization_name: 'acme',
  terraform_workspace_id: 'ws-1',
  terraform_run_phase: 'plan',
};

interface Changes {
  readonly claims?: Readonly<Record<string, Json | undefined>>;
  readonly audience?: string;
  readonly provider?: Readonly<Record<string, unknown>>;
  readonly oidc?: Readonly<Record<string, unknown>>;
}

function providerText({ provider, oidc }: Changes = {}): string {
  return JSON.stringify({
    name,
    state: 'ACTIVE',
    attributeMapping: { 'google.subject': 'assertion.sub' },
    oidc: { issuerUri: issuer, ...oidc },
    ...provider,
  });
}

function decide(changes: Changes = {}): GcpVerdict {
  const all = { ...claims, ...changes.claims };
  return decideGcpExchange(readGcpTrust(providerText(changes)), {
    claims: Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as JsonObject,
    audience: changes.audience ?? resource,
    at,
  });
}

describe('an exchange that Google would make', () => {
  it('says who the token stands for', () => {
    const verdict = decide({
      provider: {
        attributeMapping: {
          'attribute.workspace_id': 'assertion.terraform_workspace_id',
          'google.groups': "[assertion.terraform_organization_name + '/' + assertion.terraform_run_phase]",
          'google.subject': 'assertion.sub',
        },
        attributeCondition: "assertion.terraform_organization_id == 'org-1' && attribute.workspace_id == 'ws-1'",
      },
    });
    expect(verdict).toMatchObject({ allowed: true, error: null, reasons: [] });
    expect(verdict.identity).toStrictEqual({
      pool,
      subject,
      groups: ['acme/plan'],
      attributes: { workspace_id: 'ws-1' },
    });
  });

  it.each<[string, Changes]>([
    ['the default audience', {}],
    ['the default audience with https:', { claims: { aud: `https:${resource}` } }],
    ['an allowed audience', { oidc: { allowedAudiences: ['x', 'y'] }, claims: { aud: 'y' } }],
    ['exp 59 s ago', { claims: { exp: now - 59 } }],
    ['iat 60 s ahead', { claims: { iat: now + 60 } }],
    ['a provider without a state', { provider: { state: undefined } }],
    ['a subject of 127 bytes', { claims: { sub: 's'.repeat(127) } }],
    ['groups in google', { provider: { attributeCondition: 'google.subject == assertion.sub' } }],
    [
      'ids instead of a long subject',
      {
        claims: { sub: 's'.repeat(219) },
        provider: { attributeMapping: { 'google.subject': "assertion.terraform_workspace_id + ':' + 'plan'" } },
      },
    ],
  ])('takes %s', (_title, changes) => {
    expect(decide(changes).reasons).toStrictEqual([]);
    expect(decide(changes).allowed).toBe(true);
  });

  it('takes what is not confirmed only when told so', () => {
    const trust = readGcpTrust(providerText());
    const old = { ...claims, iat: now - 90_000, aud: [resource, 'other'] };
    const question = { claims: old, audience: resource, at };
    expect(decideGcpExchange(trust, question)).toMatchObject({ allowed: false });
    expect(
      decideGcpExchange(trust, { ...question, unconfirmed: { oldToken: 'pass', audienceList: 'pass' } }),
    ).toMatchObject({ allowed: true });
  });
});

describe('a refusal in the words of Google', () => {
  it.each<[string, Changes, string, string | RegExp]>([
    [
      'another provider',
      { audience: resource.replace(/tf-example-com$/, 'other') },
      'invalid_target',
      /disabled or deleted/,
    ],
    ['a disabled provider', { provider: { disabled: true } }, 'invalid_target', /disabled or deleted/],
    ['a deleted provider', { provider: { state: 'DELETED' } }, 'invalid_target', /disabled or deleted/],
    [
      'https: before the audience of the request',
      { audience: `https:${resource}` },
      'invalid_request',
      /full resource name/,
    ],
    [
      'the id of the project',
      { audience: resource.replace('123456789012', 'my-project') },
      'invalid_request',
      /full resource name/,
    ],
    ['any other audience of the request', { audience: 'x' }, 'invalid_request', /full resource name/],
    [
      'another issuer',
      { claims: { iss: 'https://evil.example' } },
      'invalid_grant',
      'The issuer in ID Token https://evil.example does not match the expected one in config: https://tf.example.com.',
    ],
    [
      'the issuer with a slash',
      { claims: { iss: `${issuer}/` } },
      'invalid_grant',
      /does not match the expected one in config/,
    ],
    ['no issuer', { claims: { iss: undefined } }, 'invalid_grant', /null does not match the expected one/],
    [
      'exp 60 s ago',
      { claims: { exp: now - 60 } },
      'invalid_grant',
      `ID Token issued at ${now - 10} is stale to sign-in.`,
    ],
    ['no exp', { claims: { exp: undefined } }, 'invalid_grant', /stale to sign-in/],
    ['exp as a text', { claims: { exp: String(now + 60) } }, 'invalid_grant', /stale to sign-in/],
    ['no iat', { claims: { iat: undefined } }, 'invalid_grant', 'ID Token issued at null is stale to sign-in.'],
    ['iat 61 s ahead', { claims: { iat: now + 61 } }, 'invalid_grant', /stale to sign-in/],
    ['iat 25 h ago', { claims: { iat: now - 90_000 } }, 'invalid_grant', /stale to sign-in/],
    ['nbf far ahead', { claims: { nbf: now + 600 } }, 'invalid_grant', /stale to sign-in/],
    [
      'another aud',
      { claims: { aud: 'x' } },
      'invalid_grant',
      'The audience in ID Token [x] does not match the expected audience.',
    ],
    [
      'the default aud beside a list',
      { oidc: { allowedAudiences: ['x'] } },
      'invalid_grant',
      /does not match the expected audience/,
    ],
    [
      'aud in other letters',
      { oidc: { allowedAudiences: ['X'] }, claims: { aud: 'x' } },
      'invalid_grant',
      /expected audience/,
    ],
    ['a list of aud', { claims: { aud: [resource] } }, 'invalid_grant', /expected audience/],
    ['no aud', { claims: { aud: undefined } }, 'invalid_grant', /expected audience/],
    [
      'a subject of 128 bytes',
      { claims: { sub: 's'.repeat(128) } },
      'invalid_request',
      /^The size of mapped attribute google\.subject exceeds the 127 bytes limit/,
    ],
    [
      'a subject of 127 letters, but more bytes',
      { claims: { sub: `${'s'.repeat(126)}é` } },
      'invalid_request',
      /127 bytes/,
    ],
    ['a subject of 60 more characters', { claims: { sub: subject + 'x'.repeat(60) } }, 'invalid_request', /127 bytes/],
    ['no sub', { claims: { sub: undefined } }, 'unauthorized_client', /Could not obtain a value for google\.subject/],
    [
      'an empty subject',
      { provider: { attributeMapping: { 'google.subject': "assertion.sub.extract('stack:{s}:')" } } },
      'unauthorized_client',
      /google\.subject/,
    ],
    [
      'a mapping of a missing claim',
      { provider: { attributeMapping: { 'google.subject': 'assertion.nope' } } },
      'unauthorized_client',
      /google\.subject/,
    ],
    [
      'a subject that is a number',
      { provider: { attributeMapping: { 'google.subject': 'assertion.exp' } } },
      'unauthorized_client',
      /google\.subject/,
    ],
    [
      'an attribute of a missing claim',
      { provider: { attributeMapping: { 'google.subject': 'assertion.sub', 'attribute.x': 'assertion.nope' } } },
      'unauthorized_client',
      /attribute\.x/,
    ],
    [
      'groups that are a text',
      { provider: { attributeMapping: { 'google.subject': 'assertion.sub', 'google.groups': 'assertion.sub' } } },
      'unauthorized_client',
      /google\.groups/,
    ],
    [
      'attributes of more than 8 KB',
      {
        claims: { big: 'x'.repeat(8200) },
        provider: { attributeMapping: { 'google.subject': 'assertion.sub', 'attribute.big': 'assertion.big' } },
      },
      'invalid_request',
      /total size/,
    ],
    [
      'a false condition',
      { provider: { attributeCondition: "assertion.terraform_organization_id == 'org-2'" } },
      'unauthorized_client',
      'The given credential is rejected by the attribute condition.',
    ],
    [
      'a condition on a missing claim',
      { provider: { attributeCondition: "assertion.nope != 'x'" } },
      'unauthorized_client',
      /attribute condition/,
    ],
    [
      'a condition that gives a text',
      { provider: { attributeCondition: 'assertion.sub' } },
      'unauthorized_client',
      /attribute condition/,
    ],
    [
      'a condition that is not modelled',
      { provider: { attributeCondition: "assertion.sub.lowerAscii() == 'x' || true" } },
      'unauthorized_client',
      /attribute condition/,
    ],
  ])('%s', (_title, changes, error, description) => {
    const verdict = decide(changes);
    expect(verdict).toMatchObject({ allowed: false, identity: null, error: { status: 400, error } });
    expect(verdict.error?.error_description).toMatch(description);
    expect(verdict.reasons).not.toEqual([]);
  });

  it('a long subject says its length and the mend', () => {
    expect(decide({ claims: { sub: 's'.repeat(128) } }).reasons).toStrictEqual([
      'mapping google.subject: wanted at most 127 bytes of UTF-8, was "128 bytes"; map ids instead, such as assertion.terraform_workspace_id + \':\' + assertion.terraform_run_phase',
    ]);
  });

  it('the first check that failed gives the error, but all are said', () => {
    const verdict = decide({ claims: { iss: 'x', aud: 'y', exp: 1 }, provider: { attributeCondition: 'false' } });
    expect(verdict.error?.error_description).toMatch(/issuer/);
    expect(verdict.checks.filter(({ result }) => result === 'fail').map(({ step }) => step)).toStrictEqual([
      'issuer',
      'times',
      'audience',
      'condition',
    ]);
  });
});

// trust-policies.md 15, Google.
describe('conditions and extracts as people write them', () => {
  const starts = "assertion.sub.startsWith('organization:acme:project:Default Project:workspace:web";
  const exact = "assertion.sub.matches('^organization:acme:project:[^:]+:workspace:web:run_phase:plan$')";
  const web2 = subject.replace(':web:', ':web2:');
  it.each<[string, string, boolean]>([
    [`${starts}')`, web2, true],
    [`${starts}:')`, web2, false],
    [`${starts}:')`, subject, true],
    ["assertion.sub.matches('organization:acme')", subject.replace('acme', 'acme-evil'), true],
    [exact, subject, true],
    [exact, subject.replace('Default Project', 'other'), true],
    [exact, subject.replace('acme', 'acme-evil'), false],
    [exact, subject.replace('plan', 'apply'), false],
    [exact, `x${subject}`, false],
    ["assertion.sub.extract('workspace:{w}:run_phase') == 'web'", subject, true],
    ["assertion.sub.extract('stack:{s}:') == ''", subject, true],
    ["assertion.sub.split(':')[1] == 'acme'", subject, true],
    ["assertion.sub.split(':').join('/').startsWith('organization/acme/')", subject, true],
    ["has(assertion.nope) && assertion.nope == 'x'", subject, false],
    ["!has(assertion.nope) || assertion.nope == 'x'", subject, true],
    ["{'org-1': 'a'}[assertion.terraform_organization_id] == 'a'", subject, true],
    ["assertion.terraform_run_phase in ['plan', 'apply']", subject, true],
  ])('%s', (attributeCondition, sub, allowed) => {
    expect(decide({ claims: { sub }, provider: { attributeCondition } }).allowed).toBe(allowed);
  });
});

function mapping(more: Readonly<Record<string, string>>): Changes {
  return { provider: { attributeMapping: { 'google.subject': 'assertion.sub', ...more } } };
}

describe('documents that Google would not have stored', () => {
  it.each<[string, Changes, RegExp]>([
    ['http', { oidc: { issuerUri: 'http://tf.example.com' } }, /The scheme must be https/],
    ['a text as issuer', { oidc: { issuerUri: 'tf' } }, /scheme must be https/],
    ['no issuer', { oidc: { issuerUri: undefined } }, /oidc has no issuerUri/],
    [
      'a project id',
      { provider: { name: name.replace('123456789012', 'my-project') } },
      /number of the project is wanted/,
    ],
    ['a pool id with gcp-', { provider: { name: name.replace('Pools/tf-example-com', 'Pools/gcp-x') } }, /pool id/],
    ['a provider id of 3', { provider: { name: name.replace(/tf-example-com$/, 'abc') } }, /provider id/],
    ['no name', { provider: { name: undefined } }, /has no name/],
    ['no mapping', { provider: { attributeMapping: undefined } }, /no google\.subject/],
    ['no subject', { provider: { attributeMapping: { 'attribute.x': 'assertion.sub' } } }, /no google\.subject/],
    ['an unknown target', mapping({ 'google.email': 'assertion.sub' }), /target "google\.email"/],
    ['an attribute in capitals', mapping({ 'attribute.Org': 'assertion.sub' }), /target "attribute\.Org"/],
    ['a long attribute name', mapping({ [`attribute.${'a'.repeat(101)}`]: 'assertion.sub' }), /target/],
    [
      '51 attributes',
      mapping(Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`attribute.a${i}`, "'x'"]))),
      /more than 50/,
    ],
    ['a long mapping', mapping({ 'attribute.x': `'${'x'.repeat(2048)}'` }), /2050 characters; Google takes 2048/],
    ['a mapping to a number', mapping({ 'attribute.x': 'size(assertion.sub)' }), /gives int; Google wants string/],
    ['groups that are a text', mapping({ 'google.groups': "'x'" }), /gives string; Google wants list/],
    ['a mapping with an unknown name', mapping({ 'attribute.x': 'claims.sub' }), /undeclared reference to 'claims'/],
    [
      'a mapping that looks at google',
      mapping({ 'attribute.x': 'google.subject' }),
      /undeclared reference to 'google'/,
    ],
    ['a long condition', { provider: { attributeCondition: `'${'x'.repeat(4096)}' == ''` } }, /Google takes 4096/],
    ['a condition that is no CEL', { provider: { attributeCondition: 'assertion.sub =' } }, /syntax error/],
    ['a condition that is a text', { provider: { attributeCondition: "'true'" } }, /gives string; Google wants bool/],
    ['a misspelt member', { provider: { atributeCondition: 'false' } }, /no member "atributeCondition"/],
    ['11 audiences', { oidc: { allowedAudiences: Array.from({ length: 11 }, String) } }, /11 entries/],
    ['a long audience', { oidc: { allowedAudiences: ['x'.repeat(257)] } }, /257 characters/],
    ['keys that are no JSON', { oidc: { jwksJson: '{' } }, /not the JSON text of a key set/],
    [
      '9 keys',
      { oidc: { jwksJson: JSON.stringify({ keys: Array.from({ length: 9 }, () => ({ kty: 'RSA' })) }) } },
      /9 keys/,
    ],
    ['a key with x5c', { oidc: { jwksJson: JSON.stringify({ keys: [{ kty: 'RSA', x5c: [] }] }) } }, /"x5c"/],
    ['a SAML provider', { provider: { saml: {} } }, /kind saml/],
    ['no oidc', { provider: { oidc: undefined } }, /no oidc/],
    ['disabled as a text', { provider: { disabled: 'true' } }, /true or false/],
  ])('%s', (_title, changes, message) => {
    expect(() => readGcpProvider(providerText(changes))).toThrow(TrustDocumentError);
    expect(() => readGcpProvider(providerText(changes))).toThrow(message);
  });

  it('says where', () => {
    const text = '{\n  "name": "x"\n}';
    expect(() => readGcpProvider(text)).toThrow(expect.objectContaining({ line: 2, column: 11 }));
  });

  it.each<[string, string, RegExp]>([
    ['a role without roles/', '{"bindings":[{"role":"x","members":[]}]}', /not a role/],
    ['a member without a kind', '{"bindings":[{"role":"roles/x","members":["me@x"]}]}', /not a member/],
    ['an unknown member', '{"binding":[]}', /no member "binding"/],
    [
      'a condition without expression',
      '{"bindings":[{"role":"roles/x","members":[],"condition":{}}]}',
      /no expression/,
    ],
    ['a list', '[]', /must be an object/],
  ])('an IAM policy: %s', (_title, text, message) => {
    expect(() => readGcpIamPolicy(text)).toThrow(message);
  });

  it('a name that is no email', () => {
    const text = `{"provider":${providerText()},"serviceAccounts":{"plan":{}}}`;
    expect(() => readGcpTrust(text)).toThrow(/not the email/);
  });
});

describe('impersonation', () => {
  const email = 'plan@my-project.iam.gserviceaccount.com';
  const identity: GcpIdentity = {
    pool,
    subject: 'ws-1:plan',
    groups: ['g/1'],
    attributes: { phase: 'plan', wide: 'a/b' },
  };
  const user = 'roles/iam.workloadIdentityUser';

  function impersonate(
    role: string,
    members: readonly string[],
    more: object = {},
  ): { allowed: boolean; results: string[] } {
    const text = JSON.stringify({
      provider: JSON.parse(providerText()) as unknown,
      serviceAccounts: { [email]: { bindings: [{ role, members, ...more }], etag: 'x', version: 1 } },
    });
    const { allowed, checks, error } = decideGcpImpersonation(readGcpTrust(text), identity, email);
    expect(error === null).toBe(allowed);
    return { allowed, results: checks.map(({ result }) => result) };
  }

  const at_ = `//iam.googleapis.com/${pool}`;

  it.each([
    [user, `principal:${at_}/subject/ws-1:plan`],
    ['roles/iam.serviceAccountTokenCreator', `principal:${at_}/subject/ws-1:plan`],
    [user, `principalSet:${at_}/group/g/1`],
    [user, `principalSet:${at_}/attribute.phase/plan`],
    [user, `principalSet:${at_}/attribute.wide/a/b`],
    [user, `principalSet:${at_}/*`],
    [user, 'allUsers'],
  ])('%s for %s', (role, member) => {
    expect(impersonate(role, ['user:me@example.com', member])).toStrictEqual({ allowed: true, results: ['pass'] });
  });

  it.each([
    [user, `principal:${at_}/subject/ws-1:apply`],
    [user, `principal:${at_}/subject/WS-1:plan`],
    [user, `principal:${at_}/subject/ws-1:plan/attribute.phase/plan`],
    [user, `principal:${at_}/subject/*`],
    [user, `principal:${at_}/*`],
    [user, `principal:${at_}/attribute.phase/plan`],
    [user, `principalSet:${at_}/subject/ws-1:plan`],
    [user, `principalSet:${at_}/attribute.phase/apply`],
    [user, `principalSet:${at_}/attribute.phase/pl*`],
    [user, `principalSet:${at_}/attribute.phase/plan/attribute.wide/a/b`],
    [user, `principalSet:${at_}/attribute.none/plan`],
    [user, `principalSet:${at_}/attribute.constructor/plan`],
    [user, `principalSet:${at_}/group/g`],
    [user, `principalSet:${at_.replace('123456789012', 'my-project')}/*`],
    [user, `principalSet:${at_}-2/*`],
    [user, `deleted:principal:${at_}/subject/ws-1:plan?uid=1`],
    [user, `principalSet:${at_}/providers/tf-example-com/*`],
    [user, 'allAuthenticatedUsers'],
    [user, `serviceAccount:${email}`],
    ['roles/owner', `principalSet:${at_}/*`],
    ['roles/iam.serviceAccountUser', `principalSet:${at_}/*`],
  ])('not %s for %s', (role, member) => {
    expect(impersonate(role, [member])).toStrictEqual({ allowed: false, results: ['fail'] });
  });

  it.each<[string, string, object]>([
    ['projects/x/roles/mine', `principalSet:${at_}/*`, {}],
    [user, 'group:all@example.com', {}],
    [user, `principal:${at_}/subject/ws-1%3Aplan`, {}],
    [
      user,
      `principalSet:${at_}/*`,
      { condition: { title: 't', expression: "request.time < timestamp('2030-01-01T00:00:00Z')" } },
    ],
  ])('not known: %s for %s', (role, member, more) => {
    expect(impersonate(role, [member], more)).toStrictEqual({ allowed: false, results: ['unknown'] });
  });

  it('says what binding is missing, in the words of Google and in ours', () => {
    const trust = readGcpTrust(`{"provider":${providerText()},"serviceAccounts":{"${email}":{}}}`);
    expect(decideGcpImpersonation(trust, identity, email)).toMatchObject({
      allowed: false,
      error: {
        code: 403,
        status: 'PERMISSION_DENIED',
        message: "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
      },
      reasons: [expect.stringContaining(gcpPrincipal(identity))],
    });
    expect(decideGcpImpersonation(trust, identity, `x${email}`)).toMatchObject({ allowed: false });
  });

  it('is not known without policies', () => {
    const verdict = decideGcpImpersonation(readGcpTrust(providerText()), identity, email);
    expect(verdict).toMatchObject({ allowed: false, checks: [{ result: 'unknown' }] });
  });

  it('a service account is a member by its email', () => {
    expect(isGcpMember(`serviceAccount:${email}`, { email })).toBe(true);
    expect(isGcpMember(`serviceAccount:x${email}`, { email })).toBe(false);
    expect(isGcpMember(`principalSet:${at_}/*`, { email })).toBe(false);
    expect(isGcpMember('group:x@example.com', { email })).toBe('unknown');
    expect(isGcpMember(`deleted:serviceAccount:${email}?uid=1`, { email })).toBe(false);
  });
});

describe('any input', () => {
  const provider = readGcpProvider(
    providerText({
      provider: {
        attributeMapping: {
          'google.subject': "assertion.sub.extract('workspace:{w}:') + string(assertion.x)",
          'google.groups': 'assertion.groups',
          'attribute.a': "assertion.map['x'].split('/').join(':')",
        },
        attributeCondition: "assertion.groups.exists(g, g.matches('^a')) || assertion.x < 5 && has(assertion.y.z)",
      },
    }),
  );

  it('claims: an answer, and never an allowed one without a subject', () => {
    check(
      property(
        dictionary(constantFrom('iss', 'sub', 'aud', 'x', 'y', 'groups', 'map', 'iat', 'exp'), jsonValue()),
        (any) => {
          const verdict = decideGcpExchange({ provider }, { claims: any as JsonObject, audience: resource, at });
          expect(verdict.allowed).toBe(verdict.error === null && verdict.subject !== null);
          expect(verdict.allowed || verdict.reasons.length > 0).toBe(true);
        },
      ),
    );
  });

  it('claims nested deeper than the stack', () => {
    const deep = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`) as Json;
    for (const claim of ['aud', 'iss', 'exp', 'sub', 'groups', 'map', 'x']) {
      const question = { claims: { ...claims, [claim]: deep }, audience: resource, at };
      expect(decideGcpExchange({ provider }, question).allowed).toBe(false);
    }
  });

  it('a subject matches the member that names it, and none that names another', () => {
    check(
      property(anyText(), anyText(), (one, other) => {
        const identity = { pool, subject: one, groups: [], attributes: {} };
        expect(isGcpMember(gcpPrincipal({ pool, subject: one }), identity)).toBe(true);
        expect(isGcpMember(gcpPrincipal({ pool, subject: other }), identity) === true).toBe(one === other);
      }),
    );
  });

  it('a document: read, or refused with its place', () => {
    check(
      property(jsonValue(), string(), (json, text) => {
        for (const document of [JSON.stringify(json), text]) {
          expect(readOrRefused(document)).toMatch(/^(?:read|refused)$/);
        }
      }),
    );
  });
});

function readOrRefused(text: string): string {
  try {
    readGcpTrust(text);
    return 'read';
  } catch (error) {
    return error instanceof TrustDocumentError ? 'refused' : String(error);
  }
}
