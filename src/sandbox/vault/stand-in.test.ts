import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestIssuer, testKey, testSubject, type TestIssuer } from '../../../test/support/issuer.ts';
import { readSandboxConfig } from '../config.ts';
import type { SandboxLogLine } from '../log.ts';
import { openSandbox, type Sandbox } from '../open.ts';

const key = await testKey();
const audience = 'vault.workload.identity';

const policy = `
path "secret/data/payments/*" { capabilities = ["create", "read", "update", "delete", "patch"] }
path "secret/metadata/payments/*" { capabilities = ["read", "list", "delete"] }
path "secret/undelete/payments/*" { capabilities = ["update"] }
path "secret/destroy/payments/*" { capabilities = ["update"] }
path "auth/token/create" { capabilities = ["update"] }
path "nope/*" { capabilities = ["read"] }
`;

let clock: Date;
let issuer: TestIssuer;
let sandbox: Sandbox;
let log: SandboxLogLine[];

const role = (more: object = {}) => ({
  role_type: 'jwt',
  user_claim: 'sub',
  bound_audiences: audience,
  token_policies: 'tf',
  token_ttl: 600,
  ...more,
});

async function open(more: object = {}, roles: object = {}, issuerUrl = issuer.url): Promise<void> {
  await sandbox?.close();
  const part = {
    auth: {
      jwt: {
        config: { oidc_discovery_url: issuerUrl, bound_issuer: issuerUrl, default_role: 'tf' },
        roles: { tf: role(), ...roles },
      },
    },
    policies: { tf: policy },
    kv: { secret: { 'payments/db': { user: 'app' }, 'other/db': { user: 'x' } } },
    ...more,
  };
  log = [];
  sandbox = await openSandbox({
    config: await readSandboxConfig(JSON.stringify({ vault: part }), '/'),
    now: () => clock,
    log: (line) => log.push(line),
  });
}

