import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openAwsStory, type AwsStory } from '../support/aws-story.ts';
import { applyApplication, azurePart, planApplication, subscription, tenant } from '../support/azure-tenant.ts';
import { applyAccount, gcpAudience, gcpPart, planAccount, projectId, providerName } from '../support/gcp-project.ts';
import type { ChildResult } from '../support/hallpass.ts';
import { describeWith } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { openTerraformPlace, type TerraformPlace } from '../support/terraform-place.ts';

/** What a configuration for the real platforms would have, and nothing else. */
const variables = {
  TFC_AWS_PROVIDER_AUTH: 'false',
  TFC_GCP_PROVIDER_AUTH: 'true',
  TFC_GCP_PLAN_SERVICE_ACCOUNT_EMAIL: planAccount,
  TFC_GCP_APPLY_SERVICE_ACCOUNT_EMAIL: applyAccount,
  TFC_GCP_WORKLOAD_PROVIDER_NAME: providerName,
  TFC_AZURE_PROVIDER_AUTH: 'true',
  TFC_AZURE_PLAN_CLIENT_ID: planApplication,
  TFC_AZURE_APPLY_CLIENT_ID: applyApplication,
  ARM_TENANT_ID: tenant,
  ARM_SUBSCRIPTION_ID: subscription,
};

let root: string;
let story: AwsStory;

beforeAll(async () => {
  root = temporaryDirectory('terraform-intercept');
  story = await openAwsStory(root, variables, {
    isIntercepting: true,
    parts: (issuer) => ({ azure: azurePart(issuer), gcp: gcpPart(issuer) }),
  });
});
afterAll(async () => {
  await story?.[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

const open = (provider: string, configuration: string): Promise<TerraformPlace> =>
  openTerraformPlace(story, [provider], configuration);

describeWith(['terraform', 'google-provider'], "Terraform's Google provider under --intercept", () => {
  it("plans and applies at Google's own hosts", async () => {
    const place = await open(
      'google',
      `
provider "google" {
  project = "${projectId}"
}
data "google_secret_manager_secret_version_access" "region" {
  secret = "region"
}
resource "google_secret_manager_secret" "one" {
  secret_id = "one-\${length(data.google_secret_manager_secret_version_access.region.secret_data)}"
  replication {
    auto {}
  }
}
`,
    );
    const applied = await place.terraform(['apply', '-auto-approve']);
    expect(applied.stdout + applied.stderr).toContain('1 added');
    const destroyed = await place.terraform(['destroy', '-auto-approve']);
    expect(destroyed.stdout + destroyed.stderr).toContain('1 destroyed');
    const refused = await place.terraform(['plan'], { flags: ['--workspace', 'payments-prod2'] });
    expect(refused.code).toBe(1);
    const [told, explanation = ''] = refused.stderr.split("error: gcp refused this phase's token");
    for (const text of [told, explanation]) expect(text).toContain('rejected by the attribute condition');
  });
});

describeWith(['terraform', 'google-provider'], "the Google provider's own exchange under --intercept", () => {
  it('takes a token that stands in an ephemeral variable, and keeps it nowhere', async () => {
    const place = await open(
      'google',
      `
variable "identity_token" {
  type      = string
  ephemeral = true
}
provider "google" {
  project = "${projectId}"
  external_credentials {
    audience              = "${gcpAudience}"
    service_account_email = "${planAccount}"
    identity_token        = var.identity_token
  }
}
data "google_secret_manager_secret_version_access" "region" {
  secret = "region"
}
output "length" { value = nonsensitive(length(data.google_secret_manager_secret_version_access.region.secret_data)) }
`,
    );
    const plan = (audience: string): Promise<ChildResult> =>
      place.exec(
        ['sh', '-c', 'TF_VAR_identity_token=$TFC_WORKLOAD_IDENTITY_TOKEN exec terraform plan -no-color -out=plan.bin'],
        {
          flags: ['--phase', 'plan'],
          env: { TFC_GCP_PROVIDER_AUTH: 'false', TFC_WORKLOAD_IDENTITY_AUDIENCE: audience },
        },
      );
    const planned = await plan(gcpAudience);
    expect(planned.stdout + planned.stderr).toContain('length = 10');
    expect(place.filesWithTokens()).toEqual([]);
    expect((await plan('other')).stderr).toMatch(/The audience in ID Token \[other\] does not match/);
  });
});

describeWith(['terraform', 'azurerm-provider'], 'azurerm under --intercept', () => {
  it("plans and applies at Microsoft's own hosts, with the token endpoint on the loopback", async () => {
    const place = await open(
      'azurerm',
      `
provider "azurerm" {
  features {}
  resource_provider_registrations = "none"
}
data "azurerm_resource_group" "payments" {
  name = "payments"
}
resource "azurerm_resource_group" "made" {
  name     = "made"
  location = data.azurerm_resource_group.payments.location
}
`,
    );
    const flags = ['--token-endpoint'];
    const applied = await place.terraform(['apply', '-auto-approve'], { flags });
    expect(applied.stdout + applied.stderr).toContain('1 added');
    const refused = await place.terraform(['plan'], { flags: ['--workspace', 'payments-prod2'] });
    expect(refused.code).toBe(1);
    const [told, explanation = ''] = refused.stderr.split("error: azure refused this phase's token");
    for (const text of [told, explanation]) expect(text).toContain('AADSTS700213');
  });
});

describeWith(['terraform', 'azuread-provider'], 'azuread under --intercept', () => {
  it("gets its token at Microsoft's own host", async () => {
    const place = await open(
      'azuread',
      'provider "azuread" {}\ndata "azuread_client_config" "who" {}\noutput "who" { value = data.azuread_client_config.who.client_id }\n',
    );
    const planned = await place.terraform(['plan']);
    expect(planned.stdout + planned.stderr).toContain(planApplication);
    expect(planned.code).toBe(0);
  });
});
