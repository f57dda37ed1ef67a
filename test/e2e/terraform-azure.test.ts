import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openAwsStory, type AwsStory } from '../support/aws-story.ts';
import { azureEnvironment } from '../support/azure-clients.ts';
import { applyApplication, azurePart, planApplication, subscription, tenant } from '../support/azure-tenant.ts';
import type { ChildResult } from '../support/hallpass.ts';
import { describeWith } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { openTerraformPlace, type TerraformPlace } from '../support/terraform-place.ts';

const variables = {
  TFC_AWS_PROVIDER_AUTH: 'false',
  TFC_AZURE_PROVIDER_AUTH: 'true',
  TFC_AZURE_PLAN_CLIENT_ID: planApplication,
  TFC_AZURE_APPLY_CLIENT_ID: applyApplication,
};
const token = /eyJ[A-Za-z0-9_-]{20,}\.eyJ/;
const words = (text: string): string => text.replaceAll(/[│╷╵\s]+/g, ' ');

const input = `
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
  root = temporaryDirectory('terraform-azure');
  story = await openAwsStory(root, variables, {
    env: azureEnvironment,
    // Of what the endpoint gives; the file lasts as long as the phase may.
    file: { token_lifetime: '10s' },
    parts: (issuer) => ({ azure: { ...azurePart(issuer), token_seconds: 5 } }),
  });
});
afterAll(async () => {
  await story?.[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

const open = (provider: string, configuration: string, env = {}): Promise<TerraformPlace> =>
  openTerraformPlace(story, [provider], configuration, env);

/** How many tokens the audit tells of, for the runs of these results. */
async function minted(...results: readonly ChildResult[]): Promise<number> {
  const runs = results.map(({ stderr }) => /run-\w{16}/.exec(stderr)![0]);
  const { stdout } = await story.hallpass(['audit', 'export']);
  const lines = stdout.split('\n').filter((line) => line.includes('"token_minted"'));
  return lines.filter((line) => runs.some((run) => line.includes(run))).length;
}

const refusals: readonly [string, readonly string[], Record<string, string>, string, RegExp][] = [
  [
    'the wrong phase',
    ['--phase', 'apply'],
    { TFC_AZURE_APPLY_CLIENT_ID: planApplication },
    'AADSTS700213',
    /subject sub: wanted "\S+:run_phase:plan", was "\S+:run_phase:apply"/,
  ],
  [
    'another workspace',
    ['--workspace', 'payments-prod2'],
    {},
    'AADSTS700213',
    /subject sub: wanted "\S+:payments-prod:run_phase:plan", was "\S+:payments-prod2:run_phase:plan"/,
  ],
  [
    'another audience',
    [],
    { TFC_AZURE_WORKLOAD_IDENTITY_AUDIENCE: 'api://Other' },
    'AADSTS700212',
    /audience aud: wanted "api:\/\/AzureADTokenExchange", was "api:\/\/Other"/,
  ],
];

/** Applies with one token that lives ten seconds, as whoever fetched it once and kept it. */
const keepOne = `
  ARM_OIDC_TOKEN=$("$1" -e 'fetch(process.env.ARM_OIDC_REQUEST_URL, { headers: { authorization: "Bearer " + process.env.ARM_OIDC_REQUEST_TOKEN } })
    .then((answer) => answer.json()).then(({ value }) => process.stdout.write(value))')
  export ARM_OIDC_TOKEN
  unset ARM_OIDC_REQUEST_URL ARM_OIDC_REQUEST_TOKEN
  terraform apply -auto-approve -no-color`;

const applyWithOne = (place: TerraformPlace): Promise<ChildResult> =>
  place.exec(['sh', '-c', keepOne, 'sh', process.execPath], { flags: ['--phase', 'apply', '--token-endpoint'] });

const azurerm = (inner = ''): string =>
  `provider "azurerm" {\n  features {}\n  resource_provider_registrations = "none"\n${inner}}\n`;
const group = 'data "azurerm_resource_group" "payments" {\n  name = "payments"\n}\n';
const made = (name: string, more = ''): string => `
resource "azurerm_resource_group" "${name}" {
  name     = "${name}"
  location = data.azurerm_resource_group.payments.location
${more}}
`;
const pause = 'resource "terraform_data" "pause" {\n  provisioner "local-exec" { command = "sleep 12" }\n}\n';
const afterPause = '  depends_on = [terraform_data.pause]\n';

describeWith(['terraform', 'azurerm-provider'], 'exec with Terraform and azurerm', () => {
  it.each([[[]], [['--token-endpoint']]])(
    'plans as one application, applies the saved plan as the other, and keeps no token, with %j',
    async (flags) => {
      const place = await open('azurerm', azurerm() + group + made('made'));
      const planned = await place.terraform(['plan', '-out=plan.bin'], { flags });
      expect(planned.stdout + planned.stderr).toContain('1 to add');
      expect(planned.stderr).toContain(`azure → ${planApplication}`);
      const applied = await place.terraform(['apply', 'plan.bin'], { flags });
      expect(applied.stdout + applied.stderr).toContain('1 added');
      expect(applied.stderr).toContain(`azure → ${applyApplication}`);
      expect(await place.terraform(['plan', '-detailed-exitcode'], { flags })).toMatchObject({ code: 0 });
      const destroyed = await place.terraform(['destroy', '-auto-approve'], { flags });
      expect(destroyed.stdout + destroyed.stderr).toContain('1 destroyed');
      expect(place.filesWithTokens()).toEqual([]);
      expect(JSON.stringify([planned, applied, destroyed])).not.toMatch(token);
    },
  );

  it('may not write in a plan', async () => {
    const place = await open('azurerm', azurerm() + group + made('never'));
    const { stderr, code } = await place.terraform(['apply', '-auto-approve'], { flags: ['--phase', 'plan'] });
    expect(code).toBe(1);
    expect(words(stderr)).toMatch(/403 .*AuthorizationFailed: The client .* does not have authorization/);
    expect(stderr).not.toContain('refused this phase');
  });

  it.each(refusals)('shows the refusal of %s, and explains it', async (_, flags, env, code, why) => {
    const place = await open('azurerm', azurerm() + group);
    const refused = await place.terraform(['plan'], { flags, env });
    expect(refused.code).toBe(1);
    const [told, explanation = ''] = refused.stderr.split("error: azure refused this phase's token");
    expect(words(told!)).toContain('clientCredentialsToken: received HTTP status 401 with response: {');
    expect(told).toContain(code);
    expect(explanation).toMatch(why);
    expect(explanation).toMatch(/likely: +1\. /);
    expect(refused.stderr).not.toMatch(token);
  });

  it('gives the default and an alias their files, and a saved plan finds them', async () => {
    const env = {
      TFC_AZURE_PROVIDER_AUTH_B: 'true',
      TFC_AZURE_PLAN_CLIENT_ID_B: planApplication,
      TFC_AZURE_APPLY_CLIENT_ID_B: applyApplication,
    };
    const own = `  tenant_id = "${tenant}"\n  subscription_id = "${subscription}"\n`;
    const place = await open(
      'azurerm',
      [
        input,
        azurerm(ofConfiguration('default')),
        azurerm(`  alias = "b"\n${own}${ofConfiguration('aliases["B"]')}`),
        group,
        made('two'),
        made('three', '  provider = azurerm.b\n'),
      ].join(''),
      env,
    );
    expect((await place.terraform(['plan', '-out=plan.bin'])).stdout).toContain('2 to add');
    const applied = await place.terraform(['apply', 'plan.bin']);
    expect(applied.stdout + applied.stderr).toContain('2 added');
    const destroyed = await place.terraform(['destroy', '-auto-approve']);
    expect(destroyed.stdout + destroyed.stderr).toContain('2 destroyed');
    expect(place.filesWithTokens()).toEqual([]);
  });

  it('outlives its tokens in a long apply with the token endpoint', async () => {
    const place = await open('azurerm', azurerm() + group + pause + made('late', afterPause));
    const applied = await place.terraform(['apply', '-auto-approve'], { flags: ['--token-endpoint'] });
    expect(applied.stdout + applied.stderr).toContain('2 added');
    // Files of two phases, and more than one exchange in the apply.
    expect(await minted(applied)).toBeGreaterThan(4);
    const destroyed = await place.terraform(['destroy', '-auto-approve'], { flags: ['--token-endpoint'] });
    expect(destroyed.stdout + destroyed.stderr).toContain('2 destroyed');
    expect(place.filesWithTokens()).toEqual([]);
  });

  it('is refused in a long apply with one short token that it keeps', async () => {
    const place = await open('azurerm', azurerm() + group + pause + made('late', afterPause));
    const { stderr, code } = await applyWithOne(place);
    expect(code).toBe(1);
    expect(words(stderr)).toMatch(/clientCredentialsToken: received HTTP status 401 .*AADSTS700024/);
    expect(stderr).not.toMatch(token);
  });
});

const who = (name = 'who', more = ''): string =>
  `data "azuread_client_config" "${name}" {\n${more}}\noutput "${name}" { value = data.azuread_client_config.${name}.client_id }\n`;

describeWith(['terraform', 'azuread-provider'], 'exec with Terraform and azuread', () => {
  it.each([[[]], [['--token-endpoint']]])('gives each phase its application, with %j', async (flags) => {
    const place = await open('azuread', `provider "azuread" {}\n${who()}`);
    const planned = await place.terraform(['plan'], { flags });
    expect(planned.stdout).toContain(planApplication);
    expect(planned.code).toBe(0);
    const applied = await place.terraform(['plan'], { flags: ['--phase', 'apply', ...flags] });
    expect(applied.stdout).toContain(applyApplication);
    expect(applied.code).toBe(0);
    expect(place.filesWithTokens()).toEqual([]);
    expect(JSON.stringify([planned, applied])).not.toMatch(token);
  });

  it('gives the default and an alias their files, and refuses each the other', async () => {
    const place = await open(
      'azuread',
      [
        input,
        `provider "azuread" {\n${ofConfiguration('default')}}\n`,
        `provider "azuread" {\n  alias = "b"\n${ofConfiguration('aliases["B"]')}}\n`,
        who(),
        who('other', '  provider = azuread.b\n'),
      ].join(''),
      { TFC_AZURE_PROVIDER_AUTH_B: 'true', TFC_AZURE_RUN_CLIENT_ID_B: applyApplication },
    );
    const applied = await place.terraform(['apply', '-auto-approve'], { flags: ['--phase', 'apply'] });
    expect(applied.stdout).toContain(`who   = "${applyApplication}"`);
    expect(applied.stdout).toContain(`other = "${applyApplication}"`);
    const planned = await place.terraform(['plan']);
    expect(planned.code).toBe(1);
    expect(planned.stderr).toContain('AADSTS700213');
    expect(planned.stderr).toContain("error: azure B refused this phase's token");
    expect(place.filesWithTokens()).toEqual([]);
  });

  it.each(refusals)('shows the refusal of %s, and explains it', async (_, flags, env, code, why) => {
    const place = await open('azuread', `provider "azuread" {}\n${who()}`);
    const refused = await place.terraform(['plan'], { flags, env });
    expect(refused.code).toBe(1);
    const [told, explanation = ''] = refused.stderr.split("error: azure refused this phase's token");
    expect(words(told!)).toContain('clientCredentialsToken: received HTTP status 401 with response: {');
    expect(told).toContain(code);
    expect(explanation).toMatch(why);
  });

  it('has a fresh token late in an apply with the token endpoint, and not with one that it keeps', async () => {
    // Graph is not played beyond its tokens: who is told so has got in.
    const late = `data "azuread_service_principal" "late" {\n  client_id  = "${planApplication}"\n${afterPause}}\n`;
    const place = await open('azuread', `provider "azuread" {}\n${pause}${late}`);
    const flags = ['--phase', 'apply', '--token-endpoint'];
    const fresh = await place.terraform(['apply', '-auto-approve'], { flags });
    expect(fresh.stderr).not.toContain('AADSTS');
    expect(words(fresh.stderr)).toContain('Request_ResourceNotFound');
    const again = await open('azuread', `provider "azuread" {}\n${pause}${late}`);
    const kept = await applyWithOne(again);
    expect(words(kept.stderr)).toContain('AADSTS700024');
  });
});
