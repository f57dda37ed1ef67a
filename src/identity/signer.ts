import { hash, type webcrypto } from 'node:crypto';
import { Secret } from '../domain/secret.ts';
import type { Claims, IdentityToken } from '../domain/token.ts';
import { publicJwk, type PublicJwk } from './jwk.ts';

/** The one algorithm that all platforms take and HCP Terraform uses (RFC 7518 section 3.3). */
export const signatureAlgorithm = 'RS256';

const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const;

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
 * Signs claims: a compact JWS with the header `{ alg, typ, kid }` and nothing else. Written out, since it is three lines
 * and the one thing that is done for every token; tests hold it against the RFC's example and against jose.
 *
 * @see RFC 7515 section 3.1, RFC 7519 section 5.1
 */
export async function sign(claims: Claims, key: webcrypto.CryptoKey, kid: string): Promise<IdentityToken> {
  const input = `${headerFor(kid)}.${base64url(JSON.stringify(claims))}`;
  const signature = await crypto.subtle.sign(rsa.name, key, Buffer.from(input, 'latin1'));
  const compact = `${input}.${Buffer.from(signature).toString('base64url')}`;
  return {
    compact: new Secret(compact),
    claims,
    kid,
    sha256: hash('sha256', compact, 'hex'),
    expiresAt: new Date(claims.exp * 1000),
  };
}

function headerFor(kid: string): string {
  return base64url(JSON.stringify({ alg: signatureAlgorithm, typ: 'JWT', kid }));
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}
