import { beforeAll, describe, expect, it } from 'vitest';
import { testKey, type TestKey } from '../../../test/support/issuer.ts';
import { openIssuerKeys, openUploadedKeys, type IssuerKeysOptions } from './issuer-keys.ts';

const issuer = 'https://id.example.com/tenant';
const discoveryUrl = `${issuer}/.well-known/openid-configuration`;
const jwksUrl = `${issuer}/.well-known/jwks`;

let one: TestKey;
let two: TestKey;
let elliptic: TestKey;

beforeAll(async () => {
  [one, two, elliptic] = await Promise.all([testKey('RS256', 'one'), testKey('RS256', 'two'), testKey('ES256', 'ec')]);
});

/** An issuer of answers by URL; an unasked-for URL fails the test. Counts what is fetched. */
function world(overrides: Record<string, () => Response | Promise<Response>> = {}) {
  const requests: string[] = [];
  const published = [one.jwk];
  let at = 1_000_000;
  const documents: Record<string, () => Response | Promise<Response>> = {
    [discoveryUrl]: () => Response.json({ issuer, jwks_uri: jwksUrl }),
    [jwksUrl]: () => Response.json({ keys: published }),
    ...overrides,
  };
  const fetcher: typeof fetch = async (input) => {
    const url = new Request(input).url;
    requests.push(url);
    const answer = documents[url];
    if (answer === undefined) throw new Error(`unasked-for fetch of ${url}`);
    return answer();
  };
  return {
    requests,
    published,
    pass: (seconds: number) => (at += seconds * 1000),
    keys: (options: Partial<IssuerKeysOptions> = {}) =>
      openIssuerKeys({
        issuer,
        fetchFrom: null,
        fetch: fetcher,
        now: () => new Date(at),
        cacheSeconds: 300,
        refetchSeconds: 10,
        ...options,
      }),
  };
}

describe('the keys of an issuer', () => {
  it('are read through discovery, under the path of the issuer', async () => {
    const { keys, requests } = world();
    expect(await keys().find('one', 'RS256')).toMatchObject({ ok: true, key: { kid: 'one' } });
    expect(requests).toEqual([discoveryUrl, jwksUrl]);
  });

  it('are read once by many that ask at the same time', async () => {
    const { keys, requests } = world();
    const source = keys();
    await Promise.all([source.find('one', 'RS256'), source.find('one', 'RS256'), source.find('two', 'RS256')]);
    expect(requests).toHaveLength(2);
  });

  it('are kept for the time of the cache, and read again after it', async () => {
    const { keys, requests, pass } = world();
    const source = keys();
    await source.find('one', 'RS256');
    pass(299);
    await source.find('one', 'RS256');
    expect(requests).toHaveLength(2);
    pass(1);
    await source.find('one', 'RS256');
    expect(requests).toHaveLength(4);
  });

  it('keep a key that was withdrawn until the cache ends, and no longer', async () => {
    const { keys, published, pass } = world();
    const source = keys();
    await source.find('one', 'RS256');
    published[0] = two.jwk;
    expect((await source.find('one', 'RS256')).ok).toBe(true);
    pass(300);
    expect((await source.find('one', 'RS256')).ok).toBe(false);
  });

  it('are read again for an unknown kid, so that rotation is seen', async () => {
    const { keys, published, pass } = world();
    const source = keys();
    await source.find('one', 'RS256');
    published.push(two.jwk);
    pass(10);
    expect((await source.find('two', 'RS256')).ok).toBe(true);
  });

  it('are not read again for unknown kids within the time between readings', async () => {
    const { keys, requests, pass } = world();
    const source = keys();
    await source.find('one', 'RS256');
    for (const kid of ['a', 'b', 'c']) expect((await source.find(kid, 'RS256')).ok).toBe(false);
    expect(requests).toHaveLength(2);
    pass(10);
    for (const kid of ['a', 'b', 'c']) await source.find(kid, 'RS256');
    expect(requests).toHaveLength(4);
  });

  it('are never used stale when reading again fails', async () => {
    let healthy = true;
    const { keys, pass } = world({
      [jwksUrl]: () => (healthy ? Response.json({ keys: [one.jwk] }) : new Response(null, { status: 502 })),
    });
    const source = keys();
    await source.find('one', 'RS256');
    healthy = false;
    pass(300);
    expect(await source.find('one', 'RS256')).toMatchObject({ ok: false, kind: 'unreachable' });
    healthy = true;
    expect((await source.find('one', 'RS256')).ok).toBe(true);
  });

  it('may be fetched elsewhere, with the same demand on the issuer', async () => {
    const elsewhere = 'http://127.0.0.1:1/copy';
    const { keys, requests } = world({
      [`${elsewhere}/.well-known/openid-configuration`]: () => Response.json({ issuer, jwks_uri: jwksUrl }),
      [`${elsewhere}/.well-known/jwks`]: () => Response.json({ keys: [one.jwk] }),
    });
    expect((await keys({ fetchFrom: elsewhere }).find('one', 'RS256')).ok).toBe(true);
    expect(requests.every((url) => url.startsWith(elsewhere))).toBe(true);
  });

  it('skip kinds of keys that nobody here knows', async () => {
    const { keys, published } = world();
    published.unshift({ kty: 'OKP', crv: 'Ed25519', x: 'AA', kid: 'one' }, { kty: 'new' });
    expect((await keys().find('one', 'RS256')).ok).toBe(true);
  });
});

