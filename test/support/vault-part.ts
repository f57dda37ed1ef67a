import { boundTo } from './vault-story.ts';

const writing = { ...boundTo('apply'), token_policies: ['reader', 'writer'] };

/** Roles of one workspace; all but the first are for its apply. */
export const vaultRoles: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  plan: { ...boundTo('plan'), token_policies: ['reader'] },
  apply: writing,
  reading: { ...boundTo('apply'), token_policies: ['reader'] },
  short: { ...writing, token_ttl: '3s' },
  ending: { ...writing, token_ttl: '2s', token_max_ttl: '4s' },
};

/** Policies as HCL, by name. Neither has the right to make a child token: a provider must not try. */
export const vaultPolicies: Readonly<Record<string, string>> = {
  reader: `
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self"  { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "secret/data/payments"   { capabilities = ["read"] }
path "secret/data/made/*"     { capabilities = ["read"] }
path "secret/metadata/made/*" { capabilities = ["read"] }
`,
  writer: `
path "secret/data/made/*"     { capabilities = ["create", "read", "update", "delete"] }
path "secret/metadata/made/*" { capabilities = ["create", "read", "update", "delete"] }
`,
};

/** The part `vault` of a sandbox file: those roles and policies, and a secret to read. */
export function vaultPart(issuer: string): Readonly<Record<string, unknown>> {
  const jwt = {
    config: { oidc_discovery_url: issuer, bound_issuer: issuer },
    roles: Object.fromEntries(
      Object.entries(vaultRoles).map(([name, role]) => [name, { role_type: 'jwt', user_claim: 'sub', ...role }]),
    ),
  };
  return { auth: { jwt }, policies: vaultPolicies, kv: { secret: { payments: { region: 'eu-north-1' } } } };
}
