import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { account, allow, applyRole, openAwsStory, planRole, trustPolicy, type AwsStory } from '../support/aws-story.ts';
import { hallpassProgram, run, terraformCliConfig, type ChildResult } from '../support/hallpass.ts';
import { describeWith, requireProgram } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const provider = `
terraform {
  required_providers {
    aws = { source = "registry.terraform.io/hashicorp/aws" }
  }
}
`;
const providerArguments = `
  skip_metadata_api_check     = true
  skip_region_validation      = true
`;
const declaration = `
variable "tfc_aws_dynamic_credentials" {
  type = object({
    default = object({ shared_config_file = string })
    aliases = map(object({ shared_config_file = string }))
  })
}
`;
const parameter = `
resource "aws_ssm_parameter" "one" {
  name  = "/payments/one"
  type  = "String"
  value = "1"
}
`;
const identity = (name: string, alias?: string): string => `
data "aws_caller_identity" "${name}" {${alias === undefined ? '' : `\n  provider = aws.${alias}`}
}
output "${name}" { value = data.aws_caller_identity.${name}.arn }
`;

const reads = ['ssm:GetParameter', 'ssm:GetParameters', 'ssm:DescribeParameters', 'ssm:ListTagsForResource'];
const writes = ['ssm:PutParameter', 'ssm:DeleteParameter', 'ssm:AddTagsToResource'];

/** A parameter that an aliased provider makes. */
const write = (alias: string, name: string): string =>
  `resource "aws_ssm_parameter" "${alias}" {\n  provider = aws.${alias}\n  name = "${name}"\n  type = "String"\n  value = "1"\n}\n`;

/** Each apply role may write below its own name only, so that a write shows which role was at work. */
function mayWrite(name: string): object {
  const Resource = `arn:aws:ssm:us-east-1:${account}:parameter/${name}/*`;
  return { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: writes, Resource }] };
}

/** Both roles, and one pair for each tag. */
function roles(issuer: string): unknown[] {
  const pairs = ['payments', 'audit', 'logs'].flatMap((name) => [
    { name: `${name}-plan`, trust_policy: trustPolicy(issuer, 'plan'), policies: [allow(...reads)] },
    { name: `${name}-apply`, trust_policy: trustPolicy(issuer, 'apply'), policies: [allow(...reads), mayWrite(name)] },
  ]);
  return [...pairs, { name: 'any-phase', trust_policy: anyPhase(issuer) }];
}

/** A policy for `payments-prod:*`. */
function anyPhase(issuer: string): object {
  const text = JSON.stringify(trustPolicy(issuer, '*'));
  return JSON.parse(text.replace('StringEquals', 'StringLike')) as object;
}

const tags = {
  TFC_AWS_PROVIDER_AUTH_AUDIT: 'true',
  TFC_AWS_PLAN_ROLE_ARN_AUDIT: `arn:aws:iam::${account}:role/audit-plan`,
  TFC_AWS_APPLY_ROLE_ARN_AUDIT: `arn:aws:iam::${account}:role/audit-apply`,
  TFC_AWS_PROVIDER_AUTH_logs: 'true',
  TFC_AWS_PLAN_ROLE_ARN_logs: `arn:aws:iam::${account}:role/logs-plan`,
  TFC_AWS_APPLY_ROLE_ARN_logs: `arn:aws:iam::${account}:role/logs-apply`,
};

/** `.terraform` and lock file of a configuration with the AWS provider, made once. */
let initialized: string;
let cliConfiguration: string;
let terraformEnv: Readonly<Record<string, string>>;

/** Nobody else removes what `beforeAll` made. */
function removeInitialized(): void {
  for (const directory of [initialized, dirname(cliConfiguration)]) rmSync(directory, { recursive: true, force: true });
}

async function initializeOnce(): Promise<void> {
  const { env, path } = terraformCliConfig();
  chmodSync(path, 0o644);
  terraformEnv = env;
  cliConfiguration = path;
  initialized = temporaryDirectory('init');
  writeFileSync(join(initialized, 'main.tf'), provider);
  const { code, stderr } = await run(requireProgram('terraform'), ['init'], { cwd: initialized, env });
  if (code !== 0) throw new Error(stderr);
}

/** Makes a working directory ready for a configuration, without an init of its own. */
function configure(directory: string, configuration: string): void {
  for (const name of readdirSync(directory))
    if (/terraform|^main\.tf$/.test(name)) rmSync(join(directory, name), { recursive: true });
  for (const name of ['.terraform', '.terraform.lock.hcl']) {
    cpSync(join(initialized, name), join(directory, name), { recursive: true, verbatimSymlinks: true });
  }
  writeFileSync(join(directory, 'main.tf'), provider + configuration);
}