const many = (count: number) => Array.from({ length: count }, (_, index) => ({ ...one.jwk, kid: `k${index}` }));

/** A server that takes the connection and says nothing. */
const hangs: typeof fetch = (_, init) =>
  new Promise((_resolve, reject) => {
    init!.signal!.addEventListener('abort', () => reject(init!.signal!.reason as Error));
  });

describe('documents that will not do', () => {
  const cases: Record<string, [Record<string, () => Response | Promise<Response>>, string, string]> = {
    'discovery is not there': [
      { [discoveryUrl]: () => new Response(null, { status: 404 }) },
      'unusable',
      'HTTP status 404',
    ],
    'discovery is HTML': [
      { [discoveryUrl]: () => new Response('<html>') },
      'unusable',
      'does not answer with a JSON object',
    ],
    'discovery is a list': [
      { [discoveryUrl]: () => Response.json([]) },
      'unusable',
      'does not answer with a JSON object',
    ],
    'discovery is of another issuer': [
      { [discoveryUrl]: () => Response.json({ issuer: `${issuer}/`, jwks_uri: jwksUrl }) },
      'unusable',
      `issuer in ${discoveryUrl} is "${issuer}/", the provider is "${issuer}"`,
    ],
    'discovery has no jwks_uri': [{ [discoveryUrl]: () => Response.json({ issuer }) }, 'unusable', 'jwks_uri'],
    'jwks_uri is http elsewhere': [
      { [discoveryUrl]: () => Response.json({ issuer, jwks_uri: 'http://evil.example.com/jwks' }) },
      'unusable',
      'it must be https',
    ],
    'jwks_uri is a file': [
      { [discoveryUrl]: () => Response.json({ issuer, jwks_uri: 'file:///etc/passwd' }) },
      'unusable',
      'it must be https',
    ],
    'it redirects to another host': [
      { [discoveryUrl]: () => new Response(null, { status: 302, headers: { location: 'https://evil.example.com/' } }) },
      'unusable',
      'redirects to another host',
    ],
    'it redirects to another scheme': [
      { [discoveryUrl]: () => new Response(null, { status: 302, headers: { location: 'http://id.example.com/' } }) },
      'unusable',
      'redirects to another host',
    ],
    'it redirects for ever': [
      { [discoveryUrl]: () => new Response(null, { status: 302, headers: { location: discoveryUrl } }) },
      'unusable',
      'redirects more than 3 times',
    ],
    'it is too large': [{ [jwksUrl]: () => new Response('x'.repeat(600_000)) }, 'unusable', 'more than 524288 bytes'],
    'it has no list of keys': [{ [jwksUrl]: () => Response.json({}) }, 'unusable', 'no member "keys"'],
    'it has no key': [
      { [jwksUrl]: () => Response.json({ keys: [{ kty: 'OKP', kid: 'one' }] }) },
      'unusable',
      'no RSA or EC key',
    ],
    'it has 101 RSA keys': [
      { [jwksUrl]: () => Response.json({ keys: many(101) }) },
      'unusable',
      'more than 100 RSA keys',
    ],
    'it publishes a private key': [
      { [jwksUrl]: () => Response.json({ keys: [one.jwk, { ...two.jwk, d: 'AA' }] }) },
      'unusable',
      'private members of key two',
    ],
    'the server is overloaded': [
      { [jwksUrl]: () => new Response(null, { status: 429 }) },
      'unreachable',
      'HTTP status 429',
    ],
    'the connection breaks': [
      { [jwksUrl]: () => Promise.reject(new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } })) },
      'unreachable',
      'ECONNRESET',
    ],
  };
  for (const [what, [overrides, kind, why]] of Object.entries(cases)) {
    it(`are refused when ${what}`, async () => {
      const found = await world(overrides).keys().find('one', 'RS256');
      expect(found).toMatchObject({ ok: false, kind });
      expect(!found.ok && found.why).toContain(why);
    });
  }

  it('are not waited for longer than the limit', async () => {
    const limits = { timeoutMilliseconds: 50, maximumBytes: 1000, maximumRedirects: 0 };
    const found = await world().keys({ fetch: hangs, limits }).find('one', 'RS256');
    expect(!found.ok && found).toMatchObject({
      kind: 'unreachable',
      why: expect.stringContaining('no answer within 0.05 s'),
    });
  });
});

