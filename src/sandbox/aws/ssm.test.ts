import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { reasonsOf, signRequest, ssmRequest, xmlText, type AwsCredentials } from '../../../test/support/aws-client.ts';
import { openTestIssuer, testAudience, testKey, testSubject, type TestIssuer } from '../../../test/support/issuer.ts';
import { readSandboxConfig } from '../config.ts';
import type { SandboxLogLine } from '../log.ts';
import { openSandbox, type Sandbox } from '../open.ts';

const arn = (name: string, region = 'us-east-1') => `arn:aws:ssm:${region}:111122223333:parameter${name}`;
const session = 'arn:aws:sts::111122223333:assumed-role/apply/run-1-apply';

let issuer: TestIssuer;
let sandbox: Sandbox;
let credentials: AwsCredentials;
const log: SandboxLogLine[] = [];

type Answer = Record<string, unknown> & { status: number; type?: string; message?: string };

/** Opens a stand-in whose one role has these statements, and a session of it. */
async function open(statements: readonly object[], aws: object = {}): Promise<void> {
  await sandbox?.close();
  const { host } = new URL(issuer.url);
  const trust = {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Federated: `arn:aws:iam::111122223333:oidc-provider/${host}` },
        Action: 'sts:AssumeRoleWithWebIdentity',
        Condition: { StringEquals: { [`${host}:sub`]: testSubject } },
      },
    ],
  };
  const policies = statements.length === 0 ? [] : [{ Version: '2012-10-17', Statement: statements }];
  const config = await readSandboxConfig(
    JSON.stringify({
      aws: {
        providers: [{ url: issuer.url, client_ids: [testAudience] }],
        roles: [{ name: 'apply', trust_policy: trust, policies }],
        ...aws,
      },
    }),
    '/',
  );
  sandbox = await openSandbox({ config, log: (line) => log.push(line) });
  const body = new URLSearchParams({
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: 'arn:aws:iam::111122223333:role/apply',
    RoleSessionName: 'run-1-apply',
    WebIdentityToken: await issuer.sign(),
  });
  const xml = await (await fetch(sandbox.endpoint('aws'), { method: 'POST', body })).text();
  credentials = {
    accessKeyId: xmlText(xml, 'AccessKeyId')!,
    secretAccessKey: xmlText(xml, 'SecretAccessKey')!,
    sessionToken: xmlText(xml, 'SessionToken')!,
  };
}

async function ssm(action: string, parameters: object, options: { region?: string } = {}): Promise<Answer> {
  const request = ssmRequest(sandbox.endpoint('aws'), credentials, action, parameters, options);
  const response = await fetch(sandbox.endpoint('aws'), { method: 'POST', ...request });
  expect(response.headers.get('content-type')).toBe('application/x-amz-json-1.1');
  const answer = (await response.json()) as Record<string, unknown>;
  return {
    ...answer,
    status: response.status,
    type: answer['__type'] as string | undefined,
    reasons: reasonsOf(response),
  };
}

const everything = [{ Effect: 'Allow', Action: 'ssm:*', Resource: '*' }];
const put = (Name: string, Value = 'v', more: object = {}) =>
  ssm('PutParameter', { Name, Value, Type: 'String', ...more });

beforeAll(async () => {
  issuer = await openTestIssuer({ key: await testKey() });
});

beforeEach(async () => {
  log.length = 0;
  await open(everything);
});

afterAll(async () => {
  await sandbox.close();
  await issuer.close();
});

