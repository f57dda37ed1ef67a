import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { exportJWK, generateKeyPair } from 'jose';
import {
  callerIdentityRequest,
  signRequest,
  reasonsOf,
  ssmRequest,
  xmlText,
  type AwsCredentials,
} from '../../../test/support/aws-client.ts';
import {
  openTestIssuer,
  testAudience,
  testKey,
  testSubject,
  type TestIssuer,
  type TestKey,
} from '../../../test/support/issuer.ts';
import { readSandboxConfig } from '../config.ts';
import type { SandboxLogLine } from '../log.ts';
import { openSandbox, type Sandbox } from '../open.ts';

const roleArn = 'arn:aws:iam::111122223333:role/payments-plan';
const noKey =
  "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements";
const notAJwt = 'The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)';

let key: TestKey;
let otherKey: TestKey;
let issuer: TestIssuer;
let sandbox: Sandbox;
let now: Date;
const log: SandboxLogLine[] = [];

function trust(overrides: Record<string, unknown> = {}, host = new URL(issuer.url).host): object {
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Federated: `arn:aws:iam::111122223333:oidc-provider/${host}` },
        Action: 'sts:AssumeRoleWithWebIdentity',
        Condition: { StringEquals: { [`${host}:aud`]: testAudience, [`${host}:sub`]: testSubject } },
        ...overrides,
      },
    ],
  };
}

const reader = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'ssm:Get*', Resource: '*' }] };

async function open(aws: Record<string, unknown> = {}): Promise<Sandbox> {
  const config = await readSandboxConfig(
    JSON.stringify({
      aws: {
        providers: [{ url: issuer.url, client_ids: [testAudience] }],
        roles: [{ name: 'payments-plan', trust_policy: trust(), policies: [reader] }],
        parameters: { '/payments/region': 'eu-north-1' },
        ...aws,
      },
    }),
    '/',
  );
  return openSandbox({ config, now: () => now, log: (line) => log.push(line) });
}

interface Asked {
  readonly at?: Sandbox;
  readonly [parameter: string]: unknown;
}

/** Asks for the role; every parameter may be replaced, and taken out with undefined. */
async function assume(token: string, { at = sandbox, ...parameters }: Asked = {}): Promise<Response> {
  const all = {
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: roleArn,
    RoleSessionName: 'run-1-plan',
    WebIdentityToken: token,
    ...parameters,
  };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return fetch(at.endpoint('aws'), { method: 'POST', body: new URLSearchParams(given) });
}

async function refusal(answer: Response | Promise<Response>) {
  const response = await answer;
  const body = await response.text();
  return {
    status: response.status,
    code: xmlText(body, 'Code'),
    message: xmlText(body, 'Message')?.replaceAll('&quot;', '"'),
    reasons: reasonsOf(response),
  };
}

async function credentialsOf(answer: Response | Promise<Response>): Promise<AwsCredentials> {
  const xml = await (await answer).text();
  return {
    accessKeyId: xmlText(xml, 'AccessKeyId')!,
    secretAccessKey: xmlText(xml, 'SecretAccessKey')!,
    sessionToken: xmlText(xml, 'SessionToken')!,
  };
}

beforeAll(async () => {
  [key, otherKey] = await Promise.all([testKey(), testKey('RS256', 'other')]);
});

beforeEach(async () => {
  now = new Date('2026-11-21T12:00:00.500Z');
  log.length = 0;
  await issuer?.close();
  await sandbox?.close();
  issuer = await openTestIssuer({ key, now: () => now });
  sandbox = await open();
});

afterAll(async () => {
  await sandbox.close();
  await issuer.close();
});

