import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { account, openAwsStory, type AwsStory } from '../support/aws-story.ts';
import { run, terraformCliConfig, type ChildResult } from '../support/hallpass.ts';
import { describeWith, requireProgram } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

let story: AwsStory;

beforeAll(async () => {
  story = await openAwsStory(temporaryDirectory('intercept'), {}, { isIntercepting: true });
});
afterAll(() => story[Symbol.asyncDispose]());

const planArn = `arn:aws:sts::${account}:assumed-role/payments-plan/`;

/** A phase whose environment names no endpoint: only the proxy and its CA. */
const inPhase = (phase: 'plan' | 'apply', command: readonly string[], env = {}): Promise<ChildResult> =>
  story.hallpass(['exec', '--phase', phase, '--', ...command], { env: { AWS_DEFAULT_REGION: 'eu-west-1', ...env } });

const aws = (phase: 'plan' | 'apply', ...args: string[]): Promise<ChildResult> =>
  inPhase(phase, [requireProgram('aws'), ...args, '--output', 'json']);

describeWith(['aws'], 'the AWS CLI under --intercept', () => {
  it('exchanges at sts.REGION.amazonaws.com and asks there who it is', async () => {
    const { stdout, stderr } = await aws('plan', 'sts', 'get-caller-identity', '--debug');
    expect(JSON.parse(stdout)).toMatchObject({ Arn: expect.stringContaining(planArn) });
    expect(stderr).toContain('url=https://sts.eu-west-1.amazonaws.com/');
    expect(stderr).not.toContain('url=http:');
  });

  it('is refused to write with the plan role, and writes with the apply role', async () => {
    const put = ['ssm', 'put-parameter', '--name', '/intercept', '--value', 'x', '--type', 'String'];
    expect((await aws('plan', ...put)).stderr).toContain('AccessDeniedException');
    expect(await aws('apply', ...put)).toMatchObject({ code: 0 });
  });

  it('is refused for a neighbour workspace, and Hallpass itself asks through the proxy why', async () => {
    const command = [requireProgram('aws'), 'sts', 'get-caller-identity'];
    const { stderr, code } = await story.hallpass(
      ['exec', '--phase', 'plan', '--workspace', 'payments-prod2', '--', ...command],
      { env: { AWS_DEFAULT_REGION: 'eu-west-1' } },
    );
    expect(code).not.toBe(0);
    const [told, explanation = ''] = stderr.split("error: aws refused this phase's token");
    expect(told).toContain('(AccessDenied)');
    // Only the stand-in says which condition it was.
    expect(explanation).toContain('wanted "organization:acme:project:payments:workspace:payments-prod:run_phase:plan"');
  });

  it('does not reach what no stand-in plays', async () => {
    const { code, stderr } = await aws('plan', 's3api', 'list-buckets');
    expect(code).not.toBe(0);
    expect(stderr).toContain('Failed to connect to proxy URL');
    expect(stderr).not.toContain(new URL(story.env['HTTPS_PROXY']!).password);
  });
});

describeWith(['python-boto3'], 'boto3 under --intercept', () => {
  it('exchanges, signs and reads with no endpoint', async () => {
    const code = `
import boto3
print(boto3.client('sts').get_caller_identity()['Arn'])
print(boto3.client('ssm', region_name='us-east-1').get_parameter(Name='/payments/region')['Parameter']['Value'])
`;
    const { stdout, stderr } = await inPhase('plan', [requireProgram('python-boto3'), '-c', code]);
    expect(stdout + stderr).toContain(planArn);
    expect(stdout).toContain('eu-north-1');
  });
});

describeWith(['terraform', 'aws-provider'], "Terraform's AWS provider under --intercept", () => {
  it('plans with nothing but a region, and its apply writes', async () => {
    const directory = temporaryDirectory('intercept-terraform');
    mkdirSync(join(directory, 'home'));
    const { env } = terraformCliConfig(directory);
    writeFileSync(
      join(story.workDirectory, 'main.tf'),
      `
terraform {
  required_providers {
    aws = { source = "registry.terraform.io/hashicorp/aws" }
  }
}
provider "aws" {
  region = "eu-west-1"
}
data "aws_caller_identity" "me" {}
resource "aws_ssm_parameter" "one" {
  name  = "/payments/one"
  type  = "String"
  value = "1"
}
output "me" { value = data.aws_caller_identity.me.arn }
`,
    );
    const terraform = (...args: string[]): Promise<ChildResult> =>
      story.hallpass(['exec', '--', 'terraform', ...args], { env });
    expect(await terraform('init', '-no-color')).toMatchObject({ code: 0 });
    const planned = await terraform('plan', '-no-color');
    expect(planned.stdout + planned.stderr).toContain(planArn);
    // The plan role may not write.
    const applied = await terraform('apply', '-auto-approve', '-no-color');
    expect(applied.stdout + applied.stderr).toContain('Apply complete! Resources: 1 added');
  });
});

describeWith(['curl'], 'the proxy', () => {
  it('answers curl for what is played, and nothing else', async () => {
    const ask = (...args: string[]): Promise<ChildResult> =>
      run(requireProgram('curl'), ['--silent', '--show-error', '--max-time', '20', ...args], { env: { ...story.env } });
    const sts = await ask('https://sts.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15');
    expect(sts.stdout + sts.stderr).toContain('MissingAuthenticationToken');
    for (const elsewhere of ['https://s3.amazonaws.com/', 'https://example.com/', 'https://sts.amazonaws.com:8443/'])
      expect((await ask(elsewhere)).stderr).toContain('response 403');
    const stranger = await ask(
      '--proxy',
      story.env['HTTPS_PROXY']!.replace(/:[^:@]*@/, ':x@'),
      'https://sts.amazonaws.com/',
    );
    expect(stranger.stderr).toContain('response 407');
  });
});