describe('a parameter', () => {
  it('is put and got, with what clients read', async () => {
    expect(await put('/a/b', 'one')).toMatchObject({ status: 200, Version: 1, Tier: 'Standard' });
    expect(await ssm('GetParameter', { Name: '/a/b' })).toMatchObject({
      Parameter: {
        Name: '/a/b',
        Type: 'String',
        Value: 'one',
        Version: 1,
        ARN: arn('/a/b'),
        DataType: 'text',
        LastModifiedDate: expect.any(Number),
      },
    });
  });

  it('gets a version with each overwriting', async () => {
    await put('/a', 'one');
    expect(await put('/a', 'two', { Overwrite: true })).toMatchObject({ Version: 2 });
    expect(await ssm('GetParameter', { Name: '/a' })).toMatchObject({ Parameter: { Value: 'two', Version: 2 } });
  });

  it('keeps its type and description when overwritten without them', async () => {
    await ssm('PutParameter', { Name: '/a', Value: 'x', Type: 'SecureString', Description: 'd' });
    await ssm('PutParameter', { Name: '/a', Value: 'y', Overwrite: true });
    expect(await ssm('DescribeParameters', {})).toMatchObject({
      Parameters: [{ Type: 'SecureString', Description: 'd', Version: 2, KeyId: 'alias/aws/ssm' }],
    });
  });

  it('has an ARN with one slash when its name has none', async () => {
    await put('plain');
    expect(await ssm('GetParameter', { Name: 'plain' })).toMatchObject({
      Parameter: { Name: 'plain', ARN: arn('/plain') },
    });
    expect(log.at(-1)!.resource).toBe(arn('/plain'));
  });

  it('may be named by its ARN, and by its version', async () => {
    await put('/a/b', 'one');
    expect(await ssm('GetParameter', { Name: arn('/a/b') })).toMatchObject({ Parameter: { Value: 'one' } });
    expect(await ssm('GetParameter', { Name: '/a/b:1' })).toMatchObject({
      Parameter: { Value: 'one', Selector: ':1' },
    });
    expect(await ssm('GetParameter', { Name: '/a/b:2' })).toMatchObject({
      status: 400,
      type: 'ParameterVersionNotFound',
    });
  });

  it('lives in its Region', async () => {
    await put('/a');
    expect(await ssm('GetParameter', { Name: '/a' }, { region: 'eu-north-1' })).toMatchObject({
      type: 'ParameterNotFound',
    });
  });

  it('may exist from the start', async () => {
    await open(everything, { parameters: { '/payments/region': 'eu-north-1' } });
    expect(await ssm('GetParameter', { Name: '/payments/region' })).toMatchObject({
      Parameter: { Value: 'eu-north-1', Version: 1 },
    });
  });

  it('that is secret is shown only with decryption, and never in the log', async () => {
    await ssm('PutParameter', { Name: '/s', Value: 'canary-value', Type: 'SecureString' });
    const hidden = JSON.stringify(await ssm('GetParameter', { Name: '/s' }));
    expect(hidden).not.toContain('canary-value');
    expect(await ssm('GetParameter', { Name: '/s', WithDecryption: true })).toMatchObject({
      Parameter: { Value: 'canary-value', Type: 'SecureString' },
    });
    expect(JSON.stringify(log)).not.toContain('canary-value');
  });

  const refused: Record<string, [object, object]> = {
    'it exists': [
      { Name: '/there', Value: 'x', Type: 'String' },
      {
        type: 'ParameterAlreadyExists',
        message:
          'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.',
      },
    ],
    'it has no type': [{ Name: '/new', Value: 'x' }, { type: 'ValidationException' }],
    'its type is unknown': [{ Name: '/new', Value: 'x', Type: 'Number' }, { type: 'ValidationException' }],
    'it has no value': [{ Name: '/new', Type: 'String' }, { type: 'ValidationException' }],
    'its value is empty': [{ Name: '/new', Value: '', Type: 'String' }, { type: 'ValidationException' }],
    'its value is over 4096 bytes': [
      { Name: '/new', Value: 'ä'.repeat(2049), Type: 'String' },
      { type: 'ValidationException' },
    ],
    'its name has a blank': [{ Name: '/a b', Value: 'x', Type: 'String' }, { type: 'ValidationException' }],
    'its tier is unknown': [
      { Name: '/new', Value: 'x', Type: 'String', Tier: 'Gold' },
      { type: 'ValidationException' },
    ],
    'its value breaks its pattern': [
      { Name: '/new', Value: 'x', Type: 'String', AllowedPattern: '^\\d+$' },
      { type: 'ParameterPatternMismatchException' },
    ],
    'its pattern is none': [
      { Name: '/new', Value: 'x', Type: 'String', AllowedPattern: '(' },
      { type: 'InvalidAllowedPatternException' },
    ],
    'it is overwritten with tags': [
      { Name: '/there', Value: 'x', Overwrite: true, Tags: [{ Key: 'a', Value: 'b' }] },
      { type: 'ValidationException' },
    ],
  };
  for (const [what, [parameters, is]] of Object.entries(refused)) {
    it(`is not put when ${what}`, async () => {
      await put('/there');
      expect(await ssm('PutParameter', parameters)).toMatchObject({ status: 400, ...is });
      expect(await ssm('DescribeParameters', {})).toMatchObject({ Parameters: [{ Name: '/there', Version: 1 }] });
    });
  }

  it('is deleted once', async () => {
    await put('/a');
    expect((await ssm('DeleteParameter', { Name: '/a' })).status).toBe(200);
    const again = await ssm('DeleteParameter', { Name: '/a' });
    expect(again).toMatchObject({ status: 400, type: 'ParameterNotFound' });
    expect(again).not.toHaveProperty('message');
  });
});

