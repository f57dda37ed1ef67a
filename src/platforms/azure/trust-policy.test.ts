import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TrustDocumentError } from '../../domain/trust.ts';
import { decideAzureTrust, readAzureTrust } from './trust-policy.ts';

const subject = 'organization:acme:project:Default Project:workspace:web:run_phase:plan';
const issuer = 'https://tf.example.com';
const audience = 'api://AzureADTokenExchange';
const at = new Date('2026-03-01T12:00:00Z');
const now = at.getTime() / 1000;
const claims = { iss: issuer, sub: subject, aud: audience, iat: now, nbf: now - 5, exp: now + 3600 };
const credential = { name: 'web-plan', issuer, subject, audiences: [audience] };

const flexible = (value: string, change: object = {}): object => ({
  name: 'flexible',
  issuer: 'https://app.terraform.io',
  subject: null,
  audiences: [audience],
  claimsMatchingExpression: { value, languageVersion: 1 },
  ...change,
});

const trustOf = (...credentials: object[]) => readAzureTrust(JSON.stringify(credentials));
const decide = (change: object = {}, trust = trustOf(credential), skew?: number) =>
  decideAzureTrust(trust, {
    claims: { ...claims, ...change },
    at,
    ...(skew !== undefined && { clockSkewSeconds: skew }),
  });
const check = (change: object, trust = trustOf(credential)) => {
  const verdict = decide(change, trust);
  return { allowed: verdict.allowed, code: verdict.error?.code ?? null, reasons: verdict.reasons.join('\n') };
};

describe('decideAzureTrust', () => {
  it('accepts a token whose issuer, subject and audience are those of one credential', () => {
    const verdict = decide();
    expect(verdict).toMatchObject({ allowed: true, error: null, reasons: [] });
    expect(verdict.checks.map(({ step, key }) => `${step} ${key}`)).toEqual([
      'issuer iss',
      'time lifetime',
      'time exp',
      'time nbf',
      'subject sub',
      'audience aud',
    ]);
  });

  it.each<[string, object, string, string]>([
    [
      'another issuer',
      { iss: 'https://evil.example.com' },
      'AADSTS700211',
      'wanted "https://tf.example.com", was "https://evil.example.com"',
    ],
    ['a slash behind the issuer', { iss: `${issuer}/` }, 'AADSTS700211', `was "${issuer}/"`],
    ['the issuer in other case', { iss: 'https://TF.example.com' }, 'AADSTS700211', 'upper and lower case only'],
    ['the other phase', { sub: subject.replace('plan', 'apply') }, 'AADSTS700213', 'run_phase:apply'],
    ['another workspace', { sub: subject.replace('web', 'web2') }, 'AADSTS700213', 'workspace:web2'],
    ['a blank behind the subject', { sub: `${subject} ` }, 'AADSTS700213', `was "${subject} "`],
    [
      'a subject in other case only',
      { sub: subject.replace('acme', 'Acme') },
      'AADSTS7002138',
      'differ in upper and lower case only',
    ],
    ['another audience', { aud: 'aws.workload.identity' }, 'AADSTS700212', 'was "aws.workload.identity"'],
    ['the audience in other case', { aud: 'api://azureadtokenexchange' }, 'AADSTS700212', 'upper and lower case only'],
    ['another list of audiences', { aud: ['x', 'y'] }, 'AADSTS700212', 'aud is a list'],
    ['a list with the audience, which is not certain', { aud: [audience] }, 'AADSTS700212', '(not certain)'],
    ['a token that ended at the tolerance', { exp: now - 300 }, 'AADSTS700024', `later than ${now - 300}`],
    ['a token of the future', { nbf: now + 301 }, 'AADSTS700024', 'time nbf'],
    ['a life of more than 25 hours', { exp: now + 90_001 }, 'AADSTS70023', 'at most 25 h after iat'],
    ['a token without iat, which is not certain', { iat: null }, 'AADSTS70023', '(not certain)'],
    ['no expiry', { exp: null }, 'AADSTS50027', 'claim exp'],
    ['no subject', { sub: null }, 'AADSTS50027', 'claim sub'],
    ['an expiry in words', { exp: 'soon' }, 'AADSTS50027', 'claim exp'],
    ['an issue time in words', { iat: 'now' }, 'AADSTS50027', 'time iat'],
  ])('refuses %s', (_, change, code, reason) => {
    const verdict = check(change);
    expect(verdict).toMatchObject({ allowed: false, code });
    expect(verdict.reasons).toContain(reason);
  });

  it.each<[string, object]>([
    ['a token that ended within the tolerance', { exp: now - 299 }],
    ['a token of the near future', { nbf: now + 300 }],
    ['a life of 25 hours', { exp: now + 90_000 }],
    ['a token without nbf', { nbf: null }],
  ])('accepts %s', (_, change) => {
    expect(decide(change).allowed).toBe(true);
  });

  it('takes the tolerance that it is given', () => {
    expect(decide({ exp: now }, trustOf(credential), 0).error?.code).toBe('AADSTS700024');
    expect(decide({ exp: now + 1 }, trustOf(credential), 0).allowed).toBe(true);
  });

  it("gives Entra's texts with the values", () => {
    expect(decide({ sub: subject.replace('web', 'Web') }).error).toEqual({
      code: 'AADSTS7002138',
      oauth: 'invalid_client',
      status: 401,
      description: `No matching federated identity record found for presented assertion subject '${subject.replace('web', 'Web')}'. The subject matches with case-insensitive comparison, but not with case-sensitive comparison. Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation`,
    });
    expect(decide({ exp: now + 93_600 }).error).toEqual({
      code: 'AADSTS70023',
      oauth: 'invalid_request',
      status: 400,
      description: `External OIDC Provider token must have a lifetime of less than or equal to 1.01:00:00. Token issued at ${now}. Token expires on ${now + 93_600}.`,
    });
    expect(decide({ nbf: now - 900, exp: now - 600 }).error?.description).toContain(
      'Current time: 2026-03-01T12:00:00.0000000Z, assertion valid from 2026-03-01T11:45:00.0000000Z, expiry time of assertion 2026-03-01T11:50:00.0000000Z.',
    );
  });

  it('tells of every check that failed, and gives the first one to the wire', () => {
    const verdict = decide({ sub: 'x', aud: 'y', exp: now - 900 });
    expect(verdict.error?.code).toBe('AADSTS700024');
    expect(verdict.reasons).toHaveLength(3);
  });

  it('says that an application has no credential at all', () => {
    const trust = readAzureTrust(
      JSON.stringify({ clientId: '11111111-2222-3333-4444-555555555555', federatedCredentials: [] }),
    );
    expect(decide({}, trust).error).toMatchObject({
      code: 'AADSTS70025',
      description:
        "The client '11111111-2222-3333-4444-555555555555'(application) has no configured federated identity credentials.",
    });
  });

  it('wants the audience of the credential whose subject matched, not that of another', () => {
    const trust = trustOf({ ...credential, audiences: ['one'] }, { ...credential, name: 'apply', subject: 'other' });
    expect(check({}, trust)).toMatchObject({ allowed: false, code: 'AADSTS700212' });
    expect(decide({ aud: 'one' }, trust).allowed).toBe(true);
  });

  it('accepts exactly the three values, whatever stands there', () => {
    fc.assert(
      fc.property(fc.constantFrom('iss', 'sub', 'aud'), fc.string(), (name, value) => {
        expect(decide({ [name]: value }).allowed).toBe(value === (claims as Record<string, unknown>)[name]);
      }),
    );
  });
});

