import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { hallpassProgram, cleanEnvironment, run, terraformCliConfig, type ChildResult } from '../support/hallpass.ts';
import { openTestIssuer, testAudience, testKey, testSubject, type TestIssuer } from '../support/issuer.ts';
import { describeWith, requireProgram } from '../support/programs.ts';
import { startServer, type ServerChild } from '../support/servers.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const account = '111122223333';
const planRole = `arn:aws:iam::${account}:role/payments-plan`;
const applyRole = `arn:aws:iam::${account}:role/payments-apply`;
const applySubject = testSubject.replace(/plan$/, 'apply');

let issuer: TestIssuer;
let sandbox: ServerChild;
let directory: string;
let endpoints: Record<string, string>;

function role(name: string, subject: string, actions: readonly string[]): object {
  const { host } = new URL(issuer.url);
  return {
    name,
    trust_policy: {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Federated: `arn:aws:iam::${account}:oidc-provider/${host}` },
          Action: 'sts:AssumeRoleWithWebIdentity',
          Condition: { StringEquals: { [`${host}:aud`]: testAudience, [`${host}:sub`]: subject } },
        },
      ],
    },
    policies: [{ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }] }],
  };
}

beforeAll(async () => {
  directory = temporaryDirectory('sandbox');
  issuer = await openTestIssuer({ key: await testKey() });
  const read = ['ssm:Get*', 'ssm:DescribeParameters', 'ssm:ListTagsForResource'];
  const write = ['ssm:PutParameter', 'ssm:DeleteParameter*', 'ssm:AddTagsToResource', 'ssm:RemoveTagsFromResource'];
  const config = {
    aws: {
      providers: [{ url: issuer.url, client_ids: [testAudience] }],
      roles: [role('payments-plan', testSubject, read), role('payments-apply', applySubject, [...read, ...write])],
      parameters: { '/payments/region': 'eu-north-1' },
    },
  };
  writeFileSync(join(directory, 'sandbox.yaml'), JSON.stringify(config));
  sandbox = await startServer(
    hallpassProgram,
    ['sandbox', '--config', 'sandbox.yaml', '--json', '--log', 'sandbox.log'],
    { env: cleanEnvironment(), cwd: directory },
  );
  endpoints = (JSON.parse(sandbox.firstLine) as { environment: Record<string, string> }).environment;
});

afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
  await issuer.close();
});

// The AWS CLI keeps credentials in its home between calls, so that every test has its own.
let home: string;
beforeEach(() => {
  home = join(directory, `home-${Math.random().toString(36).slice(2)}`);
  mkdirSync(home);
});

/** The variables that `hallpass exec` gives to a child, with a token of this phase. */
async function phase(name: 'plan' | 'apply', claims: Record<string, unknown> = {}): Promise<Record<string, string>> {
  const tokenFile = join(home, 'token');
  writeFileSync(tokenFile, await issuer.sign({ sub: name === 'plan' ? testSubject : applySubject, ...claims }));
  return {
    ...endpoints,
    HOME: home,
    AWS_ROLE_ARN: name === 'plan' ? planRole : applyRole,
    AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
    AWS_ROLE_SESSION_NAME: `run-1-${name}`,
  };
}

const aws = async (args: string[], env: Record<string, string>): Promise<ChildResult> =>
  run(requireProgram('aws'), [...args, '--output', 'json'], { env });

const python = async (code: string, env: Record<string, string>): Promise<ChildResult> =>
  run(requireProgram('python-boto3'), ['-c', code], { env });

