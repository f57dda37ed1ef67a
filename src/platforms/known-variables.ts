import { providerAuth, type VariableSpec, type VariableTable } from './variables.ts';

/*
 * Platforms whose names are known, so that a configuration for them is not mistaken for a typing error, but that
 * cannot be used yet. A platform that arrives takes its table with it into its own folder.
 *
 * Source: HCP Terraform docs, "Dynamic provider credentials", one page per platform.
 */

const backedAuth: VariableSpec = { ...providerAuth, name: 'AUTH', since: '1.8.0' };

const mountPath = (fallback: string): VariableSpec => ({
  name: 'MOUNT_PATH',
  fallback,
  since: '1.8.0',
  about: 'mount of the secrets engine in Vault',
});

const sleepSeconds: VariableSpec = {
  name: 'SLEEP_SECONDS',
  since: '1.12.0',
  about: 'seconds to wait after the credentials were made, at most 1500',
};

const vaultConfig: VariableSpec = {
  name: 'VAULT_CONFIG',
  fallback: '<the default Vault configuration>',
  since: '1.12.0',
  about: 'tag of the Vault configuration to use',
};

const vaultRole: VariableSpec = {
  name: 'VAULT_ROLE',
  perPhase: true,
  required: 'always',
  since: '1.8.0',
  about: 'role in the secrets engine',
};

/** Tables of the platforms that are not there yet. */
export const laterPlatforms: readonly VariableTable[] = [
  {
    id: 'hcp',
    title: 'HCP',
    prefix: 'HCP',
    variables: [
      { ...providerAuth, since: '1.15.1' },
      {
        name: 'PROVIDER_RESOURCE_NAME',
        perPhase: true,
        required: 'always',
        since: '1.15.1',
        about: '`iam/project/ID/service-principal/NAME/workload-identity-provider/NAME`',
      },
      {
        name: 'WORKLOAD_IDENTITY_AUDIENCE',
        fallback: '<the resource name of the phase>',
        since: '1.15.1',
        about: '`aud` of the token',
      },
    ],
  },
  {
    id: 'vault_backed_aws',
    title: 'Vault-backed AWS',
    prefix: 'VAULT_BACKED_AWS',
    variables: [
      backedAuth,
      {
        name: 'AUTH_TYPE',
        required: 'always',
        since: '1.8.0',
        about: '`iam_user`, `assumed_role` or `federation_token`',
      },
      vaultRole,
      mountPath('aws'),
      sleepSeconds,
      vaultConfig,
      {
        name: 'ROLE_ARN',
        perPhase: true,
        required: 'conditional',
        since: '1.8.0',
        about: 'role to assume, for `assumed_role`',
      },
    ],
  },
  {
    id: 'vault_backed_gcp',
    title: 'Vault-backed Google Cloud',
    prefix: 'VAULT_BACKED_GCP',
    variables: [
      backedAuth,
      {
        name: 'AUTH_TYPE',
        required: 'always',
        since: '1.8.0',
        about:
          '`roleset/access_token`, `roleset/service_account_key`, `static_account/access_token` or `static_account/service_account_key`',
      },
      mountPath('gcp'),
      vaultConfig,
      {
        name: 'VAULT_ROLESET',
        perPhase: true,
        required: 'conditional',
        since: '1.8.0',
        about: 'roleset, for the `roleset/…` types',
      },
      {
        name: 'VAULT_STATIC_ACCOUNT',
        perPhase: true,
        required: 'conditional',
        since: '1.8.0',
        about: 'static account, for the `static_account/…` types',
      },
    ],
  },
  {
    id: 'vault_backed_azure',
    title: 'Vault-backed Azure',
    prefix: 'VAULT_BACKED_AZURE',
    variables: [backedAuth, vaultRole, mountPath('azure'), sleepSeconds, vaultConfig],
  },
  {
    id: 'tencentcloud',
    title: 'Tencent Cloud',
    prefix: 'TENCENTCLOUD',
    variables: [
      { ...providerAuth, since: '1.17.0' },
      {
        name: 'ROLE_ARN',
        perPhase: true,
        required: 'always',
        since: '1.17.0',
        about: '`qcs::cam::uin/ACCOUNT:roleName/ROLE`',
      },
      {
        name: 'WORKLOAD_IDENTITY_AUDIENCE',
        fallback: 'tencentcloud.workload.identity',
        since: '1.17.0',
        about: '`aud` of the token',
      },
    ],
  },
  ...(['AWS', 'GCP'] as const).map((cloud): VariableTable => ({
    id: `hvs_backed_${cloud.toLowerCase()}`,
    title: `HCP Vault Secrets-backed ${cloud === 'AWS' ? 'AWS' : 'Google Cloud'} (deprecated)`,
    prefix: `HVS_BACKED_${cloud}`,
    variables: [
      { ...backedAuth, since: '1.16.0' },
      {
        name: 'SECRET_RESOURCE_NAME',
        perPhase: true,
        plainOnly: true,
        required: 'always',
        since: '1.16.0',
        about: 'resource name of the dynamic secret',
      },
      { name: 'HCP_CONFIG', since: '1.16.0', about: 'tag of the HCP configuration to use' },
    ],
  })),
];