describe('flexible credentials', () => {
  const terraform = { iss: 'https://app.terraform.io' };
  const pattern = 'organization:acme:project:*:workspace:web:run_phase:plan';

  it('match by expression at an issuer that Microsoft lists', () => {
    expect(decide(terraform, trustOf(flexible(`claims['sub'] matches '${pattern}'`))).allowed).toBe(true);
    expect(decide(terraform, trustOf(flexible(`claims['sub'] eq '${subject}'`))).allowed).toBe(true);
  });

  it.each<[string, object, object, string]>([
    ['a self-hosted issuer', {}, flexible(`claims['sub'] matches '${pattern}'`, { issuer }), 'AADSTS7002241'],
    [
      'a look-alike of a listed issuer',
      { iss: 'https://app.terraform.io.evil.com' },
      flexible("claims['sub'] matches '*'", { issuer: 'https://app.terraform.io.evil.com' }),
      'AADSTS7002241',
    ],
    ['an expression that cannot be read', terraform, flexible("claims[sub] == 'x'"), 'AADSTS700233'],
    ['a claim that is not allowed', terraform, flexible("claims['terraform_workspace_id'] eq 'ws-1'"), 'AADSTS700237'],
    ['a claim that is no text', { ...terraform, sub: 7 }, flexible("claims['sub'] eq '7'"), 'AADSTS50027'],
    ['no match', terraform, flexible("claims['sub'] eq 'x'"), 'AADSTS7002131'],
    ['one clause of two', terraform, flexible(`claims['sub'] matches '*' and claims['sub'] eq 'x'`), 'AADSTS7002131'],
    ['another audience', { ...terraform, aud: 'x' }, flexible("claims['sub'] matches '*'"), 'AADSTS700212'],
  ])('refuse %s', (_, change, one, code) => {
    expect(check(change, trustOf(one))).toMatchObject({ allowed: false, code });
  });

  it('are not looked at where an exact credential matches', () => {
    expect(decide({}, trustOf(credential, flexible("claims['sub'] eq 'x'", { issuer }))).allowed).toBe(true);
  });

  it('never allow what Microsoft may refuse', () => {
    const github = { iss: 'https://token.actions.githubusercontent.com' };
    const one = flexible("claims['sub'] matches '*'", { issuer: github.iss });
    expect(decide(github, trustOf(one))).toMatchObject({
      allowed: false,
      checks: expect.arrayContaining([expect.objectContaining({ result: 'unknown' })]),
    });
    const both = flexible("claims['sub'] matches '*' and claims['repository_id'] eq '1'", { issuer: github.iss });
    expect(decide({ ...github, repository_id: '1' }, trustOf(both)).allowed).toBe(true);
  });
});

