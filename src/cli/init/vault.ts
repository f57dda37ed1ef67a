import type { Phase } from '../../domain/workload.ts';
import { defaultVaultAudience } from '../../platforms/vault/configure.ts';
import { hclAttributes, hclString } from './hcl.ts';
import { fullWorkspace, slug, subject, type Identity } from './identity.ts';
import { filesIn, type InitPlatform, type NewFile } from './platform.ts';
import { match } from './question.ts';

const directory = 'hallpass-vault';
const defaultAuthPath = 'jwt';

/** Vault and OpenBao: the issuer as JWT auth method, a role and a policy for each phase. */
export const vaultSide: InitPlatform = {
  id: 'vault',
  title: 'Vault',
  about: `Terraform code in ${directory}/: JWT auth method, two roles with policies`,
  questions: [
    {
      key: 'vaultAddr',
      flag: '--vault-addr',
      argument: '<url>',
      about: 'address of Vault or OpenBao',
      asked: true,
      isOptional: false,
      placeholder: 'https://vault.example.com:8200',
      check: match('--vault-addr', /^https?:\/\/[^\s/?#@]+$/, 'such as https://vault.example.com:8200, without a path'),
    },
    {
      key: 'vaultNamespace',
      flag: '--vault-namespace',
      argument: '<path>',
      about: 'namespace in Vault, if you use them',
      asked: false,
      isOptional: true,
      check: match('--vault-namespace', /^[\w-]+(?:\/[\w-]+)*$/, 'such as team1, or team1/payments'),
    },
    {
      key: 'vaultAuthPath',
      flag: '--vault-auth-path',
      argument: '<path>',
      about: `mount of the JWT auth method (default ${defaultAuthPath})`,
      asked: false,
      isOptional: true,
      check: match('--vault-auth-path', /^[\w-]+(?:\/[\w-]+)*$/, 'such as jwt, without auth/ before it'),
    },
  ],
  setUp({ identity, answers, audience, hasProvider }) {
    const vault: VaultAnswers = {
      identity,
      address: answers.get('vaultAddr')!,
      namespace: answers.get('vaultNamespace') ?? null,
      authPath: answers.get('vaultAuthPath') ?? defaultAuthPath,
      audience: audience ?? defaultVaultAudience,
      hasProvider,
    };
    return {
      files: vaultFiles(vault),
      variables: [
        ['TFC_VAULT_PROVIDER_AUTH', 'true'],
        ['TFC_VAULT_ADDR', vault.address],
        ...(vault.namespace === null ? [] : [['TFC_VAULT_NAMESPACE', vault.namespace] as const]),
        ...(vault.authPath === defaultAuthPath ? [] : [['TFC_VAULT_AUTH_PATH', vault.authPath] as const]),
        ...(audience === null ? [] : [['TFC_VAULT_WORKLOAD_IDENTITY_AUDIENCE', audience] as const]),
        ['TFC_VAULT_PLAN_ROLE', roleName(vault, 'plan')],
        ['TFC_VAULT_APPLY_ROLE', roleName(vault, 'apply')],
      ],
      later: [],
      warnings: [],
      steps: [
        'Once, with a token that may set up auth methods and policies (VAULT_TOKEN):',
        `  cd ${directory} && terraform init && terraform apply`,
        'Vault fetches the keys of the issuer: it alone must reach it, and a private CA goes into issuer.tf.',
        `What each phase may read and change is yours to say: ${directory}/plan.tf, ${directory}/apply.tf`,
      ],
    };
  },
};

interface VaultAnswers {
  readonly identity: Identity;
  readonly address: string;
  readonly namespace: string | null;
  readonly authPath: string;
  readonly audience: string;
  readonly hasProvider: boolean;
}

const longestRoleName = 64;

function roleName({ identity }: VaultAnswers, phase: Phase): string {
  return slug(identity, phase, longestRoleName);
}

function vaultFiles(vault: VaultAnswers): readonly NewFile[] {
  return filesIn(directory, {
    'versions.tf': versions(vault),
    'issuer.tf': vault.hasProvider ? knownIssuer(vault) : newIssuer(vault),
    'plan.tf': planRole(vault),
    'apply.tf': applyRole(vault),
  });
}

const versions = ({ address, namespace }: VaultAnswers): string =>
  `# Applied once by an administrator of Vault; then the runs themselves need no stored token.

terraform {
  required_version = ">= 1.3"

  required_providers {
    vault = {
      source  = "hashicorp/vault"
      version = ">= 3.18"
    }
  }
}

provider "vault" {
${hclAttributes('  ', { address: hclString(address), namespace: namespace === null ? null : hclString(namespace) })}
}
`;

const newIssuer = ({ identity, authPath }: VaultAnswers): string => `resource "vault_jwt_auth_backend" "issuer" {
  path               = ${hclString(authPath)}
  type               = "jwt"
  oidc_discovery_url = ${hclString(identity.issuer)}
  bound_issuer       = ${hclString(identity.issuer)}
  jwt_supported_algs = ["RS256"]
  # For a private CA: oidc_discovery_ca_pem = file("ca.pem")
}

locals {
  auth_path = vault_jwt_auth_backend.issuer.path
}
${lifeOfATokenPolicy}`;

const knownIssuer = ({
  identity,
  authPath,
}: VaultAnswers): string => `# Vault knows the issuer already: auth/${authPath} must have bound_issuer ${identity.issuer}.

locals {
  auth_path = ${hclString(authPath)}
}
${lifeOfATokenPolicy}`;

const lifeOfATokenPolicy = `
# What Hallpass does with its own token: look at it, keep it alive while the phase runs, end it afterwards.
locals {
  life_of_a_token = <<-EOT
    path "auth/token/lookup-self" { capabilities = ["read"] }
    path "auth/token/renew-self"  { capabilities = ["update"] }
    path "auth/token/revoke-self" { capabilities = ["update"] }
  EOT
}
`;

const role = (vault: VaultAnswers, phase: Phase): string => `resource "vault_jwt_auth_backend_role" "${phase}" {
  backend           = local.auth_path
  role_type         = "jwt"
  role_name         = ${hclString(roleName(vault, phase))}
  bound_audiences   = [${hclString(vault.audience)}]
  bound_claims_type = "string"

  # The whole subject, compared exactly: no other workspace, project, organization or phase.
  bound_claims = {
    sub = ${hclString(subject(vault.identity, phase))}
  }

  user_claim     = "terraform_full_workspace"
  token_policies = [vault_policy.${phase}.name]

  # Short and renewable: Hallpass renews it at half of its life, and revokes it at the end of the phase.
  token_ttl = 1200
}

resource "vault_policy" "${phase}" {
  name = ${hclString(roleName(vault, phase))}

  policy = <<-EOT
    \${local.life_of_a_token}
    # What the ${phase} may do is yours to say:
    path "secret/data/${vault.identity.workspace}/*" { capabilities = [${phase === 'plan' ? '"read"' : '"create", "read", "update", "delete"'}] }
    path "secret/metadata/${vault.identity.workspace}/*" { capabilities = ["read"] } # vault_kv_secret_v2 looks there too
  EOT
}
`;

const planRole = (
  vault: VaultAnswers,
): string => `# The role of terraform plan (${fullWorkspace(vault.identity)}): it reads.

${role(vault, 'plan')}`;

const applyRole = (vault: VaultAnswers): string => `# The role of terraform apply: it may write too.

${role(vault, 'apply')}`;