describe('a token that the role trusts', () => {
  it('buys temporary credentials, in the XML that SDKs read', async () => {
    const response = await assume(await issuer.sign());
    const xml = await response.text();
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/xml');
    expect(response.headers.get('x-amzn-requestid')).toBe(xmlText(xml, 'RequestId'));
    expect(xml).toContain('<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">');
    expect(xmlText(xml, 'SubjectFromWebIdentityToken')).toBe(testSubject);
    expect(xmlText(xml, 'Audience')).toBe(testAudience);
    expect(xmlText(xml, 'Arn')).toBe('arn:aws:sts::111122223333:assumed-role/payments-plan/run-1-plan');
    expect(xmlText(xml, 'AssumedRoleId')).toMatch(/^AROA[A-Z2-7]{17}:run-1-plan$/);
    expect(xmlText(xml, 'AccessKeyId')).toMatch(/^ASIA[A-Z2-7]{16}$/);
    expect(xmlText(xml, 'SecretAccessKey')).toHaveLength(40);
    expect(xmlText(xml, 'Expiration')).toBe('2026-11-21T13:00:00Z');
    expect(xmlText(xml, 'PackedPolicySize')).toBeUndefined();
  });

  it('may come in the query of a GET as well', async () => {
    const query = new URLSearchParams({
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: roleArn,
      RoleSessionName: 'run-1-plan',
      WebIdentityToken: await issuer.sign(),
    });
    expect((await fetch(`${sandbox.endpoint('aws')}/?${query.toString()}`)).status).toBe(200);
  });

  it('may be used again, as SDKs do', async () => {
    const token = await issuer.sign();
    expect((await assume(token)).status).toBe(200);
    expect((await assume(token)).status).toBe(200);
  });

  it('may have its audience as a list of one', async () => {
    expect((await assume(await issuer.sign({ aud: [testAudience] }))).status).toBe(200);
  });

  it('has azp as its audience when there is one', async () => {
    const token = await issuer.sign({ aud: ['a', 'b'], azp: testAudience });
    expect(xmlText(await (await assume(token)).text(), 'Audience')).toBe(testAudience);
  });

  for (const algorithm of ['RS384', 'RS512', 'ES256', 'ES384', 'ES512']) {
    it(`may be signed with ${algorithm}`, async () => {
      const own = await testKey(algorithm);
      await using another = await openTestIssuer({ key: own, now: () => now });
      await using at = await open({
        providers: [{ url: another.url, client_ids: [testAudience] }],
        roles: [{ name: 'payments-plan', trust_policy: trust({}, new URL(another.url).host) }],
      });
      expect((await assume(await another.sign(), { at })).status).toBe(200);
    });
  }

  it('is told in the log with every check of the trust policy, and without the token', async () => {
    const token = await issuer.sign();
    const { secretAccessKey, sessionToken } = await credentialsOf(assume(token));
    expect(log[0]).toMatchObject({
      action: 'sts:AssumeRoleWithWebIdentity',
      role: roleArn,
      principal: testSubject,
      outcome: 'ok',
      status: 200,
      expires_at: '2026-11-21T13:00:00Z',
    });
    expect(log[0]!.checks.map(({ operator, result }) => [operator, result])).toContainEqual(['StringEquals', 'pass']);
    const text = JSON.stringify(log);
    for (const secret of [token, token.split('.')[2]!, secretAccessKey, sessionToken])
      expect(text).not.toContain(secret);
  });
});

const seconds = (): number => Math.floor(now.getTime() / 1000);

