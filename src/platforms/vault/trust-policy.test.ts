import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { thrownBy } from '../../../test/support/thrown-by.ts';
import { anyText } from '../../../test/support/any-text.ts';
import type { JsonObject } from '../../domain/json.ts';
import { TrustDocumentError } from '../../domain/trust.ts';
import { durationSeconds } from './native-field.ts';
import { decideVaultTrust, readVaultRole, readVaultTrust, type VaultTrustRequest } from './trust-policy.ts';

const at = new Date('2026-09-01T12:00:00Z');
const now = at.getTime() / 1000;
const issuer = 'https://tf.example.com';
const subject = 'organization:acme:project:Default Project:workspace:web:run_phase:plan';

const sound: JsonObject = {
  iss: issuer,
  aud: 'vault.workload.identity',
  sub: subject,
  iat: now,
  nbf: now - 5,
  exp: now + 600,
  terraform_run_phase: 'plan',
  terraform_workspace_id: 'ws-1',
};

function trustWith(role: object, config: object = {}) {
  return readVaultTrust(
    JSON.stringify({
      config: { oidc_discovery_url: issuer, bound_issuer: issuer, ...config },
      role: {
        role_type: 'jwt',
        user_claim: 'terraform_workspace_id',
        bound_audiences: ['vault.workload.identity'],
        ...role,
      },
    }),
  );
}

function decide(role: object, claims: object = {}, more: Partial<VaultTrustRequest> = {}, config: object = {}) {
  const merged = Object.fromEntries(Object.entries({ ...sound, ...claims }).filter(([, value]) => value !== undefined));
  return decideVaultTrust(trustWith(role, config), { claims: merged, at, role: 'tf', ...more });
}

const message = (...given: Parameters<typeof decide>) => decide(...given).error?.message ?? 'allowed';

