import { compactVerify, importJWK, type JWK } from 'jose';
import { algorithms } from './issuer-keys.ts';
import type { ParsedToken } from './parse-token.ts';

/** The algorithm and key id that a token's header names, or why the header will not do. */
export type HeaderRead =
  | { readonly ok: true; readonly algorithm: string; readonly kid: string }
  | { readonly ok: false; readonly why: string };

/**
 * Checks a token's header against a fixed list of algorithms. `crit` is refused, since no extension is understood;
 * `jwk`, `jku`, `x5u` and `x5c` are never looked at (RFC 8725 sections 3.1 and 3.10).
 */
export function readHeader(token: ParsedToken): HeaderRead {
  const { alg, kid, crit } = token.header;
  if (typeof alg !== 'string' || !Object.hasOwn(algorithms, alg))
    return {
      ok: false,
      why: `alg is ${JSON.stringify(alg ?? null)}; accepted are ${Object.keys(algorithms).join(', ')}`,
    };
  if (crit !== undefined) return { ok: false, why: `the header demands extensions (crit ${JSON.stringify(crit)})` };
  if (typeof kid !== 'string' || kid === '')
    return { ok: false, why: 'the header has no kid, so no key can be chosen' };
  return { ok: true, algorithm: alg, kid };
}

/** Whether the token was signed with this key. The algorithm is fixed by the caller, never taken from the token here. */
export async function signatureHolds(token: ParsedToken, key: JWK, algorithm: string): Promise<boolean> {
  try {
    // Only the members that make the key; use, alg and the like have been judged before.
    const { kty, n, e, crv, x, y } = key;
    const imported = await importJWK({ kty, n, e, crv, x, y }, algorithm);
    await compactVerify(token.compact, imported, { algorithms: [algorithm] });
    return true;
  } catch {
    return false;
  }
}