describe('one thing wrong with the token', () => {
  const cases: Record<
    string,
    { claims?: () => Record<string, unknown>; header?: Record<string, unknown>; is: object }
  > = {
    'exp is this second': {
      claims: () => ({ exp: seconds() }),
      is: {
        status: 400,
        code: 'ExpiredTokenException',
        message: 'Token expired: current date/time 1795262400 must be before the expiration date/time 1795262400',
      },
    },
    'exp has a fraction': {
      claims: () => ({ exp: seconds() + 600.5 }),
      is: { code: 'InvalidIdentityToken', message: notAJwt },
    },
    'iat is text': { claims: () => ({ iat: String(seconds()) }), is: { code: 'InvalidIdentityToken' } },
    'iat is 25 hours ago and more': {
      claims: () => ({ iat: seconds() - 90_001 }),
      is: { code: 'ExpiredTokenException', message: 'Token too old: 90001' },
    },
    'iat lies ahead': { claims: () => ({ iat: seconds() + 1 }), is: { code: 'InvalidIdentityToken' } },
    'nbf lies ahead': { claims: () => ({ nbf: seconds() + 1 }), is: { code: 'InvalidIdentityToken' } },
    'aud is for somebody else': {
      claims: () => ({ aud: 'vault.workload.identity' }),
      is: { status: 400, code: 'InvalidIdentityToken', message: 'Incorrect token audience' },
    },
    'aud has two values and there is no azp': {
      claims: () => ({ aud: [testAudience, 'b'] }),
      is: {
        code: 'InvalidIdentityToken',
        message: 'Token audience contains more than one audience while authorized party is not present',
      },
    },
    'azp is for somebody else': {
      claims: () => ({ azp: 'c' }),
      is: { code: 'InvalidIdentityToken', message: 'Incorrect token audience' },
    },
    'aud is missing': {
      claims: () => ({ aud: undefined }),
      is: { code: 'InvalidIdentityToken', message: 'Missing a required claim: aud' },
    },
    'sub is missing': {
      claims: () => ({ sub: undefined }),
      is: { code: 'InvalidIdentityToken', message: 'Missing a required claim: sub' },
    },
    'exp is missing': {
      claims: () => ({ exp: undefined }),
      is: { code: 'InvalidIdentityToken', message: 'Missing a required claim: exp' },
    },
    'iat is missing': {
      claims: () => ({ iat: undefined }),
      is: { code: 'InvalidIdentityToken', message: 'Missing a required claim: iat' },
    },
    'iss is missing': {
      claims: () => ({ iss: undefined }),
      is: { code: 'InvalidIdentityToken', message: 'Missing a required claim: iss' },
    },
    'iss has a trailing slash': { claims: () => ({ iss: `${issuer.url}/` }), is: { code: 'InvalidIdentityToken' } },
    'it has no kid': { header: { kid: undefined }, is: { code: 'InvalidIdentityToken', message: noKey } },
    'its kid is unknown': { header: { kid: 'nobody' }, is: { code: 'InvalidIdentityToken', message: noKey } },
    'the roles claim names another role': {
      claims: () => ({ 'https://aws.amazon.com/roles': 'arn:aws:iam::111122223333:role/other' }),
      is: {
        code: 'InvalidIdentityToken',
        message: 'The target role ARN is not present in the roles claim of the identity token',
      },
    },
    'it brings tags that the role does not allow': {
      claims: () => ({ 'https://aws.amazon.com/tags': { principal_tags: { Team: ['payments'] } } }),
      is: { status: 403, code: 'AccessDenied', message: 'Not authorized to perform sts:TagSession' },
    },
    'it brings a source identity that the role does not allow': {
      claims: () => ({ 'https://aws.amazon.com/source_identity': 'alice' }),
      is: { status: 403, code: 'AccessDenied', message: 'Not authorized to perform sts:SetSourceIdentity' },
    },
    'it is of a neighbour workspace': {
      claims: () => ({ sub: testSubject.replace('payments-prod', 'payments-prod2') }),
      is: { status: 403, code: 'AccessDenied', message: 'Not authorized to perform sts:AssumeRoleWithWebIdentity' },
    },
    'it is of the other phase': {
      claims: () => ({ sub: testSubject.replace('plan', 'apply') }),
      is: { status: 403, code: 'AccessDenied', message: 'Not authorized to perform sts:AssumeRoleWithWebIdentity' },
    },
    'it is of another letter case': {
      claims: () => ({ sub: testSubject.replace('acme', 'Acme') }),
      is: { status: 403, code: 'AccessDenied' },
    },
  };
  for (const [what, { claims, header, is }] of Object.entries(cases)) {
    it(`is refused when ${what}, with a reason`, async () => {
      const answer = await refusal(assume(await issuer.sign(claims?.(), header)));
      expect(answer).toMatchObject(is);
      expect(answer.reasons.length).toBeGreaterThan(0);
      expect(log.at(-1)).toMatchObject({ outcome: 'refused', code: answer.code, reasons: answer.reasons });
    });
  }

  it('is refused when its provider is not in the account, naming the issuer', async () => {
    await using at = await open({ providers: [] });
    expect(await refusal(assume(await issuer.sign(), { at }))).toMatchObject({
      status: 400,
      code: 'InvalidIdentityToken',
      message: `No OpenIDConnect provider found in your account for ${issuer.url}`,
    });
  });

  it('is refused when another key signed it under the kid of the right one', async () => {
    await using imitation = await openTestIssuer({ key: { ...otherKey, kid: key.kid }, now: () => now });
    const answer = await refusal(assume(await imitation.sign({ iss: issuer.url })));
    expect(answer).toMatchObject({ code: 'InvalidIdentityToken', message: notAJwt });
    expect(answer.reasons[0]).toContain('the signature does not hold');
  });

  it('is refused when one claim was changed after signing', async () => {
    const [header, , signature] = (await issuer.sign()).split('.');
    const [, payload] = (await issuer.sign({ exp: seconds() + 601 })).split('.');
    expect(await refusal(assume(`${header}.${payload}.${signature}`))).toMatchObject({
      code: 'InvalidIdentityToken',
      message: notAJwt,
    });
  });

  for (const algorithm of ['none', 'HS256', 'PS256', 'EdDSA', 'rs256', 'constructor']) {
    it(`is refused when its header says ${algorithm}`, async () => {
      const [, payload, signature] = (await issuer.sign()).split('.');
      const header = Buffer.from(JSON.stringify({ typ: 'JWT', alg: algorithm, kid: key.kid })).toString('base64url');
      const answer = await refusal(assume(`${header}.${payload}.${algorithm === 'none' ? 'AA' : signature}`));
      expect(answer).toMatchObject({ code: 'InvalidIdentityToken', message: notAJwt });
      expect(answer.reasons[0]).toContain('accepted are RS256');
    });
  }

  it('is refused when its header demands an extension', async () => {
    const [, payload, signature] = (await issuer.sign()).split('.');
    const header = Buffer.from(JSON.stringify({ alg: 'RS256', kid: key.kid, crit: ['b64'], b64: true })).toString(
      'base64url',
    );
    expect((await refusal(assume(`${header}.${payload}.${signature}`))).reasons[0]).toContain('crit');
  });

  it('never has the keys that its header brings followed', async () => {
    const { publicKey } = await generateKeyPair('RS256', { extractable: true });
    await issuer.sign();
    const answer = await refusal(
      assume(await issuer.sign({}, { kid: 'mine', jwk: await exportJWK(publicKey), jku: `${issuer.url}/evil` })),
    );
    expect(answer.message).toBe(noKey);
    expect(issuer.requests).not.toContain('/evil');
  });

  for (const garbage of ['abcd', 'aa.bb', 'a.b.c', 'e30.e30.', 'e30.W10.AA', '....', 'e30.eyJhIjoxLCJhIjoyfQ.AA']) {
    it(`is refused when it is ${garbage}`, async () => {
      expect(await refusal(assume(garbage))).toMatchObject({ status: 400, code: 'InvalidIdentityToken' });
    });
  }
});

