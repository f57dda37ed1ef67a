import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAwsStory } from '../support/aws-story.ts';
import { startBao, type Bao } from '../support/bao.ts';
import type { ChildOptions, ChildResult } from '../support/hallpass.ts';
import { describeWith, type ProgramName } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { openTerraformPlace, type TerraformPlace } from '../support/terraform-place.ts';
import { vaultPart, vaultPolicies, vaultRoles } from '../support/vault-part.ts';
import { setRole, setUpJwt } from '../support/vault-set-up.ts';
import { openVaultStory, type VaultStory } from '../support/vault-story.ts';

const variables = {
  TFC_AWS_PROVIDER_AUTH: 'false',
  TFC_VAULT_PROVIDER_AUTH: 'true',
  TFC_VAULT_PLAN_ROLE: 'plan',
  TFC_VAULT_APPLY_ROLE: 'apply',
};

interface Side extends AsyncDisposable {
  readonly workDirectory: string;
  readonly address: string;
  hallpass(args: readonly string[], options?: ChildOptions): Promise<ChildResult>;
}

async function realServer(root: string): Promise<Side> {
  const bao = await startBao();
  const story = await openVaultStory(root, bao);
  for (const [name, policy] of Object.entries(vaultPolicies))
    await bao.set('PUT', `sys/policies/acl/${name}`, { policy });
  for (const [name, role] of Object.entries(vaultRoles)) await setRole(bao, name, role);
  return {
    ...story,
    address: bao.address,
    async [Symbol.asyncDispose]() {
      await story[Symbol.asyncDispose]();
      await bao[Symbol.asyncDispose]();
    },
  };
}

async function standIn(root: string): Promise<Side> {
  const story = await openAwsStory(root, variables, {
    parts: (issuer) => ({ vault: vaultPart(issuer) }),
  });
  return { ...story, address: story.environment['TFC_VAULT_ADDR']! };
}

const sides: readonly [string, readonly ProgramName[], (root: string) => Promise<Side>][] = [
  ['a real OpenBao', ['bao', 'terraform', 'vault-provider'], realServer],
  ['the stand-in', ['terraform', 'vault-provider'], standIn],
];

const words = (text: string): string => text.replaceAll(/[│╷╵\s]+/g, ' ');

const payments = `
data "vault_kv_secret_v2" "payments" {
  mount = "secret"
  name  = "payments"
}
`;
const made = (name: string, more = '', region = 'data.vault_kv_secret_v2.payments.data["region"]'): string => `
resource "vault_kv_secret_v2" "${name}" {
  mount     = "secret"
  name      = "made/${name}"
  data_json = jsonencode({ region = ${region} })
${more}}
`;
const pause = 'resource "terraform_data" "pause" {\n  provisioner "local-exec" { command = "sleep 6" }\n}\n';
const afterPause = '  depends_on = [terraform_data.pause]\n';

const input = `
variable "tfc_vault_dynamic_credentials" {
  type = object({
    default = object({ token_filename = string, address = string, namespace = string, ca_cert_file = string })
    aliases = map(object({ token_filename = string, address = string, namespace = string, ca_cert_file = string }))
  })
}
`;
const withFile = (path: string, alias = ''): string => `
provider "vault" {
${alias}  skip_child_token = true
  address          = var.tfc_vault_dynamic_credentials.${path}.address
  namespace        = var.tfc_vault_dynamic_credentials.${path}.namespace
  ca_cert_file     = var.tfc_vault_dynamic_credentials.${path}.ca_cert_file
  auth_login_token_file {
    filename = var.tfc_vault_dynamic_credentials.${path}.token_filename
  }
}
`;

/** Neither the identity token nor one of Vault's is in what people see. */
function expectNoToken(...results: readonly ChildResult[]): void {
  expect(JSON.stringify(results)).not.toMatch(/eyJ[A-Za-z0-9_-]{20,}\.eyJ|\b[sb]\.[A-Za-z0-9]{24}/);
}

