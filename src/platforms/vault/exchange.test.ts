import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ExchangeRefused, type PlatformIo } from '../../domain/credential.ts';
import { AppError } from '../../domain/errors.ts';
import { loopbackNames, openCertificateAuthority } from '../../sandbox/certificates.ts';
import { canary, exampleIo, exampleToken } from '../conformance.ts';
import type { VaultConfiguration } from './configure.ts';
import { explainVault, logIn } from './exchange.ts';
import { obtainVault } from './obtain.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

const servers: { close(): void; closeAllConnections(): void }[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A server of the test's own; gives its address, and what was asked of it. */
async function serve(handler: Handler): Promise<{ address: string; seen: IncomingMessage[]; bodies: string[] }> {
  const seen: IncomingMessage[] = [];
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      seen.push(request);
      bodies.push(body);
      handler(request, response, body);
    });
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, bodies };
}

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Handler =>
  (_, response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

const auth = {
  client_token: 's.tokenOfVault',
  accessor: 'a',
  lease_duration: 1200,
  renewable: true,
  token_type: 'service',
  num_uses: 0,
  mfa_requirement: null,
};
const login = (changes: object = {}, beside: object = {}): Handler =>
  json(200, { request_id: 'r', wrap_info: null, ...beside, auth: { ...auth, ...changes } });

const configuration = (changes: Partial<VaultConfiguration>): VaultConfiguration => ({
  address: 'http://127.0.0.1:9',
  namespace: null,
  ca: null,
  authPath: 'jwt',
  role: 'plan',
  audience: 'vault.workload.identity',
  timeoutSeconds: 5,
  ...changes,
});

const io = (changes: Partial<PlatformIo> = {}): PlatformIo => exampleIo({ fetch, ...changes });

const ask = (address: string, changes: Partial<VaultConfiguration> = {}, world = io()) =>
  logIn(configuration({ address, ...changes }), null, exampleToken(), world);

async function failure(work: Promise<unknown>): Promise<AppError> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof AppError)) throw new Error(`no AppError: ${String(error)}`);
  expect(JSON.stringify([error.message, error.problem])).not.toContain('c2lnbmF0dXJlLWNhbmFyeQ');
  expect(JSON.stringify([error.message, error.problem])).not.toContain(auth.client_token);
  return error;
}

