import { createHmac } from 'node:crypto';
import { CompactSign, importJWK, type JWTHeaderParameters } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { testClock, testWorkload } from '../../test/support/identity.ts';
import type { Claims } from '../domain/token.ts';
import { claimsFor } from './claims.ts';
import { inspectToken } from './inspect.ts';
import { defaultLimits } from './limits.ts';
import { generateKey, type NewKey } from './signer.ts';
import { verifyToken, type TokenTrust } from './verify.ts';

const clock = testClock();
const issuer = 'https://id.example.com';
const audience = 'aws.workload.identity';
const sound: Claims = claimsFor(testWorkload(), {
  issuer,
  audience,
  at: clock.now(),
  id: '5b0b8c1e-6a43-4c61-9f57-0d5f0a8f3e11',
  limits: defaultLimits,
});

let ours: NewKey;
let theirs: NewKey;
let trust: TokenTrust;

beforeAll(async () => {
  [ours, theirs] = await Promise.all([generateKey(), generateKey()]);
  trust = { issuer, audience, keys: [ours.publicJwk], at: clock.now() };
});

/** Signs anything: text as claims, any header. */
async function signed(claims: object | string, header: object = {}, key = ours): Promise<string> {
  const text = typeof claims === 'string' ? claims : JSON.stringify(claims);
  const full = { alg: 'RS256', typ: 'JWT', kid: ours.publicJwk.kid, ...header } as JWTHeaderParameters;
  const signer = new CompactSign(Buffer.from(text)).setProtectedHeader(full);
  return signer.sign(await importJWK({ ...key.privateJwk, kty: 'RSA' } as never, full.alg));
}

function part(value: object | string): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

/** A token that no honest library makes: any header, any signature. */
function forged(header: object | string, claims: object, signature = 'AAAA'): string {
  return `${part(header)}.${part(claims)}.${signature}`;
}

async function reasonFor(compact: string, change: Partial<TokenTrust> = {}): Promise<string> {
  const result = await verifyToken(compact, { ...trust, ...change });
  return result.valid ? 'valid' : `${result.fault}: ${result.reason}`;
}