describe('one thing wrong with the call', () => {
  const invalid = { status: 400, code: 'ValidationError' };
  const cases: Record<string, [Record<string, string | undefined>, object]> = {
    'the role does not exist': [
      { RoleArn: `${roleArn}x` },
      { status: 403, code: 'AccessDenied', message: 'Not authorized to perform sts:AssumeRoleWithWebIdentity' },
    ],
    'the role is in another account': [
      { RoleArn: roleArn.replace('111122223333', '999999999999') },
      { status: 400, code: 'InvalidIdentityToken' },
    ],
    'the role is no ARN of a role': [
      { RoleArn: 'arn:aws:iam::111122223333:user/bob' },
      { ...invalid, message: 'Request ARN is invalid' },
    ],
    'the role is missing': [
      { RoleArn: undefined },
      {
        ...invalid,
        message:
          "1 validation error detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null",
      },
    ],
    'the session name has a blank': [
      { RoleSessionName: 'a b' },
      {
        ...invalid,
        message:
          "1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*",
      },
    ],
    'the session name has a colon': [{ RoleSessionName: 'a:b' }, invalid],
    'the session name has a slash': [{ RoleSessionName: 'a/b' }, invalid],
    'the session name has one letter': [{ RoleSessionName: 'a' }, invalid],
    'the session name has 65 letters': [{ RoleSessionName: 'a'.repeat(65) }, invalid],
    'the session name is missing': [{ RoleSessionName: undefined }, invalid],
    'the token is missing': [{ WebIdentityToken: undefined }, invalid],
    'the token has 3 letters': [{ WebIdentityToken: 'abc' }, invalid],
    'the token has 20001 letters': [
      { WebIdentityToken: 'a'.repeat(20_001) },
      {
        ...invalid,
        message:
          "1 validation error detected: Value at 'webIdentityToken' failed to satisfy constraint: Member must have length less than or equal to 20000",
      },
    ],
    'the duration is below 900 s': [{ DurationSeconds: '899' }, invalid],
    'the duration is above 12 h': [{ DurationSeconds: '43201' }, invalid],
    'the duration is not a number': [{ DurationSeconds: '1h' }, invalid],
    "the duration is above the role's": [
      { DurationSeconds: '3601' },
      { ...invalid, message: 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.' },
    ],
    'it names managed session policies': [
      { 'PolicyArns.member.1.arn': 'arn:aws:iam::aws:policy/ReadOnlyAccess' },
      invalid,
    ],
    'its session policy is broken': [{ Policy: '{"Statement": 1}' }, { status: 400, code: 'MalformedPolicyDocument' }],
    'it names a provider of the old kind': [{ ProviderId: 'www.amazon.com' }, invalid],
  };
  for (const [what, [parameters, is]] of Object.entries(cases)) {
    it(`is refused when ${what}`, async () => {
      const answer = await refusal(assume(await issuer.sign(), parameters));
      expect(answer).toMatchObject(is);
      expect(answer.reasons.length).toBeGreaterThan(0);
    });
  }

  it('is told all faults of its form at once', async () => {
    const { message } = await refusal(assume('abc', { RoleSessionName: '!' }));
    expect(message).toMatch(
      /^3 validation errors detected: .*roleSessionName.*; .*roleSessionName.*; .*webIdentityToken/,
    );
  });
});

describe('the reason of a refusal', () => {
  it('names the condition that failed, with both values', async () => {
    const neighbour = testSubject.replace('payments-prod', 'payments-prod2');
    const { reasons } = await refusal(assume(await issuer.sign({ sub: neighbour })));
    const text = reasons.join('\n');
    expect(text).toContain(testSubject);
    expect(text).toContain(neighbour);
    expect(text).toContain(':sub');
  });

  it('names the roles that there are when one is missing', async () => {
    const { reasons } = await refusal(assume(await issuer.sign(), { RoleArn: `${roleArn}x` }));
    expect(reasons[0]).toContain(roleArn);
  });

  it('is told in the log with every check', async () => {
    await assume(await issuer.sign({ sub: `${testSubject}x` }));
    expect(log[0]!.checks.some(({ result, key: name }) => result === 'fail' && name.endsWith(':sub'))).toBe(true);
  });
});

/** Allows reading to sessions of one team. */
const teamPolicy = (team: string) => ({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Action: 'ssm:GetParameter',
      Resource: '*',
      Condition: { StringEquals: { 'aws:PrincipalTag/Team': team } },
    },
  ],
});

