import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { reasonsOf } from '../../../test/support/aws-client.ts';
import { callApi, exchange, federated } from '../../../test/support/gcp-client.ts';
import {
  gcpAudience,
  gcpPart,
  planPrincipal,
  projectNumber,
  providerDocument,
  providerName,
} from '../../../test/support/gcp-project.ts';
import { openTestIssuer, testKey, testSubject, type TestIssuer, type TestKey } from '../../../test/support/issuer.ts';
import { readSandboxConfig } from '../config.ts';
import type { SandboxLogLine } from '../log.ts';
import { openSandbox, type Sandbox } from '../open.ts';

let key: TestKey;
let otherKey: TestKey;
let issuer: TestIssuer;
let sandbox: Sandbox;
let now: Date;
const log: SandboxLogLine[] = [];

async function open(changes: Record<string, unknown> = {}): Promise<Sandbox> {
  const config = await readSandboxConfig(JSON.stringify({ gcp: gcpPart(issuer.url, changes) }), '/');
  return openSandbox({ config, now: () => now, log: (line) => log.push(line) });
}

const endpoint = (at = sandbox): string => at.endpoint('gcp');
const sign = (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}): Promise<string> =>
  issuer.sign({ aud: gcpAudience, ...claims }, header);
const seconds = (offset = 0): number => Math.floor(now.getTime() / 1000) + offset;