describe.each(sides)('with %s', (_, needs, openSide) => {
  describeWith(needs, "exec with Terraform's Vault provider", () => {
    let root: string;
    let side: Side;
    beforeAll(async () => {
      root = temporaryDirectory('terraform-vault');
      side = await openSide(root);
    });
    afterAll(async () => {
      await side?.[Symbol.asyncDispose]();
      rmSync(root, { recursive: true, force: true });
    });

    const open = (configuration: string, env = {}): Promise<TerraformPlace> =>
      openTerraformPlace(side, ['vault'], configuration, env);

    it('reads with the plan, applies the saved plan with the apply, and keeps no token', async () => {
      const place = await open(`provider "vault" {}\n${payments}${made('one')}`);
      const planned = await place.terraform(['plan', '-out=plan.bin']);
      expect(planned.stdout + planned.stderr).toContain('1 to add');
      expect(planned.stderr).toContain(`vault → ${side.address}/v1/auth/jwt/role/plan`);
      const applied = await place.terraform(['apply', 'plan.bin']);
      expect(applied.stdout + applied.stderr).toContain('Resources: 1 added');
      expect(applied.stderr).toContain(`vault → ${side.address}/v1/auth/jwt/role/apply`);
      const again = await place.terraform(['plan', '-detailed-exitcode']);
      expect(again).toMatchObject({ code: 0 });
      const destroyed = await place.terraform(['destroy', '-auto-approve']);
      expect(destroyed.stdout + destroyed.stderr).toContain('1 destroyed');
      expect(place.filesWithTokens()).toEqual([]);
      expectNoToken(planned, applied, again, destroyed);
      // One for the init, and one for each phase; all are gone.
      const tokens = place.tokens().filter((token) => /^[sb]\./.test(token));
      expect(tokens.length).toBeGreaterThanOrEqual(5);
      for (const token of tokens) {
        const headers = { 'x-vault-token': token };
        expect((await fetch(`${side.address}/v1/auth/token/lookup-self`, { headers })).status).toBe(403);
      }
    });

    it('keeps not even the secret, where the configuration is written so', async () => {
      const place = await open(`
provider "vault" {}
ephemeral "vault_kv_secret_v2" "payments" {
  mount = "secret"
  name  = "payments"
}
resource "vault_kv_secret_v2" "copy" {
  mount                = "secret"
  name                 = "made/copy"
  data_json_wo         = jsonencode(ephemeral.vault_kv_secret_v2.payments.data)
  data_json_wo_version = 1
}
`);
      const planned = await place.terraform(['plan', '-out=plan.bin']);
      expect(planned.stdout + planned.stderr).toContain('1 to add');
      const applied = await place.terraform(['apply', 'plan.bin']);
      expect(applied.stdout + applied.stderr).toContain('Resources: 1 added');
      expect([...place.filesWith('eu-north-1'), ...place.filesWithTokens()]).toEqual([]);
      expect((await place.terraform(['destroy', '-auto-approve'])).stdout).toContain('1 destroyed');
    });

    it('may not write in a plan', async () => {
      const place = await open(`provider "vault" {}\n${payments}${made('never')}`);
      const { stderr, code } = await place.terraform(['apply', '-auto-approve'], { flags: ['--phase', 'plan'] });
      expect(code).toBe(1);
      expect(words(stderr)).toMatch(/secret\/data\/made\/never.* Code: 403\. Errors: .*permission denied/);
      expect(stderr).not.toContain('refused this phase');
    });

    it.each<[string, readonly string[], Record<string, string>, RegExp]>([
      ['the other phase', ['--phase', 'apply'], { TFC_VAULT_APPLY_ROLE: 'plan' }, /invalid subject \(sub\) claim/],
      ['another workspace', ['--workspace', 'payments-dev'], {}, /invalid subject \(sub\) claim/],
      ['another audience', [], { TFC_VAULT_WORKLOAD_IDENTITY_AUDIENCE: 'other' }, /invalid audience \(aud\) claim/],
    ])('of %s never starts', async (_title, flags, env, why) => {
      const place = await open(`provider "vault" {}\n${payments}`);
      const { stdout, stderr, code } = await place.terraform(['plan'], { flags, env });
      expect({ stdout, code }).toEqual({ stdout: '', code: 125 });
      expect(stderr).toMatch(why);
      expect(stderr).toMatch(/likely: +1\. /);
    });

    it.each([
      ['the environment', 'provider "vault" {}\n'],
      ['a file', `${input}${withFile('default')}`],
    ])('outlives a short lease with a token from %s', async (_title, provider) => {
      const place = await open(`${provider}${payments}${pause}${made('late', afterPause)}`, {
        TFC_VAULT_APPLY_ROLE: 'short',
      });
      const applied = await place.terraform(['apply', '-auto-approve']);
      expect(applied.stdout + applied.stderr).toContain('Resources: 2 added');
      expect(applied.stderr).not.toContain('warning');
      expect(place.filesWithTokens()).toEqual([]);
      await place.terraform(['destroy', '-auto-approve'], { env: { TFC_VAULT_APPLY_ROLE: 'apply' } });
    });

    it('is shut out when token_max_ttl has ended the token', async () => {
      const place = await open(`provider "vault" {}\n${payments}${pause}${made('late', afterPause)}`, {
        TFC_VAULT_APPLY_ROLE: 'ending',
      });
      const { stdout, stderr, code } = await place.terraform(['apply', '-auto-approve']);
      expect({ code, stdout }).toMatchObject({ code: 1 });
      expect(words(stderr)).toMatch(/Code: 403\. Errors: .*permission denied/);
      expect(stderr).toMatch(/warning: the Vault token cannot be prolonged any further: token_max_ttl ends it/);
    });

    it('shows what a provider block without skip_child_token gets', async () => {
      const place = await open(`${input}${withFile('default').replace(/ *skip_child_token.*\n/, '')}${payments}`, {
        // Else the variable of the default configuration would say it.
        TFC_VAULT_PROVIDER_AUTH_BLUE: 'true',
        TFC_VAULT_ADDR_BLUE: side.address,
        TFC_VAULT_RUN_ROLE_BLUE: 'plan',
      });
      const { stderr, code } = await place.terraform(['plan']);
      expect(code).toBe(1);
      expect(words(stderr)).toMatch(
        /failed to create limited child token: .*auth\/token\/create Code: 403\. Errors: .*permission denied/,
      );
      expect(stderr).not.toContain('refused this phase');
    });

    it('gives the default and an alias their own tokens, and a saved plan finds them', async () => {
      const env = {
        TFC_VAULT_PROVIDER_AUTH_BLUE: 'true',
        TFC_VAULT_ADDR_BLUE: side.address,
        TFC_VAULT_PLAN_ROLE_BLUE: 'plan',
        TFC_VAULT_APPLY_ROLE_BLUE: 'apply',
      };
      const place = await open(
        [
          input,
          withFile('default'),
          withFile('aliases["BLUE"]', '  alias = "blue"\n'),
          payments,
          made('two'),
          made('three', '  provider = vault.blue\n'),
        ].join(''),
        env,
      );
      const planned = await place.terraform(['plan', '-out=plan.bin']);
      expect(planned.stdout + planned.stderr).toContain('2 to add');
      // The default may not write: each provider has its own token.
      const half = await place.terraform(['apply', 'plan.bin'], { env: { TFC_VAULT_APPLY_ROLE: 'reading' } });
      expect(half.code).toBe(1);
      expect(half.stdout).toContain('vault_kv_secret_v2.three: Creation complete');
      expect(words(half.stderr)).toMatch(/secret\/data\/made\/two.* Code: 403\. Errors: .*permission denied/);
      const applied = await place.terraform(['apply', '-auto-approve']);
      expect(applied.stdout + applied.stderr).toContain('Resources: 1 added');
      const destroyed = await place.terraform(['destroy', '-auto-approve']);
      expect(destroyed.stdout + destroyed.stderr).toContain('2 destroyed');
      expect(place.filesWithTokens()).toEqual([]);
      expectNoToken(planned, applied, destroyed);
    });
  });
});

