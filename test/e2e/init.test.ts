import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSandboxConfig } from '../../src/sandbox/config.ts';
import { openSandbox, type Sandbox } from '../../src/sandbox/open.ts';
import { reasonsOf, xmlText } from '../support/aws-client.ts';
import { hallpassProgram, cleanEnvironment, run, terraformCliConfig } from '../support/hallpass.ts';
import { machine, type Machine } from '../support/machine.ts';
import { motoAccount, openMoto, type Moto } from '../support/moto.ts';
import { describeWith, requireProgram } from '../support/programs.ts';
import { freePort, startServer, type ServerChild } from '../support/servers.ts';

const issuer = 'https://id.example.com/terraform';
const names = ['--organization', 'acme', '--project', 'Default Project', '--workspace', 'payments-prod'];

const initFlags = ['init', '--issuer', issuer, ...names, '--aws-account', motoAccount];

describe('hallpass init', () => {
  it('says what is missing when nobody is at a terminal, and writes nothing', async () => {
    const { call, work, root } = machine();
    const { code, stderr } = await call(['init', '--organization', 'acme']);
    expect(code).toBe(2);
    expect(stderr).toContain('error: hallpass init needs --issuer, --workspace, --aws-account');
    expect(readdirSync(work)).toEqual([]);
    expect(existsSync(join(root, 'data'))).toBe(false);
  });

  it.each([
    [['--issuer', 'https://id.example.com/'], 'ends with a slash'],
    [['--issuer', 'http://id.example.com'], 'uses http'],
    [['--workspace', 'a:b'], 'holds ":"'],
    [['--aws-account', '12'], 'an account id has 12 digits'],
  ])('refuses %j and leaves nothing behind', async (flags, reason) => {
    const { call, work, root } = machine();
    const { code, stderr } = await call([...initFlags, ...flags]);
    expect(code).toBe(1);
    expect(stderr).toContain(reason);
    expect(readdirSync(work)).toEqual([]);
    expect(existsSync(join(root, 'data'))).toBe(false);
  });

  it('makes keys and an allowed hallpass.yaml, from which a token can be minted', async () => {
    const { call, work } = machine();
    const made = await call([...initFlags, '--yes']);
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(made.stdout).toContain('hallpass issuer export');
    expect(made.stdout).toContain('hallpass exec -- terraform plan');
    expect(readdirSync(work).sort()).toEqual(['hallpass-aws', 'hallpass.yaml']);
    const minted = await call(['token', 'mint', '--audience', 'a', '--phase', 'plan', '--json']);
    expect(JSON.parse(minted.stdout)).toMatchObject({
      claims: {
        iss: issuer,
        sub: 'organization:acme:project:Default Project:workspace:payments-prod:run_phase:plan',
      },
    });
  });

  it('overwrites nothing, and names all that is there', async () => {
    const { call, work } = machine();
    const written = `issuer: ${issuer}\norganization: acme\nworkspace: payments-prod\n`;
    writeFileSync(join(work, 'hallpass.yaml'), written);
    mkdirSync(join(work, 'hallpass-aws'));
    writeFileSync(join(work, 'hallpass-aws/outputs.tf'), '# mine\n');
    const { code, stderr } = await call([...initFlags, '--yes']);
    expect(code).toBe(1);
    expect(stderr).toContain('hallpass-aws/outputs.tf is there already');
    expect(readFileSync(join(work, 'hallpass.yaml'), 'utf8')).toBe(written);
    expect(readdirSync(join(work, 'hallpass-aws'))).toEqual(['outputs.tf']);
  });

  it('writes the side of a further platform, and leaves hallpass.yaml to its owner', async () => {
    const { call, work } = machine();
    expect((await call([...initFlags, '--yes'])).code).toBe(0);
    const before = readFileSync(join(work, 'hallpass.yaml'), 'utf8');
    const made = await call(['init', '--platform', 'vault', '--vault-addr', 'https://vault.example.com:8200']);
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(made.stdout).toContain('Add under "variables" in hallpass.yaml:');
    expect(made.stdout).toContain('TFC_VAULT_ADDR: https://vault.example.com:8200');
    expect(made.stdout).toContain('  2. Allow what it says then:\n       hallpass allow\n');
    expect(readFileSync(join(work, 'hallpass.yaml'), 'utf8')).toBe(before);
    expect(readdirSync(work).sort()).toEqual(['hallpass-aws', 'hallpass-vault', 'hallpass.yaml']);
    const other = await call(['init', '--platform', 'kubernetes', '--workspace', 'billing']);
    expect(other.code).toBe(1);
    expect(other.stderr).toContain('--workspace is "billing", but hallpass.yaml says "payments-prod"');
    expect(readdirSync(work)).not.toContain('hallpass-kubernetes');
  });

  it('does not allow a hallpass.yaml that it has not written', async () => {
    const { call, work } = machine();
    writeFileSync(join(work, 'hallpass.yaml'), `issuer: ${issuer}\norganization: acme\nworkspace: payments-prod\n`);
    expect((await call(['init', '--platform', 'kubernetes'])).code).toBe(0);
    const minted = await call(['token', 'mint', '--audience', 'a', '--phase', 'plan']);
    expect(minted.code).toBe(1);
    expect(minted.stderr).toContain('hallpass allow');
  });

  it('writes several platforms at once, each with an audience of its own', async () => {
    const { call, work } = machine();
    const two = ['--platform', 'aws', 'kubernetes'];
    const shared = await call([...initFlags, ...two, '--audience', 'one-for-all']);
    expect(shared.code).toBe(2);
    expect(shared.stderr).toContain('each relying party should have its own');
    expect(readdirSync(work)).toEqual([]);
    expect((await call([...initFlags, ...two])).code).toBe(0);
    expect(readdirSync(work).sort()).toEqual(['hallpass-aws', 'hallpass-kubernetes', 'hallpass.yaml']);
  });

  it('refuses a platform that it does not know', async () => {
    const { code, stderr } = await machine().call([...initFlags, '--platform', 'gpc']);
    expect(code).toBe(2);
    expect(stderr).toContain('aws, gcp, azure, vault, kubernetes');
  });

  it('warns of an issuer that no platform can reach', async () => {
    const loopback = await machine().call([...initFlags, '--issuer', 'http://127.0.0.1:8123']);
    expect(loopback.code).toBe(0);
    expect(loopback.stderr).toContain('warning: http://127.0.0.1:8123 is on this machine only');
    const port = await machine().call([...initFlags, '--issuer', 'https://id.example.com:8443']);
    expect(port.code).toBe(0);
    expect(port.stderr).toContain('has a port');
  });

  it('refuses a data directory whose keys belong to another issuer', async () => {
    const { call, work } = machine();
    await call([...initFlags, '--directory', 'first']);
    const second = await call([...initFlags, '--issuer', 'https://other.example.com']);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain('were made for');
    expect(readdirSync(work)).toEqual(['first']);
  });
});