describe('decideVaultTrust', () => {
  it('gives what the role promises', () => {
    const verdict = decide({
      bound_claims_type: 'glob',
      bound_claims: { sub: 'organization:acme:*' },
      claim_mappings: { terraform_run_phase: 'phase', missing: 'x' },
      groups_claim: 'terraform_run_phase',
      token_policies: ['Tf', 'b', 'tf'],
      token_ttl: '20m',
    });
    expect(verdict).toMatchObject({
      allowed: true,
      error: null,
      reasons: [],
      identity: {
        alias: 'ws-1',
        metadata: { role: 'tf', phase: 'plan' },
        groups: ['plan'],
        policies: ['b', 'default', 'tf'],
        ttlSeconds: 1200,
        renewable: true,
        tokenType: 'service',
      },
    });
    expect(verdict.checks.every(({ result }) => result === 'pass')).toBe(true);
  });

  it.each([
    ['exp at the edge', {}, { exp: now - 60 }, 'allowed'],
    [
      'exp past the edge',
      {},
      { exp: now - 61 },
      'error validating token: invalid expiration time (exp) claim: token is expired',
    ],
    ['nbf at the edge', {}, { nbf: now + 60 }, 'allowed'],
    [
      'nbf past the edge',
      {},
      { nbf: now + 61 },
      'error validating token: invalid not before (nbf) claim: token not yet valid',
    ],
    [
      'iat past the edge',
      {},
      { iat: now + 61 },
      'error validating token: invalid issued at (iat) claim: token issued in the future',
    ],
    ['no leeway, at the edge', { clock_skew_leeway: -1 }, { exp: now }, 'allowed'],
    [
      'no leeway',
      { clock_skew_leeway: '-1s' },
      { exp: now - 1 },
      'error validating token: invalid expiration time (exp) claim: token is expired',
    ],
    ['a leeway of 0 is 60', { clock_skew_leeway: 0 }, { exp: now - 60 }, 'allowed'],
    ['only iat, young', {}, { exp: undefined, nbf: undefined, iat: now - 149 }, 'allowed'],
    [
      'only iat, old',
      {},
      { exp: undefined, nbf: undefined, iat: now - 211 },
      'error validating token: invalid expiration time (exp) claim: token is expired',
    ],
    [
      'a leeway for exp does not move a given one',
      { expiration_leeway: 600 },
      { exp: now - 61 },
      'error validating token: invalid expiration time (exp) claim: token is expired',
    ],
    [
      'no time at all',
      {},
      { exp: 0, nbf: null, iat: undefined },
      'error validating token: no issued at (iat), not before (nbf), or expiration time (exp) claims in token',
    ],
    [
      'an end beyond all counting',
      {},
      { exp: 9.22337203e18 },
      'error validating token: invalid expiration time (exp) claim: token is expired',
    ],
    [
      'a time in quotes',
      {},
      { exp: String(now + 600) },
      'error validating token: go-jose/go-jose/jwt: expected number value to unmarshal NumericDate',
    ],
    ['another issuer', {}, { iss: `${issuer}/` }, 'error validating token: invalid issuer (iss) claim'],
    [
      'a bound subject with a star',
      { bound_subject: 'organization:acme:*' },
      {},
      'error validating token: invalid subject (sub) claim',
    ],
    [
      'another audience',
      {},
      { aud: 'aws.workload.identity' },
      'error validating token: invalid audience (aud) claim: audience claim does not match any expected audience',
    ],
    ['one audience of two', {}, { aud: ['x', 'vault.workload.identity'] }, 'allowed'],
    [
      'an audience that nobody asked for',
      { bound_audiences: [], bound_subject: subject },
      {},
      'audience claim found in JWT but no audiences bound to the role',
    ],
    ['no audience', { bound_audiences: [], bound_subject: subject }, { aud: [] }, 'allowed'],
    ['a user claim that is missing', { user_claim: 'nope' }, {}, 'claim "nope" not found in token'],
    ['a user claim that is a number', { user_claim: 'iat' }, {}, 'claim "iat" could not be converted to string'],
    ['a pointer without leave', { user_claim: '/sub' }, {}, 'claim "/sub" not found in token'],
    ['a pointer', { user_claim: '/sub', user_claim_json_pointer: true }, {}, 'allowed'],
    ['an empty user', {}, { terraform_workspace_id: '' }, 'missing name in alias'],
    ['a mapping of a number', { claim_mappings: { iat: 'x' } }, {}, "error converting claim 'iat' to string"],
    [
      'groups that are missing',
      { groups_claim: 'nope' },
      {},
      'failed to fetch groups: "nope" claim not found in token',
    ],
    [
      'a glob in string mode',
      { bound_claims: { sub: 'organization:acme:*' } },
      {},
      'error validating claims: claim "sub" does not match any associated bound claim values',
    ],
    [
      'a claim that is missing',
      { bound_claims_type: 'glob', bound_claims: { nope: '*' } },
      {},
      'error validating claims: claim "nope" is missing',
    ],
    ['one value of a list', { bound_claims: { terraform_run_phase: ['apply', 'plan'] } }, {}, 'allowed'],
    ['one value of each list', { bound_claims: { l: ['a', 'b'] } }, { l: ['b', 'c'] }, 'allowed'],
    ['a number', { bound_claims: { n: 12 } }, { n: 12.7 }, 'allowed'],
    [
      'a number as text',
      { bound_claims: { n: '12' } },
      { n: 12 },
      'error validating claims: claim "n" does not match any associated bound claim values',
    ],
    [
      'a number in a list',
      { bound_claims: { n: 12 } },
      { n: [12] },
      'error validating claims: claim "n" does not match any associated bound claim values',
    ],
    ['a boolean in a list', { bound_claims: { n: true } }, { n: [true] }, 'allowed'],
    [
      'an object',
      { bound_claims: { n: 'x' } },
      { n: { b: 1e6, a: null } },
      'error validating claims: received claim is not a string, bool, int or list: map[a:<nil> b:1e+06]',
    ],
    [
      'a lookalike',
      {},
      { ISS: issuer },
      'error validating token: ambiguous claim: key "ISS" collides with registered claim "iss" under case folding',
    ],
    ['an oidc role', { role_type: 'oidc', allowed_redirect_uris: 'x' }, {}, 'role with oidc role_type is not allowed'],
    ['the policy root', { token_policies: 'root' }, {}, 'auth methods cannot create root tokens'],
  ])('%s', (_, role, claims, expected) => {
    expect(message(role, claims)).toBe(expected);
  });

  it('does not look at iss where none is bound', () => {
    expect(decide({}, { iss: 'https://evil.example' }, {}, { bound_issuer: '' }).allowed).toBe(true);
  });

  it('holds the algorithm against those of the mount', () => {
    expect(message({}, {}, { algorithm: 'RS256' }, { jwt_supported_algs: ['ES256'] })).toBe(
      'error validating token: invalid algorithm (alg) header parameter: token signed with unexpected algorithm',
    );
  });

  it('does not guess an address, and judges it before the token', () => {
    const bound = { token_bound_cidrs: ['10.0.0.0/8', '::1'] };
    expect(decide(bound).allowed).toBe(false);
    expect(decide(bound).checks.find(({ key }) => key === 'address')?.result).toBe('unknown');
    expect(decide(bound, {}, { remoteAddress: '10.9.9.9' }).allowed).toBe(true);
    expect(decide(bound, { iss: 'x' }, { remoteAddress: '11.0.0.1' }).error).toEqual({
      status: 403,
      message: 'permission denied',
    });
  });

  it('does not model templates of policies', () => {
    const verdict = decide({ token_policies: ['{{.sub}}'], token_policies_template_claims: true });
    expect(verdict.allowed).toBe(false);
    expect(verdict.checks.find(({ result }) => result === 'unknown')?.operator).toBe('template');
  });

  it('lists every check with both values, and names what stands in the way', () => {
    const verdict = decide({ bound_claims: { sub: 'organization:acme:*' } }, { aud: 'aws.workload.identity' });
    expect(verdict.reasons).toEqual([
      'aud: wanted one of bound_audiences "vault.workload.identity", was "aws.workload.identity"',
      `sub: wanted equals "organization:acme:*", was "${subject}" ("*" is literal unless bound_claims_type is glob)`,
    ]);
    expect(verdict.identity).toBeNull();
  });

  it('survives any claims', () => {
    const role = { bound_claims: { sub: 'x' }, groups_claim: '/a/0', claim_mappings: { '/b': 'b' } };
    fc.assert(
      fc.property(fc.dictionary(anyText({ maxLength: 5 }), fc.jsonValue()), (claims) => {
        const verdict = decideVaultTrust(trustWith(role), { claims: claims as JsonObject, at });
        expect(verdict.allowed).toBe(false);
        expect(verdict.reasons.length).toBeGreaterThan(0);
      }),
    );
  });
});

