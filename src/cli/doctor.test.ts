import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { testCli } from '../../test/support/cli.ts';
import { platforms as known } from '../platforms/index.ts';

interface Finding {
  readonly check: string;
  readonly state: string;
  readonly what: string;
}

/** What `doctor` finds in a workspace whose `hallpass.yaml` sets these variables. */
async function findingsFor(
  variables: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string>> = {},
): Promise<readonly Finding[]> {
  const cli = testCli(environment);
  const file = { issuer: 'http://127.0.0.1:9', organization: 'acme', workspace: 'payments-prod', variables };
  writeFileSync(join(cli.work, 'hallpass.yaml'), JSON.stringify(file));
  const { stdout } = await cli.run(['doctor', '--json']);
  return (JSON.parse(stdout) as { findings: readonly Finding[] }).findings;
}

const aws = { TFC_AWS_PROVIDER_AUTH: 'true', TFC_AWS_RUN_ROLE_ARN: 'arn:aws:iam::111122223333:role/payments' };

const vault = (tag: string, host: string, audience?: string): Readonly<Record<string, string>> => ({
  [`TFC_VAULT_PROVIDER_AUTH${tag}`]: 'true',
  [`TFC_VAULT_ADDR${tag}`]: `https://${host}:8200`,
  [`TFC_VAULT_RUN_ROLE${tag}`]: 'payments',
  ...(audience === undefined ? {} : { [`TFC_VAULT_WORKLOAD_IDENTITY_AUDIENCE${tag}`]: audience }),
});

async function sharedAudiences(variables: Readonly<Record<string, string>>): Promise<readonly Finding[]> {
  return (await findingsFor({ ...aws, ...variables })).filter(({ check }) => check === 'audiences');
}

describe('hallpass doctor', () => {
  it('names a variable that may win over the credentials of a platform', async () => {
    expect(await findingsFor({ ...aws, AWS_PROFILE: 'mine', GREETING: 'hello' })).toContainEqual(
      expect.objectContaining({
        check: 'variables',
        state: 'note',
        what: "AWS_PROFILE is set beside the aws configuration and may win over the phase's own credentials",
      }),
    );
  });

  it('has nothing against that variable where the platform is not switched on', async () => {
    const findings = await findingsFor({ AWS_PROFILE: 'mine' });
    expect(findings.filter(({ what }) => what.startsWith('AWS_PROFILE'))).toEqual([]);
  });

  it('names what leads calls elsewhere, one place at a time', async () => {
    const there = 'http://127.0.0.1:4567/';
    const findings = await findingsFor(
      {},
      {
        CLOUDSDK_API_ENDPOINT_OVERRIDES_STS: there,
        CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS: there,
        GOOGLE_SECRET_MANAGER_CUSTOM_ENDPOINT: `${there}v1/`,
        AZURE_AUTHORITY_HOST: 'https://name:secret@localhost:4568',
      },
    );
    expect(findings.filter(({ what }) => what.includes('go there')).map(({ what }) => what)).toEqual([
      `CLOUDSDK_API_ENDPOINT_OVERRIDES_STS, CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS are ${there}: calls to Google Cloud go there: a stand-in?`,
      `GOOGLE_SECRET_MANAGER_CUSTOM_ENDPOINT is ${there}v1/: calls to Google Cloud go there: a stand-in?`,
      'AZURE_AUTHORITY_HOST is https://…@localhost:4568: calls to Azure go there: a national cloud, or a stand-in?',
    ]);
  });

  it('names a setting that does nothing as it stands', async () => {
    expect(await findingsFor({ ...aws, TFC_AWS_RUN_ROLE_ARN_AUDIT: 'x' })).toContainEqual(
      expect.objectContaining({
        what: 'TFC_AWS_RUN_ROLE_ARN_AUDIT does nothing, since TFC_AWS_PROVIDER_AUTH_AUDIT is not true',
      }),
    );
  });

  it('warns of two Vaults that take the same audience, and of no other', async () => {
    expect(await sharedAudiences({ ...vault('', 'one'), ...vault('_B', 'two') })).toMatchObject([
      {
        state: 'note',
        what: expect.stringContaining(
          'https://one:8200 and https://two:8200 share the audience vault.workload.identity',
        ),
      },
    ]);
    expect(await sharedAudiences({ ...vault('', 'one'), ...vault('_B', 'two', 'vault.two') })).toEqual([]);
    expect(await sharedAudiences({ ...vault('', 'one'), ...vault('_B', 'one') })).toEqual([]);
  });

  it('has a help that fits a terminal, and says of each platform which document it judges', async () => {
    const { stdout } = await testCli().run(['doctor', '--help']);
    for (const { id } of known) expect(stdout).toMatch(new RegExp(`^  ${id} +\\S`, 'm'));
    expect(stdout).not.toContain('undefined');
    expect(stdout.split('\n').filter((line) => line.length > 120)).toEqual([]);
  });

  it('says that the choice of an identity was not allowed yet', async () => {
    expect(await findingsFor(aws)).toContainEqual(expect.objectContaining({ check: 'identity', state: 'problem' }));
  });
});