describe('logIn', () => {
  it('asks as Vault’s own clients do', async () => {
    const { address, seen, bodies } = await serve(login());
    const given = await ask(address, { namespace: 'team1', authPath: 'hall pass'.replace(' ', '@') });
    expect(seen[0]!.method).toBe('POST');
    expect(seen[0]!.url).toBe('/v1/auth/hall%40pass/login');
    expect(seen[0]!.headers).toMatchObject({
      'x-vault-namespace': 'team1',
      'x-vault-request': 'true',
      'content-type': 'application/json',
    });
    expect(seen[0]!.headers).not.toHaveProperty('x-vault-token');
    expect(JSON.parse(bodies[0]!)).toEqual({ role: 'plan', jwt: canary });
    expect(given).toMatchObject({ leaseSeconds: 1200, isRenewable: true, isBatch: false, uses: 0 });
    expect(given.token.reveal()).toBe(auth.client_token);
    expect(JSON.stringify(given)).not.toContain(auth.client_token);
  });

  it.each<[string, Handler, RegExp]>([
    [
      'a web page',
      (_, r) => r.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in'),
      /text\/html that is not JSON/,
    ],
    [
      'a web page with 404',
      (_, r) => r.writeHead(404, { 'content-type': 'text/html' }).end('<html>'),
      /HTTP 404 and text\/html/,
    ],
    ['JSON of something else', json(404, { message: 'Not Found' }), /HTTP 404 and JSON of another kind/],
    ['nothing', (_, r) => r.writeHead(204).end(), /HTTP 204/],
    [
      'half of an answer',
      (_, r) => r.writeHead(200, { 'content-type': 'application/json' }).end('{"auth":{'),
      /not JSON/,
    ],
    ['a list', json(200, []), /not JSON/],
    ['no auth', json(200, { data: null }), /without auth:/],
    ['auth null', json(200, { auth: null }), /without auth:/],
    ['no client_token', login({ client_token: undefined }), /client_token/],
    ['an empty client_token', login({ client_token: '' }), /client_token/],
    ['a client_token with a line feed', login({ client_token: 'a\nb' }), /client_token/],
    ['our own token as client_token', login({ client_token: canary }), /client_token/],
    ['our own token as content type', (_, r) => r.writeHead(200, { 'content-type': canary }).end(), /\[token\] that/],
    [
      'a content type that speaks to the terminal',
      (_, r) => r.writeHead(200, { 'content-type': 'a\u009b31m' }).end(),
      /200 and a 31m that is not JSON/,
    ],
    [
      'a redirect with our own token as user',
      (q, r) => r.writeHead(307, { location: `http://${canary}:x@${q.headers.host}/` }).end(),
      /HTTP 307/,
    ],
    ['a wrapped answer', json(200, { auth: null, wrap_info: { token: 's.x' } }), /the answer is wrapped/],
    ['a second factor', login({ client_token: '', mfa_requirement: { mfa_request_id: 'x' } }), /second factor/],
    ['a redirect without a place', (_, r) => r.writeHead(307).end(), /HTTP 307/],
    [
      'a redirect to another protocol',
      (_, r) => r.writeHead(307, { location: 'file:///etc/passwd' }).end(),
      /HTTP 307/,
    ],
    ['not initialized', json(501, { errors: ['Vault is not initialized'] }), /not initialized/],
  ])('stops at %s', async (_, handler, words) => {
    const { address, seen } = await serve(handler);
    expect((await failure(ask(address))).message).toMatch(words);
    expect(seen).toHaveLength(1);
  });

  it.each<[string, Handler, RegExp]>([
    ['no lease_duration', login({ lease_duration: undefined }), /lease_duration/],
    ['a lease_duration that is text', login({ lease_duration: '1200' }), /lease_duration/],
    ['a negative lease_duration', login({ lease_duration: -1 }), /lease_duration/],
    ['a lease_duration beyond all clocks', login({ lease_duration: Number.MAX_SAFE_INTEGER }), /lease_duration/],
    ['no renewable', login({ renewable: undefined }), /renewable/],
  ])('stops at %s, and revokes the token that came with it', async (_, handler, words) => {
    const { address, seen } = await serve(handler);
    expect((await failure(ask(address))).message).toMatch(words);
    expect(seen.map(({ url, headers }) => [url, headers['x-vault-token']])).toEqual([
      ['/v1/auth/jwt/login', undefined],
      ['/v1/auth/token/revoke-self', auth.client_token],
    ]);
  });

  it('tells a refusal in the server’s own words, with all that may be shown', async () => {
    const reasons = Buffer.from(JSON.stringify([`sub "${canary}" is not it`])).toString('base64url');
    const errors = [`error validating token: invalid subject (sub) claim \u001b[31m${canary}`];
    const { address } = await serve(json(400, { errors }, { 'x-hallpass-reasons': reasons }));
    const error = await failure(ask(address));
    expect(error).toBeInstanceOf(ExchangeRefused);
    const { refusal } = error as ExchangeRefused;
    expect(refusal).toMatchObject({
      platform: 'vault',
      tag: null,
      role: `${address}/v1/auth/jwt/role/plan`,
      code: 'HTTP 400',
      status: 400,
      requestId: null,
    });
    expect(refusal.message).toBe('error validating token: invalid subject (sub) claim  [31m[token]');
    expect(refusal.reasons).toEqual(['sub "[token]" is not it']);
    expect(refusal.causes).toHaveLength(3);
  });

  it('tries again after what passes by itself', async () => {
    const tries = [429, 412, 500, 502, 503].map(async (status) => {
      const answers = [json(status, { errors: ['later'] }), login()];
      const { address, seen } = await serve((...call) => answers.shift()!(...call));
      return [(await ask(address)).leaseSeconds, seen.length];
    });
    expect(await Promise.all(tries)).toEqual(tries.map(() => [1200, 2]));
  });

  it('gives up within its time, and says what was wrong', async () => {
    const sealed = await serve(json(503, { errors: ['Vault is sealed'] }));
    expect((await failure(ask(sealed.address, { timeoutSeconds: 0.4 }))).message).toMatch(
      /is still sealed after 0.4 s: Vault is sealed \(HTTP 503\)$/,
    );
    expect(sealed.seen.length).toBeGreaterThan(1);
    const busy = await serve(
      json(429, { errors: ['request path "x": rate limit quota exceeded'] }, { 'retry-after': '60' }),
    );
    expect((await failure(ask(busy.address))).message).toMatch(/still not ready to answer.*rate limit quota exceeded/);
    expect(busy.seen).toHaveLength(1);
    const silent = await serve(() => {});
    expect((await failure(ask(silent.address, { timeoutSeconds: 0.4 }))).message).toMatch(
      /did not answer within 0.4 s/,
    );
    const slow = await serve((_, response) => void response.writeHead(200).write('{'));
    expect((await failure(ask(slow.address, { timeoutSeconds: 0.4 }))).message).toMatch(/did not answer within 0.4 s/);
  });

  it('follows a standby to the active node once, with the same body', async () => {
    const active = await serve(login());
    const standby = await serve((request, response) =>
      response.writeHead(307, { location: `${active.address}${request.url}` }).end(),
    );
    await ask(standby.address, { namespace: 'team1' });
    expect(JSON.parse(active.bodies[0]!)).toEqual({ role: 'plan', jwt: canary });
    expect(active.seen[0]!.headers).toMatchObject({ 'x-vault-namespace': 'team1' });
    const round = await serve((request, response) => response.writeHead(308, { location: request.url! }).end());
    expect((await failure(ask(round.address))).message).toContain(
      `${round.address} led to ${round.address}, which answered the login with HTTP 308`,
    );
    expect(round.seen).toHaveLength(2);
  });

  it('sends nothing from https to http', async () => {
    const plain = await serve(login());
    let asked = 0;
    const world = io({
      fetch: async () => {
        asked += 1;
        return new Response(null, { status: 307, headers: { location: `${plain.address}/v1/auth/jwt/login` } });
      },
    });
    expect((await failure(ask('https://vault.example.com', {}, world))).message).toMatch(/HTTP 307/);
    expect([asked, plain.seen.length]).toEqual([1, 0]);
  });

  it.each([
    ['ECONNREFUSED', /nothing answers there \(ECONNREFUSED\)/],
    ['EAI_AGAIN', /no name server answers/],
    ['ENOTFOUND', /nobody knows the name vault\.example\.com$/],
    ['SELF_SIGNED_CERT_IN_CHAIN', /no CA we know has signed/],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /no CA we know has signed/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /another name than vault\.example\.com/],
    ['CERT_HAS_EXPIRED', /has expired/],
    ['ERR_SSL_WRONG_VERSION_NUMBER', /does not speak the protocol of its address/],
    ['E_NOBODY_KNOWS', /cannot be reached: boom/],
  ])('says what %s means', async (code, words) => {
    const world = io({
      fetch: async () => {
        throw new TypeError('fetch failed', { cause: Object.assign(new Error('boom'), { code }) });
      },
    });
    const error = await failure(ask('https://vault.example.com', { timeoutSeconds: 0.4 }, world));
    expect(error.message).toMatch(words);
    expect(error.code).toBe('exchange_failed');
    expect(error.problem.mend).toBeDefined();
  });

  it('ends at once when somebody stops it, in a call and in a pause', async () => {
    for (const handler of [() => {}, json(503, { errors: ['Vault is sealed'] })]) {
      const { address, seen } = await serve(handler);
      const stop = new AbortController();
      const world = io({ signal: stop.signal });
      const work = ask(address, { timeoutSeconds: 3000 }, world);
      while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      const reason = new AppError('interrupted', { what: 'stopped' });
      stop.abort(reason);
      await expect(work).rejects.toBe(reason);
    }
  });

  it('asks with the CA it was given, and trusts no other', async () => {
    const [own, other] = await Promise.all([1, 2].map(() => openCertificateAuthority({ hosts: [], at: new Date() })));
    const server = createTlsServer({ ...(await own!.certificateFor(...loopbackNames)) }, (request, response) => {
      login()(request, response, '');
    }).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    const address = `https://localhost:${(server.address() as AddressInfo).port}`;
    expect((await ask(address, { ca: own!.pem })).leaseSeconds).toBe(1200);
    for (const ca of [other!.pem, null])
      expect((await failure(ask(address, { ca }))).message).toMatch(/certificate that no CA we know has signed/);
  });
});

