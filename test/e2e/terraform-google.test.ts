import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openAwsStory, type AwsStory, type StoryChanges } from '../support/aws-story.ts';
import { applyAccount, gcpPart, planAccount, projectId, providerName } from '../support/gcp-project.ts';
import { googleEnvironment } from '../support/google-clients.ts';
import { describeWith } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { openTerraformPlace, type TerraformPlace } from '../support/terraform-place.ts';

const variables = {
  TFC_AWS_PROVIDER_AUTH: 'false',
  TFC_GCP_PROVIDER_AUTH: 'true',
  TFC_GCP_PLAN_SERVICE_ACCOUNT_EMAIL: planAccount,
  TFC_GCP_APPLY_SERVICE_ACCOUNT_EMAIL: applyAccount,
  TFC_GCP_WORKLOAD_PROVIDER_NAME: providerName,
};
const token = /eyJ[A-Za-z0-9_-]{20,}\.eyJ/;
const words = (text: string): string => text.replaceAll(/[│╷╵\s]+/g, ' ');

const provider = (more = ''): string => `provider "google" {\n  project = "${projectId}"\n${more}}\n`;
const region = `
data "google_secret_manager_secret_version_access" "region" {
  secret = "region"
}
`;
const made = (name: string, more = ''): string => `
resource "google_secret_manager_secret" "${name}" {
  secret_id = "${name}"
  replication {
    auto {}
  }
${more}}
resource "google_secret_manager_secret_version" "${name}" {
  secret      = google_secret_manager_secret.${name}.id
  secret_data = data.google_secret_manager_secret_version_access.region.secret_data
${more}}
`;
const pause = (seconds: number): string =>
  `resource "terraform_data" "pause" {\n  provisioner "local-exec" { command = "sleep ${seconds}" }\n}\n`;
const input = `
variable "tfc_gcp_dynamic_credentials" {
  type = object({
    default = object({ credentials = string })
    aliases = map(object({ credentials = string }))
  })
}
`;

const openStory = (
  directory: string,
  changes: StoryChanges & { readonly gcp?: Record<string, unknown> } = {},
): Promise<AwsStory> =>
  openAwsStory(directory, variables, { ...changes, parts: (issuer) => ({ gcp: gcpPart(issuer, changes.gcp) }) });

