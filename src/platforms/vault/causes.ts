import { causesOf, type CauseTable } from '../likely-causes.ts';
import { roleUrl, type VaultConfiguration } from './configure.ts';

/** Our side of a refused login, as far as it may be shown. */
export interface OfferedToVault {
  readonly configuration: VaultConfiguration;
  readonly iss: string;
  readonly aud: string;
  readonly sub: string;
}

/** From what Vault says to what is most likely behind it. `{role}`, `{mount}`, `{path}`, `{namespace}`, `{iss}`, `{aud}`, `{sub}` are filled in. */
export const vaultCauses: CauseTable = {
  rows: [
    {
      answer:
        'HTTP 400: error validating token: invalid audience (aud) claim: audience claim does not match any expected audience',
      message: /invalid audience|no audiences bound/,
      causes: [
        'bound_audiences of role {role} does not have "{aud}": add it there, or set TFC_VAULT_WORKLOAD_IDENTITY_AUDIENCE to what is there',
        'the role has no bound_audiences at all, and every token of ours has an audience: set them',
        'another mount or role was meant: compare {path}',
      ],
    },
    {
      answer: 'HTTP 400: error validating token: invalid subject (sub) claim',
      message: /invalid subject/,
      causes: [
        'bound_subject of role {role} is not exactly "{sub}", letter by letter; it is never a pattern, "*" stands for itself',
        'the role is that of the other phase, or of another workspace: compare {path} with TFC_VAULT_PLAN_ROLE and TFC_VAULT_APPLY_ROLE',
        'the organization, project or workspace was renamed: its name is in the subject',
      ],
    },
    {
      answer: 'HTTP 400: error validating claims: claim "sub" does not match any associated bound claim values',
      message: /does not match any associated bound claim values/,
      causes: [
        'bound_claims of role {role} ask for another value: compare them with the claims of the token (hallpass token mint --json), sub "{sub}"',
        'a value with "*" is taken literally: the role needs bound_claims_type = "glob"',
        'the role is that of the other phase, or of another workspace: compare {path}',
      ],
    },
    {
      answer: 'HTTP 400: error validating claims: claim "terraform_run_phase" is missing',
      message:
        /claim ".*" is missing|not found in token|could not be converted|error converting claim|failed to fetch groups/,
      causes: [
        'role {role} looks for a claim that a token of this kind does not have: compare bound_claims, user_claim, claim_mappings and groups_claim with hallpass token mint --json',
        'user_claim is terraform_full_workspace, which only runs of workspaces have: for stacks and module tests use sub',
        'the name of the claim is spelt otherwise: compare letter by letter',
      ],
    },
    {
      answer: 'HTTP 400: error validating token: invalid issuer (iss) claim',
      message: /invalid issuer/,
      causes: [
        'bound_issuer of the mount {mount} is not exactly {iss}: compare by the slash at the end, the scheme, the port and letters',
        'the mount trusts another issuer: compare {path} with TFC_VAULT_AUTH_PATH',
        'the issuer of this workspace was changed: compare `issuer` in hallpass.yaml',
      ],
    },
    {
      answer: 'HTTP 400: error validating token: error verifying token signature: fetching keys oidc: get keys failed',
      message: /fetching keys|get keys failed|error checking|token validator/,
      causes: [
        'Vault cannot reach the issuer {iss}: it must be able to fetch /.well-known/openid-configuration and the keys (hallpass issuer check {iss})',
        'Vault does not trust the certificate of the issuer: set oidc_discovery_ca_pem in the configuration of the mount {mount}',
        'the issuer listens only on this machine or inside another network: publish the documents (hallpass issuer export), or give Vault the keys as jwt_validation_pubkeys',
      ],
    },
    {
      answer: 'HTTP 400: error validating token: error verifying token signature: failed to verify id token signature',
      message: /failed to verify id token signature|no known key/,
      causes: [
        'the keys that Vault has are not those of {iss}: compare with hallpass keys list; with jwt_validation_pubkeys, write the present ones',
        'the keys were replaced, and the documents of the issuer are not published yet: publish them (hallpass issuer export)',
        'another issuer with the same name signed the token: compare `issuer` and the data directory',
      ],
    },
    {
      answer:
        'HTTP 400: error validating token: invalid algorithm (alg) header parameter: token signed with unexpected algorithm',
      message: /unexpected (?:signature )?algorithm/,
      causes: [
        'jwt_supported_algs of the mount {mount} does not have the algorithm of our tokens: add RS256',
        'the mount is for another issuer: compare TFC_VAULT_AUTH_PATH',
        'the keys in jwt_validation_pubkeys are of another kind than those of {iss}',
      ],
    },
    {
      answer: 'HTTP 400: error validating token: invalid expiration time (exp) claim: token is expired',
      message: /token is expired|not yet valid|issued in the future/,
      causes: [
        'the clocks of this machine and of Vault differ: compare them',
        'the token waited too long: Vault was sealed or slow for longer than the phase may take',
        'the role has a negative clock_skew_leeway, which takes the tolerance away',
      ],
    },
    {
      answer: 'HTTP 400: role "{role}" could not be found',
      message: /role ".*" could not be found|missing role/,
      causes: [
        'there is no role {role} at the mount {mount}: compare with vault list auth/{mount}/role',
        'the role is in another namespace: this one is {namespace} (TFC_VAULT_NAMESPACE)',
        'the role is at another mount: compare TFC_VAULT_AUTH_PATH',
      ],
    },
    {
      answer: 'HTTP 400: role with oidc role_type is not allowed',
      message: /oidc role_type/,
      causes: [
        'role {role} was made for people: set role_type = "jwt" at it',
        'role_type was left out when the role was made: its default is oidc',
        'another role was meant: compare {path}',
      ],
    },
    {
      answer: 'HTTP 400: could not load configuration',
      message: /could not load configuration/,
      causes: [
        'the mount {mount} is there, but not configured: write auth/{mount}/config with oidc_discovery_url and bound_issuer = {iss}',
        'another mount was meant: compare TFC_VAULT_AUTH_PATH',
        'the namespace is another one: this is {namespace} (TFC_VAULT_NAMESPACE)',
      ],
    },
    {
      answer: 'HTTP 200: a second factor is asked for (login MFA)',
      message: /^a second factor is asked for/,
      causes: [
        'the mount {mount} is in a login MFA enforcement, and nobody is there to give a second factor: take it out (identity/mfa/login-enforcement)',
        'the enforcement names all mounts of type jwt: name those for people instead',
        'the entity or group of this role is in an enforcement',
      ],
    },
    {
      answer: 'HTTP 200: the answer is wrapped, which Hallpass cannot open',
      message: /^the answer is wrapped/,
      causes: [
        'a proxy in front of Vault sets X-Vault-Wrap-TTL: let it leave the login of {mount} alone',
        'a Vault Agent or Proxy answers at TFC_VAULT_ADDR: give the address of the server',
        'what answered may not be Vault: look at TFC_VAULT_ADDR',
      ],
    },
    {
      answer: 'HTTP 403: permission denied',
      code: /^HTTP 403$/,
      causes: [
        'there is no auth method at {mount}: compare TFC_VAULT_AUTH_PATH with vault auth list',
        'it is in another namespace: this one is {namespace} (TFC_VAULT_NAMESPACE)',
        'token_bound_cidrs of role {role} does not have the address from which this machine comes',
      ],
    },
    {
      answer: 'HTTP 404: no handler for route "auth/{mount}/login". route entry not found.',
      code: /^HTTP 404$/,
      causes: [
        'there is no namespace {namespace}, or no mount {mount} in it: compare TFC_VAULT_NAMESPACE and TFC_VAULT_AUTH_PATH',
        'TFC_VAULT_ADDR leads to something that is not Vault',
        'this Vault has no namespaces (its open-source edition): remove TFC_VAULT_NAMESPACE',
      ],
    },
  ],
  otherwise: [
    'role {role} does not accept sub "{sub}" and aud "{aud}": compare it with vault read auth/{mount}/role/{role}',
    'the mount {mount} is another kind of auth method: compare TFC_VAULT_AUTH_PATH with vault auth list',
    'what answered may not be Vault: look at TFC_VAULT_ADDR and at proxies',
  ],
};

/** The three likeliest causes of a refusal, each a sentence that names what to look at. Pure. */
export function likelyCauses(code: string, message: string, offered: OfferedToVault): readonly string[] {
  const { configuration, iss, aud, sub } = offered;
  const { role, authPath: mount, namespace } = configuration;
  const values = { role, mount, path: roleUrl(configuration), namespace: namespace ?? 'the root', iss, aud, sub };
  return causesOf(vaultCauses, { code, message }, values);
}
