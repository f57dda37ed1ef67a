import { afterAll, beforeAll, expect, it } from 'vitest';
import { readSandboxConfig } from '../../src/sandbox/config.ts';
import { openSandbox, type Sandbox } from '../../src/sandbox/open.ts';
import { startBao, type Bao } from '../support/bao.ts';
import { openTestIssuer, testKey, type TestIssuer } from '../support/issuer.ts';
import { describeWith } from '../support/programs.ts';

const policy = `
path "secret/data/app/*" { capabilities = ["create", "read", "update", "delete"] }
path "secret/data/fixed" { capabilities = ["update"] }
path "secret/metadata/*" { capabilities = ["read", "list", "delete"] }
path "secret/undelete/app/*" { capabilities = ["update"] }
path "secret/destroy/app/*" { capabilities = ["update"] }
path "secret/nope/*" { capabilities = ["read"] }
path "auth/token/create" { capabilities = ["update"] }
path "free/*" { capabilities = ["read"] }
path "sys/nope" { capabilities = ["read"] }
`;
const role = { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'a', token_policies: 'tf', token_ttl: 600 };

type Call = readonly [method: string, path: string, body?: unknown, token?: 'none' | 'wrong', namespace?: string];

const calls: readonly Call[] = [
  ['GET', 'secret/data/app/x'],
  ['POST', 'secret/data/app/x', { data: { a: 'b', n: 5 } }],
  ['PUT', 'secret/data/app/x', { data: { a: 'c' }, options: { cas: 1 } }],
  ['POST', 'secret/data/app/x', { data: { a: 'c' }, options: { cas: 1 } }],
  ['POST', 'secret/data/app/x', { a: 'c' }],
  ['GET', 'secret/data/app/x'],
  ['GET', 'secret/data/app/x?version=1'],
  ['GET', 'secret/data/app/x?version=9'],
  ['DELETE', 'secret/data/app/x'],
  ['GET', 'secret/data/app/x'],
  ['POST', 'secret/undelete/app/x', { versions: [2] }],
  ['GET', 'secret/data/app/x'],
  ['POST', 'secret/destroy/app/x', { versions: [1] }],
  ['POST', 'secret/destroy/app/x', {}],
  ['GET', 'secret/data/app/x?version=1'],
  ['GET', 'secret/metadata/app/x'],
  ['GET', 'secret/metadata/app/?list=true'],
  ['GET', 'secret/metadata?list=true'],
  ['GET', 'secret/metadata/none/?list=true'],
  ['GET', 'secret/metadata/none'],
  ['DELETE', 'secret/metadata/app/x'],
  ['GET', 'secret/metadata/app/x'],
  ['POST', 'secret/data/fixed', { data: {} }],
  ['GET', 'secret/data/other'],
  ['POST', 'secret/delete/app/x', { versions: [1] }],
  ['GET', 'secret/config'],
  ['GET', 'free/x'],
  ['GET', 'bound/x'],
  ['GET', 'sys/nope'],
  ['GET', 'sys/mounts'],
  ['GET', 'auth/jwt/role/tf'],
  ['GET', 'auth/jwt/login'],
  ['DELETE', 'auth/jwt/login'],
  ['GET', 'auth/token/lookup-self', undefined, 'none'],
  ['GET', 'auth/token/lookup-self', undefined, 'wrong'],
  ['POST', 'auth/nope/login', {}, 'none'],
  ['POST', 'auth/nope/login', {}],
  ['POST', 'sys/capabilities-self', { paths: ['secret/data/app/x', 'none'] }],
  ['POST', 'auth/token/create', { policies: ['tf'], ttl: '5m', display_name: 'terraform', meta: { a: 'b' } }],
  ['POST', 'auth/token/create', { policies: ['root'] }],
  ['POST', 'auth/token/create', { ttl: 'x' }],
  ['POST', 'auth/token/create', { type: 'x' }],
  ['POST', 'auth/token/create', { type: 'batch', ttl: 60 }],
  ['POST', 'auth/token/create', { ttl: '1000h' }],
  ['POST', 'auth/token/create', { ttl: '1200s', explicit_max_ttl: '600s', renewable: false }],
  ['POST', 'auth/token/renew-self', { increment: 'x' }],
  ['POST', 'auth/token/renew-self', { increment: 60 }],
  ['GET', 'secret/data/app/x', undefined, undefined, 'nope'],
  ['POST', 'auth/jwt/login', {}, 'none', 'nope'],
  ['GET', 'sys/health', undefined, 'none', 'nope'],
  ['GET', 'sys/internal/ui/mounts/secret/app/x'],
  ['GET', 'sys/internal/ui/mounts/nope/x'],
  ['GET', 'sys/leader', undefined, 'none'],
  ['POST', 'auth/token/revoke-self'],
  ['GET', 'auth/token/lookup-self'],
];

