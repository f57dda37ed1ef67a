import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { rootToken, startBao, type Bao } from '../support/bao.ts';
import { cleanEnvironment, hallpassProgram, run, terraformCliConfig, type ChildResult } from '../support/hallpass.ts';
import { machine, type Machine } from '../support/machine.ts';
import { describeWith, requireProgram, type ProgramName } from '../support/programs.ts';
import { freePort, startServer, type ServerChild } from '../support/servers.ts';

const names = ['--organization', 'acme', '--project', 'payments', '--workspace', 'payments-prod'];
const guid = '3f2f1e0d-0c0b-4a09-8807-060504030201';
const project = ['--gcp-project', 'acme-payments', '--gcp-project-number', '123456789012'];
const tenant = ['--azure-tenant', guid, '--azure-subscription', guid];

/** Runs terraform as an administrator does, where the code of a platform lies. */
function terraform(
  place: Machine,
  platform: string,
  providers: readonly string[],
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ChildResult> {
  return run(requireProgram('terraform'), args, {
    cwd: join(place.work, `hallpass-${platform}`),
    env: { ...terraformCliConfig(join(place.root, 'rc'), providers).env, ...env },
  });
}

const platforms: readonly [string, readonly string[], readonly (readonly string[])[]][] = [
  ['gcp', ['google'], [project, [...project, '--audience', 'own'], [...project, '--existing-provider']]],
  ['azure', ['azuread', 'azurerm'], [tenant]],
  [
    'vault',
    ['vault'],
    [
      ['--vault-addr', 'https://vault.example.com:8200', '--vault-namespace', 'team1'],
      ['--vault-addr', 'https://vault.example.com:8200', '--existing-provider'],
    ],
  ],
  ['kubernetes', ['aws'], [['--eks-cluster', 'main']]],
];

for (const [platform, providers, all] of platforms) {
  const needs = providers.map((provider) => `${provider}-provider` as ProgramName);
  describeWith(['terraform', ...needs], `the Terraform code of hallpass init --platform ${platform}`, () => {
    it.each(all.map((flags) => [flags]))('is valid with %j', async (flags) => {
      const place = machine();
      const issuer = ['--issuer', 'https://id.example.com/terraform'];
      const made = await place.call(['init', ...issuer, ...names, '--platform', platform, ...flags]);
      expect(made).toMatchObject({ code: 0 });
      expect(await terraform(place, platform, providers, ['init', '-no-color'])).toMatchObject({ code: 0 });
      const { stdout } = await terraform(place, platform, providers, ['validate', '-no-color']);
      expect(stdout).toContain('The configuration is valid');
    });
  });
}

describeWith(['terraform', 'bao', 'vault-provider'], 'an OpenBao set up by hallpass init', () => {
  const place = machine();
  let bao: Bao;
  let issuer: ServerChild;
  beforeAll(async () => {
    bao = await startBao();
    const port = await freePort();
    const flags = [
      '--issuer',
      `http://127.0.0.1:${port}`,
      ...names,
      '--platform',
      'vault',
      '--vault-addr',
      bao.address,
    ];
    const made = await place.call(['init', ...flags, '--yes']);
    if (made.code !== 0) throw new Error(made.stderr);
    issuer = await startServer(hallpassProgram, ['issuer', 'serve', '--listen', `127.0.0.1:${port}`], {
      env: cleanEnvironment(place.env),
    });
    for (const args of [['init'], ['apply', '-auto-approve']]) {
      const { code, stdout, stderr } = await terraform(place, 'vault', ['vault'], args, { VAULT_TOKEN: rootToken });
      if (code !== 0) throw new Error(`terraform ${args.join(' ')}: ${stdout}${stderr}`);
    }
    await bao.set('POST', 'secret/data/payments-prod/db', { data: { region: 'eu-north-1' } });
  });
  afterAll(async () => {
    await issuer?.[Symbol.asyncDispose]();
    await bao?.[Symbol.asyncDispose]();
  });

  it('lets the workspace read in a plan, write in an apply, and nothing else', async () => {
    const directory = join(place.work, 'infrastructure');
    mkdirSync(directory);
    writeFileSync(
      join(directory, 'main.tf'),
      `
provider "vault" {}
data "vault_kv_secret_v2" "db" {
  mount = "secret"
  name  = "payments-prod/db"
}
resource "vault_kv_secret_v2" "made" {
  mount     = "secret"
  name      = "payments-prod/made"
  data_json = jsonencode({ region = data.vault_kv_secret_v2.db.data["region"] })
}
`,
    );
    const { env } = terraformCliConfig(join(place.root, 'rc'), ['vault']);
    const exec = (args: readonly string[], flags: readonly string[] = []): Promise<ChildResult> =>
      run(hallpassProgram, ['exec', ...flags, '--', 'terraform', ...args], {
        cwd: directory,
        env: { ...place.env, ...env },
      });
    expect(await exec(['init', '-no-color'])).toMatchObject({ code: 0 });
    const refused = await exec(['apply', '-auto-approve', '-no-color'], ['--phase', 'plan']);
    expect(refused.stderr).toMatch(/payments-prod\/made[^]*permission denied/);
    const applied = await exec(['apply', '-auto-approve', '-no-color']);
    expect(applied.stdout + applied.stderr).toContain('Resources: 1 added');
    expect(await exec(['plan', '-detailed-exitcode', '-no-color'])).toMatchObject({ code: 0 });
    const destroyed = await exec(['destroy', '-auto-approve', '-no-color']);
    expect(destroyed.stdout + destroyed.stderr).toContain('1 destroyed');
    const other = await exec(['plan', '-no-color'], ['--workspace', 'payments-dev']);
    expect(other).toMatchObject({ code: 125, stdout: '' });
    expect(other.stderr).toContain('claim "sub" does not match any associated bound claim values');
  });
});