interface Got {
  readonly status: number;
  readonly body: any;
  readonly headers: Headers;
}

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Got> {
  const response = await fetch(`${sandbox.endpoint('vault')}/v1/${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? null : JSON.parse(text), headers: response.headers };
}

const jwt = (claims: Record<string, unknown> = {}, header?: Record<string, unknown>) =>
  issuer.sign({ aud: audience, ...claims }, header);

async function login(roleName = 'tf', claims: Record<string, unknown> = {}, path = 'auth/jwt/login'): Promise<Got> {
  return call('POST', path, { role: roleName, jwt: await jwt(claims) });
}

async function tokenFor(roleName = 'tf'): Promise<string> {
  const { body } = await login(roleName);
  return body.auth.client_token as string;
}

const as = (token: string) => ({ 'x-vault-token': token });
const denied = { errors: ['1 error occurred:\n\t* permission denied\n\n'] };
const unknown = { errors: ['permission denied'] };

beforeEach(async () => {
  clock = new Date();
  issuer = await openTestIssuer({ key, now: () => clock });
  await open();
});

afterEach(async () => {
  await sandbox.close();
  await issuer.close();
});

describe('login', () => {
  it('answers as OpenBao does', async () => {
    const { status, body, headers } = await login();
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toMatchObject({ lease_id: '', data: null, warnings: null });
    expect(body.auth).toEqual({
      client_token: expect.stringMatching(/^s\.[A-Za-z0-9]{24}$/) as string,
      accessor: expect.stringMatching(/^[A-Za-z0-9]{24}$/) as string,
      policies: ['default', 'tf'],
      token_policies: ['default', 'tf'],
      metadata: { role: 'tf' },
      lease_duration: 600,
      renewable: true,
      entity_id: expect.any(String) as string,
      token_type: 'service',
      orphan: true,
      mfa_requirement: null,
      num_uses: 0,
    });
  });

  it('takes PUT, a form, the default role, and a role in capitals', async () => {
    const token = await jwt();
    expect((await call('PUT', 'auth/jwt/login', { jwt: token })).status).toBe(200);
    expect((await call('POST', 'auth/jwt/login', { role: 'TF', jwt: token })).status).toBe(200);
    const form = new URLSearchParams({ role: 'tf', jwt: token }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await call('POST', 'auth/jwt/login', form, headers)).status).toBe(200);
  });

  it('refuses with 400, says why to those who know it, and logs no token', async () => {
    const token = await jwt({ aud: 'other' });
    const { status, body, headers } = await call('POST', 'auth/jwt/login', { role: 'tf', jwt: token });
    expect(status).toBe(400);
    expect(body).toEqual({
      errors: [
        'error validating token: invalid audience (aud) claim: audience claim does not match any expected audience',
      ],
    });
    expect(Buffer.from(headers.get('x-hallpass-reasons')!, 'base64url').toString()).toContain('was \\"other\\"');
    expect(log).toMatchObject([
      {
        platform: 'vault',
        action: 'login',
        role: 'tf',
        principal: testSubject,
        resource: 'auth/jwt/login',
        outcome: 'refused',
        status: 400,
      },
    ]);
    expect(JSON.stringify(log)).not.toContain(token.slice(0, 40));
  });

  it.each([
    ['GET', 'auth/jwt/login', undefined, 405, { errors: ['unsupported operation'] }],
    ['POST', 'auth/nope/login', {}, 403, unknown],
    ['POST', 'auth/jwt/login', '{', 400, { errors: ['failed to decode JSON input: unexpected EOF'] }],
    ['POST', 'nope/auth/jwt/login', {}, 403, unknown],
  ])('%s %s %j gives %d', async (method, path, body, status, expected) => {
    expect(await call(method, path, body)).toMatchObject({ status, body: expected });
  });

  it('keeps keys until a token cannot be verified, then reads them again at once', async () => {
    await login();
    const other = await testKey('RS256', 'second');
    issuer.documents.set('/.well-known/jwks', { keys: [other.jwk] });
    expect((await login()).status).toBe(200);
    expect((await call('POST', 'auth/jwt/login', { role: 'tf', jwt: await jwt({}, { kid: 'second' }) })).body).toEqual({
      errors: ['error validating token: error verifying token signature: failed to verify id token signature'],
    });
    expect((await login()).status).toBe(400);
  });

  it('says that the issuer cannot be reached', async () => {
    issuer.documents.set('/.well-known/openid-configuration', 503);
    expect((await login()).body.errors[0]).toMatch(/^error configuring token validator: Get "http/);
    issuer.documents.set('/.well-known/openid-configuration', { issuer: 'https://other', jwks_uri: issuer.url });
    expect((await login()).body.errors[0]).toContain('issuer did not match the returned issuer, expected');
  });
});

describe('tokens', () => {
  it('can be looked up, renewed and revoked', async () => {
    const token = await tokenFor();
    clock = new Date(clock.getTime() + 300_000);
    const looked = await call('GET', 'auth/token/lookup-self', undefined, as(token));
    expect(looked.body.data).toMatchObject({
      creation_ttl: 600,
      display_name: `jwt-${testSubject}`,
      meta: { role: 'tf' },
      orphan: true,
      path: 'auth/jwt/login',
      ttl: 300,
      type: 'service',
    });
    const renewed = await call('PUT', 'auth/token/renew-self', { increment: '20m' }, as(token));
    expect(renewed.body.auth).toMatchObject({ client_token: token, lease_duration: 1200 });
    expect(await call('POST', 'auth/token/revoke-self', undefined, as(token))).toMatchObject({
      status: 204,
      body: null,
    });
    expect(await call('GET', 'auth/token/lookup-self', undefined, as(token))).toMatchObject({
      status: 403,
      body: unknown,
    });
  });

  it('end by themselves', async () => {
    const token = await tokenFor();
    clock = new Date(clock.getTime() + 600_000);
    expect(await call('GET', 'auth/token/lookup-self', undefined, as(token))).toMatchObject({
      status: 403,
      body: unknown,
    });
  });

  it('are renewed up to the longest life only, with a warning', async () => {
    await open({}, { short: role({ token_max_ttl: 700 }) });
    const token = await tokenFor('short');
    clock = new Date(clock.getTime() + 300_000);
    const { body } = await call('POST', 'auth/token/renew-self', {}, as(token));
    expect(body.auth.lease_duration).toBe(400);
    expect(body.warnings).toEqual([
      'TTL of "10m" exceeded the effective max_ttl of "6m40s"; TTL value is capped accordingly',
    ]);
  });

  it('of a batch are neither renewed nor revoked', async () => {
    await open({}, { batch: role({ token_type: 'batch' }) });
    const token = await tokenFor('batch');
    expect(token).toMatch(/^b\.AAAA/);
    expect(await call('POST', 'auth/token/renew-self', {}, as(token))).toMatchObject({
      status: 400,
      body: { errors: ['batch tokens cannot be renewed'] },
    });
    expect(await call('POST', 'auth/token/revoke-self', {}, as(token))).toMatchObject({
      status: 400,
      body: { errors: ['batch tokens cannot be revoked'] },
    });
  });

  it('of few uses are used up', async () => {
    await open({}, { few: role({ token_num_uses: 2 }) });
    const token = await tokenFor('few');
    const uses = async () =>
      (await call('GET', 'auth/token/lookup-self', undefined, as(token))).body.data?.num_uses as number;
    expect([await uses(), await uses(), await uses()]).toEqual([1, -1, undefined]);
  });

  it('without leave to renew themselves are told so in the longer words', async () => {
    await open({}, { bare: role({ token_no_default_policy: true, token_policies: [] }) });
    const token = await tokenFor('bare');
    expect(await call('POST', 'auth/token/renew-self', {}, as(token))).toMatchObject({ status: 403, body: denied });
  });

  it('make children that end with them', async () => {
    const token = await tokenFor();
    const asked = {
      ttl: '1200s',
      explicit_max_ttl: '1200s',
      display_name: 'terraform',
      num_uses: 0,
      renewable: false,
      type: '',
      entity_alias: '',
    };
    const child = await call('POST', 'auth/token/create', asked, as(token));
    expect(child.body.auth).toMatchObject({ lease_duration: 1200, renewable: false, orphan: false });
    const id = child.body.auth.client_token as string;
    expect((await call('GET', 'auth/token/lookup-self', undefined, as(id))).body.data.display_name).toBe(
      'token-terraform',
    );
    expect((await call('POST', 'auth/token/create', { policies: ['root'] }, as(token))).body).toEqual({
      errors: ['child policies must be subset of parent'],
    });
    await call('POST', 'auth/token/revoke-self', undefined, as(token));
    expect((await call('GET', 'auth/token/lookup-self', undefined, as(id))).status).toBe(403);
  });

  it('can be shortened for tests of renewal', async () => {
    await open({ token_seconds: 5 });
    expect((await login()).body.auth.lease_duration).toBe(5);
  });
});

describe('kv v2', () => {
  const data = 'secret/data/payments/db';

  it('is read, written, patched, deleted, brought back, destroyed and listed', async () => {
    const headers = as(await tokenFor());
    expect((await call('GET', data, undefined, headers)).body.data).toMatchObject({
      data: { user: 'app' },
      metadata: { version: 1, destroyed: false },
    });
    expect((await call('POST', data, { data: { user: 'b', n: 1 } }, headers)).body.data).toMatchObject({ version: 2 });
    expect((await call('POST', data, { data: {}, options: { cas: 1 } }, headers)).body).toEqual({
      errors: ['check-and-set parameter did not match the current version'],
    });
    expect((await call('PATCH', data, { data: { n: null, m: 2 } }, headers)).body.data).toMatchObject({ version: 3 });
    expect((await call('GET', data, undefined, headers)).body.data.data).toEqual({ user: 'b', m: 2 });
    expect((await call('GET', `${data}?version=1`, undefined, headers)).body.data.data).toEqual({ user: 'app' });
    expect((await call('DELETE', data, undefined, headers)).status).toBe(204);
    expect(await call('GET', data, undefined, headers)).toMatchObject({ status: 404, body: { data: { data: null } } });
    await call('POST', 'secret/undelete/payments/db', { versions: [3] }, headers);
    expect((await call('GET', data, undefined, headers)).status).toBe(200);
    await call('POST', 'secret/destroy/payments/db', { versions: [3] }, headers);
    expect((await call('GET', data, undefined, headers)).body.data.metadata.destroyed).toBe(true);
    expect((await call('LIST', 'secret/metadata/payments/', undefined, headers)).body.data).toEqual({ keys: ['db'] });
    expect((await call('GET', 'secret/metadata/payments/?list=true', undefined, headers)).body.data).toEqual({
      keys: ['db'],
    });
    expect((await call('GET', 'secret/metadata/payments/db', undefined, headers)).body.data).toMatchObject({
      current_version: 3,
    });
    expect((await call('DELETE', 'secret/metadata/payments/db', undefined, headers)).status).toBe(204);
    expect(await call('GET', data, undefined, headers)).toMatchObject({ status: 404, body: { errors: [] } });
  });

  it.each([
    ['GET', 'secret/data/other/db', 403, denied],
    ['GET', 'secret/data/payments/nope', 404, { errors: [] }],
    ['LIST', 'secret/metadata/payments/nope/', 404, { errors: [] }],
    ['GET', 'nope/creds/x', 404, { errors: ['no handler for route "nope/creds/x". route entry not found.'] }],
    ['GET', 'sys/mounts', 403, denied],
  ])('%s %s gives %d', async (method, path, status, body) => {
    expect(await call(method, path, undefined, as(await tokenFor()))).toMatchObject({ status, body });
  });

  it('needs a token, and takes it as a bearer too', async () => {
    expect(await call('GET', data)).toMatchObject({ status: 403, body: unknown });
    expect(await call('GET', data, undefined, as('s.wrong'))).toMatchObject({ status: 403, body: unknown });
    expect((await call('GET', data, undefined, { authorization: `Bearer ${await tokenFor()}` })).status).toBe(200);
  });

  it('tells the CLI that it is version 2', async () => {
    const headers = as(await tokenFor());
    const { body } = await call('GET', 'sys/internal/ui/mounts/secret/payments/db', undefined, headers);
    expect(body.data).toMatchObject({ path: 'secret/', options: { version: '2' }, type: 'kv' });
    expect((await call('GET', 'sys/internal/ui/mounts/nope/x', undefined, headers)).status).toBe(403);
  });
});

const team = () => ({
  namespaces: {
    team1: {
      auth: { jwt: { config: { oidc_discovery_url: issuer.url }, roles: { tf: role() } } },
      policies: { tf: policy },
      kv: { secret: { 'payments/db': { user: 'team' } } },
    },
  },
});

describe('namespaces', () => {
  it('are named by the header or by the path', async () => {
    await open(team());
    const { body } = await login('tf', {}, 'team1/auth/jwt/login');
    const token = body.auth.client_token as string;
    expect(token).toMatch(/^s\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{6}$/);
    const headers = { ...as(token), 'x-vault-namespace': 'team1/' };
    expect((await call('GET', 'secret/data/payments/db', undefined, headers)).body.data.data).toEqual({ user: 'team' });
    expect((await call('GET', 'team1/secret/data/payments/db', undefined, as(token))).status).toBe(200);
    expect(await call('GET', 'secret/data/payments/db', undefined, as(token))).toMatchObject({
      status: 403,
      body: denied,
    });
    expect(await call('GET', 'team1/secret/data/payments/db', undefined, as(await tokenFor()))).toMatchObject({
      status: 403,
      body: denied,
    });
  });

  it('that are not there are told so', async () => {
    expect(await call('POST', 'auth/jwt/login', {}, { 'x-vault-namespace': 'nope' })).toMatchObject({
      status: 404,
      body: { errors: ['namespace not found'] },
    });
    expect(await call('GET', 'sys/health', undefined, { 'x-vault-namespace': 'nope' })).toMatchObject({
      status: 400,
      body: { errors: ['operation unavailable in namespaces'] },
    });
  });
});

describe('the server', () => {
  it('tells that it is well, and without a token', async () => {
    expect(await call('GET', 'sys/health')).toMatchObject({ status: 200, body: { initialized: true, sealed: false } });
    expect((await call('GET', 'sys/seal-status')).body).toMatchObject({ sealed: false, t: 1 });
  });

  it('answers 503 while sealed', async () => {
    await open({ sealed: true });
    expect(await login()).toMatchObject({ status: 503, body: { errors: ['Vault is sealed'] } });
    expect(await call('GET', 'sys/health')).toMatchObject({ status: 503, body: { sealed: true } });
  });

  it.each([
    [{ auth: { jwt: { config: { jwks_url: 'https://x' } } } }, /takes keys only by oidc_discovery_url/],
    [{ auth: { jwt: { config: { oidc_discovery_url: 'http://example.com' } } } }, /http only on loopback/],
    [
      { auth: { jwt: { config: { oidc_discovery_url: 'https://x' }, roles: { tf: { user_claim: 'sub' } } } } },
      /allowed_redirect_uris/,
    ],
    [{ policies: { a: 'path "x" {\n capabilities = ["rea"] }' } }, /invalid capability/],
    [{ latency_milliseconds: { logn: 5 } }, /latency_milliseconds/],
  ])('refuses %j', async (more, words) => {
    await expect(readSandboxConfig(JSON.stringify({ vault: more }), '/')).rejects.toThrow(words);
  });

  it('says what a server would ignore', async () => {
    await open({}, { typo: role({ bound_claim: {} }) });
    expect(sandbox.playing[0]!.standIn.notes).toEqual([
      'auth/jwt/role/typo: the server ignores "bound_claim" (did you mean bound_claims?).',
    ]);
  });
});
