import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { applyRole, openAwsStory, planRole, type AwsStory } from '../support/aws-story.ts';
import { applyApplication, azurePart, planApplication } from '../support/azure-tenant.ts';
import { applyAccount, gcpPart, planAccount, projectId, providerName } from '../support/gcp-project.ts';
import { googleEnvironment } from '../support/google-clients.ts';
import { kubernetesPart } from '../support/kubernetes-cluster.ts';
import { describeWith } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { openTerraformPlace } from '../support/terraform-place.ts';
import { vaultPart } from '../support/vault-part.ts';

const providers = ['aws', 'azuread', 'azurerm', 'google', 'kubernetes', 'vault'] as const;
type Provider = (typeof providers)[number];

/** What each platform's configuration has, without the tag. */
const settings = {
  TFC_AWS_PROVIDER_AUTH: 'true',
  TFC_AWS_PLAN_ROLE_ARN: planRole,
  TFC_AWS_APPLY_ROLE_ARN: applyRole,
  TFC_AZURE_PROVIDER_AUTH: 'true',
  TFC_AZURE_PLAN_CLIENT_ID: planApplication,
  TFC_AZURE_APPLY_CLIENT_ID: applyApplication,
  TFC_GCP_PROVIDER_AUTH: 'true',
  TFC_GCP_PLAN_SERVICE_ACCOUNT_EMAIL: planAccount,
  TFC_GCP_APPLY_SERVICE_ACCOUNT_EMAIL: applyAccount,
  TFC_GCP_WORKLOAD_PROVIDER_NAME: providerName,
  TFC_KUBERNETES_PROVIDER_AUTH: 'true',
  TFC_KUBERNETES_WORKLOAD_IDENTITY_AUDIENCE: 'kubernetes',
  TFC_VAULT_PROVIDER_AUTH: 'true',
  TFC_VAULT_PLAN_ROLE: 'plan',
  TFC_VAULT_APPLY_ROLE: 'short',
};

/** Arguments that each provider block has, whoever it is for. */
const always: Readonly<Record<Provider, string>> = {
  aws: '  skip_metadata_api_check = true\n  skip_region_validation = true\n',
  azuread: '',
  azurerm: '  features {}\n  resource_provider_registrations = "none"\n',
  google: `  project = "${projectId}"\n`,
  kubernetes: '',
  vault: '',
};

const ofAzure = (from: string): string =>
  `  use_oidc = true\n  use_cli = false\n  client_id_file_path = ${from}.client_id_file_path\n  oidc_token_file_path = ${from}.oidc_token_file_path\n`;

/** How a provider block takes one configuration of the input variable. */
const taken: Readonly<Record<Provider, (from: string) => string>> = {
  aws: (from) => `  shared_config_files = [${from}.shared_config_file]\n`,
  azuread: ofAzure,
  azurerm: ofAzure,
  google: (from) => `  credentials = ${from}.credentials\n`,
  kubernetes: (from) => `  token = file(${from}.token_path)\n`,
  vault: (from) =>
    `  skip_child_token = true\n  address = ${from}.address\n  auth_login_token_file {\n    filename = ${from}.token_filename\n  }\n`,
};

/** The input variable of each platform: its name, and the members of one configuration. */
const inputs = {
  aws: ['shared_config_file'],
  azure: ['client_id_file_path', 'oidc_token_file_path'],
  gcp: ['credentials'],
  kubernetes: ['token_path'],
  vault: ['token_filename', 'address', 'namespace', 'ca_cert_file'],
} as const;

const platformOf: Readonly<Record<Provider, keyof typeof inputs>> = {
  aws: 'aws',
  azuread: 'azure',
  azurerm: 'azure',
  google: 'gcp',
  kubernetes: 'kubernetes',
  vault: 'vault',
};

/** Something that each platform can read in a plan, and make in an apply. */
function resources(name: string, alias = ''): string {
  const of = (provider: Provider): string => (alias === '' ? '' : `  provider = ${provider}.${alias}\n`);
  return `
data "aws_ssm_parameter" "${name}" {
  name = "/payments/region"
${of('aws')}}
resource "aws_ssm_parameter" "${name}" {
  name  = "/payments/${name}"
  type  = "String"
  value = nonsensitive(data.aws_ssm_parameter.${name}.value)
${of('aws')}}
data "azuread_client_config" "${name}" {
${of('azuread')}}
output "azure_${name}" { value = data.azuread_client_config.${name}.client_id }
data "azurerm_resource_group" "${name}" {
  name = "payments"
${of('azurerm')}}
data "google_secret_manager_secret_version_access" "${name}" {
  secret = "region"
${of('google')}}
resource "google_secret_manager_secret" "${name}" {
  secret_id = "${name}"
  replication {
    auto {}
  }
${of('google')}}
data "kubernetes_config_map_v1" "${name}" {
  metadata {
    name      = "settings"
    namespace = "payments"
  }
${of('kubernetes')}}
resource "kubernetes_config_map_v1" "${name}" {
  metadata {
    name      = "made-${name}"
    namespace = "payments"
  }
  data = data.kubernetes_config_map_v1.${name}.data
${of('kubernetes')}}
data "vault_kv_secret_v2" "${name}" {
  mount = "secret"
  name  = "payments"
${of('vault')}}
resource "vault_kv_secret_v2" "${name}" {
  mount      = "secret"
  name       = "made/${name}"
  data_json  = jsonencode({ region = data.vault_kv_secret_v2.${name}.data["region"] })
  depends_on = [terraform_data.pause]
${of('vault')}}
`;
}

