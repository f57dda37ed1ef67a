import * as fc from 'fast-check';
import { once } from 'node:events';
import { request as call, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { leaseOf, memoryAudit, testPhase, testToken, type TestPhase } from '../../test/support/phase.ts';
import type { NewAuditEvent } from '../audit/event.ts';
import type { CredentialRequest } from '../domain/credential.ts';
import type { Problem } from '../domain/errors.ts';
import type { Secret } from '../domain/secret.ts';
import type { IdentityToken } from '../domain/token.ts';
import { openPhase, runPhase } from './run-phase.ts';
import { openTokenEndpoint, type OpenTokenEndpoint } from './token-endpoint.ts';

const audience = 'api://AzureADTokenExchange';

const fetching = (changes: Partial<CredentialRequest> = {}): CredentialRequest => ({
  platform: 'azure',
  tag: null,
  audience,
  offered: 'client',
  rereadsToken: false,
  fetchesTokens: true,
  obtain: async (_token, { tokenEndpoint }) => {
    const environment: Record<string, Secret | string> = tokenEndpoint
      ? { REQUEST_URL: tokenEndpoint.url, REQUEST_TOKEN: tokenEndpoint.bearer }
      : {};
    return { environment, files: [], input: null, expiresAt: null };
  },
  ...changes,
});

interface Served extends AsyncDisposable {
  readonly endpoint: OpenTokenEndpoint;
  readonly audited: NewAuditEvent[];
  readonly warnings: Problem[];
  readonly minted: IdentityToken[];
  ask(changes?: Asked): Promise<Answer>;
}

interface Asked {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Record<string, unknown>;
}

async function served(mint?: () => Promise<IdentityToken>): Promise<Served> {
  const audited: NewAuditEvent[] = [];
  const warnings: Problem[] = [];
  const minted: IdentityToken[] = [];
  const endpoint = await openTokenEndpoint({
    request: fetching(),
    lease: leaseOf('x'),
    audit: memoryAudit(audited),
    mint: async () => {
      const token = (await mint?.()) ?? testToken(600);
      minted.push(token);
      return token;
    },
    warn: (problem) => void warnings.push(problem),
  });
  const { port, host } = new URL(endpoint.url);
  const ask = async ({ method = 'GET', target = '/token', headers = {} }: Asked = {}): Promise<Answer> => {
    const sent = call({
      host: '127.0.0.1',
      port,
      method,
      path: target,
      headers: { host, authorization: `Bearer ${endpoint.bearer.reveal()}`, ...headers },
    }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk as string;
    return {
      status: response.statusCode!,
      headers: response.headers,
      body: JSON.parse(text || '{}') as Answer['body'],
    };
  };
  return { endpoint, audited, warnings, minted, ask, [Symbol.asyncDispose]: () => endpoint.close() };
}

const encoded = encodeURIComponent(audience);

describe('the token endpoint', () => {
  it.each(['/token', `/token?audience=${encoded}`, `/token?x=1&audience=${encoded}`, '/token?'])(
    'answers %s as the ID-token request of GitHub does, and keeps nothing',
    async (target) => {
      await using own = await served();
      const { status, headers, body } = await own.ask({ target });
      expect([status, body['value']]).toEqual([200, own.minted[0]!.compact.reveal()]);
      expect(headers).toMatchObject({ 'cache-control': 'no-store', 'content-type': 'application/json; charset=utf-8' });
      expect(own.audited).toEqual([]);
    },
  );

  it('has an address on loopback and a bearer of 256 bits, another one each time', async () => {
    await using own = await served();
    await using other = await served();
    expect(own.endpoint.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/token$/);
    expect(Buffer.from(own.endpoint.bearer.reveal(), 'base64url')).toHaveLength(32);
    expect(own.endpoint.bearer.reveal()).not.toBe(other.endpoint.bearer.reveal());
    expect((await other.ask({ headers: { authorization: `Bearer ${own.endpoint.bearer.reveal()}` } })).status).toBe(
      401,
    );
  });

  it.each<[string, (own: Served) => Asked, number]>([
    ['no bearer', () => ({ headers: { authorization: '' } }), 401],
    ['an empty bearer', () => ({ headers: { authorization: 'Bearer ' } }), 401],
    ['another bearer', () => ({ headers: { authorization: `Bearer ${'A'.repeat(43)}` } }), 401],
    ['the bearer and more', (own) => ({ headers: { authorization: `Bearer ${own.endpoint.bearer.reveal()}A` } }), 401],
    [
      'the bearer cut',
      (own) => ({ headers: { authorization: `Bearer ${own.endpoint.bearer.reveal().slice(1)}` } }),
      401,
    ],
    ['another scheme', (own) => ({ headers: { authorization: `Basic ${own.endpoint.bearer.reveal()}` } }), 401],
    ['no scheme', (own) => ({ headers: { authorization: own.endpoint.bearer.reveal() } }), 401],
    [
      'the bearer in the query',
      (own) => ({ headers: { authorization: '' }, target: `/token?bearer=${own.endpoint.bearer.reveal()}` }),
      401,
    ],
    ['another host', () => ({ headers: { host: 'evil.example' } }), 421],
    ['localhost', (own) => ({ headers: { host: `localhost:${new URL(own.endpoint.url).port}` } }), 421],
    ['no port', () => ({ headers: { host: '127.0.0.1' } }), 421],
    ['another port', () => ({ headers: { host: '127.0.0.1:1' } }), 421],
    ['a host with a point', (own) => ({ headers: { host: `127.0.0.1.:${new URL(own.endpoint.url).port}` } }), 421],
    ['another audience', () => ({ target: '/token?audience=sts.amazonaws.com' }), 403],
    ['an empty audience', () => ({ target: '/token?audience=' }), 403],
    ['the audience in capitals', () => ({ target: `/token?audience=${encoded.toUpperCase()}` }), 403],
    ['the audience and more', () => ({ target: `/token?audience=${encoded}%20` }), 403],
    ['two audiences', () => ({ target: `/token?audience=${encoded}&audience=${encoded}` }), 403],
    ['the audience and another', () => ({ target: `/token?audience=${encoded}&audience=x` }), 403],
    ['POST', () => ({ method: 'POST' }), 405],
    ['HEAD', () => ({ method: 'HEAD' }), 405],
    ['OPTIONS', () => ({ method: 'OPTIONS' }), 405],
    ['the root', () => ({ target: '/' }), 404],
    ['another path', () => ({ target: '/token/x' }), 404],
    ['a path like another host', () => ({ target: '//evil.example/token' }), 404],
    ['an absolute target', () => ({ target: 'http://evil.example/token' }), 404],
    ['a path with dots', () => ({ target: '/x/../token' }), 404],
  ])('refuses %s, and records it', async (_what, ask, expected) => {
    await using own = await served();
    const { status, headers, body } = await own.ask(ask(own));
    expect(status).toBe(expected);
    expect(headers).toMatchObject({ 'cache-control': 'no-store' });
    expect(headers['access-control-allow-origin']).toBeUndefined();
    expect([own.minted, body['value']]).toEqual([[], undefined]);
    await own.endpoint.close();
    expect(own.audited).toMatchObject([
      { type: 'token_refused', outcome: 'refused', platform: 'azure', code: 'token_endpoint', known_by: 'runner' },
    ]);
    expect(JSON.stringify([own.audited, body])).not.toContain(own.endpoint.bearer.reveal());
  });

  it('gives no other audience, whatever it is', async () => {
    await using own = await served();
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.string({ unit: 'binary-ascii' }), fc.webUrl(), fc.constant(`${audience}/`)),
        async (other) => {
          fc.pre(other !== audience);
          expect((await own.ask({ target: `/token?audience=${encodeURIComponent(other)}` })).status).toBe(403);
        },
      ),
      { numRuns: 40 },
    );
    expect(own.minted).toEqual([]);
  });

  it('gives three at once, lets a few wait, and tells the rest to come again', async () => {
    await using own = await served();
    const answers: Answer[] = [];
    const asked = Array.from({ length: 20 }, async () => answers.push(await own.ask()));
    while (answers.length < 10) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(4);
    const sentAway = answers.filter(({ status }) => status === 429);
    expect(sentAway).toHaveLength(7);
    expect(sentAway[0]!.headers['retry-after']).toMatch(/^\d+$/);
    await own.endpoint.close();
    await Promise.allSettled(asked);
    expect(own.minted.length).toBeLessThanOrEqual(4);
  });

  it('does not fill the audit when it is flooded', async () => {
    await using own = await served();
    for (let count = 0; count < 40; count += 1) await own.ask({ headers: { authorization: '' } });
    await own.endpoint.close();
    expect(own.audited).toHaveLength(11);
    expect(own.audited.at(-1)).toMatchObject({ reason: 'the token endpoint refused 30 more calls' });
  });

  it('says nothing of why a token could not be made', async () => {
    await using own = await served(() => Promise.reject(new Error('the disk of the audit is full')));
    const { status, body } = await own.ask();
    expect([status, body]).toEqual([503, { error: 'token_unavailable', message: expect.any(String) }]);
    expect(JSON.stringify(body)).not.toContain('disk');
    expect(own.warnings).toEqual([{ what: expect.stringContaining('the disk of the audit is full') }]);
  });

  it('answers nothing more once it is closed, not even calls under way', async () => {
    const minting = Promise.withResolvers<IdentityToken>();
    const own = await served(() => minting.promise);
    const asked = own.ask();
    asked.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await own.endpoint.close();
    minting.resolve(testToken(600));
    await expect(asked).rejects.toThrow('socket hang up');
    await expect(own.ask()).rejects.toThrow('ECONNREFUSED');
  });

  it('is there for its command although somebody else holds as many connections as they like', async () => {
    await using own = await served();
    const { port } = new URL(own.endpoint.url);
    const held = Array.from({ length: 200 }, () => connect(Number(port), '127.0.0.1').on('error', () => undefined));
    const madeRoom = new Promise((resolve) => held[0]!.once('close', resolve));
    await Promise.all(held.map((socket) => once(socket, 'connect')));
    for (const socket of held) socket.write('GET /token HTTP/1.1\r\nhost: x\r\n');
    expect((await own.ask()).status).toBe(200);
    // Those that were there first have made room.
    await madeRoom;
    for (const socket of held) socket.destroy();
  });

  it('is closed although somebody sends nothing', async () => {
    const own = await served();
    const silent = connect(Number(new URL(own.endpoint.url).port), '127.0.0.1');
    silent.on('error', () => undefined);
    await once(silent, 'connect');
    silent.write('GET /token HTTP/1.1\r\n');
    const closed = new Promise((resolve) => silent.once('close', resolve));
    await own.endpoint.close();
    await closed;
    expect(silent.destroyed).toBe(true);
  });
});