/** Runs terraform in `hallpass-aws` as an administrator of the moto account would. */
async function terraform(
  place: Machine,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  directory = 'hallpass-aws',
) {
  const result = await run(requireProgram('terraform'), args, {
    cwd: join(place.work, directory),
    env: { ...terraformCliConfig(join(place.root, 'rc')).env, ...env },
  });
  if (result.code !== 0) throw new Error(`terraform ${args.join(' ')}: ${result.stdout}${result.stderr}`);
  return result.stdout;
}

describeWith(['terraform', 'aws-provider'], 'the Terraform code of hallpass init', () => {
  it.each([
    ['a state in S3', ['--state-bucket', 'acme-state']],
    ['a lock table', ['--state-bucket', 'acme-state', '--state-lock-table', 'locks', '--state-key', 'a/b.tfstate']],
    ['no state in S3', []],
    ['a provider that is there already', ['--existing-provider']],
    ['a loopback issuer', ['--issuer', 'http://127.0.0.1:8123']],
    ['China', ['--region', 'cn-north-1']],
    ['names as long as they may be', ['--organization', 'o'.repeat(90), '--workspace', 'w'.repeat(90)]],
  ])('is valid and formatted, with %s', async (_, flags) => {
    const place = machine();
    expect((await place.call([...initFlags, ...flags])).code).toBe(0);
    await terraform(place, ['fmt', '-check', '-diff']);
    await terraform(place, ['init', '-no-color']);
    expect(await terraform(place, ['validate', '-no-color'])).toContain('The configuration is valid');
  });
});

