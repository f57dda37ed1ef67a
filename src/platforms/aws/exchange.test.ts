import { describe, expect, it } from 'vitest';
import { playedServer, type PlayedAnswer } from '../../../test/support/played-server.ts';
import type { Refusal } from '../../domain/credential.ts';
import { canary, exampleIo, exampleToken } from '../conformance.ts';
import { explainAws, stsEndpoint } from './exchange.ts';

const configuration = { roleArn: 'arn:aws:iam::111122223333:role/x', audience: 'aws.workload.identity' };

const server = playedServer('text/xml');
const { calls } = server;

async function explain(answer: PlayedAnswer, tag: string | null = null): Promise<Refusal | null> {
  const endpoint = await server.answer(answer);
  return explainAws(
    configuration,
    tag,
    exampleToken(),
    exampleIo({ fetch: globalThis.fetch, environment: { AWS_ENDPOINT_URL_STS: endpoint } }),
  );
}

const error = (code: string, message: string): string =>
  `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>req-1</RequestId></ErrorResponse>`;

describe('explainAws', () => {
  it('sends one unsigned call, as the SDKs do', async () => {
    await explain({ status: 403, body: error('AccessDenied', 'x') });
    expect(calls).toHaveLength(1);
    const { method, headers, body } = calls[0]!;
    expect(method).toBe('POST');
    expect(headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect(headers['authorization']).toBeUndefined();
    expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: configuration.roleArn,
      RoleSessionName: 'run-Zk5uNq8xTg2sVbWe-plan',
      WebIdentityToken: canary,
    });
  });

  it("gives STS's own words, and three causes with our values", async () => {
    const refusal = await explain(
      { status: 403, body: error('AccessDenied', 'Not authorized to perform sts:AssumeRoleWithWebIdentity') },
      'BLUE',
    );
    expect(refusal).toMatchObject({
      platform: 'aws',
      tag: 'BLUE',
      role: configuration.roleArn,
      code: 'AccessDenied',
      message: 'Not authorized to perform sts:AssumeRoleWithWebIdentity',
      status: 403,
      requestId: 'req-1',
      reasons: [],
    });
    expect(refusal!.causes).toHaveLength(3);
    expect(refusal!.causes[0]).toContain(exampleToken().claims.sub);
    expect(refusal!.causes[0]).toContain('id.example.com:sub');
    expect(refusal!.causes.join()).not.toMatch(/[{}]/);
  });

  it.each<[string, string, RegExp]>([
    [
      'InvalidIdentityToken',
      'No OpenIDConnect provider found in your account for https://id.example.com',
      /account 111122223333.*no IAM OIDC provider/,
    ],
    ['InvalidIdentityToken', 'Incorrect token audience', /client ids.*"aws\.workload\.identity"/],
    [
      'InvalidIdentityToken',
      'Couldn&apos;t retrieve verification key from your identity provider,  please reference',
      /\.well-known\/openid-configuration/,
    ],
    [
      'InvalidIdentityToken',
      'The target role ARN is not present in the roles claim of the identity token',
      /roles claim/,
    ],
    ['InvalidIdentityToken', 'something new', /signing key/],
    [
      'ExpiredTokenException',
      'Token expired: current date/time 2 must be before the expiration date/time 1',
      /token_lifetime/,
    ],
    ['AccessDenied', 'Not authorized to perform sts:TagSession', /sts:TagSession/],
    ['AccessDenied', 'Not authorized to perform sts:SetSourceIdentity', /sts:SetSourceIdentity/],
    ['IDPCommunicationError', 'x', /could not reach https:\/\/id\.example\.com/],
    ['IDPRejectedClaim', 'x', /rejected the token/],
    [
      'ValidationError',
      'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
      /MaxSessionDuration/,
    ],
    ['ValidationError', 'Request ARN is invalid', /role ARN/],
    ['PackedPolicyTooLarge', 'x', /session tags/],
    ['RegionDisabledException', 'x', /region/],
    ['SomethingNew', 'x', /AWS_ENDPOINT_URL/],
  ])('knows the likeliest cause of %s: %s', async (code, message, cause) => {
    const refusal = await explain({ status: 400, body: error(code, message) });
    expect(refusal!.causes[0]).toMatch(cause);
    expect(refusal!.causes).toHaveLength(3);
  });

  it('never shows the token, although a validation error quotes it', async () => {
    const [header, payload, signature] = canary.split('.') as [string, string, string];
    const refusal = await explain({
      status: 400,
      body: error(
        'ValidationError',
        `1 validation error detected: Value '${canary}' at 'webIdentityToken' and ${payload} ${signature} ${header}`,
      ),
      headers: { 'x-hallpass-reasons': Buffer.from(JSON.stringify([`was ${canary}`])).toString('base64url') },
    });
    const shown = JSON.stringify(refusal);
    for (const part of [canary, header, payload, signature]) expect(shown).not.toContain(part);
    expect(refusal!.message).toContain('[token]');
  });

  it("takes a stand-in's reasons", async () => {
    const reasons = ['condition StringLike id.example.com:sub: wanted "a", was "b"', 'second\u001b[31m\nline'];
    const refusal = await explain({
      status: 403,
      body: error('AccessDenied', 'x'),
      headers: { 'x-hallpass-reasons': Buffer.from(JSON.stringify(reasons)).toString('base64url') },
    });
    expect(refusal!.reasons).toEqual([reasons[0], 'second [31m line']);
  });

  it.each(['', 'not json', Buffer.from('{"a":1}').toString('base64url'), Buffer.from('[1]').toString('base64url')])(
    'takes no reasons from %j',
    async (header) => {
      const refusal = await explain({
        status: 403,
        body: error('AccessDenied', 'x'),
        headers: { 'x-hallpass-reasons': header },
      });
      expect(refusal!.reasons).toEqual([]);
    },
  );

  it('reads entities, and keeps text from outside on one line', async () => {
    const refusal = await explain({ status: 400, body: error('A&amp;B', 'a &lt;b&gt; &quot;c&#39;&#x1b;[31m\nd') });
    expect(refusal).toMatchObject({ code: 'A&B', message: 'a <b> "c\' [31m d' });
  });

  it('says so when what answers is not STS', async () => {
    const refusal = await explain({ status: 404, body: '<html>nothing here</html>' });
    expect(refusal).toMatchObject({ code: 'HTTP 404', message: 'the answer is not one of STS', requestId: null });
  });

  it('reads no more than the beginning of an endless answer', async () => {
    const refusal = await explain({
      status: 400,
      body: `${error('ValidationError', 'x'.repeat(5000))}${'y'.repeat(3_000_000)}`,
    });
    expect(refusal!.message).toHaveLength(1000);
  });

  it('is silent when STS accepts the token, and throws the credentials away', async () => {
    const body = '<Credentials><SecretAccessKey>hunter2</SecretAccessKey></Credentials>';
    expect(await explain({ status: 200, body })).toBeNull();
  });

  it.each([429, 500, 503, 302])('is silent on status %i, which says nothing about trust', async (status) => {
    expect(
      await explain({ status, body: error('Throttling', 'x'), headers: { location: 'http://127.0.0.1:1/' } }),
    ).toBeNull();
    expect(calls).toHaveLength(1);
  });

  it('is silent when nobody answers', async () => {
    const io = exampleIo({ fetch: globalThis.fetch, environment: { AWS_ENDPOINT_URL: 'http://127.0.0.1:1' } });
    expect(await explainAws(configuration, null, exampleToken(), io)).toBeNull();
  });

  it('gives up after three seconds', async () => {
    const endpoint = await server.answer();
    const started = performance.now();
    const io = exampleIo({ fetch: globalThis.fetch, environment: { AWS_ENDPOINT_URL: endpoint } });
    expect(await explainAws(configuration, null, exampleToken(), io)).toBeNull();
    expect(performance.now() - started).toBeGreaterThan(2500);
  });

  it('says first that AWS cannot reach an issuer on this machine', async () => {
    const token = { ...exampleToken(), claims: { ...exampleToken().claims, iss: 'http://127.0.0.1:8080' } };
    const io = exampleIo({
      environment: { AWS_REGION: 'eu-west-1' },
      fetch: async () =>
        new Response(error('InvalidIdentityToken', 'No OpenIDConnect provider found'), { status: 400 }),
    });
    const refusal = await explainAws(configuration, null, token, io);
    expect(refusal!.causes[0]).toContain('cannot be reached by AWS');
    expect(refusal!.causes).toHaveLength(3);
  });
});

