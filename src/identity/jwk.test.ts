import { describe, expect, it } from 'vitest';
import { vectors } from '../../test/support/identity.ts';
import { isOwnPublicJwk, modulusBits, publicJwk, thumbprint } from './jwk.ts';
import { generateKey } from './signer.ts';

interface JoseVectors {
  readonly thumbprint: { readonly jwk: { n: string; e: string }; readonly sha256: string };
  readonly rs256: { readonly private_jwk: { n: string; e: string } };
}

const { thumbprint: example, rs256 } = vectors('jose.json') as JoseVectors;

describe('thumbprint', () => {
  it('agrees with RFC 7638 section 3.1', () => {
    expect(thumbprint(example.jwk)).toBe(example.sha256);
  });
});

describe('publicJwk', () => {
  it('takes public members only, whatever is passed, and names the key by its thumbprint', () => {
    const jwk = publicJwk(rs256.private_jwk);
    expect(Object.keys(jwk).toSorted()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use']);
    expect(jwk.kid).toBe(thumbprint(rs256.private_jwk));
  });
});

describe('isOwnPublicJwk', () => {
  it('knows a key of ours', () => {
    expect(isOwnPublicJwk(publicJwk(example.jwk))).toBe(true);
  });

  it.each([
    ['another kid', { kid: 'x' }],
    ['another modulus', { n: rs256.private_jwk.n }],
    ['another exponent', { e: 'Aw' }],
    ['another algorithm', { alg: 'RS512' }],
    ['another use', { use: 'enc' }],
    ['another type', { kty: 'EC' }],
    ['no modulus', { n: undefined }],
  ])('refuses %s', (_what, change) => {
    expect(isOwnPublicJwk({ ...publicJwk(example.jwk), ...change })).toBe(false);
  });

  it('refuses a short key, even with its right thumbprint', () => {
    expect(isOwnPublicJwk(publicJwk({ n: Buffer.alloc(128, 0xff).toString('base64url'), e: 'AQAB' }))).toBe(false);
  });

  it.each([null, undefined, 'x', 1, []])('refuses %j', (value) => {
    expect(isOwnPublicJwk(value)).toBe(false);
  });
});

describe('modulusBits', () => {
  it.each([
    [Buffer.from([1]), 1],
    [Buffer.from([0, 0, 0x80, 0]), 16],
    [Buffer.from([0x7f, 0xff]), 15],
    [Buffer.from([0, 0]), 0],
  ])('counts %o', (bytes, bits) => {
    expect(modulusBits(bytes.toString('base64url'))).toBe(bits);
  });

  it('says 0 of what is not base64url', () => {
    expect(modulusBits('a+b=')).toBe(0);
  });
});

describe('generateKey', () => {
  it('makes a key of 2048 bits with the usual exponent, new each time', async () => {
    const [a, b] = await Promise.all([generateKey(), generateKey()]);
    expect(modulusBits(a.publicJwk.n)).toBe(2048);
    expect(a.publicJwk.e).toBe('AQAB');
    expect(isOwnPublicJwk(a.publicJwk)).toBe(true);
    expect(a.publicJwk.kid).not.toBe(b.publicJwk.kid);
  });
});