describe('several parameters', () => {
  beforeEach(async () => {
    for (const name of ['/a/1', '/a/2', '/a/b/3', '/ab']) await put(name, name);
  });

  it('are got by name, and the unknown ones named', async () => {
    expect(await ssm('GetParameters', { Names: ['/a/1', '/x', '/ab'] })).toMatchObject({
      Parameters: [{ Name: '/a/1' }, { Name: '/ab' }],
      InvalidParameters: ['/x'],
    });
  });

  it('are got by path, one level or all', async () => {
    expect(await ssm('GetParametersByPath', { Path: '/a' })).toMatchObject({
      Parameters: [{ Name: '/a/1' }, { Name: '/a/2' }],
    });
    expect(await ssm('GetParametersByPath', { Path: '/a/', Recursive: true })).toMatchObject({
      Parameters: [{ Name: '/a/1' }, { Name: '/a/2' }, { Name: '/a/b/3' }],
    });
  });

  it('are deleted together', async () => {
    expect(await ssm('DeleteParameters', { Names: ['/a/1', '/x'] })).toMatchObject({
      DeletedParameters: ['/a/1'],
      InvalidParameters: ['/x'],
    });
  });

  const filters: Record<string, [object, string[]]> = {
    'by name': [{ ParameterFilters: [{ Key: 'Name', Option: 'Equals', Values: ['/a/2'] }] }, ['/a/2']],
    'by the start of the name': [
      { ParameterFilters: [{ Key: 'Name', Option: 'BeginsWith', Values: ['/a/'] }] },
      ['/a/1', '/a/2', '/a/b/3'],
    ],
    'by path': [{ ParameterFilters: [{ Key: 'Path', Option: 'OneLevel', Values: ['/a'] }] }, ['/a/1', '/a/2']],
    'by type': [{ ParameterFilters: [{ Key: 'Type', Values: ['SecureString'] }] }, []],
    'by the older filter': [{ Filters: [{ Key: 'Name', Values: ['/ab'] }] }, ['/ab']],
  };
  for (const [how, [parameters, names]] of Object.entries(filters)) {
    it(`are described ${how}, without values`, async () => {
      const answer = await ssm('DescribeParameters', parameters);
      expect((answer['Parameters'] as { Name: string }[]).map(({ Name }) => Name)).toEqual(names);
      expect(JSON.stringify(answer)).not.toContain('"Value"');
    });
  }

  it('are described page by page', async () => {
    const names: string[] = [];
    let token: string | undefined;
    do {
      const answer = await ssm('DescribeParameters', { MaxResults: 3, NextToken: token });
      names.push(...(answer['Parameters'] as { Name: string }[]).map(({ Name }) => Name));
      token = answer['NextToken'] as string | undefined;
    } while (token !== undefined);
    expect(names).toEqual(['/a/1', '/a/2', '/a/b/3', '/ab']);
  });
});

const on = (Name: string) => ({ ResourceType: 'Parameter', ResourceId: Name });

describe('tags', () => {
  it('come with a new parameter, and are added, listed and removed', async () => {
    await put('/a', 'v', { Tags: [{ Key: 'Team', Value: 'payments' }] });
    await ssm('AddTagsToResource', { ...on('/a'), Tags: [{ Key: 'Env', Value: 'prod' }] });
    expect(await ssm('ListTagsForResource', on('/a'))).toMatchObject({
      TagList: [
        { Key: 'Team', Value: 'payments' },
        { Key: 'Env', Value: 'prod' },
      ],
    });
    await ssm('RemoveTagsFromResource', { ...on('/a'), TagKeys: ['Team'] });
    expect(await ssm('ListTagsForResource', on('/a'))).toMatchObject({ TagList: [{ Key: 'Env' }] });
    await put('/a', 'w', { Overwrite: true });
    expect(await ssm('ListTagsForResource', on('/a'))).toMatchObject({ TagList: [{ Key: 'Env' }] });
  });

  it('are refused on what does not exist, and on other kinds', async () => {
    expect(await ssm('ListTagsForResource', on('/nothing'))).toMatchObject({ status: 400, type: 'InvalidResourceId' });
    expect(await ssm('ListTagsForResource', { ResourceType: 'Document', ResourceId: 'x' })).toMatchObject({
      status: 400,
      type: 'InvalidResourceType',
    });
  });
});

