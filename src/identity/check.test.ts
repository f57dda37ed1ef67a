import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { program } from '../../test/support/programs.ts';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import { serveWellKnown } from '../server/well-known/serve.ts';
import { checkIssuer, type IssuerCheck } from './check.ts';
import { issuerDocuments } from './discovery.ts';
import type { PublicJwk } from './jwk.ts';
import { platformViews } from './platform-views.ts';
import { generateKey } from './signer.ts';

let ours: PublicJwk[];
let foreign: PublicJwk;

beforeAll(async () => {
  const made = await Promise.all([generateKey(), generateKey(), generateKey()]);
  const [a, b, c] = made.map((key) => key.publicJwk);
  ours = [a!, b!];
  foreign = c!;
});

/** A site that answers as told; the issuer's documents where it says nothing. */
async function site(special: Record<string, RequestListener> = {}, keys = ours, path = ''): Promise<string> {
  const server = createServer((request, response) => {
    const listener = special[request.url!];
    if (listener) return listener(request, response);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
    const documents = issuerDocuments(url, keys);
    const isConfiguration = request.url === `${path}/.well-known/openid-configuration`;
    response
      .writeHead(200, { 'content-type': 'application/json', 'cache-control': 'public, max-age=300' })
      .end(isConfiguration ? documents.configuration : documents.jwks);
    return undefined;
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
}

const check = async (url: string, own: PublicJwk[] | null = ours): Promise<IssuerCheck> => checkIssuer(url, own, fetch);

const errors = ({ findings }: IssuerCheck): string =>
  findings
    .filter(({ severity }) => severity === 'error')
    .map(({ what }) => what)
    .join('\n');

const configurationPath = '/.well-known/openid-configuration';
const keysPath = '/.well-known/jwks';
const json = { 'content-type': 'application/json', 'cache-control': 'public, max-age=300' };

describe('checkIssuer', () => {
  it('passes what our own server serves, also below a path', async () => {
    const url = await site({}, ours, '/team');
    const result = await check(url);
    expect(result).toMatchObject({ passed: true, findings: [], ownKids: ours.map((key) => key.kid) });
  });

  it('takes no key from where another issuer is spoken for, not even ours', async () => {
    const url: string = await site({
      [configurationPath]: (_, response) =>
        void response.writeHead(200, json).end(JSON.stringify({ issuer: 'https://x', jwks_uri: `${url}${keysPath}` })),
    });
    expect(await check(url)).toMatchObject({ passed: false, kids: [], ownKids: [] });
  });

  it('passes serveWellKnown', async () => {
    let url = '';
    const server = await serveWellKnown({
      listen: { host: '127.0.0.1', port: 0 },
      documents: () => issuerDocuments(url || 'http://127.0.0.1:1', ours),
    });
    onTestFinished(() => server.close());
    ({ url } = server);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await check(url)).toMatchObject({ passed: true, findings: [] });
  });

  it('reports each of our keys that is missing, and each key that is not ours', async () => {
    const result = await check(await site({}, [ours[0]!, foreign]));
    expect(result.passed).toBe(false);
    expect(result.ownKids).toEqual([ours[0]!.kid]);
    expect(errors(result)).toContain(`our key ${ours[1]!.kid} is not published`);
    expect(errors(result)).toContain(`the key ${foreign.kid} is published there and is not ours`);
  });

  it('checks the form only where our keys are not known, and says so', async () => {
    const result = await check(await site(), null);
    expect(result.passed).toBe(true);
    expect(result.findings).toMatchObject([{ severity: 'warning', what: expect.stringContaining('only the form') }]);
  });

  it.each<[string, Record<string, RequestListener>, string]>([
    ['a status', { [configurationPath]: (_, response) => void response.writeHead(404).end() }, 'it answers 404'],
    [
      'text/plain',
      {
        [keysPath]: (_, response) =>
          void response.writeHead(200, { ...json, 'content-type': 'text/plain' }).end(JSON.stringify({ keys: ours })),
      },
      'content type "text/plain"',
    ],
    [
      'a redirect elsewhere',
      {
        [configurationPath]: (_, response) => void response.writeHead(302, { location: 'http://localhost:1/x' }).end(),
      },
      'it redirects to http://localhost:1',
    ],
    [
      'a redirect without end',
      { [configurationPath]: (_, response) => void response.writeHead(302, { location: configurationPath }).end() },
      'more than 3 times',
    ],
    [
      'no JSON',
      { [configurationPath]: (_, response) => void response.writeHead(200, json).end('<html>') },
      'is not a JSON object',
    ],
    [
      'another issuer',
      {
        [configurationPath]: (_, response) =>
          void response.writeHead(200, json).end(JSON.stringify({ issuer: 'https://x', jwks_uri: 'https://x/jwks' })),
      },
      'says that the issuer is "https://x"',
    ],
    [
      'keys of another host',
      {
        [configurationPath]: (_, response) =>
          void response.writeHead(200, json).end(JSON.stringify({ jwks_uri: 'https://evil.example/jwks' })),
      },
      'points to keys at https://evil.example',
    ],
    [
      'no key set URL',
      { [configurationPath]: (_, response) => void response.writeHead(200, json).end('{}') },
      'has no URL in "jwks_uri"',
    ],
    [
      'an empty set',
      { [keysPath]: (_, response) => void response.writeHead(200, json).end('{"keys":[]}') },
      'the key set is empty',
    ],
    ['no set', { [keysPath]: (_, response) => void response.writeHead(200, json).end('[]') }, 'is not a key set'],
    [
      'half a set',
      { [keysPath]: (_, response) => void response.writeHead(200, json).end('{"keys":[') },
      'it is not whole JSON',
    ],
    [
      'private members',
      {
        [keysPath]: (_, response) =>
          void response.writeHead(200, json).end(JSON.stringify({ keys: [{ ...ours[0], d: 'x' }] })),
      },
      'private members',
    ],
    [
      'a long max-age',
      {
        [keysPath]: (_, response) =>
          void response
            .writeHead(200, { ...json, 'cache-control': 'max-age=3600' })
            .end(JSON.stringify({ keys: ours })),
      },
      'may be cached for 3600 s',
    ],
    [
      'a megabyte and more',
      { [keysPath]: (_, response) => void response.writeHead(200, json).end(' '.repeat(1_100_000)) },
      'larger than a megabyte',
    ],
  ])('finds %s', async (_what, special, finding) => {
    const result = await check(await site(special));
    expect(result.passed).toBe(false);
    expect(errors(result)).toContain(finding);
  });

  it('warns of documents that may not be cached', async () => {
    const url = await site({
      [keysPath]: (_, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: ours }));
      },
    });
    const result = await check(url);
    expect(result.passed).toBe(true);
    expect(result.findings).toMatchObject([
      { severity: 'warning', what: expect.stringContaining('may not be cached') },
    ]);
  });

  it('gives up after five seconds', async () => {
    const url = await site({ [configurationPath]: () => undefined });
    const began = performance.now();
    const result = await check(url);
    expect(errors(result)).toContain('longer than 5 s');
    expect(performance.now() - began).toBeLessThan(7000);
  });

  const openssl = program('openssl');
  it.skipIf(openssl.missing !== undefined)('finds a certificate that no public CA has signed', async () => {
    const directory = temporaryDirectory('tls');
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    const request = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost'.split(' ');
    const names = ['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert];
    execFileSync(openssl.path!, [...request, ...names], { stdio: 'ignore' });
    const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    onTestFinished(() => void server.close());
    const result = await check(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect(result.passed).toBe(false);
    expect(errors(result)).toContain('its certificate is self-signed');
  });

  it('says that nothing listens there', async () => {
    expect(errors(await check('http://127.0.0.1:1'))).toContain('cannot be fetched');
  });
});

describe('platformViews', () => {
  it.each([
    ['https://id.example.com', []],
    ['https://id.example.com:8443', ['AWS']],
    ['https://issuer.internal', ['AWS', 'Azure', 'HCP']],
    ['https://10.1.2.3', ['AWS', 'Azure', 'HCP']],
    ['http://127.0.0.1:8300', ['AWS', 'Google Cloud', 'Azure', 'HCP', 'Kubernetes']],
  ])('says who cannot use %s', (url, platforms) => {
    expect(unusable(url)).toEqual(platforms);
  });

  it('says why', () => {
    expect(platformViews('https://id.example.com:8443')[0]!.notes).toEqual(['it takes no port in the URL']);
  });
});

function unusable(url: string): string[] {
  return platformViews(url)
    .filter(({ usable }) => !usable)
    .map(({ platform }) => platform);
}