describeWith(['aws'], 'the AWS CLI', () => {
  it('exchanges the token and asks who it is', async () => {
    const { stdout, code } = await aws(['sts', 'get-caller-identity'], await phase('plan'));
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      Account: account,
      Arn: `arn:aws:sts::${account}:assumed-role/payments-plan/run-1-plan`,
    });
  });

  it('reads under the plan role and is refused to write, in the words of AWS', async () => {
    const env = await phase('plan');
    const read = await aws(['ssm', 'get-parameter', '--name', '/payments/region'], env);
    expect(JSON.parse(read.stdout)).toMatchObject({ Parameter: { Value: 'eu-north-1' } });
    const write = await aws(['ssm', 'put-parameter', '--name', '/cli', '--value', 'x', '--type', 'String'], env);
    expect(write.code).not.toBe(0);
    expect(write.stderr).toContain('An error occurred (AccessDeniedException) when calling the PutParameter operation');
    expect(write.stderr).toContain('because no identity-based policy allows the ssm:PutParameter action');
  });

  it('writes, lists, tags and deletes under the apply role', async () => {
    const env = await phase('apply');
    for (const args of [
      [
        'put-parameter',
        '--name',
        '/cli/a',
        '--value',
        'x',
        '--type',
        'SecureString',
        '--tags',
        'Key=Team,Value=payments',
      ],
      ['put-parameter', '--name', '/cli/a', '--value', 'y', '--overwrite'],
      ['get-parameters-by-path', '--path', '/cli', '--with-decryption'],
      ['describe-parameters'],
      ['list-tags-for-resource', '--resource-type', 'Parameter', '--resource-id', '/cli/a'],
      ['delete-parameter', '--name', '/cli/a'],
    ]) {
      const { code, stderr } = await aws(['ssm', ...args], env);
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
    }
    const gone = await aws(['ssm', 'get-parameter', '--name', '/cli/a'], env);
    expect(gone.stderr).toContain('(ParameterNotFound)');
  });

  it('shows the refusal of a neighbour workspace', async () => {
    const sub = testSubject.replace('payments-prod', 'payments-prod2');
    const { stderr, code } = await aws(['sts', 'get-caller-identity'], await phase('plan', { sub }));
    expect(code).not.toBe(0);
    expect(stderr).toContain(
      'An error occurred (AccessDenied) when calling the AssumeRoleWithWebIdentity operation: Not authorized to perform sts:AssumeRoleWithWebIdentity',
    );
    expect(readFileSync(join(directory, 'sandbox.log'), 'utf8')).toContain('payments-prod2');
  });

  it('shows the refusal of an expired token', async () => {
    const seconds = Math.floor(Date.now() / 1000);
    const { stderr } = await aws(['sts', 'get-caller-identity'], await phase('plan', { exp: seconds - 1 }));
    expect(stderr).toMatch(
      /\(ExpiredTokenException\).*Token expired: current date\/time \d+ must be before the expiration date\/time \d+/,
    );
  });

  it('takes a session policy', async () => {
    const env = await phase('apply');
    const token = readFileSync(env['AWS_WEB_IDENTITY_TOKEN_FILE']!, 'utf8');
    const policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'ssm:Get*', Resource: '*' }],
    });
    const assumed = await aws(
      [
        'sts',
        'assume-role-with-web-identity',
        '--role-arn',
        applyRole,
        '--role-session-name',
        'narrow',
        '--web-identity-token',
        token,
        '--policy',
        policy,
      ],
      env,
    );
    expect(JSON.parse(assumed.stdout)).toMatchObject({ PackedPolicySize: expect.any(Number), Audience: testAudience });
  });

  for (const [service, args] of [
    ['s3', ['s3api', 'list-buckets']],
    ['dynamodb', ['dynamodb', 'list-tables']],
    ['ec2', ['ec2', 'describe-instances']],
    ['lambda', ['lambda', 'list-functions']],
    ['iam', ['iam', 'list-roles']],
  ] as const) {
    it(`is told by name that ${service} is not there`, async () => {
      const { stderr, code } = await aws([...args], await phase('apply'));
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/An error occurred \((InvalidAction|UnknownOperationException)\)/);
    });
  }
});

describeWith(['python-boto3'], 'boto3', () => {
  it('exchanges the token, signs, and reads and writes parameters', async () => {
    const { stdout, stderr } = await python(
      `
import boto3, json
ssm = boto3.client('ssm')
ssm.put_parameter(Name='/boto/a', Value='ä & <b>', Type='String', Tags=[{'Key': 'Team', 'Value': 'payments'}])
got = ssm.get_parameters(Names=['/boto/a', '/boto/none'])
pages = [p['Name'] for page in ssm.get_paginator('describe_parameters').paginate(MaxResults=1) for p in page['Parameters']]
ssm.delete_parameters(Names=['/boto/a'])
print(json.dumps({'me': boto3.client('sts').get_caller_identity()['Arn'], 'value': got['Parameters'][0]['Value'], 'invalid': got['InvalidParameters'], 'pages': pages}))
`,
      await phase('apply'),
    );
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      me: `arn:aws:sts::${account}:assumed-role/payments-apply/run-1-apply`,
      value: 'ä & <b>',
      invalid: ['/boto/none'],
      pages: expect.arrayContaining(['/boto/a', '/payments/region']),
    });
  });

  it('gets its errors as the exceptions that it knows', async () => {
    const { stdout } = await python(
      `
import boto3, botocore.exceptions
ssm = boto3.client('ssm')
try: ssm.get_parameter(Name='/nothing')
except ssm.exceptions.ParameterNotFound: print('not found')
try: ssm.put_parameter(Name='/payments/region', Value='x', Type='String')
except ssm.exceptions.ParameterAlreadyExists: print('exists')
sts = boto3.client('sts')
def assume(**more):
    arguments = dict(RoleArn='${planRole}', RoleSessionName='x1', WebIdentityToken='aa.bb.cc')
    try: sts.assume_role_with_web_identity(**{**arguments, **more})
    except botocore.exceptions.ClientError as error: print(error.response['ResponseMetadata']['HTTPStatusCode'], type(error).__name__, error.response['Error']['Type'])
assume()
assume(DurationSeconds=900, RoleSessionName='x y')
`,
      await phase('apply'),
    );
    expect(stdout.split('\n').slice(0, 4)).toEqual([
      'not found',
      'exists',
      '400 InvalidIdentityTokenException Sender',
      '400 ClientError Sender',
    ]);
  });

  it('calls with a presigned URL', async () => {
    const { stdout, stderr } = await python(
      `
import boto3, urllib.error, urllib.request
url = boto3.client('sts').generate_presigned_url('get_caller_identity', ExpiresIn=60, HttpMethod='GET')
print(urllib.request.urlopen(url).status)
try: urllib.request.urlopen(url.replace('Expires=60', 'Expires=61'))
except urllib.error.HTTPError as error: print(error.code)
`,
      await phase('apply'),
    );
    expect({ stdout, stderr }).toEqual({ stdout: '200\n403\n', stderr: '' });
  });
});