const curl = `${process.execPath} -e 'fetch(process.env.REQUEST_URL + "?audience=" + encodeURIComponent(process.argv[1]), { headers: { authorization: "Bearer " + process.env.REQUEST_TOKEN } }).then(async (r) => console.log(r.status, await r.text(), process.env.REQUEST_TOKEN))'`;

const phaseOf = (request: CredentialRequest, run: Partial<TestPhase['run']> = {}, script = `${curl} ${audience}`) =>
  testPhase({ requests: [request], script, run: { tokenEndpoint: true, ...run } });

describe('a phase with a token endpoint', () => {
  it('lets its command fetch short tokens, which are hidden in its output, as the bearer is', async () => {
    const phase = phaseOf(fetching());
    expect(await runPhase(phase.run, phase.io)).toMatchObject({ exitCode: 0 });
    expect(phase.stdout()).toBe(`200 {"count":${phase.tokens[1]!.length},"value":"[redacted]"} [redacted]\n`);
    expect(phase.minted.map(({ audience: asked, lifetimeSeconds }) => [asked, lifetimeSeconds])).toEqual([
      [audience, undefined],
      [audience, 600],
    ]);
    expect(phase.events.filter(({ type }) => type === 'token_minted')).toHaveLength(2);
  });

  it('gives tokens of the length that was asked for', async () => {
    const phase = phaseOf(fetching(), { tokenLifetimeSeconds: 60 });
    await runPhase(phase.run, phase.io);
    expect(phase.minted[1]).toMatchObject({ lifetimeSeconds: 60 });
    // Nothing lasts, where a new one can be fetched.
    expect(phase.events.map(({ type }) => type)).not.toContain('warning');
  });

  it.each<[string, CredentialRequest, Partial<TestPhase['run']>]>([
    ['not asked for', fetching(), { tokenEndpoint: false }],
    ['of no use to the platform', fetching({ fetchesTokens: false }), {}],
    ['of a tag, which reads no variables', fetching({ tag: 'PROD' }), {}],
  ])('has none when it is %s', async (_what, request, run) => {
    const seen: unknown[] = [];
    const obtain: CredentialRequest['obtain'] = (token, io) => {
      seen.push(io.tokenEndpoint);
      return request.obtain(token, io);
    };
    const phase = phaseOf({ ...request, obtain }, run, ':');
    await runPhase(phase.run, phase.io);
    expect(seen).toEqual([undefined]);
  });

  it('closes it before anything else is taken down, also when another platform fails', async () => {
    let url = '';
    const request = fetching({
      obtain: async (token, io) => {
        url = io.tokenEndpoint!.url;
        return fetching().obtain(token, io);
      },
    });
    const other = fetching({ platform: 'other', obtain: () => Promise.reject(new Error('no')) });
    const phase = testPhase({ requests: [request, other], run: { tokenEndpoint: true } });
    await expect(openPhase(phase.run, phase.io)).rejects.toThrow('no');
    const isOpen = await fetch(url).then(
      () => true,
      () => false,
    );
    expect(isOpen).toBe(false);
  });
});
