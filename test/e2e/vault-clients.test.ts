import { spawn } from 'node:child_process';
import { once } from 'node:events';
import nodeVault from 'node-vault';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSandboxConfig } from '../../src/sandbox/config.ts';
import type { SandboxLogLine } from '../../src/sandbox/log.ts';
import { openSandbox, type Sandbox } from '../../src/sandbox/open.ts';
import { cleanEnvironment } from '../support/hallpass.ts';
import { openTestIssuer, testKey, testSubject, type TestIssuer } from '../support/issuer.ts';
import { describeWith, requireProgram } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const audience = 'vault.workload.identity';
const policy = `
path "secret/data/payments/*" { capabilities = ["create", "read", "update"] }
path "secret/metadata/payments/*" { capabilities = ["list", "read"] }
path "secret/metadata/payments" { capabilities = ["list"] }
`;

let issuer: TestIssuer;
let sandbox: Sandbox;
const log: SandboxLogLine[] = [];

const space = () => ({
  auth: {
    jwt: {
      config: { oidc_discovery_url: issuer.url, bound_issuer: issuer.url },
      roles: {
        plan: {
          role_type: 'jwt',
          user_claim: 'sub',
          bound_audiences: audience,
          bound_claims_type: 'glob',
          bound_claims: { sub: 'organization:acme:*:run_phase:plan' },
          token_policies: 'payments',
          token_ttl: '10m',
        },
      },
    },
  },
  policies: { payments: policy },
  kv: { secret: { 'payments/db': { user: 'app' }, 'other/db': { user: 'x' } } },
});

beforeAll(async () => {
  issuer = await openTestIssuer({ key: await testKey() });
  const part = { ...space(), namespaces: { team1: space() } };
  sandbox = await openSandbox({
    config: await readSandboxConfig(JSON.stringify({ vault: part }), '/'),
    log: (line) => log.push(line),
  });
});

afterAll(async () => {
  await sandbox?.close();
  await issuer?.close();
});

const jwt = (claims: Record<string, unknown> = {}) => issuer.sign({ aud: audience, ...claims });
const wrongPhase = { sub: testSubject.replace(/plan$/, 'apply') };
const mismatch = 'error validating claims: claim "sub" does not match any associated bound claim values';

/** Runs a program with something on its standard input. */
async function run(
  file: string,
  args: readonly string[],
  more: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
) {
  const env = cleanEnvironment({ HOME: temporaryDirectory('vault-client'), ...more.env });
  const child = spawn(file, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.end(more.input ?? '');
  const [code] = (await once(child, 'close')) as [number];
  return { stdout, stderr, code };
}

const bao = (args: readonly string[], token = '') =>
  run(requireProgram('bao'), args, {
    env: { BAO_ADDR: sandbox.endpoint('vault'), ...(token === '' ? {} : { BAO_TOKEN: token }) },
  });

describeWith(['bao'], 'the Vault stand-in and the bao command', () => {
  it('get along: login, kv, renewal, lookup, revocation', async () => {
    const login = await bao(['write', '-format=json', 'auth/jwt/login', 'role=plan', `jwt=${await jwt()}`]);
    expect(login.stderr).toBe('');
    const { auth } = JSON.parse(login.stdout) as { auth: { client_token: string; policies: string[] } };
    expect(auth.policies).toEqual(['default', 'payments']);
    const token = auth.client_token;
    expect(await bao(['kv', 'get', '-field=user', 'secret/payments/db'], token)).toMatchObject({
      code: 0,
      stdout: 'app',
    });
    expect(await bao(['kv', 'put', '-mount=secret', 'payments/bao', 'by=bao'], token)).toMatchObject({ code: 0 });
    const listed = await bao(['kv', 'list', '-format=json', 'secret/payments'], token);
    expect(JSON.parse(listed.stdout)).toEqual(expect.arrayContaining(['bao', 'db']));
    const refused = await bao(['kv', 'get', 'secret/other/db'], token);
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toContain('permission denied');
    const renewed = await bao(['token', 'renew', '-format=json', '-increment=5m'], token);
    expect(JSON.parse(renewed.stdout)).toMatchObject({ auth: { lease_duration: 300 } });
    const looked = await bao(['token', 'lookup', '-format=json'], token);
    expect(JSON.parse(looked.stdout)).toMatchObject({ data: { display_name: `jwt-${testSubject}` } });
    expect(await bao(['token', 'revoke', '-self'], token)).toMatchObject({ code: 0 });
    expect((await bao(['token', 'lookup'], token)).stderr).toContain('permission denied');
  });

  it('say why a login is refused', async () => {
    const { code, stderr } = await bao(['write', 'auth/jwt/login', 'role=plan', `jwt=${await jwt(wrongPhase)}`]);
    expect(code).toBe(2);
    expect(stderr).toContain('Code: 400. Errors:');
    expect(stderr).toContain(mismatch);
  });

  it('tell of their state', async () => {
    const { code, stdout } = await bao(['status', '-format=json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ sealed: false, initialized: true });
  });
});

const hvac = async (claims: Record<string, unknown>, namespace = '') => {
  const script = `${import.meta.dirname}/../support/vault-hvac.py`;
  const args = [script, sandbox.endpoint('vault'), 'plan', namespace];
  const { stdout, stderr } = await run(requireProgram('python-hvac'), args, { input: await jwt(claims) });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as unknown;
};

describeWith(['python-hvac'], 'the Vault stand-in and hvac', () => {
  it.each(['', 'team1'])('get along in namespace %j', async (namespace) => {
    expect(await hvac({}, namespace)).toEqual({
      policies: ['default', 'payments'],
      read: { user: 'app' },
      list: expect.arrayContaining(['db', 'new']) as unknown,
      forbidden: expect.stringContaining('permission denied') as unknown,
      renewed: 120,
      display_name: `jwt-${testSubject}`,
      after: false,
    });
  });

  it('say why a login is refused', async () => {
    expect(await hvac(wrongPhase)).toEqual({ error: ['InvalidRequest', expect.stringContaining(mismatch) as unknown] });
  });
});

const client = (token = '') => nodeVault({ endpoint: sandbox.endpoint('vault'), ...(token === '' ? {} : { token }) });

describe('the Vault stand-in and node-vault', () => {
  it('get along: login, kv, renewal, lookup, revocation', async () => {
    const login = await client().write('auth/jwt/login', { role: 'plan', jwt: await jwt() });
    const vault = client(login.auth.client_token as string);
    expect((await vault.read('secret/data/payments/db')).data.data).toEqual({ user: 'app' });
    await vault.write('secret/data/payments/node', { data: { by: 'node-vault' } });
    expect((await vault.list('secret/metadata/payments')).data.keys).toEqual(expect.arrayContaining(['db', 'node']));
    await expect(vault.read('secret/data/other/db')).rejects.toThrow(/permission denied/);
    expect((await vault.tokenRenewSelf({ increment: '3m' })).auth.lease_duration).toBe(180);
    expect((await vault.tokenLookupSelf()).data.path).toBe('auth/jwt/login');
    await vault.tokenRevokeSelf();
    await expect(vault.tokenLookupSelf()).rejects.toThrow('permission denied');
  });

  it('say why a login is refused', async () => {
    const refused = client().write('auth/jwt/login', { role: 'plan', jwt: await jwt(wrongPhase) });
    await expect(refused).rejects.toThrow(mismatch);
  });

  it('leave a line in the log for each call, with no token in it', () => {
    expect(log.length).toBeGreaterThan(5);
    expect(JSON.stringify(log)).not.toMatch(/"s\.[A-Za-z0-9]{24}|eyJ/);
  });
});
