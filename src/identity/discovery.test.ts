import { describe, expect, it } from 'vitest';
import { supportedClaimNames } from './claims.ts';
import { discoveryDocument, issuerDocuments, keySetText } from './discovery.ts';
import { generateKey } from './signer.ts';

describe('discoveryDocument', () => {
  it('has the members of HCP Terraform’s, and its claims come from the token kinds', () => {
    expect(discoveryDocument('https://id.example.com')).toEqual({
      issuer: 'https://id.example.com',
      jwks_uri: 'https://id.example.com/.well-known/jwks',
      response_types_supported: ['id_token'],
      scopes_supported: ['openid'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      claims_supported: supportedClaimNames.toSorted((a, b) => (a < b ? -1 : 1)),
    });
  });

  it('promises what reference tokens carry, and no "ref"', () => {
    const { claims_supported: claims } = discoveryDocument('https://id.example.com');
    expect(claims).toEqual(
      expect.arrayContaining(['sub', 'aud', 'exp', 'iat', 'iss', 'jti', 'nbf', 'terraform_full_workspace']),
    );
    expect(claims).not.toContain('ref');
  });
});

describe('keySetText', () => {
  it('never shows a private member, even if a private key is passed', async () => {
    const { publicJwk, privateJwk } = await generateKey();
    const text = keySetText({ keys: [{ ...privateJwk, ...publicJwk }] });
    expect(JSON.parse(text)).toEqual({ keys: [publicJwk] });
    expect(text).not.toContain(privateJwk.d!);
  });

  it('refuses to make an empty set', () => {
    expect(() => keySetText({ keys: [] })).toThrow('a key set is never empty');
    expect(() => issuerDocuments('https://id.example.com', [])).toThrow('a key set is never empty');
  });
});