/** Their providers are in no package registry: here the form alone is looked at; init-providers.test.ts has more. */
describeWith(['terraform'], 'the Terraform code of hallpass init for other platforms', () => {
  const guid = '3f2f1e0d-0c0b-4a09-8807-060504030201';
  it.each([
    ['gcp', ['--gcp-project', 'acme-payments', '--gcp-project-number', '123456789012', '--audience', 'own']],
    ['gcp', ['--gcp-project', 'acme-payments', '--gcp-project-number', '123456789012', '--existing-provider']],
    ['azure', ['--azure-tenant', guid, '--azure-subscription', guid]],
    ['vault', ['--vault-addr', 'https://vault.example.com:8200', '--vault-namespace', 'team1']],
    ['vault', ['--vault-addr', 'https://vault.example.com:8200', '--existing-provider']],
    ['kubernetes', ['--eks-cluster', 'main']],
  ])('is formatted: %s %j', async (platform, flags) => {
    const place = machine();
    const made = await place.call(['init', '--issuer', issuer, ...names, '--platform', platform, ...flags]);
    expect(made).toMatchObject({ code: 0 });
    await terraform(place, ['fmt', '-check', '-diff'], {}, `hallpass-${platform}`);
  });
});

describeWith(['terraform', 'aws-provider', 'moto'], 'an account set up by hallpass init', () => {
  const place = machine();
  const roles = { plan: '', apply: '' };
  const servers: (ServerChild | Moto)[] = [];
  let moto: Moto;
  let sandbox: Sandbox;

  beforeAll(async () => {
    moto = await openMoto();
    servers.push(moto);
    const made = await place.call([...initFlags, '--state-bucket', 'acme-state', '--yes']);
    if (made.code !== 0) throw new Error(made.stderr);
    await terraform(place, ['init', '-no-color']);
    await terraform(place, ['apply', '-auto-approve', '-no-color'], moto.env);
    const outputs = JSON.parse(await terraform(place, ['output', '-json'])) as Record<string, { value: string }>;
    roles.plan = outputs['plan_role_arn']!.value;
    roles.apply = outputs['apply_role_arn']!.value;

    const port = await freePort();
    const env = cleanEnvironment(place.env);
    servers.push(await startServer(hallpassProgram, ['issuer', 'serve', '--listen', `127.0.0.1:${port}`], { env }));
    const trusted = await Promise.all(
      Object.values(roles).map(async (arn) => ({ name: arn.split('/')[1]!, trust_policy: await trustDocument(arn) })),
    );
    const config = {
      aws: {
        account: motoAccount,
        providers: [
          {
            url: issuer,
            client_ids: ['aws.workload.identity', 'other'],
            fetch_from: `http://127.0.0.1:${port}/terraform`,
          },
        ],
        roles: trusted,
      },
    };
    sandbox = await openSandbox({ config: await readSandboxConfig(JSON.stringify(config), place.root), log: () => {} });
  });

  afterAll(async () => {
    await sandbox?.close();
    for (const server of servers.reverse()) await server[Symbol.asyncDispose]();
  });

  /** The trust policy as IAM gives it back. */
  async function trustDocument(arn: string): Promise<string> {
    const answer = await moto.query('iam', 'GetRole', { RoleName: arn.split('/')[1]!, Version: '2010-05-08' });
    return decodeURIComponent(xmlText(answer, 'AssumeRolePolicyDocument')!);
  }

  async function assume(role: string, mint: readonly string[]): Promise<{ code: string; reasons: string[] }> {
    const minted = await place.call(['token', 'mint', ...mint]);
    if (minted.code !== 0) throw new Error(minted.stderr);
    const response = await fetch(sandbox.endpoint('aws'), {
      method: 'POST',
      body: new URLSearchParams({
        Action: 'AssumeRoleWithWebIdentity',
        Version: '2011-06-15',
        RoleArn: role,
        RoleSessionName: 'test',
        WebIdentityToken: minted.stdout.trim(),
      }),
    });
    const text = await response.text();
    return { code: xmlText(text, 'Code') ?? `${response.status}`, reasons: reasonsOf(response) };
  }

  /** What a role may do with the state, by statement id. */
  async function stateStatements(arn: string) {
    const answer = await moto.query('iam', 'GetRolePolicy', {
      RoleName: arn.split('/')[1]!,
      PolicyName: 'state',
      Version: '2010-05-08',
    });
    const { Statement } = JSON.parse(decodeURIComponent(xmlText(answer, 'PolicyDocument')!)) as {
      Statement: { Sid: string; Action: string | string[]; Resource: string }[];
    };
    return Object.fromEntries(Statement.map(({ Sid, Action, Resource }) => [Sid, { Action, Resource }]));
  }

  const audience = ['--audience', 'aws.workload.identity'];

  it('has the role names that hallpass.yaml says', () => {
    const file = readFileSync(join(place.work, 'hallpass.yaml'), 'utf8');
    expect(file).toContain(`TFC_AWS_PLAN_ROLE_ARN: ${roles.plan}\n`);
    expect(file).toContain(`TFC_AWS_APPLY_ROLE_ARN: ${roles.apply}\n`);
  });

  it.each(['plan', 'apply'] as const)('admits our %s', async (phase) => {
    expect(await assume(roles[phase], [...audience, '--phase', phase])).toEqual({ code: '200', reasons: [] });
  });

  it.each<[neighbour: string, flags: string[]]>([
    ['another workspace', ['--workspace', 'web']],
    ['a workspace whose name begins like ours', ['--workspace', 'payments-prod2']],
    ['a workspace whose name ours begins with', ['--workspace', 'payments']],
    ['a workspace in other letters', ['--workspace', 'Payments-Prod']],
    ['another project', ['--project', 'Other Project']],
    ['another organization', ['--organization', 'acme2']],
    ['another organization with our names below', ['--organization', 'evil']],
  ])('refuses %s', async (_, flags) => {
    for (const phase of ['plan', 'apply'] as const) {
      const { code, reasons } = await assume(roles[phase], [...audience, '--phase', phase, ...flags]);
      expect(code).toBe('AccessDenied');
      expect(reasons.join('\n')).toContain('id.example.com/terraform:sub');
    }
  });

  it('refuses the other phase, and another audience', async () => {
    expect((await assume(roles.plan, [...audience, '--phase', 'apply'])).code).toBe('AccessDenied');
    expect((await assume(roles.apply, [...audience, '--phase', 'plan'])).code).toBe('AccessDenied');
    expect((await assume(roles.plan, ['--audience', 'other', '--phase', 'plan'])).code).toBe('AccessDenied');
  });

  it('lets the plan read the state and lock it, and the apply write it too', async () => {
    const key = 'arn:aws:s3:::acme-state/payments-prod/terraform.tfstate';
    const shared = {
      Find: { Action: 's3:ListBucket', Resource: 'arn:aws:s3:::acme-state' },
      LockFile: { Action: ['s3:PutObject', 's3:GetObject', 's3:DeleteObject'], Resource: `${key}.tflock` },
    };
    expect(await stateStatements(roles.plan)).toEqual({ ...shared, State: { Action: 's3:GetObject', Resource: key } });
    expect(await stateStatements(roles.apply)).toEqual({
      ...shared,
      State: { Action: ['s3:PutObject', 's3:GetObject'], Resource: key },
    });
  });
});