function terraform(
  story: AwsStory,
  command: readonly string[],
  env: Record<string, string> = {},
): Promise<ChildResult> {
  return story.hallpass(['exec', '--', 'terraform', ...command], { env: { ...terraformEnv, ...env } });
}

/** The token that a test looks for must not be anywhere in what people see. */
const token = /eyJ[A-Za-z0-9_-]{20,}\.eyJ/;

describeWith(['terraform', 'aws-provider'], 'exec with Terraform and the AWS provider', () => {
  let root: string;
  let story: AwsStory;

  beforeAll(async () => {
    root = temporaryDirectory('aws');
    await initializeOnce();
    story = await openAwsStory(root, { HALLPASS: undefined }, { aws: (issuer) => ({ roles: roles(issuer) }) });
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
    rmSync(root, { recursive: true, force: true });
    removeInitialized();
  });

  it('plans under the plan role and applies under the apply role, with a default configuration', async () => {
    configure(story.workDirectory, `provider "aws" {${providerArguments}}\n${parameter}${identity('who')}`);
    const planned = await terraform(story, ['plan', '-no-color', '-out=plan.bin']);
    expect(planned.stderr).toMatch(
      /^hallpass: plan as acme\/payments\/payments-prod, run-\w{16}; aws → arn:aws:iam::\d{12}:role\/payments-plan$/m,
    );
    expect(planned.stdout).toContain(`arn:aws:sts::${account}:assumed-role/payments-plan/run-`);
    expect(planned.code).toBe(0);
    const applied = await terraform(story, ['apply', '-no-color', 'plan.bin']);
    expect(applied.stdout).toContain('Apply complete! Resources: 1 added');
    expect(applied.code).toBe(0);
    expect(planned.stdout + planned.stderr + applied.stdout + applied.stderr).not.toMatch(token);
  });

  it('applies as two phases, reading who it is in each', async () => {
    configure(
      story.workDirectory,
      `provider "aws" {${providerArguments}}\n${parameter.replaceAll('one', 'two')}${identity('who')}`,
    );
    const result = await terraform(story, ['apply', '-no-color', '-auto-approve']);
    expect(result.stderr).toContain(planRole);
    expect(result.stderr).toContain(applyRole);
    expect(result.stdout).toContain('1 added');
    const destroyed = await terraform(story, ['destroy', '-no-color', '-auto-approve']);
    expect(destroyed.stdout).toContain('1 destroyed');
    expect(destroyed.code).toBe(0);
  });

  it('an apply under the plan role alone is refused by the platform', async () => {
    configure(story.workDirectory, `provider "aws" {${providerArguments}}\n${parameter.replaceAll('one', 'three')}`);
    const result = await story.hallpass(
      ['exec', '--phase', 'plan', '--', 'terraform', 'apply', '-auto-approve', '-no-color'],
      {
        env: terraformEnv,
      },
    );
    expect(result.code).toBe(1);
    expect(result.stdout + result.stderr).toContain('AccessDenied');
  });

  describe('with tags', () => {
    const blocks = `${declaration}
provider "aws" {${providerArguments}
  shared_config_files = [var.tfc_aws_dynamic_credentials.default.shared_config_file]
}
provider "aws" {${providerArguments}
  alias               = "audit"
  shared_config_files = [var.tfc_aws_dynamic_credentials.aliases["AUDIT"].shared_config_file]
}
provider "aws" {${providerArguments}
  alias               = "logs"
  shared_config_files = [var.tfc_aws_dynamic_credentials.aliases["logs"].shared_config_file]
}
`;

    it('gives each provider alias its own role, in plan and in the apply of the saved plan', async () => {
      const identities = `${identity('who')}${identity('audit', 'audit')}${identity('logs', 'logs')}`;
      const writing = `${write('audit', '/audit/x')}${write('logs', '/logs/x')}${parameter.replaceAll('one', 'tagged')}`;
      configure(story.workDirectory, `${blocks}${identities}${writing}`);
      const planned = await terraform(story, ['plan', '-no-color', '-out=plan.bin'], tags);
      for (const name of ['payments', 'audit', 'logs']) expect(planned.stdout).toContain(`assumed-role/${name}-plan/`);
      expect(planned.stderr).not.toContain('warning');
      const applied = await terraform(story, ['apply', '-no-color', 'plan.bin'], tags);
      expect(applied.stderr).toContain(/run-\w{16}/.exec(planned.stderr)![0]);
      expect(applied.stdout).toContain('3 added');
      expect(applied.code).toBe(0);
    });

    it("refuses one alias what another alias' role may write", async () => {
      configure(story.workDirectory, `${blocks}${write('audit', '/logs/y')}`);
      const result = await terraform(story, ['apply', '-no-color', '-auto-approve'], tags);
      expect(result.code).toBe(1);
      expect(result.stdout + result.stderr).toMatch(/audit-apply\/run-\S+\s+is\s+not\s+authorized/);
    });

    it('says which provider blocks lack their configuration, and how they get it', async () => {
      configure(
        story.workDirectory,
        `provider "aws" {${providerArguments}}\nprovider "aws" {${providerArguments}\n  alias = "audit"\n}\n`,
      );
      const { stderr } = await terraform(story, ['plan', '-no-color'], tags);
      expect(stderr).toContain('tfc_aws_dynamic_credentials is not declared here');
      expect(stderr).toContain('provider "aws" names no configuration');
      expect(stderr).toContain('provider "aws" (alias audit) names no configuration');
      expect(stderr).toContain('var.tfc_aws_dynamic_credentials.aliases["AUDIT"].shared_config_file');
    });
  });

  it('a policy for payments-prod:* refuses payments-prod2, and says which condition failed, with both values', async () => {
    configure(story.workDirectory, `provider "aws" {${providerArguments}}\n${identity('who')}`);
    const role = `arn:aws:iam::${account}:role/any-phase`;
    const env = { TFC_AWS_PLAN_ROLE_ARN: role };
    expect((await terraform(story, ['plan', '-no-color'], env)).stdout).toContain('assumed-role/any-phase/');
    const result = await story.hallpass(
      ['exec', '--workspace', 'payments-prod2', '--', 'terraform', 'plan', '-no-color'],
      { env: { ...terraformEnv, ...env } },
    );
    expect(result.code).toBe(1);
    expect(result.stderr).toContain("error: aws refused this phase's token");
    expect(result.stderr).toContain(`role:    ${role}`);
    expect(result.stderr).toContain(`iss:     ${story.issuer}`);
    expect(result.stderr).toContain('aud:     aws.workload.identity');
    expect(result.stderr).toContain(
      'sub:     organization:acme:project:payments:workspace:payments-prod2:run_phase:plan',
    );
    expect(result.stderr).toContain('AccessDenied');
    expect(result.stderr).toMatch(
      /checks: .*StringLike \S+:sub: wanted "\S+:workspace:payments-prod:run_phase:\*", was "\S+:workspace:payments-prod2:run_phase:plan"/s,
    );
    expect(result.stderr).toMatch(/likely: +1\. .*\n +2\. .*\n +3\. /);
    expect(result.stderr).toContain('next:    hallpass doctor --phase plan');
    const quiet = await story.hallpass(
      ['exec', '--no-explain', '--workspace', 'payments-prod2', '--', 'terraform', 'plan', '-no-color'],
      { env: terraformEnv },
    );
    expect(quiet.stderr).not.toContain("refused this phase's token");
  });

  it('doctor says the same without Terraform', async () => {
    const good = await story.hallpass(['doctor', '--phase', 'plan']);
    expect(good.stdout).toContain(`aws → ${planRole}: accepted`);
    expect(good.code).toBe(0);
    const bad = await story.hallpass(['doctor', '--phase', 'apply', '--workspace', 'payments-prod2']);
    expect(bad.stdout).toContain('run_phase:apply');
    expect(bad.stdout).toContain('AccessDenied');
    expect(bad.code).toBe(1);
    const json = JSON.parse((await story.hallpass(['doctor', '--json', '--phase', 'plan'])).stdout) as { ok: boolean };
    expect(json).toMatchObject({ ok: true, exchanges: [{ platform: 'aws', state: 'accepted' }] });
    expect(JSON.stringify(json) + bad.stdout).not.toMatch(token);
  });

  it.skipIf(process.getuid!() !== 0)('applies a saved plan as another user with another data directory', async () => {
    configure(
      story.workDirectory,
      `${declaration}${parameter.replaceAll('one', 'five')}
provider "aws" {${providerArguments}
  shared_config_files = [var.tfc_aws_dynamic_credentials.default.shared_config_file]
}`,
    );
    const planned = await terraform(story, ['plan', '-no-color', '-out=plan.bin']);
    expect(planned.code).toBe(0);
    // The other user has a copy of everything that a pipeline would hand on, and keys of its own for the same issuer.
    const other = temporaryDirectory('other');
    const work = join(other, 'work');
    cpSync(story.workDirectory, work, { recursive: true, verbatimSymlinks: true });
    for (const [from, to] of [
      [story.dataDirectory, join(other, 'data')],
      [story.keyEncryptionKeyFile, join(other, 'kek')],
    ] as const) {
      cpSync(from, to, { recursive: true });
    }
    chmodSync(join(other, 'data'), 0o700);
    chmodSync(join(other, 'data/audit'), 0o700);
    rmSync(join(other, 'data/plans'), { recursive: true });
    mkdirSync(join(other, 'home'));
    await run('chown', ['-R', '65534:65534', other]);
    const asOther = (args: readonly string[]): Promise<ChildResult> =>
      run(requireProgram('setpriv'), ['--reuid=65534', '--regid=65534', '--clear-groups', hallpassProgram, ...args], {
        cwd: work,
        env: {
          ...terraformEnv,
          HOME: join(other, 'home'),
          TMPDIR: other,
          XDG_CACHE_HOME: join(other, 'cache'),
          HALLPASS_DATA_DIR: join(other, 'data'),
          HALLPASS_KEK_FILE: join(other, 'kek'),
        },
      });
    expect(await asOther(['allow', '--yes'])).toMatchObject({ stderr: '', code: 0 });
    const applied = await asOther(['exec', '--', 'terraform', 'apply', '-no-color', 'plan.bin']);
    expect(applied.stderr).toContain(/run-\w{16}/.exec(planned.stderr)![0]);
    expect(applied.stdout).toContain('1 added');
    expect(applied.code).toBe(0);
  });
});

