import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openAwsStory, type AwsStory } from '../support/aws-story.ts';
import { testSubject } from '../support/issuer.ts';
import { kubernetesPart } from '../support/kubernetes-cluster.ts';
import { describeWith } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { openLater } from '../support/later-cluster.ts';
import { openTerraformPlace, type TerraformPlace } from '../support/terraform-place.ts';

const variables = {
  TFC_AWS_PROVIDER_AUTH: 'false',
  TFC_KUBERNETES_PROVIDER_AUTH: 'true',
  TFC_KUBERNETES_WORKLOAD_IDENTITY_AUDIENCE: 'kubernetes',
};
const token = /eyJ[A-Za-z0-9_-]{20,}\.eyJ/;
const words = (text: string): string => text.replaceAll(/[│╷╵\s]+/g, ' ');

const settings = `
data "kubernetes_config_map_v1" "settings" {
  metadata {
    name      = "settings"
    namespace = "payments"
  }
}
`;
const made = (name: string, provider = 'kubernetes', value = 'data.kubernetes_config_map_v1.settings.data') => `
resource "kubernetes_config_map_v1" "${name}" {
  provider = ${provider}
  metadata {
    name      = "made-${name}"
    namespace = "payments"
  }
  data = ${value}
}
`;
const input = `
variable "tfc_kubernetes_dynamic_credentials" {
  type = object({
    default = object({ token_path = string })
    aliases = map(object({ token_path = string }))
  })
}
`;
const withFile = (path: string, alias = ''): string =>
  `provider "kubernetes" {\n${alias}  token = file(var.tfc_kubernetes_dynamic_credentials.${path}.token_path)\n}\n`;