describe('what a token brings for the session', () => {
  const tagging = { Action: ['sts:AssumeRoleWithWebIdentity', 'sts:TagSession', 'sts:SetSourceIdentity'] };

  it('is taken when the role allows it', async () => {
    await using at = await open({ roles: [{ name: 'payments-plan', trust_policy: trust(tagging) }] });
    const token = await issuer.sign({
      'https://aws.amazon.com/tags': { principal_tags: { Team: ['payments'] }, transitive_tag_keys: ['Team'] },
      'https://aws.amazon.com/source_identity': 'alice',
    });
    const xml = await (await assume(token, { at })).text();
    expect(xmlText(xml, 'SourceIdentity')).toBe('alice');
    expect(Number(xmlText(xml, 'PackedPolicySize'))).toBeGreaterThan(0);
  });

  it('decides later calls through aws:PrincipalTag', async () => {
    const token = await issuer.sign({ 'https://aws.amazon.com/tags/principal_tags/Team': 'payments' });
    for (const [team, status] of [
      ['payments', 200],
      ['billing', 400],
    ] as const) {
      await using at = await open({
        roles: [{ name: 'payments-plan', trust_policy: trust(tagging), policies: [teamPolicy(team)] }],
      });
      const credentials = await credentialsOf(assume(token, { at }));
      const request = ssmRequest(
        at.endpoint('aws'),
        credentials,
        'GetParameter',
        { Name: '/payments/region' },
        { at: now },
      );
      expect((await fetch(at.endpoint('aws'), { method: 'POST', ...request })).status).toBe(status);
    }
  });
});