const role = 'arn:aws:iam::111122223333:role/payments';
const subjectOf = (phase: string) =>
  `organization:acme:project:Default Project:workspace:payments-prod:run_phase:${phase}`;

/** A trust policy for one subject, written beside the `hallpass.yaml`. */
function policyFor(subject: string): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Federated: 'arn:aws:iam::111122223333:oidc-provider/127.0.0.1:9' },
        Action: 'sts:AssumeRoleWithWebIdentity',
        Condition: {
          StringEquals: { '127.0.0.1:9:aud': 'aws.workload.identity', '127.0.0.1:9:sub': subject },
        },
      },
    ],
  });
}

async function reportFor(
  variables: Readonly<Record<string, string>>,
  flags: readonly string[],
  trust: string | null = null,
) {
  const cli = testCli();
  const file = { variables };
  writeFileSync(join(cli.work, 'hallpass.yaml'), JSON.stringify(file));
  if (trust !== null) writeFileSync(join(cli.work, 'trust.json'), trust);
  const names = ['--issuer', 'http://127.0.0.1:9', '--organization', 'acme', '--workspace', 'payments-prod'];
  return cli.run(['doctor', ...names, ...flags, ...(trust === null ? [] : ['--trust', 'trust.json'])]);
}

describe('hallpass doctor --platform', () => {
  it('says what is set, which token is sent, and that loopback is not to be reached', async () => {
    const { code, stdout } = await reportFor(aws, ['--platform', 'aws', '--phase', 'plan', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      platforms: [
        {
          platform: 'aws',
          tag: null,
          phase: 'plan',
          settings: [
            { name: 'TFC_AWS_RUN_ROLE_ARN', value: role },
            { name: 'TFC_AWS_WORKLOAD_IDENTITY_AUDIENCE', value: 'aws.workload.identity', source: null },
          ],
          offered: role,
          claims: { sub: subjectOf('plan'), aud: 'aws.workload.identity' },
          issuer: { url: 'http://127.0.0.1:9', usable: false },
          trust: null,
        },
      ],
    });
  });

  it('says that a stand-in takes an issuer on this machine', async () => {
    const { stdout } = await reportFor(aws, ['--platform', 'aws', '--phase', 'plan']);
    expect(stdout).toContain('a stand-in on this machine (hallpass sandbox) takes it all the same\n');
  });

  it('judges the document of the platform for each phase, without asking the platform', async () => {
    const { stdout } = await reportFor(aws, ['--platform', 'aws', '--json'], policyFor(subjectOf('plan')));
    const { platforms } = JSON.parse(stdout) as { platforms: { phase: string; trust: { allowed: boolean } }[] };
    expect(platforms.map(({ phase, trust }) => [phase, trust.allowed])).toEqual([
      ['plan', true],
      ['apply', false],
    ]);
  });

  it('shows people every check, and the words of the platform', async () => {
    const { code, stdout } = await reportFor(aws, ['--platform', 'aws'], policyFor(subjectOf('plan')));
    expect(code).toBe(1);
    expect(stdout).toContain(`✓ accepted as ${role}`);
    expect(stdout).toContain('✗ refused: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity');
    expect(stdout).toContain(subjectOf('apply'));
  });

  it('asks nobody where nothing says where the platform is, and says so', async () => {
    const kubernetes = {
      TFC_KUBERNETES_PROVIDER_AUTH: 'true',
      TFC_KUBERNETES_WORKLOAD_IDENTITY_AUDIENCE: 'kubernetes',
    };
    const { stdout } = await reportFor(kubernetes, ['--platform', 'kubernetes', '--phase', 'plan']);
    expect(stdout).toContain('kubernetes: not asked: nothing says where it is (KUBE_HOST');
  });

  it('names every name that was tried when a setting is missing', async () => {
    const { code, stdout } = await reportFor({ TFC_AWS_PROVIDER_AUTH_AUDIT: 'true' }, ['--platform', 'aws']);
    expect(code).toBe(1);
    expect(stdout).toContain('aws, tag AUDIT, plan phase');
    expect(stdout).toContain('TFC_AWS_RUN_ROLE_ARN_AUDIT is not set');
  });

  it.each([
    ['a platform that is not switched on', {}, ['--platform', 'aws'], null, 'AWS is not switched on'],
    ['a platform that is not there', aws, ['--platform', 'gpc'], null, 'aws'],
    ['a document without a platform', aws, [], '{}', '--trust needs --platform'],
  ] as const)('refuses %s', async (_, variables, flags, trust, words) => {
    const { code, stderr } = await reportFor(variables, flags, trust);
    expect(code).toBe(2);
    expect(stderr).toContain(words);
  });

  it('says where a document is wrong, and that one is not there', async () => {
    const wrong = await reportFor(aws, ['--platform', 'aws'], '{\n  "Statement": [{ "Efect": "Allow" }]\n}');
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain('where: --trust "trust.json", line 2, column ');
    const missing = await reportFor(aws, ['--platform', 'aws', '--trust', 'nowhere.json']);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('cannot be read: ENOENT');
  });
});