describeWith(['terraform', 'google-provider'], "exec with Terraform's Google provider", () => {
  let root: string;
  let story: AwsStory;
  beforeAll(async () => {
    root = temporaryDirectory('terraform-google');
    story = await openStory(root);
  });
  afterAll(async () => {
    await story?.[Symbol.asyncDispose]();
    rmSync(root, { recursive: true, force: true });
  });

  const open = (configuration: string, env = {}, at = story): Promise<TerraformPlace> =>
    openTerraformPlace(at, ['google'], configuration, { ...googleEnvironment, ...env });

  it('plans as the plan account, applies the saved plan as the apply account, and keeps no token', async () => {
    const place = await open(`${provider()}${region}${made('one')}`);
    const planned = await place.terraform(['plan', '-out=plan.bin']);
    expect(planned.stdout + planned.stderr).toContain('2 to add');
    expect(planned.stderr).toContain(`gcp → ${planAccount}`);
    const applied = await place.terraform(['apply', 'plan.bin']);
    expect(applied.stdout + applied.stderr).toContain('2 added');
    expect(applied.stderr).toContain(`gcp → ${applyAccount}`);
    expect(await place.terraform(['plan', '-detailed-exitcode'])).toMatchObject({ code: 0 });
    const destroyed = await place.terraform(['destroy', '-auto-approve']);
    expect(destroyed.stdout + destroyed.stderr).toContain('2 destroyed');
    expect(place.filesWithTokens()).toEqual([]);
    expect(JSON.stringify([planned, applied, destroyed])).not.toMatch(token);
  });

  it('may not write in a plan', async () => {
    const place = await open(`${provider()}${region}${made('never')}`);
    const { stderr, code } = await place.terraform(['apply', '-auto-approve'], { flags: ['--phase', 'plan'] });
    expect(code).toBe(1);
    expect(words(stderr)).toMatch(
      /Error creating Secret: googleapi: Error 403: Permission 'secretmanager\.secrets\.create' denied/,
    );
    expect(stderr).not.toContain('refused this phase');
  });

  it.each<[string, readonly string[], Record<string, string>, RegExp, RegExp]>([
    [
      'the wrong phase',
      ['--phase', 'apply'],
      { TFC_GCP_APPLY_SERVICE_ACCOUNT_EMAIL: planAccount },
      /oauth2\/google: status code 403: .*Permission \\?'iam\.serviceAccounts\.getAccessToken\\?' denied on resource/,
      /run_phase:apply/,
    ],
    [
      'a neighbour workspace',
      ['--workspace', 'payments-prod2'],
      {},
      /oauth2\/google: status code 400: .*The given credential is rejected by the attribute condition\./,
      /payments-prod2/,
    ],
    [
      'another audience',
      [],
      { TFC_GCP_WORKLOAD_IDENTITY_AUDIENCE: 'gcp.workload.identity' },
      /oauth2\/google: status code 400: .*The audience in ID Token \[gcp\.workload\.identity\] does not match/,
      /aud: +gcp\.workload\.identity/,
    ],
  ])('shows the refusal of %s, and explains it', async (_, flags, env, told, explained) => {
    const place = await open(`${provider()}${region}`);
    const { stderr, code } = await place.terraform(['plan'], { flags, env });
    expect(code).toBe(1);
    const [before, explanation = ''] = stderr.split("error: gcp refused this phase's token");
    expect(words(before!)).toMatch(told);
    expect(explanation).toMatch(explained);
    expect(explanation).toMatch(/likely: +1\. /);
    expect(stderr).not.toMatch(token);
  });

  it('gives the default and an alias their own files, and a saved plan finds them', async () => {
    const env = {
      TFC_GCP_PROVIDER_AUTH_AUDIT: 'true',
      TFC_GCP_PLAN_SERVICE_ACCOUNT_EMAIL_AUDIT: planAccount,
      TFC_GCP_APPLY_SERVICE_ACCOUNT_EMAIL_AUDIT: applyAccount,
      TFC_GCP_WORKLOAD_PROVIDER_NAME_AUDIT: providerName,
    };
    const place = await open(
      [
        input,
        provider('  credentials = var.tfc_gcp_dynamic_credentials.default.credentials\n'),
        provider('  alias = "audit"\n  credentials = var.tfc_gcp_dynamic_credentials.aliases["AUDIT"].credentials\n'),
        region,
        made('two'),
        made('three', '  provider = google.audit\n'),
      ].join(''),
      env,
    );
    const planned = await place.terraform(['plan', '-out=plan.bin']);
    expect(planned.stdout + planned.stderr).toContain('4 to add');
    const applied = await place.terraform(['apply', 'plan.bin']);
    expect(applied.stdout + applied.stderr).toContain('4 added');
    const wrong = { TFC_GCP_PLAN_SERVICE_ACCOUNT_EMAIL_AUDIT: applyAccount };
    const refused = await place.terraform(['plan'], { env: wrong });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("error: gcp AUDIT refused this phase's token");
    expect(refused.stderr).not.toContain("error: gcp refused this phase's token");
    const destroyed = await place.terraform(['destroy', '-auto-approve']);
    expect(destroyed.stdout + destroyed.stderr).toContain('4 destroyed');
    expect(place.filesWithTokens()).toEqual([]);
  });

  it('goes on beyond the first token, since the file is read again', async () => {
    // Renewed at 16 s.
    await using short = await openStory(temporaryDirectory('terraform-google'), {
      file: { token_lifetime: '20s' },
      gcp: { token_seconds: 5 },
    });
    const late = made('late', '  depends_on = [terraform_data.pause]\n');
    const place = await open(`${provider()}${region}${pause(22)}${late}`, {}, short);
    const applied = await place.terraform(['apply', '-auto-approve']);
    expect(applied.stdout + applied.stderr).toContain('3 added');
    expect(applied.stderr).not.toMatch(/error/i);
    expect(place.filesWithTokens()).toEqual([]);
  });

  it('is refused with a copy of a token whose life is over', async () => {
    await using short = await openStory(temporaryDirectory('terraform-google'), { file: { token_lifetime: '10s' } });
    const place = await open(`${provider()}${region}`, {}, short);
    const keep = [
      'cp "$(dirname "$GOOGLE_APPLICATION_CREDENTIALS")/token" "$HOME/kept"',
      'sed "s|\\"file\\": *\\"[^\\"]*\\"|\\"file\\": \\"$HOME/kept\\"|" "$GOOGLE_APPLICATION_CREDENTIALS" > "$HOME/kept.json"',
      'sleep 12',
      'GOOGLE_APPLICATION_CREDENTIALS=$HOME/kept.json terraform plan -no-color',
    ].join(' && ');
    const { stderr, code } = await place.exec(['sh', '-c', keep], { flags: ['--phase', 'plan'] });
    expect(code).toBe(1);
    expect(words(stderr)).toMatch(/ID Token issued at \d+ is stale to sign-in\./);
    expect(stderr).not.toMatch(token);
  });
});