function refusal(text: string): TrustDocumentError {
  try {
    readVaultTrust(text);
  } catch (error) {
    if (error instanceof TrustDocumentError) return error;
    throw error;
  }
  throw new Error('a refusal was expected');
}

/** What `vault read -format=json` prints around the fields. */
function wrapped(data: object) {
  return { request_id: 'x', lease_id: '', lease_duration: 0, renewable: false, data, warnings: null };
}

describe('readVaultTrust', () => {
  it('reads what vault read prints', () => {
    const text = JSON.stringify({
      config: wrapped({
        oidc_discovery_url: issuer,
        bound_issuer: issuer,
        default_role: '',
        jwt_supported_algs: [],
        status: 'valid',
      }),
      role: wrapped({
        role_type: 'jwt',
        user_claim: 'sub',
        bound_audiences: ['a'],
        bound_claims: null,
        token_ttl: 1200,
      }),
    });
    expect(readVaultTrust(text)).toMatchObject({
      config: { boundIssuer: issuer, ignored: [] },
      role: { ttlSeconds: 1200 },
    });
  });

  it('says where the document is wrong', () => {
    const text = `{\n  "config": { "oidc_discovery_url": "${issuer}" },\n  "role": {\n    "role_type": "JWT"\n  }\n}`;
    expect(refusal(text)).toMatchObject({ line: 4, column: 18, problem: { what: "invalid 'role_type': JWT" } });
  });

  it.each([
    ['[]', 'the document is not an object'],
    ['{}', 'the document has no config'],
    [`{"config":{"oidc_discovery_url":"${issuer}"}}`, 'the document has no role'],
    ['{"config":5,"role":{}}', 'config is not an object'],
    ['{"config":{"a":1,"a":2}}', '"a" stands twice in the same object'],
  ])('refuses %s', (text, what) => {
    expect(refusal(text).problem.what).toBe(what);
  });

  it('ignores what the server ignores, and tells', () => {
    const role = readVaultRole('{"role_type":"jwt","user_claim":"sub","bound_audiences":"a","bound_audience":"b"}');
    expect(role.ignored).toEqual(['"bound_audience" (did you mean bound_audiences?)']);
  });

  it('gives a role or a refusal, whatever is in the document', () => {
    const names = fc.constantFrom(
      'role_type',
      'user_claim',
      'bound_audiences',
      'bound_claims',
      'token_ttl',
      'claim_mappings',
      'token_num_uses',
      'token_bound_cidrs',
      'bound_claims_type',
    );
    fc.assert(
      fc.property(fc.dictionary(names, fc.jsonValue()), (document) => {
        const error = thrownBy(() => readVaultRole(JSON.stringify(document)));
        expect(error === null || error instanceof TrustDocumentError).toBe(true);
      }),
    );
  });
});

describe('durations', () => {
  it.each([
    ['600', 600],
    ['10m', 600],
    ['1h30m', 5400],
    ['1.5h', 5400],
    ['7d', 604_800],
    ['500ms', 0],
    ['-1s', -1],
    ['', 0],
    ['1d2h', null],
    ['1.5', null],
    ['1w', null],
    ['h', null],
    ['1 h', null],
    ['9999999999999', null],
  ])('%j is %s', (text, seconds) => {
    expect(durationSeconds(text)).toBe(seconds);
  });
});