const identity = async (credentials: AwsCredentials, at = sandbox) =>
  fetch(at.endpoint('aws'), { method: 'POST', ...callerIdentityRequest(at.endpoint('aws'), credentials, now) });

const sessionPolicy = (action: string) =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: action, Resource: '*' }] });

describe('a session', () => {
  it('may ask who it is', async () => {
    const response = await identity(await credentialsOf(assume(await issuer.sign())));
    const xml = await response.text();
    expect(response.status).toBe(200);
    expect(xmlText(xml, 'Arn')).toBe('arn:aws:sts::111122223333:assumed-role/payments-plan/run-1-plan');
    expect(xmlText(xml, 'Account')).toBe('111122223333');
    expect(xmlText(xml, 'UserId')).toMatch(/^AROA\w{17}:run-1-plan$/);
  });

  it('ends when it says, to the second', async () => {
    const credentials = await credentialsOf(assume(await issuer.sign(), { DurationSeconds: '900' }));
    now = new Date('2026-11-21T12:14:59.999Z');
    expect((await identity(credentials)).status).toBe(200);
    now = new Date('2026-11-21T12:15:00Z');
    expect(await refusal(identity(credentials))).toMatchObject({
      status: 403,
      code: 'ExpiredToken',
      message: 'The security token included in the request is expired',
    });
  });

  it('may be made shorter than AWS allows, to test renewal', async () => {
    await using at = await open({ session_seconds: 10 });
    const response = await assume(await issuer.sign(), { at, DurationSeconds: '3600' });
    expect(xmlText(await response.text(), 'Expiration')).toBe('2026-11-21T12:00:10Z');
  });

  it('is unknown to another stand-in', async () => {
    const credentials = await credentialsOf(assume(await issuer.sign()));
    await using at = await open();
    expect(await refusal(identity(credentials, at))).toMatchObject({
      status: 403,
      code: 'InvalidClientTokenId',
      message: 'The security token included in the request is invalid.',
    });
  });

  it('is refused with a wrong secret key', async () => {
    const credentials = await credentialsOf(assume(await issuer.sign()));
    expect(await refusal(identity({ ...credentials, secretAccessKey: 'x' }))).toMatchObject({
      status: 403,
      code: 'SignatureDoesNotMatch',
    });
  });

  it('is refused with the session token of another', async () => {
    const [one, other] = [
      await credentialsOf(assume(await issuer.sign())),
      await credentialsOf(assume(await issuer.sign())),
    ];
    expect(await refusal(identity({ ...one, sessionToken: other.sessionToken }))).toMatchObject({
      status: 403,
      code: 'InvalidClientTokenId',
    });
  });

  it('is refused when the body was changed after signing', async () => {
    const { headers } = callerIdentityRequest(
      sandbox.endpoint('aws'),
      await credentialsOf(assume(await issuer.sign())),
      now,
    );
    const response = fetch(sandbox.endpoint('aws'), {
      method: 'POST',
      headers,
      body: 'Action=GetCallerIdentity&Version=2011-06-15&x=y',
    });
    expect(await refusal(response)).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' });
  });

  it('is refused when the request is not signed', async () => {
    const response = fetch(sandbox.endpoint('aws'), {
      method: 'POST',
      body: new URLSearchParams({ Action: 'GetCallerIdentity', Version: '2011-06-15' }),
    });
    expect(await refusal(response)).toMatchObject({ status: 403, code: 'MissingAuthenticationToken' });
  });

  it('cannot buy further sessions the old way', async () => {
    const credentials = await credentialsOf(assume(await issuer.sign()));
    const request = signRequest(sandbox.endpoint('aws'), credentials, {
      service: 'sts',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'Action=GetSessionToken&Version=2011-06-15',
      at: now,
    });
    expect(await refusal(fetch(sandbox.endpoint('aws'), { method: 'POST', ...request }))).toMatchObject({
      status: 403,
      code: 'AccessDenied',
    });
  });

  it('is narrowed by a session policy, never widened', async () => {
    for (const [allowed, action, parameters, status] of [
      ['ssm:GetParameter', 'GetParameter', { Name: '/payments/region' }, 200],
      ['ssm:PutParameter', 'GetParameter', { Name: '/payments/region' }, 400],
      ['ssm:PutParameter', 'PutParameter', { Name: '/x', Value: 'y', Type: 'String' }, 400],
    ] as const) {
      const credentials = await credentialsOf(assume(await issuer.sign(), { Policy: sessionPolicy(allowed) }));
      const request = ssmRequest(sandbox.endpoint('aws'), credentials, action, parameters, { at: now });
      expect((await fetch(sandbox.endpoint('aws'), { method: 'POST', ...request })).status).toBe(status);
    }
    expect(log.at(-3)!.message).toContain('because no session policy allows the ssm:GetParameter action');
    expect(log.at(-1)!.message).toContain('because no identity-based policy allows the ssm:PutParameter action');
  });
});

