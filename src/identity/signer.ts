import { createHash, type webcrypto } from 'node:crypto';
import { CompactSign } from 'jose/jws/compact/sign';
import { Secret } from '../domain/secret.ts';
import type { Claims, IdentityToken } from '../domain/token.ts';
import { publicJwk, type PublicJwk } from './jwk.ts';

/** The one algorithm that all platforms take and HCP Terraform uses (RFC 7518 section 3.3). */
export const signatureAlgorithm = 'RS256';

const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const;
const encoder = new TextEncoder();

/** A new key pair. The private half is a JWK, to be encrypted at once. */
export interface NewKey {
  readonly publicJwk: PublicJwk;
  readonly privateJwk: webcrypto.JsonWebKey;
}

/** Makes an RSA key of 2048 bits; takes some tenths of a second on a thread of its own. */
export async function generateKey(): Promise<NewKey> {
  const algorithm = { ...rsa, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
  const pair = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const { kty, n, e, d, p, q, dp, dq, qi } = await crypto.subtle.exportKey('jwk', pair.privateKey);
  return { publicJwk: publicJwk({ n: n!, e: e! }), privateJwk: { kty: kty!, n, e, d, p, q, dp, dq, qi } };
}

/** Brings a private key into a form that signs and cannot be taken out of the process' cryptography again. */
export async function importSigningKey(privateJwk: webcrypto.JsonWebKey): Promise<webcrypto.CryptoKey> {
  return crypto.subtle.importKey('jwk', privateJwk, rsa, false, ['sign']);
}

/**
 * Signs claims: a compact JWS with the header `{ alg, typ, kid }` and nothing else.
 *
 * @see RFC 7515 section 3.1, RFC 7519 section 5.1
 */
export async function sign(claims: Claims, key: webcrypto.CryptoKey, kid: string): Promise<IdentityToken> {
  const compact = await new CompactSign(encoder.encode(JSON.stringify(claims)))
    .setProtectedHeader({ alg: signatureAlgorithm, typ: 'JWT', kid })
    .sign(key);
  return {
    compact: new Secret(compact),
    claims,
    kid,
    sha256: createHash('sha256').update(compact).digest('hex'),
    expiresAt: new Date(claims.exp * 1000),
  };
}
