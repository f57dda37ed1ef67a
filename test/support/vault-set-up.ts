import { decodeJwt, decodeProtectedHeader } from 'jose';
import { createHash } from 'node:crypto';
import { Secret } from '../../src/domain/secret.ts';
import type { Claims, IdentityToken } from '../../src/domain/token.ts';
import type { Bao } from './bao.ts';

/** What a run needs of Vault, and a little to read. */
const policy = `
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self"  { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "auth/token/create"      { capabilities = ["update"] }
path "secret/data/payments"   { capabilities = ["read"] }
path "database/creds/*"       { capabilities = ["read"] }
`;

/** The same without the right to renew and to revoke itself. */
const barePolicy = 'path "auth/token/lookup-self" { capabilities = ["read"] }';

export const vaultAudience = 'vault.workload.identity';

/** Makes a JWT auth method for an issuer, with the policies `tf` and `bare`, and a secret to read. */
export async function setUpJwt(
  bao: Bao,
  issuer: string,
  at: { mount?: string; namespace?: string } = {},
): Promise<void> {
  const { mount = 'jwt', namespace } = at;
  await bao.set('POST', `sys/auth/${mount}`, { type: 'jwt' }, namespace);
  await bao.set('POST', `auth/${mount}/config`, { oidc_discovery_url: issuer, bound_issuer: issuer }, namespace);
  await bao.set('PUT', 'sys/policies/acl/tf', { policy }, namespace);
  await bao.set('PUT', 'sys/policies/acl/bare', { policy: barePolicy }, namespace);
}

/** Makes a role; `changes` replace what is usual, undefined takes it out. */
export async function setRole(
  bao: Bao,
  name: string,
  changes: Readonly<Record<string, unknown>> = {},
  at: { mount?: string; namespace?: string } = {},
): Promise<void> {
  const usual = {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: [vaultAudience],
    token_policies: ['tf'],
    token_no_default_policy: true,
    token_ttl: '20m',
  };
  const path = `auth/${at.mount ?? 'jwt'}/role/${name}`;
  // What a write does not name stays as it was.
  await bao.call('DELETE', path, undefined, at.namespace === undefined ? {} : { namespace: at.namespace });
  await bao.set('POST', path, { ...usual, ...changes }, at.namespace);
}

/** A signed token as the issuer of Hallpass would hand it over. */
export function identityToken(compact: string): IdentityToken {
  const claims = decodeJwt(compact) as unknown as Claims;
  return {
    compact: new Secret(compact),
    claims,
    kid: decodeProtectedHeader(compact).kid ?? '',
    sha256: createHash('sha256').update(compact).digest('hex'),
    expiresAt: new Date(claims.exp * 1000),
  };
}
