import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { openAwsAccount, type AwsAccountProxy } from '../support/aws-account.ts';
import { account, openAwsStory, trustPolicy, type AwsStory } from '../support/aws-story.ts';
import { terraformCliConfig } from '../support/hallpass.ts';
import { openMoto, type Moto } from '../support/moto.ts';
import { describeWith } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const guide = readFileSync(fileURLToPath(new URL('../../docs/guides/state-backends.md', import.meta.url)), 'utf8');

/** A code block of the guide, by what stands behind its three ticks. */
function block(mark: string): string {
  const [, text] = new RegExp(`^\`\`\`${mark}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(guide) ?? [];
  if (text === undefined) throw new Error(`the guide has no block "${mark}"`);
  return text;
}

interface Policy {
  readonly Version: string;
  readonly Statement: { readonly Resource: string }[];
}

const policyOf = (phase: 'plan' | 'apply'): Policy => JSON.parse(block(`json ${phase}`)) as Policy;

/** The guide's policy with the lock table in place of the lock file. */
function withTable(policy: Policy): Policy {
  const withoutFile = policy.Statement.filter(({ Resource }) => !Resource.endsWith('.tflock'));
  return { ...policy, Statement: [...withoutFile, JSON.parse(block('json table'))] };
}

const ssm = (...actions: string[]) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }],
});
const readSsm = ssm('ssm:Get*', 'ssm:Describe*', 'ssm:List*');
const writeSsm = ssm('ssm:*');

/** What the test's addresses need besides the guide's block: loopback has no host for each bucket. */
const testBackend = ['-backend-config=use_path_style=true'];

/** The stand-in keeps parameters from test to test, so each has its own. */
const resource = (name: string) => `
resource "aws_ssm_parameter" "greeting" {
  name  = "/payments/${name}"
  type  = "String"
  value = "hello"
}
`;

describeWith(['terraform', 'aws-provider', 'moto'], 'state in S3, as the guide says', () => {
  const root = temporaryDirectory('state');
  const rc = terraformCliConfig(join(root, 'rc')).env;
  let moto: Moto;
  let proxy: AwsAccountProxy;
  let story: AwsStory;

  beforeAll(async () => {
    moto = await openMoto();
    proxy = await openAwsAccount({ moto: moto.endpoint, account });
    const roles = ['payments-plan', 'payments-apply', 'state-plan', 'state-apply'];
    story = await openAwsStory(
      root,
      { AWS_ENDPOINT_URL: proxy.endpoint, AWS_ENDPOINT_URL_STS: proxy.endpoint },
      {
        aws: (issuer) => ({
          region: 'eu-west-1',
          roles: roles.map((name) => {
            const phase = name.split('-')[1]!;
            const policies = name.startsWith('payments') ? [phase === 'plan' ? readSsm : writeSsm] : [];
            return { name, trust_policy: trustPolicy(issuer, phase), policies };
          }),
        }),
      },
    );
    proxy.standIn = story.endpoint;
  });

  afterAll(async () => {
    await story?.[Symbol.asyncDispose]();
    await proxy?.[Symbol.asyncDispose]();
    await moto?.[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    await moto.reset();
    await moto.createBucket('acme-state', 'eu-west-1');
    await moto.createTable('acme-locks', 'LockID', 'eu-west-1');
    proxy.calls.length = 0;
    proxy.policies = {};
    for (const name of ['.terraform', '.terraform.lock.hcl', 'tfplan', 'provider.tf']) {
      rmSync(join(story.workDirectory, name), { recursive: true, force: true });
    }
  });

  const write = (name: string, text: string) => writeFileSync(join(story.workDirectory, name), text);

  const exec = (args: readonly string[], variables: Readonly<Record<string, string>> = {}) =>
    story.hallpass(['exec', '--', 'terraform', ...args], { env: { ...rc, ...variables } });

  async function succeeds(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<string> {
    const { code, stdout, stderr } = await exec(args, variables);
    if (code !== 0) throw new Error(`terraform ${args.join(' ')}: ${code}\n${stdout}${stderr}`);
    return stdout;
  }

  const used = (prefix: string): string[] => [
    ...new Set(proxy.calls.filter(({ action }) => action.startsWith(prefix)).map(({ role }) => role)),
  ];
  const refused = () => proxy.calls.filter(({ allowed }) => !allowed);
  const calls = (role: string) => [
    ...new Set(
      proxy.calls
        .filter((call) => call.role === role)
        .map(({ action, resource: arn }) => `${action} ${arn.split(':').at(-1)}`),
    ),
  ];

  /** init, plan, and apply of the saved plan. */
  async function wholeRun(variables: Readonly<Record<string, string>> = {}): Promise<void> {
    await succeeds(['init', '-no-color', ...testBackend], variables);
    expect(await succeeds(['plan', '-no-color', '-out=tfplan'], variables)).toContain('1 to add');
    expect(await succeeds(['apply', '-no-color', 'tfplan'], variables)).toContain('1 added');
  }

  it("works with the phase's own role and a lock file", async () => {
    proxy.policies = { 'payments-plan': policyOf('plan'), 'payments-apply': policyOf('apply') };
    write('main.tf', `${block('hcl')}provider "aws" {\n  region = "eu-west-1"\n}\n${resource('lock-file')}`);
    await wholeRun();
    expect((await exec(['plan', '-detailed-exitcode', '-no-color'])).code).toBe(0);
    expect(await succeeds(['destroy', '-auto-approve', '-no-color'])).toContain('1 destroyed');
    expect(refused()).toEqual([]);
    expect(calls('payments-plan')).not.toContain('s3:PutObject acme-state/payments-prod/terraform.tfstate');
    expect(calls('payments-apply')).toContain('s3:PutObject acme-state/payments-prod/terraform.tfstate');
    expect(calls('payments-apply')).toContain('s3:DeleteObject acme-state/payments-prod/terraform.tfstate.tflock');
    expect(used('s3:').sort()).toEqual(['payments-apply', 'payments-plan']);
  });

  it("works with the phase's own role and a lock table", async () => {
    proxy.policies = { 'payments-plan': withTable(policyOf('plan')), 'payments-apply': withTable(policyOf('apply')) };
    write('main.tf', `${block('hcl table')}provider "aws" {\n  region = "eu-west-1"\n}\n${resource('lock-table')}`);
    await wholeRun();
    expect(refused()).toEqual([]);
    expect(used('dynamodb:').sort()).toEqual(['payments-apply', 'payments-plan']);
  });

  it.each([
    ['the list of the bucket', 's3:ListBucket', 'api error Forbidden'],
    ['the lock file', '.tflock', 'api error AccessDenied'],
  ])('needs every statement: not without %s', async (_, part, words) => {
    const policy = policyOf('plan');
    const less = policy.Statement.filter((statement) => !JSON.stringify(statement).includes(part));
    proxy.policies = { 'payments-plan': { ...policy, Statement: less } };
    write('main.tf', block('hcl'));
    const init = await exec(['init', '-no-color', ...testBackend]);
    const { code, stdout, stderr } = init.code === 0 ? await exec(['plan', '-no-color']) : init;
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain(words);
  });

  it('does not let the plan role write the state', async () => {
    proxy.policies = { 'payments-plan': policyOf('plan'), 'payments-apply': policyOf('apply') };
    write('main.tf', block('hcl'));
    await succeeds(['init', '-no-color', ...testBackend]);
    write(
      'new.tfstate',
      JSON.stringify({ version: 4, terraform_version: '1.11.4', serial: 1, lineage: 'x', outputs: {}, resources: [] }),
    );
    const { code, stdout, stderr } = await story.hallpass(
      ['exec', '--phase', 'plan', '--', 'terraform', 'state', 'push', '-no-color', 'new.tfstate'],
      { env: rc },
    );
    rmSync(join(story.workDirectory, 'new.tfstate'));
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain('AccessDenied');
    expect(refused().map(({ action }) => action)).toContain('s3:PutObject');
  });

  const stateTag = {
    TFC_AWS_PROVIDER_AUTH_STATE: 'true',
    TFC_AWS_PLAN_ROLE_ARN_STATE: `arn:aws:iam::${account}:role/state-plan`,
    TFC_AWS_APPLY_ROLE_ARN_STATE: `arn:aws:iam::${account}:role/state-apply`,
  };

  it('works with a role of its own, which nothing else uses', async () => {
    proxy.policies = { 'state-plan': policyOf('plan'), 'state-apply': policyOf('apply') };
    write('main.tf', `${block('hcl profile')}${block('hcl provider')}${resource('own-role')}`);
    await wholeRun(stateTag);
    expect(refused()).toEqual([]);
    expect(used('s3:').sort()).toEqual(['state-apply', 'state-plan']);
    expect(calls('state-plan')).not.toContain('s3:PutObject acme-state/payments-prod/terraform.tfstate');
  });

  it('finds no identity for a backend that names no profile, rather than another one', async () => {
    proxy.policies = { 'state-plan': policyOf('plan'), 'payments-plan': policyOf('plan') };
    write('main.tf', `${block('hcl')}${block('hcl provider')}${resource('no-profile')}`);
    const { code, stdout, stderr } = await exec(['init', '-no-color', ...testBackend], stateTag);
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain('No valid credential sources found');
    expect(proxy.calls).toEqual([]);
  });

  it('says the tag variables that the guide shows', () => {
    for (const [name, value] of Object.entries(stateTag)) {
      expect(block('yaml')).toContain(`${name}: ${value === 'true' ? '"true"' : value}`);
    }
  });
});