describeWith(['aws', 'python-boto3'], 'exec with other AWS clients', () => {
  it.each([
    ['aws', ['aws', 'sts', 'get-caller-identity', '--output', 'json']],
    ['boto3', ['python3', '-c', 'import boto3; print(boto3.client("sts").get_caller_identity()["Arn"])']],
  ])('gives %s its role, through the shim of a version manager if there is one', async (_, command) => {
    const root = temporaryDirectory('clients');
    await using story = await openAwsStory(root);
    // HOME is the machine's own: shims may have their roots there.
    const env = { HOME: process.env['HOME'], PYENV_ROOT: process.env['PYENV_ROOT'] };
    const result = await story.hallpass(['exec', '--phase', 'apply', '--', ...command], { env });
    expect(result.stdout).toContain(`arn:aws:sts::${account}:assumed-role/payments-apply/run-`);
    expect(result.code).toBe(0);
    const tagged = await story.hallpass(['exec', '--phase', 'plan', '--', ...command], {
      env: { ...env, ...tags, AWS_PROFILE: 'AUDIT' },
    });
    expect(tagged.stdout).not.toContain('payments-plan');
  });
});

describeWith(['terraform', 'aws-provider'], 'a long apply with short credentials', () => {
  it('goes on for 25 seconds with sessions of 10 seconds and short tokens', async () => {
    await initializeOnce();
    const root = temporaryDirectory('long');
    const count = 5;
    await using story = await openAwsStory(
      root,
      {},
      {
        file: { token_lifetime: '10s' },
        aws: () => ({ session_seconds: 10, latency_milliseconds: { 'ssm:PutParameter': 5000 } }),
      },
    );
    configure(
      story.workDirectory,
      `provider "aws" {${providerArguments}}
resource "aws_ssm_parameter" "p" {
  count = ${count}
  name  = "/payments/p\${count.index}"
  type  = "String"
  value = "1"
}`,
    );
    const startedAt = Date.now();
    const result = await terraform(story, ['apply', '-no-color', '-auto-approve', '-parallelism=1']);
    expect(result.stderr).not.toContain('error');
    expect(result.stdout).toContain(`${count} added`);
    expect(result.code).toBe(0);
    expect(Date.now() - startedAt).toBeGreaterThan(25_000);
    const minted = readdirSync(join(story.dataDirectory, 'audit'))
      .filter((name) => name.endsWith('.jsonl'))
      .map((name) => readFileSync(join(story.dataDirectory, 'audit', name), 'utf8'))
      .join('')
      .split('"type":"token_minted"').length;
    expect(minted).toBeGreaterThan(4);
    expect(result.stdout + result.stderr).not.toMatch(token);
  });
});