describe('stsEndpoint', () => {
  it.each<[Record<string, string>, string | null]>([
    [{}, 'https://sts.amazonaws.com/'],
    [{ AWS_REGION: 'eu-west-1' }, 'https://sts.eu-west-1.amazonaws.com/'],
    [{ AWS_DEFAULT_REGION: 'us-gov-west-1' }, 'https://sts.us-gov-west-1.amazonaws.com/'],
    [{ AWS_REGION: 'eu-west-1', AWS_DEFAULT_REGION: 'eu-west-2' }, 'https://sts.eu-west-1.amazonaws.com/'],
    [{ AWS_REGION: 'cn-north-1' }, 'https://sts.cn-north-1.amazonaws.com.cn/'],
    [{ AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_REGION: 'eu-west-1' }, 'http://127.0.0.1:1'],
    [{ AWS_ENDPOINT_URL: 'http://a', AWS_ENDPOINT_URL_STS: 'https://b/c' }, 'https://b/c'],
    [{ AWS_ENDPOINT_URL: 'http://a', AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' }, 'https://sts.amazonaws.com/'],
    [{ AWS_ENDPOINT_URL: '' }, 'https://sts.amazonaws.com/'],
    [{ AWS_ENDPOINT_URL: 'ftp://a' }, null],
    [{ AWS_ENDPOINT_URL: 'file:///etc/passwd' }, null],
    [{ AWS_ENDPOINT_URL: 'nonsense' }, null],
    [{ AWS_REGION: 'evil.example.com/' }, null],
    [{ AWS_REGION: 'eu-west-1@evil' }, null],
  ])('of %j is %s', (environment, expected) => expect(stsEndpoint(environment)).toBe(expected));
});
