import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '../domain/errors.ts';
import { readSandboxConfig, sandboxConfigJsonSchema } from './config.ts';

let directory: string;

const trust = {
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { Federated: 'arn:aws:iam::111122223333:oidc-provider/id.example.com' },
      Action: 'sts:AssumeRoleWithWebIdentity',
      Condition: { StringEquals: { 'id.example.com:aud': 'aws.workload.identity' } },
    },
  ],
};

const whole = `
aws:
  account: 111122223333
  region: eu-central-1
  session_seconds: 10
  providers:
    - url: https://id.example.com
      client_ids: [aws.workload.identity]
  roles:
    - name: plan
      path: /terraform/
      trust_policy: trust.json
      policies:
        - Version: "2012-10-17"
          Statement: { Effect: Allow, Action: "ssm:Get*", Resource: "*" }
  parameters:
    /payments/region: eu-north-1
  latency_milliseconds:
    ssm:PutParameter: 100
`;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hallpass-sandbox-'));
  await writeFile(join(directory, 'trust.json'), JSON.stringify(trust));
  await writeFile(join(directory, 'broken.json'), '{\n  "Version": "2012-10-17",\n  "Statement": []\n  "x": 1\n}');
});

afterAll(() => rm(directory, { recursive: true }));

async function problemOf(text: string): Promise<{ code: string; what: string; where?: string; mend?: string }> {
  try {
    await readSandboxConfig(text, directory);
  } catch (error) {
    if (error instanceof AppError) return { code: error.code, ...error.problem };
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a sandbox configuration', () => {
  it('may be YAML, with policies inline and in files', async () => {
    const { aws } = await readSandboxConfig(whole, directory);
    expect(aws).toMatchObject({
      account: '111122223333',
      region: 'eu-central-1',
      session_seconds: 10,
      port: 0,
      clock_skew_seconds: 0,
    });
    expect(aws!.roles[0]).toMatchObject({
      arn: 'arn:aws:iam::111122223333:role/terraform/plan',
      maxSessionDurationSeconds: 3600,
    });
    expect(aws!.roles[0]!.trustPolicy.statements).toHaveLength(1);
    expect(aws!.roles[0]!.policies).toHaveLength(1);
  });

  it('may be JSON', async () => {
    const { aws } = await readSandboxConfig(
      JSON.stringify({ aws: { roles: [{ name: 'plan', trust_policy: trust }] } }),
      directory,
    );
    expect(aws!.roles).toHaveLength(1);
  });

  it('may hold a policy as its JSON text', async () => {
    const text = JSON.stringify({ aws: { roles: [{ name: 'plan', trust_policy: JSON.stringify(trust) }] } });
    expect((await readSandboxConfig(text, directory)).aws!.roles).toHaveLength(1);
  });

  it('may have http issuers on loopback', async () => {
    for (const url of ['http://127.0.0.1:4000', 'http://localhost:4000/path', 'http://[::1]:4000']) {
      const text = JSON.stringify({ aws: { providers: [{ url }] } });
      expect((await readSandboxConfig(text, directory)).aws!.providers[0]!.url).toBe(url);
    }
  });

  const refused: Record<string, [string, { what: string; where: string; mend?: string }]> = {
    'a misspelt key': [
      'aws:\n  providres: []\n',
      { what: 'aws.providres is not a known key', where: 'sandbox.yaml:2:3', mend: 'did you mean providers?' },
    ],
    'a misspelt key in a role': [
      'aws:\n  roles:\n    - name: a\n      trust_polciy: x\n      trust_policy: y\n',
      {
        what: 'aws.roles[0].trust_polciy is not a known key',
        where: 'sandbox.yaml:4:7',
        mend: 'did you mean trust_policy?',
      },
    ],
    'an unknown key': [
      'aws: {}\nzzz: 1\n',
      { what: 'zzz is not a known key', where: 'sandbox.yaml:2:1', mend: 'known keys are aws' },
    ],
    'a key twice': ['aws:\n  port: 1\n  port: 2\n', { what: 'Map keys must be unique', where: 'sandbox.yaml:3:3' }],
    'YAML that is broken': ['aws: [\n', { what: '', where: 'sandbox.yaml:2:1' }],
    nothing: ['', { what: 'the file', where: 'sandbox.yaml' }],
    'an account with letters': [
      'aws:\n  account: acme\n',
      { what: 'aws.account: must be 12 digits', where: 'sandbox.yaml:2:3' },
    ],
    'an account that lost its zero': [
      'aws:\n  account: 012345678901\n',
      { what: 'put them in quotes', where: 'sandbox.yaml:2:3' },
    ],
    'a port that is none': ['aws:\n  port: 70000\n', { what: 'aws.port', where: 'sandbox.yaml:2:3' }],
    'an http issuer off loopback': [
      'aws:\n  providers:\n    - url: http://id.example.com\n',
      { what: 'http only on loopback', where: 'sandbox.yaml:3:7' },
    ],
    'an http issuer that looks like loopback': [
      'aws:\n  providers:\n    - url: http://127.0.0.1.example.com\n',
      { what: 'http only on loopback', where: 'sandbox.yaml:3:7' },
    ],
    'an issuer with a query': [
      'aws:\n  providers:\n    - url: https://id.example.com?a=b\n',
      { what: 'no query', where: 'sandbox.yaml:3:7' },
    ],
    'an issuer with a user': [
      'aws:\n  providers:\n    - url: https://a:b@id.example.com\n',
      { what: 'user name', where: 'sandbox.yaml:3:7' },
    ],
    'a provider twice': [
      'aws:\n  providers:\n    - url: https://a.example.com\n    - url: https://a.example.com\n',
      { what: 'https://a.example.com is there twice', where: 'sandbox.yaml:4:7' },
    ],
    'a role twice': [
      `aws:\n  roles:\n    - { name: a, trust_policy: trust.json }\n    - { name: a, trust_policy: trust.json }\n`,
      { what: 'a is there twice', where: 'sandbox.yaml:4' },
    ],
    'a role without trust policy': [
      'aws:\n  roles:\n    - name: a\n',
      { what: 'aws.roles[0].trust_policy', where: 'sandbox.yaml:3' },
    ],
    'a role with a blank in its name': [
      'aws:\n  roles:\n    - { name: a b, trust_policy: trust.json }\n',
      { what: 'aws.roles[0].name', where: 'sandbox.yaml:3' },
    ],
    'a role path without slashes': [
      'aws:\n  roles:\n    - { name: a, path: x, trust_policy: trust.json }\n',
      { what: 'must start and end with /', where: 'sandbox.yaml:3' },
    ],
    'a policy file that is not there': [
      'aws:\n  roles:\n    - { name: a, trust_policy: nowhere.json }\n',
      { what: 'nowhere.json cannot be read: ENOENT', where: 'sandbox.yaml:3' },
    ],
    'a latency of nothing': [
      'aws:\n  latency_milliseconds: { PutParameter: 5 }\n',
      { what: 'must be an action', where: 'sandbox.yaml:2' },
    ],
  };
  for (const [what, [text, problem]] of Object.entries(refused)) {
    it(`is refused with ${what}`, async () => {
      const actual = await problemOf(text);
      expect(actual.code).toBe('settings_invalid');
      expect(actual.what).toContain(problem.what);
      expect(actual.where).toContain(problem.where);
      expect(actual.mend).toContain(problem.mend ?? '');
    });
  }

  const refusedPolicies: Record<string, [unknown, string]> = {
    'a resource in a trust policy': [{ ...trust, Statement: [{ ...trust.Statement[0], Resource: '*' }] }, 'Resource'],
    'an unknown operator': [
      { ...trust, Statement: [{ ...trust.Statement[0], Condition: { StringEqual: { a: 'b' } } }] },
      'StringEqual',
    ],
    'no effect': [{ ...trust, Statement: [{ ...trust.Statement[0], Effect: undefined }] }, 'Effect'],
  };
  for (const [what, [policy, named]] of Object.entries(refusedPolicies)) {
    it(`is refused at start, as IAM would, with ${what}`, async () => {
      const problem = await problemOf(JSON.stringify({ aws: { roles: [{ name: 'a', trust_policy: policy }] } }));
      expect(problem.code).toBe('trust_document_invalid');
      expect(`${problem.what} ${problem.where}`).toContain(named);
      expect(problem.where).toContain('aws.roles[0].trust_policy');
    });
  }

  it('is refused with the place inside a policy file', async () => {
    const problem = await problemOf('aws:\n  roles:\n    - { name: a, trust_policy: broken.json }\n');
    expect(problem.code).toBe('trust_document_invalid');
    expect(problem.where).toContain('broken.json');
    expect(problem.where).toMatch(/4/);
  });

  it('never fails with anything but an error for people', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.dictionary(fc.constantFrom('aws', 'x'), fc.jsonValue()).map((value) => JSON.stringify(value)),
        ),
        async (text) => {
          const error: unknown = await readSandboxConfig(text, directory).then(
            () => null,
            (reason: unknown) => reason,
          );
          expect(error === null || error instanceof AppError).toBe(true);
        },
      ),
    );
  });

  it('has a JSON Schema with a sentence on every key of its own', () => {
    const schema = sandboxConfigJsonSchema() as { properties: { aws: { properties: Record<string, object> } } };
    expect(Object.keys(schema.properties.aws.properties)).toEqual(
      expect.arrayContaining([
        'port',
        'account',
        'region',
        'session_seconds',
        'providers',
        'roles',
        'parameters',
        'latency_milliseconds',
      ]),
    );
  });
});