describe('verifyToken', () => {
  it('accepts a sound token and gives its claims', async () => {
    const result = await verifyToken(await signed(sound), trust);
    expect(result).toEqual({ valid: true, kid: ours.publicJwk.kid, claims: sound });
  });

  it('accepts any audience when none is asked for', async () => {
    expect(await reasonFor(await signed({ ...sound, aud: 'x' }), { audience: undefined })).toBe('valid');
  });

  it.each([
    ['another issuer', { iss: 'https://id.example.org' }, 'issuer: its issuer is "https://id.example.org"'],
    ['an issuer with a slash', { iss: `${issuer}/` }, 'issuer: its issuer is'],
    ['no issuer', { iss: undefined }, 'issuer: its issuer is missing'],
    ['another audience', { aud: 'vault' }, 'audience: its audience is "vault" instead of "aws.workload.identity"'],
    ['an audience as a list', { aud: [audience] }, 'audience: its audience is a list'],
    ['no audience', { aud: undefined }, 'audience: it has no audience'],
    ['an empty audience', { aud: '' }, 'audience: it has no audience'],
    ['no subject', { sub: undefined }, 'claims: it has no subject'],
    ['no id', { jti: undefined }, 'claims: it has no id'],
    ['no expiry', { exp: undefined }, 'time: its exp is missing'],
    ['an expiry as text', { exp: '1795000000' }, 'time: its exp is'],
    ['a fraction', { exp: sound.exp + 0.5 }, 'time: its exp is'],
    ['no iat', { iat: undefined }, 'time: its iat is missing'],
    ['no nbf', { nbf: undefined }, 'time: its nbf is missing'],
    ['an iat to come', { iat: sound.iat + 10, exp: sound.exp }, 'time: it was issued at'],
    ['an nbf to come', { nbf: sound.iat + 1 }, 'time: it holds from'],
    ['a life of more than a day', { exp: sound.iat + 86_401 }, 'time: it lives longer than 24 hours'],
    ['a claim that looks like aud', { Aud: 'x' }, 'claims: it has a member "Aud"'],
  ])('refuses %s', async (_what, change, reason) => {
    expect(await reasonFor(await signed({ ...sound, ...change }))).toContain(reason);
  });

  it.each([
    ['a second before it expires', -1, 'valid'],
    ['at the moment it expires', 0, 'time: it expired'],
    ['a second past', 1, 'time: it expired at 2026-03-01T14:00:00Z'],
  ])('judges a token %s', async (_when, offset, reason) => {
    const at = new Date((sound.exp + offset) * 1000);
    expect(await reasonFor(await signed(sound), { at })).toContain(reason);
  });

  it('refuses a token before nbf, and tolerates clocks only when told', async () => {
    const at = new Date((sound.nbf - 10) * 1000);
    const compact = await signed(sound);
    expect(await reasonFor(compact, { at })).toContain('time: it holds from');
    expect(await reasonFor(compact, { at, toleranceSeconds: 60 })).toBe('valid');
  });

  it('refuses a signature of another key under our kid', async () => {
    expect(await reasonFor(await signed(sound, {}, theirs))).toContain('signature');
  });

  it('refuses a kid that is not in the set, and names those that are', async () => {
    const reason = await reasonFor(await signed(sound, { kid: theirs.publicJwk.kid }, theirs));
    expect(reason).toContain(`key: its key "${theirs.publicJwk.kid}" is not in the issuer's key set`);
    expect(reason).toContain(ours.publicJwk.kid);
  });

  it.each([
    ['no kid', { kid: undefined }, 'key: its header names no key'],
    ['a kid that is a path', { kid: '../../etc/passwd' }, 'key: its key "../../etc/passwd"'],
    ['another type', { typ: 'at+jwt' }, 'header: its type'],
  ])('refuses %s', async (_what, header, reason) => {
    expect(await reasonFor(await signed(sound, header))).toContain(reason);
  });

  it.each(['RS384', 'RS512', 'PS256'])('refuses %s, although the key could do it', async (alg) => {
    expect(await reasonFor(await signed(sound, { alg }))).toContain(`algorithm: its algorithm is "${alg}"`);
  });

  it.each(['none', 'None', 'NONE', '', 'HS256', 'rs256', null, 5, ['RS256']])(
    'refuses the algorithm %j',
    async (alg) => {
      const compact = forged({ alg, typ: 'JWT', kid: ours.publicJwk.kid }, sound, '');
      expect(await reasonFor(compact)).toContain('algorithm');
    },
  );

  it('refuses an HMAC made with the public key', async () => {
    const input = `${part({ alg: 'HS256', typ: 'JWT', kid: ours.publicJwk.kid })}.${part(sound)}`;
    for (const secret of [
      JSON.stringify(ours.publicJwk),
      ours.publicJwk.n,
      Buffer.from(ours.publicJwk.n, 'base64url'),
    ]) {
      const compact = `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
      expect(await reasonFor(compact)).toContain('algorithm: its algorithm is "HS256"');
    }
  });

  it('never takes a key from the header', async () => {
    const header = {
      jwk: theirs.publicJwk,
      jku: 'https://evil.example/jwks',
      x5u: 'https://evil.example/x',
      x5c: ['AA'],
    };
    expect(await reasonFor(await signed(sound, header, theirs))).toContain('signature');
    expect(await reasonFor(await signed(sound, { ...header, kid: theirs.publicJwk.kid }, theirs))).toContain('key: ');
    expect(await reasonFor(await signed(sound, header))).toBe('valid');
  });

  it.each([[['exp']], [['b64']], [[]], ['x']])('refuses crit %j', async (crit) => {
    const header = { alg: 'RS256', typ: 'JWT', kid: ours.publicJwk.kid, crit, exp: 1 };
    expect(await reasonFor(forged(header, sound))).toContain('header: its header demands extensions');
  });

  it('refuses an unencoded payload', async () => {
    expect(await reasonFor(forged({ alg: 'RS256', kid: ours.publicJwk.kid, b64: false }, sound))).toContain('b64');
  });

  it('refuses a member that stands twice, in header and claims, though the signature is right', async () => {
    const twice = `${JSON.stringify(sound).slice(0, -1)},"aud":"other"}`;
    expect(await reasonFor(await signed(twice))).toContain('malformed: this is not a token: its payload is ambiguous');
    expect(await reasonFor(forged('{"alg":"RS256","alg":"none"}', sound))).toContain('its header is ambiguous');
  });

  it('refuses a changed claim', async () => {
    const [header, , signature] = (await signed(sound)).split('.');
    const changed = part({ ...sound, sub: sound.sub.replace('plan', 'apply') });
    expect(await reasonFor(`${header}.${changed}.${signature}`)).toContain('signature');
  });

  it.each([
    ['', 'it has 1 parts'],
    ['a.b', 'it has 2 parts'],
    ['a.b.c.d', 'it has 4 parts'],
    ['a.b.c', 'a part of it is not base64url'],
    ['e30.bnVsbA.', 'its payload is not a JSON object'],
    ['e30.W10.', 'its payload is not a JSON object'],
    ['e30=.e30.', 'a part of it is not base64url'],
    ['e30.e3 0.', 'a part of it is not base64url'],
    ['e30.gA.', 'its payload is not JSON'],
    ['x'.repeat(20_001), 'it has 20001 characters'],
  ])('refuses %j', async (compact, reason) => {
    expect(await reasonFor(compact)).toContain(reason);
  });

  it('refuses a second spelling of the same signature, and a byte order mark', async () => {
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const compact = await signed(sound);
    // 256 bytes leave four bits of the last letter unused.
    const other = letters[letters.indexOf(compact.at(-1)!) ^ 1]!;
    expect(await reasonFor(compact.slice(0, -1) + other)).toContain('a part of it is not base64url');
    expect(await reasonFor(await signed(`\uFEFF${JSON.stringify(sound)}`))).toContain('its payload is not JSON');
  });

  it('never quotes the token in a reason', async () => {
    const secret = await signed({ ...sound, iss: 'https://other.example' });
    const signature = secret.split('.')[2]!;
    for (const compact of [secret, `${secret}.x`, secret.slice(0, -1), secret.replace('.', '')]) {
      expect(await reasonFor(compact)).not.toContain(signature.slice(0, 16));
    }
  });
});

describe('inspectToken', () => {
  it('decodes without verifying', () => {
    expect(inspectToken(forged({ alg: 'none' }, { a: 1 }))).toEqual({ header: { alg: 'none' }, claims: { a: 1 } });
  });
});