const pause = 'resource "terraform_data" "pause" {\n  provisioner "local-exec" { command = "sleep 6" }\n}\n';

const byEnvironment =
  providers.map((provider) => `provider "${provider}" {\n${always[provider]}}\n`).join('') + pause + resources('one');

function byVariables(): string {
  const variables = Object.entries(inputs).map(([platform, members]) => {
    const type = `object({ ${members.map((member) => `${member} = string`).join(', ')} })`;
    return `variable "tfc_${platform}_dynamic_credentials" {\n  type = object({ default = ${type}, aliases = map(${type}) })\n}\n`;
  });
  const blocks = providers.flatMap((provider) => {
    const block = (from: string, alias = ''): string => {
      const value = `var.tfc_${platformOf[provider]}_dynamic_credentials.${from}`;
      return `provider "${provider}" {\n${alias}${always[provider]}${taken[provider](value)}}\n`;
    };
    return [block('default'), block('aliases["B"]', '  alias = "b"\n')];
  });
  return [...variables, ...blocks, pause, resources('two'), resources('three', 'b')].join('');
}

describeWith(
  ['terraform', ...providers.map((provider) => `${provider}-provider` as const)],
  'exec with six providers in one configuration',
  () => {
    let root: string;
    let runs: string;
    let story: AwsStory;
    beforeAll(async () => {
      root = temporaryDirectory('terraform-several');
      runs = join(root, 'runs');
      mkdirSync(runs, { mode: 0o700 });
      story = await openAwsStory(root, settings, {
        env: { HALLPASS_RUN_DIR: runs },
        parts: (issuer) => ({
          azure: azurePart(issuer),
          gcp: gcpPart(issuer),
          kubernetes: kubernetesPart(issuer),
          vault: vaultPart(issuer),
        }),
      });
    });
    afterAll(async () => {
      await story?.[Symbol.asyncDispose]();
      rmSync(root, { recursive: true, force: true });
    });

    const tagged = (): Record<string, string> => ({
      ...Object.fromEntries(Object.entries(settings).map(([name, value]) => [`${name}_B`, value])),
      TFC_VAULT_ADDR_B: story.environment['TFC_VAULT_ADDR']!,
    });

    it.each<[string, string, () => Record<string, string>, number]>([
      ['by the environment', byEnvironment, () => ({}), 1],
      ['by variables, with a default and an alias for each', byVariables(), tagged, 2],
    ])('gives each its own %s, in a plan and in its apply', async (_, configuration, env, times) => {
      const place = await openTerraformPlace(story, providers, configuration, { ...googleEnvironment, ...env() });
      const planned = await place.terraform(['plan', '-out=plan.bin']);
      expect(planned.stdout + planned.stderr).toContain(`Plan: ${times * 4 + 1} to add`);
      expect(planned.stdout).toContain(planApplication);
      for (const who of [planRole, planApplication, planAccount, 'token for kubernetes', 'role/plan'])
        expect(planned.stderr.split(who)).toHaveLength(times + 1);
      // Longer than the lease of a Vault token.
      const applied = await place.terraform(['apply', 'plan.bin']);
      expect(applied.stdout + applied.stderr).toContain(`Resources: ${times * 4 + 1} added`);
      for (const who of [applyRole, applyApplication, applyAccount, 'token for kubernetes', 'role/short'])
        expect(applied.stderr.split(who)).toHaveLength(times + 1);
      const destroyed = await place.terraform(['destroy', '-auto-approve']);
      expect(destroyed.stdout + destroyed.stderr).toContain(`${times * 4 + 1} destroyed`);
      expect(place.filesWithTokens()).toEqual([]);
      expect(JSON.stringify([planned, applied, destroyed])).not.toMatch(/eyJ[A-Za-z0-9_-]{20,}\.eyJ/);
      expect(readdirSync(runs)).toEqual([]);
    });

    it('says of the one that is refused alone', async () => {
      const place = await openTerraformPlace(story, providers, byVariables(), { ...googleEnvironment, ...tagged() });
      const wrong = { TFC_KUBERNETES_WORKLOAD_IDENTITY_AUDIENCE_B: 'another' };
      const { stderr, code } = await place.terraform(['plan'], { env: wrong });
      expect(code).toBe(1);
      expect(stderr).toContain('Error: Unauthorized');
      expect(stderr.match(/^error: .* refused this phase's token$/gm)).toEqual([
        "error: kubernetes B refused this phase's token",
      ]);
      expect(readdirSync(runs)).toEqual([]);
    });
  },
);