describe('a request that the stand-in does not know', () => {
  const cases: Record<string, [RequestInit, string, object]> = {
    'an unknown STS action': [
      { method: 'POST', body: new URLSearchParams({ Action: 'AssumeRoot', Version: '2011-06-15' }) },
      '/',
      { status: 400, code: 'InvalidAction' },
    ],
    'an action named like a property of objects': [
      { method: 'POST', body: new URLSearchParams({ Action: 'constructor', Version: '2011-06-15' }) },
      '/',
      { status: 400, code: 'InvalidAction' },
    ],
    'nothing at all': [{}, '/', { status: 400, code: 'MissingAction' }],
    'a path': [{}, '/index.html', { status: 400, code: 'MissingAction' }],
  };
  for (const [what, [init, path, is]] of Object.entries(cases)) {
    it(`gets AWS' kind of error for ${what}, never HTML`, async () => {
      const response = await fetch(`${sandbox.endpoint('aws')}${path}`, init);
      expect(response.headers.get('content-type')).toBe('text/xml');
      expect(await refusal(response)).toMatchObject(is);
      expect(log[0]!.reasons[0]).toContain('the stand-in knows sts:AssumeRoleWithWebIdentity');
    });
  }

  it('gets JSON where the caller speaks JSON', async () => {
    const response = await fetch(sandbox.endpoint('aws'), {
      method: 'POST',
      headers: { 'x-amz-target': 'DynamoDB_20120810.ListTables', 'content-type': 'application/x-amz-json-1.0' },
      body: '{}',
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ __type: 'UnknownOperationException' });
  });

  it('gets an error when it is larger than a megabyte', async () => {
    const response = await fetch(sandbox.endpoint('aws'), { method: 'POST', body: 'a'.repeat(1024 * 1024 + 1) });
    expect(response.status).toBe(413);
  });
});