const configuration = `
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  default_tags {
    tags = {
      Team = "payments"
    }
  }
}

variable "value" {
  default = "one"
}

resource "aws_ssm_parameter" "plain" {
  name        = "/terraform/plain"
  type        = "String"
  value       = var.value
  description = "made by a test"
  tags = {
    Value = var.value
  }
}

resource "aws_ssm_parameter" "secret" {
  name            = "terraform-secret"
  type            = "SecureString"
  value           = "secret-\${var.value}"
  allowed_pattern = "^secret-.*"
}

data "aws_ssm_parameter" "region" {
  name = "/payments/region"
}

output "region" {
  value     = data.aws_ssm_parameter.region.value
  sensitive = true
}
`;

describeWith(['terraform', 'aws-provider'], 'Terraform with the AWS provider', () => {
  it('makes, reads again, changes and destroys parameters, and sees no drift', async () => {
    const work = join(home, 'work');
    mkdirSync(work);
    writeFileSync(join(work, 'main.tf'), configuration);
    const { env } = terraformCliConfig(home);
    const terraform = async (name: 'plan' | 'apply', args: string[]): Promise<ChildResult> =>
      run(requireProgram('terraform'), [...args, '-no-color'], { cwd: work, env: { ...env, ...(await phase(name)) } });

    expect(await terraform('plan', ['init', '-input=false'])).toMatchObject({ code: 0 });
    expect(await terraform('plan', ['plan', '-detailed-exitcode'])).toMatchObject({ code: 2 });
    const refused = await terraform('plan', ['apply', '-auto-approve']);
    expect(refused.code).toBe(1);
    expect(refused.stderr.replace(/\s+/g, ' ')).toContain(
      'because no identity-based policy allows the ssm:PutParameter action',
    );

    expect(await terraform('apply', ['apply', '-auto-approve'])).toMatchObject({ code: 0, stderr: '' });
    expect(await terraform('plan', ['plan', '-detailed-exitcode'])).toMatchObject({ code: 0 });
    expect((await terraform('plan', ['output', '-raw', 'region'])).stdout).toBe('eu-north-1');
    expect(await terraform('apply', ['apply', '-auto-approve', '-var', 'value=two'])).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect(await terraform('plan', ['plan', '-detailed-exitcode', '-var', 'value=two'])).toMatchObject({ code: 0 });
    expect(await terraform('apply', ['destroy', '-auto-approve'])).toMatchObject({ code: 0, stderr: '' });
  });
});

it('says nothing of tokens, keys and values in its log', async () => {
  await fetch(endpoints['AWS_ENDPOINT_URL']!, {
    method: 'POST',
    body: new URLSearchParams({ Action: 'GetCallerIdentity', Version: '2011-06-15' }),
  });
  const log = readFileSync(join(directory, 'sandbox.log'), 'utf8');
  const lines = log
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines)
    expect(line).toMatchObject({ platform: 'aws', outcome: expect.stringMatching(/^(ok|refused)$/) });
  for (const secret of ['eyJ', 'secret-one', 'Signature=', 'SecretAccessKey']) expect(log).not.toContain(secret);
});