describeWith(['bao', 'terraform', 'vault-provider'], "exec with Terraform's Vault provider and a namespace", () => {
  const namespace = 'team1';
  let root: string;
  let bao: Bao;
  let story: VaultStory;

  beforeAll(async () => {
    root = temporaryDirectory('terraform-vault');
    bao = await startBao({ tls: true });
    story = await openVaultStory(root, bao);
    await bao.set('POST', `sys/namespaces/${namespace}`);
    await setUpJwt(bao, story.issuer, { namespace });
    await bao.set('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } }, namespace);
    await bao.set('POST', 'secret/data/payments', { data: { region: 'in the namespace' } }, namespace);
    for (const [name, policy] of Object.entries(vaultPolicies))
      await bao.set('PUT', `sys/policies/acl/${name}`, { policy }, namespace);
    for (const [name, role] of Object.entries(vaultRoles)) await setRole(bao, name, role, { namespace });
  });
  afterAll(async () => {
    await story?.[Symbol.asyncDispose]();
    await bao?.[Symbol.asyncDispose]();
    rmSync(root, { recursive: true, force: true });
  });

  it.each([
    ['the environment', 'provider "vault" {}\n'],
    ['a file', `${input}${withFile('default')}`],
  ])('behind a private CA finds both with what is in %s', async (_, provider) => {
    const place = await openTerraformPlace(story, ['vault'], `${provider}${payments}${made('one')}`, {
      TFC_VAULT_NAMESPACE: namespace,
    });
    const applied = await place.terraform(['apply', '-auto-approve']);
    expect(applied.stdout + applied.stderr).toContain('Resources: 1 added');
    expect(place.filesWith('in the namespace')).not.toEqual([]);
    expect((await place.terraform(['destroy', '-auto-approve'])).stdout).toContain('1 destroyed');
    const lost = await place.terraform(['plan'], { env: { TFC_VAULT_NAMESPACE: 'nowhere' } });
    expect(lost).toMatchObject({ code: 125, stdout: '' });
    expect(lost.stderr).toContain('namespace not found');
    expect(place.filesWithTokens()).toEqual([]);
  });
});
