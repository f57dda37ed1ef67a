import { compactVerify, decodeProtectedHeader, importJWK } from 'jose';
import { describe, expect, it } from 'vitest';
import { testWorkload, vectors } from '../../test/support/identity.ts';
import { claimsFor } from './claims.ts';
import { defaultLimits } from './limits.ts';
import { generateKey, importSigningKey, sign } from './signer.ts';

interface JoseVectors {
  readonly rs256: { readonly private_jwk: object; readonly signing_input: string; readonly signature: string };
}

const claims = claimsFor(testWorkload(), {
  issuer: 'https://id.example.com',
  audience: 'aws.workload.identity',
  at: new Date(1_760_000_000_000),
  id: 'id',
  limits: defaultLimits,
});

describe('importSigningKey', () => {
  it('signs as RFC 7515 appendix A.2 does', async () => {
    const { rs256 } = vectors('jose.json') as JoseVectors;
    const key = await importSigningKey(rs256.private_jwk);
    const signature = await crypto.subtle.sign('RSASSA-PKCS1-v1_5', key, Buffer.from(rs256.signing_input));
    expect(Buffer.from(signature).toString('base64url')).toBe(rs256.signature);
  });

  it('gives a key that cannot be taken out again', async () => {
    const key = await importSigningKey((await generateKey()).privateJwk);
    expect(key.extractable).toBe(false);
    await expect(crypto.subtle.exportKey('jwk', key)).rejects.toThrow(/not extractable/);
  });
});

describe('sign', () => {
  it('makes a compact token with three header members, which another library verifies', async () => {
    const { publicJwk, privateJwk } = await generateKey();
    const token = await sign(claims, await importSigningKey(privateJwk), publicJwk.kid);
    const compact = token.compact.reveal();
    expect(decodeProtectedHeader(compact)).toEqual({ alg: 'RS256', typ: 'JWT', kid: publicJwk.kid });
    const { payload } = await compactVerify(compact, await importJWK({ ...publicJwk }, 'RS256'));
    expect(JSON.parse(Buffer.from(payload).toString())).toEqual(claims);
    expect(token.expiresAt.getTime()).toBe(claims.exp * 1000);
  });

  it('never shows the token by printing or serialising it', async () => {
    const { publicJwk, privateJwk } = await generateKey();
    const token = await sign(claims, await importSigningKey(privateJwk), publicJwk.kid);
    expect(`${JSON.stringify(token)}${String(token.compact)}`).not.toContain(token.compact.reveal().slice(0, 20));
  });
});