const explain = (address: string) => explainVault(configuration({ address }), 'BLUE', exampleToken(), io());

describe('explainVault', () => {
  it('gives a refusal, and null for what says nothing about the role', async () => {
    const refused = await serve(json(403, { errors: ['permission denied'] }));
    expect(await explain(refused.address)).toMatchObject({ tag: 'BLUE', status: 403, message: 'permission denied' });
    for (const handler of [json(503, { errors: ['Vault is sealed'] }), json(429, { errors: [] }), json(404, {})]) {
      const { address, seen } = await serve(handler);
      expect(await explain(address)).toBeNull();
      expect(seen).toHaveLength(1);
    }
    expect(await explain('http://127.0.0.1:9')).toBeNull();
  });

  it('revokes the token of a success, but not one that cannot be', async () => {
    for (const [type, paths] of [
      ['service', ['/v1/auth/jwt/login', '/v1/auth/token/revoke-self']],
      ['batch', ['/v1/auth/jwt/login']],
    ] as const) {
      const { address, seen } = await serve((request, response, body) =>
        request.url!.endsWith('login')
          ? login({ token_type: type })(request, response, body)
          : response.writeHead(204).end(),
      );
      expect(await explain(address)).toBeNull();
      expect(seen.map((request) => request.url)).toEqual(paths);
    }
  });
});

describe('obtainVault', () => {
  it('revokes a token that cannot last for the phase, before it says so', async () => {
    const { address, seen } = await serve((request, response, body) =>
      request.url!.endsWith('login')
        ? login({ renewable: false, lease_duration: 300 })(request, response, body)
        : response.writeHead(204).end(),
    );
    const error = await failure(obtainVault(configuration({ address }), null, exampleToken(), io()));
    expect(error.code).toBe('exchange_refused');
    expect(error.message).toMatch(/role plan is not renewable, and lives 5m, but the phase may take 10m/);
    expect(seen.map((request) => request.url)).toEqual(['/v1/auth/jwt/login', '/v1/auth/token/revoke-self']);
    expect(seen[1]!.headers).toMatchObject({ 'x-vault-token': auth.client_token });
  });
});