async function refusal(answer: Response | Promise<Response>) {
  const response = await answer;
  const body = (await response.json()) as { error: string; error_description: string };
  return { status: response.status, ...body, reasons: reasonsOf(response) };
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

describe('a token that the provider admits', () => {
  it('buys a federated access token that ends with it', async () => {
    const response = await exchange(endpoint(), await sign({ exp: seconds(100) }));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json; charset=UTF-8');
    expect(await response.json()).toEqual({
      access_token: expect.stringMatching(/^ya29\.hallpass-[\w-]{128}$/),
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: 99,
    });
    expect(log).toMatchObject([
      {
        platform: 'gcp',
        action: 'sts:token',
        outcome: 'ok',
        status: 200,
        principal: planPrincipal,
        resource: gcpAudience,
        expires_at: '2026-11-21T12:01:39Z',
      },
    ]);
    expect(log[0]!.checks.length).toBeGreaterThan(3);
  });

  it('buys no more than an hour, and no more than the configuration gives', async () => {
    const token = await sign({ exp: seconds(7200) });
    expect(await (await exchange(endpoint(), token)).json()).toMatchObject({ expires_in: 3600 });
    await using short = await open({ token_seconds: 10 });
    expect(await (await exchange(endpoint(short), token)).json()).toMatchObject({ expires_in: 10 });
  });

  it('may come as JSON, and as an ID token', async () => {
    const body = {
      grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
      audience: gcpAudience,
      scope: 'https://www.googleapis.com/auth/cloud-platform',
      requestedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
      subjectTokenType: 'urn:ietf:params:oauth:token-type:id_token',
      subjectToken: await sign(),
      options: '{"userProject":"acme-payments"}',
    };
    expect((await callApi(endpoint(), { path: '/v1/token', body })).status).toBe(200);
  });

  it('may name the audience with https:, and nothing else may', async () => {
    expect((await exchange(endpoint(), await sign({ aud: `https:${gcpAudience}` }))).status).toBe(200);
    expect(await refusal(exchange(endpoint(), await sign({ aud: `http:${gcpAudience}` })))).toMatchObject({
      error: 'invalid_grant',
    });
  });

  it('is taken with a key that was uploaded, without asking the issuer', async () => {
    const provider = providerDocument(issuer.url, {
      oidc: { issuerUri: issuer.url, jwksJson: JSON.stringify({ keys: [otherKey.jwk] }) },
    });
    await using uploaded = await open({ providers: [{ provider }] });
    issuer.requests.length = 0;
    const other = await openTestIssuer({ key: otherKey, now: () => now });
    const token = await other.sign({ iss: issuer.url, aud: gcpAudience });
    await other.close();
    expect((await exchange(endpoint(uploaded), token)).status).toBe(200);
    expect(await refusal(exchange(endpoint(uploaded), await sign()))).toMatchObject({
      error: 'invalid_grant',
      error_description: "Error connecting to the given credential's issuer.",
      reasons: [expect.stringContaining('the issuer is not asked')],
    });
    expect(issuer.requests).toEqual([]);
  });

  it('is answered without a life in its last two seconds, and with 500 in the last, as was measured', async () => {
    const inTwo = await exchange(endpoint(), await sign({ exp: seconds(3) }));
    expect(inTwo.status).toBe(200);
    expect(await inTwo.json()).not.toHaveProperty('expires_in');
    expect((await exchange(endpoint(), await sign({ exp: seconds(2) }))).status).toBe(500);
  });
});

describe('a token exchange is refused in Google’s words', () => {
  const noProvider =
    'The target service indicated by the "audience" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn\'t exist.';
  const badAudience =
    'Invalid value for "audience". This value should be the full resource name of the Identity Provider. See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible formats.';

  const calls: Record<string, [Record<string, string | undefined>, string, string]> = {
    'without a grant type': [{ grant_type: undefined }, 'invalid_request', 'Invalid value for "grant_type".'],
    'of another grant': [
      { grant_type: 'client_credentials' },
      'unsupported_grant_type',
      'Unsupported grant type: client_credentials',
    ],
    'without an audience': [{ audience: undefined }, 'invalid_request', badAudience],
    'with the audience of a URL': [{ audience: `https:${gcpAudience}` }, 'invalid_request', badAudience],
    'with the id of the project in the audience': [
      { audience: gcpAudience.replace(projectNumber, 'acme-payments') },
      'invalid_request',
      badAudience,
    ],
    'for a provider that is not there': [
      { audience: gcpAudience.replace(/acme$/, 'acme2') },
      'invalid_target',
      noProvider,
    ],
    'for a provider of another project': [
      { audience: gcpAudience.replace(projectNumber, '210987654321') },
      'invalid_target',
      noProvider,
    ],
    'without a scope': [{ scope: undefined }, 'invalid_request', 'Invalid value for "scope".'],
    'with an unknown scope': [{ scope: 'all' }, 'invalid_scope', 'Some requested scopes were invalid. {invalid=[all]}'],
    'without the type that is asked for': [
      { requested_token_type: undefined },
      'invalid_request',
      'Invalid value for "requested_token_type".',
    ],
    'for a refresh token': [
      { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
      'invalid_request',
      'Invalid value for "requested_token_type".',
    ],
    'without the type of the token': [
      { subject_token_type: undefined },
      'invalid_request',
      'Invalid value for "subject_token_type".',
    ],
    'of a SAML assertion': [
      { subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' },
      'invalid_request',
      'Invalid value for "subject_token_type".',
    ],
    'without a token': [{ subject_token: undefined }, 'invalid_request', 'Invalid value for "subject_token".'],
    'of no token at all': [{ subject_token: 'secret-text' }, 'invalid_grant', 'Unable to parse the ID Token.'],
    'with options that are no JSON': [{ options: '{' }, 'invalid_request', 'Invalid value for "options".'],
    'with an access boundary, which is not played': [
      { options: '{"accessBoundary":{}}' },
      'invalid_request',
      'Invalid value for "options".',
    ],
  };
  for (const [what, [parameters, error, description]] of Object.entries(calls)) {
    it(`a call ${what}`, async () => {
      const refused = await refusal(exchange(endpoint(), await sign(), parameters));
      expect(refused).toMatchObject({ status: 400, error, error_description: description });
      expect(refused.reasons).toHaveLength(1);
      expect(log.at(-1)).toMatchObject({ outcome: 'refused', code: error, message: description });
      expect(JSON.stringify(log) + JSON.stringify(refused)).not.toContain('secret-text');
    });
  }

  const tokens: Record<string, [Record<string, unknown>, string, unknown]> = {
    'from another issuer': [
      { iss: 'https://evil.example' },
      'invalid_grant',
      expect.stringMatching(
        /^The issuer in ID Token https:\/\/evil\.example does not match the expected one in config: http:\/\/127\.0\.0\.1:\d+\.$/,
      ),
    ],
    'for another audience': [
      { aud: 'aws.workload.identity' },
      'invalid_grant',
      'The audience in ID Token [aws.workload.identity] does not match the expected audience.',
    ],
    'of a neighbour workspace': [
      { sub: testSubject.replace('payments-prod', 'payments-prod2') },
      'unauthorized_client',
      'The given credential is rejected by the attribute condition.',
    ],
    'with a subject of 128 bytes': [
      { sub: testSubject.padEnd(128, 'x') },
      'invalid_request',
      'The size of mapped attribute google.subject exceeds the 127 bytes limit. Either modify your attribute mapping or the incoming assertion to produce a mapped attribute that is less than 127 bytes.',
    ],
  };
  for (const [what, [claims, error, description]] of Object.entries(tokens)) {
    it(`of a token ${what}`, async () => {
      const refused = await refusal(exchange(endpoint(), await sign(claims)));
      expect(refused).toMatchObject({
        status: 400,
        error,
        error_description: description,
      });
      expect(refused.reasons.length).toBeGreaterThan(0);
    });
  }

  it('of a token that has ended', async () => {
    const iat = seconds(-600);
    const token = await sign({ iat, nbf: iat, exp: seconds(-1) });
    expect(await refusal(exchange(endpoint(), token))).toMatchObject({
      error: 'invalid_grant',
      error_description: `ID Token issued at ${iat} is stale to sign-in.`,
    });
  });

  it('within the tolerance that is set, and not beyond', async () => {
    await using tolerant = await open({ clock_skew_seconds: 60 });
    const iat = seconds(-600);
    expect((await exchange(endpoint(tolerant), await sign({ iat, exp: seconds(-59) }))).status).toBe(200);
    expect((await exchange(endpoint(tolerant), await sign({ iat, exp: seconds(-62) }))).status).toBe(400);
  });

  it('with another signature', async () => {
    const token = await sign();
    const forged = `${token.slice(0, -4)}${token.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`;
    const refused = await refusal(exchange(endpoint(), forged));
    expect(['Unable to verify the ID Token signature.', 'Unable to parse the ID Token.']).toContain(
      refused.error_description,
    );
    expect(refused.error).toBe('invalid_grant');
  });

  it('by a key that is not the issuer’s, under its key id', async () => {
    await using other = await openTestIssuer({ key: { ...otherKey, kid: key.kid }, now: () => now });
    const token = await other.sign({ iss: issuer.url, aud: gcpAudience });
    expect(await refusal(exchange(endpoint(), token))).toMatchObject({
      error: 'invalid_grant',
      error_description: 'Unable to verify the ID Token signature.',
    });
  });

  it.each([
    ['an unknown key id', { kid: 'unknown' }, "Error connecting to the given credential's issuer."],
    ['no key id', { kid: undefined }, 'Unable to verify the ID Token signature.'],
  ])('with %s', async (_, header, description) => {
    expect(await refusal(exchange(endpoint(), await sign({}, header)))).toMatchObject({
      error: 'invalid_grant',
      error_description: description,
    });
  });

  it('with an algorithm that Google does not take', async () => {
    const strange = await testKey('ES384', 'strange');
    await using other = await openTestIssuer({ key: strange, now: () => now });
    const token = await other.sign({ iss: issuer.url, aud: gcpAudience });
    expect(await refusal(exchange(endpoint(), token))).toMatchObject({
      error_description: 'Unable to verify the ID Token signature.',
      reasons: ['alg is ES384; accepted are RS256, ES256'],
    });
  });

  it('when the issuer does not answer', async () => {
    issuer.documents.set('/.well-known/jwks', 503);
    expect(await refusal(exchange(endpoint(), await sign()))).toMatchObject({
      error: 'invalid_grant',
      error_description: "Error connecting to the given credential's issuer.",
      reasons: [expect.stringContaining('HTTP status 503')],
    });
  });

  it('with the default audience once others are allowed', async () => {
    const oidc = { issuerUri: issuer.url, allowedAudiences: ['gcp.workload.identity'] };
    await using listed = await open({ providers: [{ provider: providerDocument(issuer.url, { oidc }) }] });
    expect(await refusal(exchange(endpoint(listed), await sign()))).toMatchObject({ error: 'invalid_grant' });
    expect((await exchange(endpoint(listed), await sign({ aud: 'gcp.workload.identity' }))).status).toBe(200);
  });

  it('by a provider that is disabled, before the issuer is asked', async () => {
    const provider = providerDocument(issuer.url, { disabled: true });
    await using disabled = await open({ providers: [{ provider }] });
    issuer.requests.length = 0;
    expect(await refusal(exchange(endpoint(disabled), await sign()))).toMatchObject({
      error: 'invalid_target',
      error_description: noProvider,
    });
    expect(issuer.requests).toEqual([]);
  });

  it('when a parameter comes twice, or in two spellings', async () => {
    const body = new URLSearchParams([
      ['grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange'],
      ['audience', gcpAudience],
      ['audience', gcpAudience],
    ]);
    const twice = await refusal(fetch(`${endpoint()}/v1/token`, { method: 'POST', body }));
    expect(twice.reasons).toEqual(['audience is there 2 times']);
    const both = { audience: gcpAudience, grant_type: 'a', grantType: 'a' };
    const spelt = await refusal(callApi(endpoint(), { path: '/v1/token', body: both }));
    expect(spelt.reasons).toEqual(['grantType and grant_type are both there']);
  });

  it('whatever else is sent, and never with a fault of its own', async () => {
    const anything = fc.record(
      { audience: fc.string(), scope: fc.string(), subject_token: fc.string(), options: fc.string() },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(anything, async (parameters) => {
        const response = await exchange(endpoint(), 'eyJ.eyJ.x', parameters);
        expect(response.status).toBe(400);
        expect(await response.json()).toHaveProperty('error_description');
      }),
      { numRuns: 100 },
    );
  });
});

const introspect = (token: string, authorization = 'Basic Z2Nsb3VkOm5vdHNvc2VjcmV0'): Promise<Response> =>
  fetch(`${endpoint()}/v1/introspect`, {
    method: 'POST',
    headers: { authorization },
    body: new URLSearchParams({ token, token_type_hint: 'urn:ietf:params:oauth:token-type:access_token' }),
  });

describe('introspection', () => {
  it('tells gcloud whose federated token it has', async () => {
    const token = await federated(endpoint(), await sign());
    expect(await (await introspect(token)).json()).toEqual({
      active: true,
      scope: 'https://www.googleapis.com/auth/cloud-platform',
      exp: expect.stringMatching(/^\d+$/),
      iat: String(seconds()),
      iss: 'https://sts.googleapis.com/',
      sub: planPrincipal,
      username: planPrincipal,
    });
  });

  it('calls a token that has ended, or that nobody issued, inactive', async () => {
    const token = await federated(endpoint(), await sign({ exp: seconds(100) }));
    expect(await (await introspect('ya29.something')).json()).toEqual({ active: false });
    now = new Date(now.getTime() + 100_000);
    expect(await (await introspect(token)).json()).toEqual({ active: false });
  });

  it('is refused without client authentication, and without a token', async () => {
    expect(await refusal(introspect('x', 'Bearer x'))).toMatchObject({ status: 401, error: 'invalid_client' });
    expect(await refusal(introspect(''))).toMatchObject({ status: 400, error: 'invalid_request' });
  });
});

it('no token of either kind stands in the log', async () => {
  const token = await sign();
  const access = await federated(endpoint(), token);
  await exchange(endpoint(), await sign({ iss: 'https://evil.example' }));
  await exchange(endpoint(), `${token}x`);
  // Whoever mixes up the members of a call.
  await exchange(endpoint(), token, { audience: token, scope: token });
  await exchange(endpoint(), token, { grant_type: token });
  await callApi(endpoint(), { path: `/v1/${token}`, token: access });
  await callApi(endpoint(), { path: `/v1/projects/${access}/secrets/${token}`, token: access });
  await callApi(endpoint(), { path: `/v1/projects/-/serviceAccounts/${token}:generateAccessToken`, token, body: {} });
  const text = JSON.stringify(log);
  for (const secret of [token, access, token.split('.')[1]!, token.split('.')[2]!]) expect(text).not.toContain(secret);
  expect(text).toContain(providerName);
});