const denied = (
  action: string,
  resource: string,
  because = `because no identity-based policy allows the ${action} action`,
) => ({
  status: 400,
  type: 'AccessDeniedException',
  message: `User: ${session} is not authorized to perform: ${action} on resource: ${resource} ${because}`,
});

describe('permissions', () => {
  it('let a reader read and not write, in the words of AWS', async () => {
    await open([{ Effect: 'Allow', Action: ['ssm:GetParameter', 'ssm:DescribeParameters'], Resource: '*' }], {
      parameters: { '/a': 'x' },
    });
    expect((await ssm('GetParameter', { Name: '/a' })).status).toBe(200);
    const answer = await put('/a', 'y', { Overwrite: true });
    expect(answer).toMatchObject(denied('ssm:PutParameter', arn('/a')));
    expect((answer['reasons'] as string[]).length).toBeGreaterThan(0);
    expect(log.at(-1)).toMatchObject({
      outcome: 'refused',
      action: 'ssm:PutParameter',
      resource: arn('/a'),
      principal: session,
      role: 'arn:aws:iam::111122223333:role/apply',
    });
    expect(log.at(-1)!.checks.length).toBeGreaterThan(0);
    expect(await ssm('GetParameter', { Name: '/a' })).toMatchObject({ Parameter: { Value: 'x' } });
  });

  it('allow nothing to a role without policies', async () => {
    await open([]);
    const answer = await ssm('GetParameter', { Name: '/a' });
    expect(answer).toMatchObject(denied('ssm:GetParameter', arn('/a')));
  });

  it('do not tell whether a parameter exists to whom may not read it', async () => {
    await open([{ Effect: 'Allow', Action: 'ssm:GetParameter', Resource: arn('/mine/*') }], {
      parameters: { '/yours/a': 'x' },
    });
    expect((await ssm('GetParameter', { Name: '/yours/a' })).type).toBe('AccessDeniedException');
    expect((await ssm('GetParameter', { Name: '/yours/b' })).type).toBe('AccessDeniedException');
  });

  it('end at the resource that they name', async () => {
    await open([{ Effect: 'Allow', Action: 'ssm:PutParameter', Resource: arn('/mine/*') }]);
    expect((await put('/mine/a')).status).toBe(200);
    expect(await put('/mine2/a')).toMatchObject(denied('ssm:PutParameter', arn('/mine2/a')));
    expect(await put('mine/a')).toMatchObject({ status: 200 });
  });

  it('give way to an explicit deny', async () => {
    await open([...everything, { Effect: 'Deny', Action: 'ssm:Delete*', Resource: '*' }]);
    await put('/a');
    expect(await ssm('DeleteParameter', { Name: '/a' })).toMatchObject(
      denied('ssm:DeleteParameter', arn('/a'), 'with an explicit deny in an identity-based policy'),
    );
  });

  it('are asked for every name of a list', async () => {
    await open([{ Effect: 'Allow', Action: 'ssm:GetParameters', Resource: arn('/mine/*') }], {
      parameters: { '/mine/a': 'x', '/yours/a': 'y' },
    });
    expect((await ssm('GetParameters', { Names: ['/mine/a'] })).status).toBe(200);
    expect((await ssm('GetParameters', { Names: ['/mine/a', '/yours/a'] })).type).toBe('AccessDeniedException');
  });

  it('may ask about tags of the request, of the parameter, and about overwriting', async () => {
    await open(
      [
        {
          Effect: 'Allow',
          Action: ['ssm:PutParameter', 'ssm:AddTagsToResource'],
          Resource: '*',
          Condition: { StringEquals: { 'aws:RequestTag/Team': 'payments' } },
        },
        {
          Effect: 'Allow',
          Action: ['ssm:GetParameter', 'ssm:DeleteParameter'],
          Resource: '*',
          Condition: { StringEquals: { 'ssm:resourceTag/Team': 'payments' } },
        },
        {
          Effect: 'Deny',
          Action: 'ssm:PutParameter',
          Resource: '*',
          Condition: { StringEquals: { 'ssm:Overwrite': 'true' } },
        },
      ],
      { parameters: { '/untagged': 'x' } },
    );
    expect((await put('/a')).type).toBe('AccessDeniedException');
    expect((await put('/a', 'v', { Tags: [{ Key: 'Team', Value: 'payments' }] })).status).toBe(200);
    expect((await ssm('GetParameter', { Name: '/a' })).status).toBe(200);
    expect((await ssm('GetParameter', { Name: '/untagged' })).type).toBe('AccessDeniedException');
    expect((await put('/a', 'w', { Overwrite: true, Tags: [{ Key: 'Team', Value: 'payments' }] })).type).toBe(
      'AccessDeniedException',
    );
  });

  it('are asked with the tags of each parameter of a list, since a Deny may be about them', async () => {
    await open([
      { Effect: 'Allow', Action: '*', Resource: '*' },
      {
        Effect: 'Deny',
        Action: ['ssm:GetParameters', 'ssm:DeleteParameters'],
        Resource: '*',
        Condition: { StringEquals: { 'aws:ResourceTag/Team': 'payments' } },
      },
    ]);
    await put('/a', 'v', { Tags: [{ Key: 'Team', Value: 'payments' }] });
    await put('/b');
    for (const action of ['GetParameters', 'DeleteParameters']) {
      expect((await ssm(action, { Names: ['/b', '/a'] })).type).toBe('AccessDeniedException');
      expect((await ssm(action, { Names: ['/b'] })).status).toBe(200);
    }
  });

  it('are needed for tags of a new parameter too', async () => {
    await open([{ Effect: 'Allow', Action: 'ssm:PutParameter', Resource: '*' }]);
    expect(await put('/a', 'v', { Tags: [{ Key: 'a', Value: 'b' }] })).toMatchObject(
      denied('ssm:AddTagsToResource', arn('/a')),
    );
    expect((await put('/a')).status).toBe(200);
  });

  it('may ask whose token it was', async () => {
    const { host } = new URL(issuer.url);
    await open([
      {
        Effect: 'Allow',
        Action: 'ssm:PutParameter',
        Resource: '*',
        Condition: { StringLike: { [`${host}:sub`]: 'organization:acme:*' } },
      },
    ]);
    expect((await put('/a')).status).toBe(200);
  });
});