describeWith(['terraform', 'kubernetes-provider'], "exec with Terraform's Kubernetes provider", () => {
  let root: string;
  let story: AwsStory;
  beforeAll(async () => {
    root = temporaryDirectory('terraform-kubernetes');
    story = await openAwsStory(root, variables, { parts: (issuer) => ({ kubernetes: kubernetesPart(issuer) }) });
  });
  afterAll(async () => {
    await story?.[Symbol.asyncDispose]();
    rmSync(root, { recursive: true, force: true });
  });

  const open = (configuration: string, env = {}): Promise<TerraformPlace> =>
    openTerraformPlace(story, ['kubernetes'], configuration, env);

  it('plans with the plan, applies the saved plan with the apply, and keeps no token', async () => {
    const place = await open(`provider "kubernetes" {}\n${settings}${made('one')}`);
    const planned = await place.terraform(['plan', '-out=plan.bin']);
    expect(planned.stdout).toContain('1 to add');
    const applied = await place.terraform(['apply', 'plan.bin']);
    expect(applied.stdout + applied.stderr).toContain('Resources: 1 added');
    expect(await place.terraform(['plan', '-detailed-exitcode'])).toMatchObject({ code: 0 });
    place.write(`provider "kubernetes" {}\n${settings}${made('one', undefined, '{ region = "eu-west-1" }')}`);
    const again = await place.terraform(['apply', '-auto-approve']);
    expect(again.stdout).toContain('0 added, 1 changed');
    expect((await place.terraform(['destroy', '-auto-approve'])).stdout).toContain('1 destroyed');
    expect(place.filesWithTokens()).toEqual([]);
    expect(JSON.stringify([planned, applied, again])).not.toMatch(token);
  });

  it('may not write in a plan', async () => {
    const place = await open(`provider "kubernetes" {}\n${settings}${made('never')}`);
    const { stderr, code } = await place.terraform(['apply', '-auto-approve'], { flags: ['--phase', 'plan'] });
    expect(code).toBe(1);
    expect(words(stderr)).toContain(
      `Error: configmaps is forbidden: User "${testSubject}" cannot create resource "configmaps" in API group "" in the namespace "payments"`,
    );
    // The token was good: there is nothing to explain.
    expect(stderr).not.toContain('refused this phase');
  });

  it.each<[string, readonly string[], Record<string, string>, RegExp]>([
    [
      'another audience',
      [],
      { TFC_KUBERNETES_WORKLOAD_IDENTITY_AUDIENCE: 'another' },
      /expected audience "kubernetes" got \["another"\]/,
    ],
    ['another project', ['--project', 'shop'], {}, /project must be payments/],
  ])('shows the refusal of %s, and explains it', async (_, flags, env, why) => {
    const place = await open(`provider "kubernetes" {}\n${settings}`);
    const { stderr, code } = await place.terraform(['plan'], { flags, env });
    expect(code).toBe(1);
    const [told, explanation = ''] = stderr.split("error: kubernetes refused this phase's token");
    expect(told).toContain('Error: Unauthorized');
    expect(explanation).toMatch(why);
    expect(explanation).toMatch(/likely: +1\. /);
    expect(stderr).not.toMatch(token);
  });

  it('is refused once the token has ended', async () => {
    // The token lasts for the phase, since the provider never reads it again; so it is the cluster that comes later.
    await using _later = await openLater(story);
    const place = await open(`provider "kubernetes" {}\n${settings}`);
    const { stderr, code } = await place.terraform(['plan']);
    expect(code).toBe(1);
    const [told, explanation = ''] = stderr.split("error: kubernetes refused this phase's token");
    expect(told).toContain('Error: Unauthorized');
    expect(explanation).toMatch(/oidc: token is expired \(Token Expiry: /);
  });

  it('of a neighbour workspace is known, but may do nothing', async () => {
    const place = await open(`provider "kubernetes" {}\n${settings}`);
    const { stderr, code } = await place.terraform(['plan'], { flags: ['--workspace', 'payments-prod2'] });
    expect(code).toBe(1);
    expect(words(stderr)).toMatch(/configmaps "settings" is forbidden: User "\S+payments-prod2\S+" cannot get/);
  });

  it('gives the default and an alias their files, of which a saved plan knows the path alone', async () => {
    const env = {
      TFC_KUBERNETES_PROVIDER_AUTH_STAGING: 'true',
      TFC_KUBERNETES_WORKLOAD_IDENTITY_AUDIENCE_STAGING: 'kubernetes',
    };
    const place = await open(
      [
        input,
        withFile('default'),
        withFile('aliases["STAGING"]', '  alias = "staging"\n'),
        settings,
        made('two'),
        made('three', 'kubernetes.staging'),
      ].join(''),
      env,
    );
    expect((await place.terraform(['plan', '-out=plan.bin'])).stdout).toContain('2 to add');
    const applied = await place.terraform(['apply', 'plan.bin']);
    expect(applied.stdout + applied.stderr).toContain('Resources: 2 added');
    const wrong = { TFC_KUBERNETES_WORKLOAD_IDENTITY_AUDIENCE_STAGING: 'another' };
    const refused = await place.terraform(['plan'], { env: wrong });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('Error: Unauthorized');
    expect(refused.stderr).toContain("error: kubernetes STAGING refused this phase's token");
    expect(refused.stderr).not.toContain("error: kubernetes refused this phase's token");
    expect((await place.terraform(['destroy', '-auto-approve'])).stdout).toContain('2 destroyed');
    expect(place.filesWithTokens()).toEqual([]);
  });

  it('cannot keep a configuration from writing the token down', async () => {
    const careless = 'output "token" { value = file(var.tfc_kubernetes_dynamic_credentials.default.token_path) }\n';
    const place = await open(`${input}provider "kubernetes" {}\n${careless}`);
    expect(await place.terraform(['apply', '-auto-approve'])).toMatchObject({ code: 0 });
    expect(await place.terraform(['plan', '-out=plan.bin'])).toMatchObject({ code: 0 });
    expect(place.filesWithTokens()).toEqual(expect.arrayContaining(['plan.bin tfplan', 'terraform.tfstate']));
  });
});
