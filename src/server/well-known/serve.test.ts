import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { issuerDocuments, type IssuerDocuments } from '../../identity/discovery.ts';
import type { PublicJwk } from '../../identity/jwk.ts';
import { generateKey } from '../../identity/signer.ts';
import { serveWellKnown } from './serve.ts';

const issuer = 'https://id.example.com';
let keys: PublicJwk[];

beforeAll(async () => {
  const made = await Promise.all([generateKey(), generateKey()]);
  keys = made.map((key) => key.publicJwk);
});

async function open(issuerPath = '', source?: () => IssuerDocuments | Promise<IssuerDocuments>): Promise<string> {
  const documents = issuerDocuments(`${issuer}${issuerPath}`, keys);
  const server = await serveWellKnown({
    listen: { host: '127.0.0.1', port: 0 },
    documents: source ?? (() => documents),
    issuerPath,
  });
  onTestFinished(() => server.close());
  return server.url;
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Plain HTTP, so that nothing is added, followed or hidden. */
async function get(url: string, options: { method?: string; path?: string; headers?: object } = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', path, headers = {} } = options;
    httpRequest(url, { method, headers: { ...headers }, ...(path === undefined ? {} : { path }) }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => {
        resolve({ status: response.statusCode!, headers: response.headers, body });
      });
    })
      .on('error', reject)
      .end();
  });
}

const wait = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });

describe('serveWellKnown', () => {
  it.each(['/.well-known/openid-configuration', '/.well-known/jwks', '/.well-known/jwks.json'])(
    'serves %s',
    async (path) => {
      const { status, headers, body } = await get(`${await open()}${path}`);
      expect(status).toBe(200);
      expect(headers).toMatchObject({
        'content-type': 'application/json',
        'cache-control': 'public, max-age=300',
        'content-length': String(Buffer.byteLength(body)),
        etag: expect.stringMatching(/^"[\w-]{27}"$/),
      });
      expect(JSON.parse(body)).toHaveProperty(path.endsWith('configuration') ? 'issuer' : 'keys');
    },
  );

  it('ignores a query', async () => {
    expect((await get(`${await open()}/.well-known/jwks?x=1`)).status).toBe(200);
  });

  it('answers HEAD as GET, without a body', async () => {
    const url = `${await open()}/.well-known/jwks`;
    const [head, full] = [await get(url, { method: 'HEAD' }), await get(url)];
    expect(head.body).toBe('');
    expect(head.status).toBe(200);
    expect({ ...head.headers, date: '' }).toEqual({ ...full.headers, date: '' });
  });

  it.each([
    ['its tag', (tag: string) => tag],
    ['its tag, made weak by a proxy', (tag: string) => `W/${tag}`],
    ['a list', (tag: string) => `"x", ${tag}`],
    ['anything', () => '*'],
  ])('answers 304 to %s', async (_what, header) => {
    const url = `${await open()}/.well-known/jwks`;
    const { etag } = (await get(url)).headers;
    const reply = await get(url, { headers: { 'if-none-match': header(etag!) } });
    expect(reply).toMatchObject({ status: 304, body: '', headers: { etag, 'cache-control': 'public, max-age=300' } });
  });

  it('answers in full to another tag', async () => {
    const reply = await get(`${await open()}/.well-known/jwks`, { headers: { 'if-none-match': '"x"' } });
    expect(reply.status).toBe(200);
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'])('refuses %s', async (method) => {
    const reply = await get(`${await open()}/.well-known/jwks`, { method });
    expect(reply).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
  });

  it.each([
    '/',
    '/.well-known/',
    '/.well-known/jwks/',
    '/.well-known/JWKS',
    '/.well-known/../.well-known/jwks',
    '//.well-known/jwks',
    '/.well-known/jwks%2e',
    '/keys.json',
    'http://evil.example/.well-known/jwks',
    '*',
  ])('knows nothing else: %s', async (path) => {
    const reply = await get(await open(), { path });
    expect(reply.status).toBe(404);
    expect(JSON.parse(reply.body)).toEqual({ errors: [{ status: '404', title: 'not found' }] });
  });

  it('serves an issuer with a path below that path only', async () => {
    const url = await open('/team');
    expect((await get(`${url}/team/.well-known/jwks`)).status).toBe(200);
    expect((await get(`${url}/.well-known/jwks`)).status).toBe(404);
    const { body } = await get(`${url}/team/.well-known/openid-configuration`);
    expect(JSON.parse(body)).toMatchObject({ issuer: `${issuer}/team`, jwks_uri: `${issuer}/team/.well-known/jwks` });
  });

  it('makes no URL from the request', async () => {
    const headers = { host: 'evil.example', 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' };
    const { body } = await get(`${await open()}/.well-known/openid-configuration`, { headers });
    expect(body).not.toContain('evil');
  });

  it('follows a change within a second, with a new tag', async () => {
    let documents = issuerDocuments(issuer, keys);
    const url = `${await open('', () => documents)}/.well-known/jwks`;
    const before = await get(url);
    documents = issuerDocuments(issuer, keys.slice(1));
    await wait(300);
    const after = await get(url);
    expect(after.headers.etag).not.toBe(before.headers.etag);
    expect(JSON.parse(after.body)).toEqual({ keys: keys.slice(1) });
  });

  it('goes on with the last good documents when there are none for a moment', async () => {
    let broken = false;
    const documents = issuerDocuments(issuer, keys);
    const url = `${await open('', async () => {
      if (broken) throw new Error('not now');
      return documents;
    })}/.well-known/jwks`;
    broken = true;
    await wait(300);
    expect(await get(url)).toMatchObject({ status: 200, body: documents.jwks });
  });

  it('does not start without documents', async () => {
    await expect(open('', () => Promise.reject(new Error('no keys')))).rejects.toThrow('no keys');
  });

  it('says that an address is taken', async () => {
    const { port } = new URL(await open());
    const documents = issuerDocuments(issuer, keys);
    const second = serveWellKnown({ listen: { host: '127.0.0.1', port: Number(port) }, documents: () => documents });
    await expect(second).rejects.toMatchObject({
      code: 'listen_failed',
      problem: { what: expect.stringContaining('something else listens there') },
    });
  });

  it('ends with connections still open', async () => {
    const documents = issuerDocuments(issuer, keys);
    const server = await serveWellKnown({ listen: { host: '127.0.0.1', port: 0 }, documents: () => documents });
    await fetch(`${server.url}/.well-known/jwks`);
    await server.close();
    await expect(fetch(`${server.url}/.well-known/jwks`)).rejects.toThrow('fetch failed');
  });
});
