import { createHash } from 'node:crypto';

/** A public signing key as relying parties read it (RFC 7517). */
export interface PublicJwk {
  readonly kty: 'RSA';
  readonly use: 'sig';
  readonly alg: 'RS256';
  readonly kid: string;
  readonly n: string;
  readonly e: string;
}

/** A published key set (RFC 7517 section 5). */
export interface KeySet {
  readonly keys: readonly PublicJwk[];
}

/** Smaller keys are refused, ours and others'. Bits. */
export const smallestModulus = 2048;

const base64url = /^[A-Za-z0-9_-]+$/;

/**
 * The SHA-256 thumbprint of an RSA key: the same for everybody who has the key, whatever else the JWK holds.
 *
 * @see RFC 7638 section 3
 */
export function thumbprint(key: { readonly n: string; readonly e: string }): string {
  return createHash('sha256')
    .update(JSON.stringify({ e: key.e, kty: 'RSA', n: key.n }))
    .digest('base64url');
}

/** Makes the JWK that we publish; its `kid` is the thumbprint. Takes public members only, whatever is passed. */
export function publicJwk(key: { readonly n: string; readonly e: string }): PublicJwk {
  return { kty: 'RSA', use: 'sig', alg: 'RS256', kid: thumbprint(key), n: key.n, e: key.e };
}

/** Whether a value is a public key of ours, whole and unchanged: RSA, long enough, named by its thumbprint. */
export function isOwnPublicJwk(value: unknown): value is PublicJwk {
  if (typeof value !== 'object' || value === null) return false;
  const { kty, use, alg, kid, n, e } = value as Record<string, unknown>;
  return (
    kty === 'RSA' &&
    use === 'sig' &&
    alg === 'RS256' &&
    typeof n === 'string' &&
    typeof e === 'string' &&
    modulusBits(n) >= smallestModulus &&
    base64url.test(e) &&
    kid === thumbprint({ n, e })
  );
}

/** Length of a modulus in bits; 0 when it is not base64url. */
export function modulusBits(n: string): number {
  if (!base64url.test(n)) return 0;
  const bytes = Buffer.from(n, 'base64url');
  const first = bytes.findIndex((byte) => byte !== 0);
  return first === -1 ? 0 : (bytes.length - first) * 8 - Math.clz32(bytes[first]!) + 24;
}