describe('a call that is not right', () => {
  it('is refused when its body is not JSON', async () => {
    const bent = signRequest(sandbox.endpoint('aws'), credentials, {
      service: 'ssm',
      headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'AmazonSSM.GetParameter' },
      body: '[',
    });
    const response = await fetch(sandbox.endpoint('aws'), { method: 'POST', ...bent });
    expect(await response.json()).toMatchObject({ __type: 'SerializationException' });
  });

  it('is refused in the names of JSON services', async () => {
    const at = new Date(Date.now() - 16 * 60 * 1000);
    const old = ssmRequest(sandbox.endpoint('aws'), credentials, 'GetParameter', { Name: '/a' }, { at });
    expect(await (await fetch(sandbox.endpoint('aws'), { method: 'POST', ...old })).json()).toMatchObject({
      __type: 'InvalidSignatureException',
      message: expect.stringContaining('Signature expired'),
    });
    const unknown = ssmRequest(
      sandbox.endpoint('aws'),
      { ...credentials, accessKeyId: 'ASIAUNKNOWN' },
      'GetParameter',
      {
        Name: '/a',
      },
    );
    expect(await (await fetch(sandbox.endpoint('aws'), { method: 'POST', ...unknown })).json()).toMatchObject({
      __type: 'UnrecognizedClientException',
      message: 'The security token included in the request is invalid.',
    });
    const unsigned = {
      headers: { 'x-amz-target': 'AmazonSSM.GetParameter', 'content-type': 'application/x-amz-json-1.1' },
      body: '{}',
    };
    expect(await (await fetch(sandbox.endpoint('aws'), { method: 'POST', ...unsigned })).json()).toMatchObject({
      __type: 'MissingAuthenticationTokenException',
    });
  });

  it('is refused when it was signed for another service', async () => {
    const request = signRequest(sandbox.endpoint('aws'), credentials, {
      service: 'sts',
      headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'AmazonSSM.GetParameter' },
      body: '{}',
    });
    const response = await fetch(sandbox.endpoint('aws'), { method: 'POST', ...request });
    expect(response.status).toBe(400);
    expect(log.at(-1)).toMatchObject({ outcome: 'refused' });
  });
});

describe('latency', () => {
  it('makes an action take as long as the configuration says', async () => {
    await open(everything, { latency_milliseconds: { 'ssm:PutParameter': 200 } });
    const started = performance.now();
    await put('/a');
    expect(performance.now() - started).toBeGreaterThanOrEqual(195);
  });

  it('is refused for an action that the stand-in does not have', async () => {
    await expect(open(everything, { latency_milliseconds: { 'ssm:PutParametre': 1 } })).rejects.toMatchObject({
      problem: { mend: 'did you mean ssm:PutParameter?' },
    });
    await open(everything);
  });
});