/** What is thrown that may not be; null when nothing is. */
function outcome(text: string): unknown {
  try {
    readAzureTrust(text);
  } catch (error) {
    if (!(error instanceof TrustDocumentError)) return error;
  }
  return null;
}

const many = (count: number): object[] =>
  Array.from({ length: count }, (_, index) => ({
    ...credential,
    name: `n-${index}`,
    subject: `${subject}${index}`,
  }));

describe('readAzureTrust', () => {
  it('reads what az prints, annotations and all', () => {
    const printed = {
      '@odata.type': '#microsoft.graph.federatedIdentityCredential',
      id: '9',
      description: null,
      resourceGroup: 'rg',
      systemData: null,
      type: 'x',
      ...credential,
    };
    expect(trustOf(printed)).toEqual({
      clientId: null,
      tenantId: null,
      credentials: [{ name: 'web-plan', issuer, audience, match: { kind: 'subject', subject } }],
    });
  });

  it('takes 20 credentials, and no more', () => {
    expect(trustOf(...many(20)).credentials).toHaveLength(20);
    expect(() => trustOf(...many(21))).toThrow(/21 federated credentials; Entra keeps at most 20/);
  });

  it.each<[string, unknown, RegExp]>([
    ['no list', {}, /no list of federated credentials/],
    ['a text', '"x"', /no list/],
    ['a text as credential', ['x'], /is an object/],
    ['a name with a blank', [{ ...credential, name: 'a b' }], /name "a b" is invalid/],
    ['a name of two letters', [{ ...credential, name: 'ab' }], /is invalid/],
    ['no issuer', [{ ...credential, issuer: undefined }], /issuer is missing/],
    ['an issuer with a blank behind it', [{ ...credential, issuer: `${issuer} ` }], /blank at an end/],
    ['an issuer without https', [{ ...credential, issuer: 'http://tf.example.com' }], /not an https URL/],
    [
      'a subject of 601 characters',
      [{ ...credential, subject: 'x'.repeat(601) }],
      /601 characters; Entra keeps at most 600/,
    ],
    ['an empty subject', [{ ...credential, subject: '' }], /subject is no text/],
    ['no subject', [{ ...credential, subject: null }], /empty properties: subject/],
    [
      'subject and expression',
      [{ ...credential, claimsMatchingExpression: { value: 'x', languageVersion: 1 } }],
      /both/,
    ],
    ['two audiences', [{ ...credential, audiences: ['a', 'b'] }], /must have exactly one audience\./],
    ['no audience', [{ ...credential, audiences: [] }], /must have exactly one audience\./],
    ['a misspelt member', [{ ...credential, audience: 'x' }], /no member "audience"/],
    [
      'another language version',
      [flexible('x', { claimsMatchingExpression: { value: 'x', languageVersion: 2 } })],
      /languageVersion must be 1/,
    ],
    ['the same subject twice', [credential, { ...credential, name: 'other' }], /combination already exists/],
    ['the same name twice', [credential, { ...credential, subject: 'other' }], /there twice/],
    ['a client id that is none', { clientId: 'x', federatedCredentials: [] }, /clientId is not a GUID/],
  ])('refuses %s', (_, document, message) => {
    const read = () => readAzureTrust(typeof document === 'string' ? document : JSON.stringify(document));
    expect(read).toThrow(TrustDocumentError);
    expect(read).toThrow(message);
  });

  it('says where', () => {
    expect(() => readAzureTrust('[\n  {"name": "a b"}\n]')).toThrow(expect.objectContaining({ line: 2, column: 12 }));
  });

  it('throws nothing but its own error, whatever it is given', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(outcome(text)).toBe(null);
      }),
    );
  });
});
