import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openAwsStory, type AwsStory } from '../support/aws-story.ts';
import { azureEnvironment } from '../support/azure-clients.ts';
import { applyApplication, azurePart, planApplication } from '../support/azure-tenant.ts';
import type { ChildResult } from '../support/hallpass.ts';
import { describeWith, terraformCliConfigText } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const variables = {
  TFC_AWS_PROVIDER_AUTH: 'false',
  TFC_AZURE_PROVIDER_AUTH: 'true',
  TFC_AZURE_PLAN_CLIENT_ID: planApplication,
  TFC_AZURE_APPLY_CLIENT_ID: applyApplication,
};
const token = /eyJ[A-Za-z0-9_-]{20,}\.eyJ/;
const aliases = `
variable "tfc_azure_dynamic_credentials" {
  type = object({
    default = object({ client_id_file_path = string, oidc_token_file_path = string })
    aliases = map(object({ client_id_file_path = string, oidc_token_file_path = string }))
  })
}
`;
const ofConfiguration = (path: string): string => `
  use_oidc             = true
  use_cli              = false
  client_id_file_path  = var.tfc_azure_dynamic_credentials.${path}.client_id_file_path
  oidc_token_file_path = var.tfc_azure_dynamic_credentials.${path}.oidc_token_file_path
`;

let root: string;
let story: AwsStory;

beforeAll(async () => {
  root = temporaryDirectory('azure-terraform');
  story = await openAwsStory(root, variables, {
    env: azureEnvironment,
    parts: (issuer) => ({ azure: azurePart(issuer) }),
  });
});
afterAll(async () => {
  await story[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

/** Writes a configuration with one provider and initializes it. */
async function configure(provider: string, configuration: string): Promise<void> {
  const required = `terraform {\n  required_providers {\n    ${provider} = { source = "registry.terraform.io/hashicorp/${provider}" }\n  }\n}\n`;
  for (const left of ['.terraform', '.terraform.lock.hcl', 'terraform.tfstate'])
    rmSync(join(story.workDirectory, left), { recursive: true, force: true });
  writeFileSync(join(story.workDirectory, 'terraform.rc'), terraformCliConfigText([provider]));
  writeFileSync(join(story.workDirectory, 'main.tf'), required + configuration);
  expect(await terraform(['init'])).toMatchObject({ code: 0 });
}

function terraform(
  command: readonly string[],
  env: Record<string, string> = {},
  flags: readonly string[] = [],
): Promise<ChildResult> {
  const TF_CLI_CONFIG_FILE = join(story.workDirectory, 'terraform.rc');
  return story.hallpass(['exec', ...flags, '--', 'terraform', ...command, '-no-color'], {
    env: { TF_CLI_CONFIG_FILE, ...env },
  });
}

const azurerm = (inner = ''): string =>
  `provider "azurerm" {\n  features {}\n  resource_provider_registrations = "none"\n${inner}}\n`;

describeWith(['terraform', 'azurerm-provider'], 'exec with Terraform and azurerm', () => {
  const groups = `
data "azurerm_resource_group" "payments" {
  name = "payments"
}
resource "azurerm_resource_group" "made" {
  name     = "made"
  location = data.azurerm_resource_group.payments.location
}
`;

  it('plans as one application, applies as the other, and destroys', async () => {
    await configure('azurerm', azurerm() + groups);
    const planned = await terraform(['plan', '-out=plan.bin']);
    expect(planned.stderr).toContain(`azure → ${planApplication}`);
    expect(planned.stdout).toContain('1 to add');
    const applied = await terraform(['apply', 'plan.bin']);
    expect(applied.stderr).toContain(`azure → ${applyApplication}`);
    expect(applied.stdout).toContain('1 added');
    const destroyed = await terraform(['destroy', '-auto-approve'], {}, ['--token-endpoint']);
    expect(destroyed.stdout).toContain('1 destroyed');
    expect(JSON.stringify([planned, applied, destroyed])).not.toMatch(token);
  });

  it('gives an alias its files', async () => {
    await configure('azurerm', azurerm(ofConfiguration('aliases["B"]')) + groups + aliases);
    const env = { TFC_AZURE_PROVIDER_AUTH_B: 'true', TFC_AZURE_RUN_CLIENT_ID_B: planApplication };
    expect((await terraform(['plan'], env)).stdout).toContain('1 to add');
  });
});

describeWith(['terraform', 'azuread-provider'], 'exec with Terraform and azuread', () => {
  const who =
    'data "azuread_client_config" "who" {}\noutput "who" { value = data.azuread_client_config.who.client_id }\n';

  it('gives each phase its application, from a token and from the endpoint', async () => {
    await configure('azuread', `provider "azuread" {}\n${who}`);
    for (const flags of [[], ['--token-endpoint']]) {
      const planned = await terraform(['plan'], {}, flags);
      expect(planned.stdout).toContain(planApplication);
      expect(planned.code).toBe(0);
      const applied = await terraform(['plan'], {}, ['--phase', 'apply', ...flags]);
      expect(applied.stdout).toContain(applyApplication);
      expect(applied.code).toBe(0);
      expect(JSON.stringify([planned, applied])).not.toMatch(token);
    }
  });

  it('gives the default and an alias their files, and refuses each the other', async () => {
    const second = `provider "azuread" {\n  alias = "b"\n${ofConfiguration('aliases["B"]')}}\n`;
    const other = who.replaceAll('who', 'other').replace('{}', '{\n  provider = azuread.b\n}');
    await configure(
      'azuread',
      `provider "azuread" {\n${ofConfiguration('default')}}\n${second}${who}${other}${aliases}`,
    );
    const env = { TFC_AZURE_PROVIDER_AUTH_B: 'true', TFC_AZURE_RUN_CLIENT_ID_B: applyApplication };
    const applied = await terraform(['apply', '-auto-approve'], env, ['--phase', 'apply']);
    expect(applied.stdout).toContain(`who   = "${applyApplication}"`);
    expect(applied.stdout).toContain(`other = "${applyApplication}"`);
    const planned = await terraform(['plan'], env);
    expect(planned.code).toBe(1);
    expect(planned.stderr).toContain('AADSTS700213');
    expect(planned.stderr).toContain("error: azure B refused this phase's token");
  });

  it("explains a refusal after the provider's own words", async () => {
    await configure('azuread', `provider "azuread" {}\n${who}`);
    const { code, stderr } = await terraform(['plan'], { TFC_AZURE_PLAN_CLIENT_ID: applyApplication });
    expect(code).toBe(1);
    expect(stderr).toMatch(/clientCredentialsToken: received HTTP status 401/);
    expect(stderr).toContain("error: azure refused this phase's token");
    expect(stderr).toMatch(/subject sub: wanted "\S+:run_phase:apply", was "\S+:run_phase:plan"/);
  });
});