/** An answer without what is made of chance, of the moment, or of the server's own making. */
function shape(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => shape(item));
  if (
    typeof value === 'string' &&
    (/time$|^(?:id|request_id|client_token|accessor|entity_id|uuid|description)$/.test(name) ||
      /^\w+_[0-9a-f]{8}$/.test(value))
  )
    return value === '' ? '' : 'text';
  if (typeof value !== 'object' || value === null) return value;
  const own = /^(?:current_metadata_version|metadata_cas_required|plugin_version|running_.*|warnings)$/;
  const members = Object.entries(value).filter(([member]) => !own.test(member));
  return Object.fromEntries(
    members.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([member, inner]) => [member, shape(inner, member)]),
  );
}

/** What a server answers to a call. */
const send = async (base: string, [method, path, body, which, namespace]: Call, own: string) => {
  const token = which === 'none' ? undefined : which === 'wrong' ? 's.wrong' : own;
  const response = await fetch(`${base}/v1/${path}`, {
    method,
    headers: {
      ...(token !== undefined && { 'x-vault-token': token }),
      ...(namespace !== undefined && { 'x-vault-namespace': namespace }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: shape(text === '' ? null : (JSON.parse(text) as unknown)) };
};

describeWith(['bao'], 'calls with a token at OpenBao and at the stand-in', () => {
  let bao: Bao;
  let issuer: TestIssuer;
  let sandbox: Sandbox;
  const tokens = { real: '', ours: '' };

  beforeAll(async () => {
    bao = await startBao();
    issuer = await openTestIssuer({ key: await testKey() });
    const config = { oidc_discovery_url: issuer.url, bound_issuer: issuer.url };
    await bao.set('POST', 'sys/auth/jwt', { type: 'jwt' });
    await bao.set('POST', 'auth/jwt/config', config);
    await bao.set('PUT', 'sys/policies/acl/tf', { policy });
    await bao.set('POST', 'auth/jwt/role/tf', role);
    const part = { auth: { jwt: { config, roles: { tf: role } } }, policies: { tf: policy }, kv: { secret: {} } };
    sandbox = await openSandbox({
      config: await readSandboxConfig(JSON.stringify({ vault: part }), '/'),
      log: () => {},
    });
    const login = async (base: string): Promise<string> => {
      const body = JSON.stringify({ role: 'tf', jwt: await issuer.sign({ aud: 'a' }) });
      const response = await fetch(`${base}/v1/auth/jwt/login`, { method: 'POST', body });
      return ((await response.json()) as { auth: { client_token: string } }).auth.client_token;
    };
    tokens.real = await login(bao.address);
    tokens.ours = await login(sandbox.endpoint('vault'));
  });

  afterAll(async () => {
    await sandbox?.close();
    await issuer?.close();
    await bao?.[Symbol.asyncDispose]();
  });

  it.each(calls.map((call) => ({ call })))('get the same answer: $call', async ({ call }) => {
    const real = await send(bao.address, call, tokens.real);
    expect(await send(sandbox.endpoint('vault'), call, tokens.ours)).toEqual(real);
  });
});
