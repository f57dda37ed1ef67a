import { jsonText, type Json } from '../domain/json.ts';
import { supportedClaimNames } from './claims.ts';
import type { KeySet, PublicJwk } from './jwk.ts';
import { documentMaxAgeSeconds } from './key-ring.ts';
import { signatureAlgorithm } from './signer.ts';

/** The two documents by which relying parties know us, ready to be served. */
export interface IssuerDocuments {
  /** JSON text of `/.well-known/openid-configuration`. */
  readonly configuration: string;
  /** JSON text of `/.well-known/jwks` and `/.well-known/jwks.json`. */
  readonly jwks: string;
  /** For `Cache-Control: max-age`. */
  readonly maxAgeSeconds: number;
}

/** Where the documents lie below the issuer URL. Both names of the key set are in use out there. */
export const wellKnownPaths = {
  configuration: '/.well-known/openid-configuration',
  jwks: '/.well-known/jwks',
  jwksJson: '/.well-known/jwks.json',
} as const;

/**
 * The discovery document: the members of HCP Terraform's, and no endpoint, since this issuer only publishes keys. HCP's
 * `claims_supported` lists a claim `ref` that none of its documented tokens carries; ours lists what the token kinds make.
 *
 * @param issuer as in `iss`, from the settings; never from a request
 * @see OpenID Connect Discovery 1.0 section 3
 */
export function discoveryDocument(issuer: string): Readonly<Record<string, Json>> {
  return {
    issuer,
    jwks_uri: `${issuer}${wellKnownPaths.jwks}`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [signatureAlgorithm],
    scopes_supported: ['openid'],
    claims_supported: [...supportedClaimNames].sort(),
  };
}

/** Makes both documents. Refuses an empty key set: some platforms would forget every key that they knew. */
export function issuerDocuments(issuer: string, keys: readonly PublicJwk[]): IssuerDocuments {
  return {
    configuration: jsonText(discoveryDocument(issuer)),
    jwks: keySetText({ keys }),
    maxAgeSeconds: documentMaxAgeSeconds,
  };
}

/** The text of a key set: public members only, by name, whatever the objects hold. */
export function keySetText({ keys }: KeySet): string {
  if (keys.length === 0) throw new Error('a key set is never empty');
  return jsonText({ keys: keys.map(({ kty, use, alg, kid, n, e }) => ({ kty, use, alg, kid, n, e })) });
}