describe("the issuer's documents", () => {
  it('are read once for many tokens', async () => {
    for (let count = 0; count < 3; count += 1) await assume(await issuer.sign());
    expect(issuer.requests).toEqual(['/.well-known/openid-configuration', '/.well-known/jwks']);
  });

  const faults: Record<string, [() => void, object]> = {
    'discovery is missing': [
      () => issuer.documents.delete('/.well-known/openid-configuration'),
      { code: 'InvalidIdentityToken', message: noKey },
    ],
    'discovery fails': [
      () => issuer.documents.set('/.well-known/openid-configuration', 503),
      { status: 400, code: 'IDPCommunicationError' },
    ],
    'discovery names another issuer': [
      () =>
        issuer.documents.set('/.well-known/openid-configuration', {
          issuer: `${issuer.url}/`,
          jwks_uri: `${issuer.url}/.well-known/jwks`,
        }),
      { code: 'InvalidIdentityToken', message: noKey },
    ],
    'the keys are missing': [
      () => issuer.documents.delete('/.well-known/jwks'),
      { code: 'InvalidIdentityToken', message: noKey },
    ],
    'the keys are empty': [
      () => issuer.documents.set('/.well-known/jwks', { keys: [] }),
      { code: 'InvalidIdentityToken', message: noKey },
    ],
    'the keys are another key': [
      () => issuer.documents.set('/.well-known/jwks', { keys: [otherKey.jwk] }),
      { code: 'InvalidIdentityToken', message: noKey },
    ],
  };
  for (const [what, [spoil, is]] of Object.entries(faults)) {
    it(`lead to a refusal when ${what}`, async () => {
      spoil();
      const answer = await refusal(assume(await issuer.sign()));
      expect(answer).toMatchObject(is);
      expect(answer.reasons).toHaveLength(1);
    });
  }

  it('lead to an error that SDKs retry when nobody answers', async () => {
    const token = await issuer.sign();
    await issuer.close();
    const answer = await refusal(assume(token));
    expect(answer).toMatchObject({ status: 400, code: 'IDPCommunicationError' });
    expect(answer.reasons[0]).toContain('ECONNREFUSED');
  });

  it('may be fetched from elsewhere than the issuer says', async () => {
    const url = 'https://id.example.com/tenant';
    issuer.documents.set('/copy/.well-known/openid-configuration', {
      issuer: url,
      jwks_uri: `${url}/.well-known/jwks`,
    });
    issuer.documents.set('/copy/.well-known/jwks', { keys: [key.jwk] });
    await using at = await open({
      providers: [{ url, client_ids: [testAudience], fetch_from: `${issuer.url}/copy` }],
      roles: [{ name: 'payments-plan', trust_policy: trust({}, 'id.example.com/tenant') }],
    });
    expect((await assume(await issuer.sign({ iss: url }), { at })).status).toBe(200);
  });
});