describe('a key that cannot have made the signature', () => {
  const cases: Record<string, [() => object, string, string]> = {
    'is for encryption': [() => ({ ...one.jwk, use: 'enc' }), 'RS256', 'use enc'],
    'may not verify': [() => ({ ...one.jwk, key_ops: ['sign'] }), 'RS256', 'key_ops'],
    'is for another algorithm': [() => ({ ...one.jwk, alg: 'RS512' }), 'RS256', 'is for RS512'],
    'is of another kind': [() => ({ ...elliptic.jwk, kid: 'one' }), 'RS256', 'needs RSA'],
    'is on another curve': [() => ({ ...elliptic.jwk, kid: 'one', alg: undefined }), 'ES384', 'needs P-384'],
    'is too small': [() => ({ ...one.jwk, n: Buffer.alloc(128, 0xff).toString('base64url') }), 'RS256', '1024 bits'],
    'is small behind zeros': [
      () => ({ ...one.jwk, n: Buffer.concat([Buffer.alloc(200), Buffer.alloc(128, 0xff)]).toString('base64url') }),
      'RS256',
      '1024 bits',
    ],
    'has no modulus': [() => ({ ...one.jwk, n: undefined }), 'RS256', '0 bits'],
  };
  for (const [what, [key, algorithm, why]] of Object.entries(cases)) {
    it(`is refused when it ${what}`, async () => {
      const { keys } = world({ [jwksUrl]: () => Response.json({ keys: [key()] }) });
      const found = await keys().find('one', algorithm);
      expect(found).toMatchObject({ ok: false, kind: 'unusable' });
      expect(!found.ok && found.why).toContain(why);
    });
  }
});

describe('keys that were uploaded', () => {
  it('are found by their id, and nothing else is', async () => {
    const keys = openUploadedKeys([one.jwk]);
    expect(await keys.find('one', 'RS256')).toMatchObject({ ok: true, key: { kid: 'one' } });
    expect(await keys.find('two', 'RS256')).toMatchObject({
      ok: false,
      kind: 'unknown_key',
      why: expect.stringContaining('the issuer is not asked'),
    });
    expect(await keys.find('one', 'ES256')).toMatchObject({ ok: false, kind: 'unusable' });
  });

  it('are refused as a whole when they hold a private member, or are no list', async () => {
    expect(await openUploadedKeys([{ ...one.jwk, d: 'AQ' }]).find('one', 'RS256')).toMatchObject({ kind: 'unusable' });
    expect(await openUploadedKeys(undefined).find('one', 'RS256')).toMatchObject({ kind: 'unusable' });
  });
});