/** Names that HCP Terraform itself sets or reads, and why they may stand among a workload's variables. */
export const otherNames: readonly { readonly name: string; readonly startsWith?: true; readonly reason: string }[] = [
  { name: 'TFC_RUN_ID', reason: 'HCP Terraform sets it in every run' },
  { name: 'TFC_WORKSPACE_NAME', reason: 'HCP Terraform sets it in every run' },
  { name: 'TFC_WORKSPACE_ID', reason: 'read by scripts that came from HCP Terraform' },
  { name: 'TFC_WORKSPACE_SLUG', reason: 'HCP Terraform sets it in every run' },
  { name: 'TFC_PROJECT_NAME', reason: 'HCP Terraform sets it in every run' },
  { name: 'TFC_PROJECT_ID', reason: 'read by scripts that came from HCP Terraform' },
  { name: 'TFC_ORGANIZATION_NAME', reason: 'read by scripts that came from HCP Terraform' },
  { name: 'TFC_ADDRESS', reason: 'the address of HCP Terraform; agents read it' },
  { name: 'TFC_TOKEN', reason: 'read by scripts that came from HCP Terraform' },
  { name: 'TFC_CONFIGURATION_VERSION_GIT_BRANCH', reason: 'HCP Terraform sets it in runs from a repository' },
  { name: 'TFC_CONFIGURATION_VERSION_GIT_COMMIT_SHA', reason: 'HCP Terraform sets it in runs from a repository' },
  { name: 'TFC_CONFIGURATION_VERSION_GIT_TAG', reason: 'HCP Terraform sets it in runs from a repository' },
  { name: 'TFC_OIDC_ISSUER_URL', reason: 'HCP Terraform sets it in module tests' },
  { name: 'TFC_OIDC_AUDIENCE', reason: 'HCP Terraform sets it in module tests' },
  { name: 'TFC_AZURE_RUN_TENANT_ID', reason: 'HCP Terraform sets it in module tests' },
  { name: 'TFC_AZURE_RUN_SUBSCRIPTION_ID', reason: 'HCP Terraform sets it in module tests' },
  { name: 'TFC_RUN_TASK_URL', reason: 'run tasks read it' },
  { name: 'TFC_AGENT_', startsWith: true, reason: 'settings of HCP Terraform agents' },
  { name: 'TFC_WORKLOAD_IDENTITY_TOKEN', reason: 'the result of a manual token; a value of one’s own is replaced' },
  {
    name: 'TFC_WORKLOAD_IDENTITY_TOKEN_',
    startsWith: true,
    reason: 'the result of a tagged manual token; a value of one’s own is replaced',
  },
];
