import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestIssuer, testKey, testSubject, type TestIssuer, type TestKey } from '../../../test/support/issuer.ts';
import { reasonsOf } from '../../../test/support/aws-client.ts';
import type { HttpCall } from '../http-call.ts';
import { readSandboxConfig } from '../config.ts';
import type { SandboxLogLine } from '../log.ts';
import type { StandIn } from '../stand-in.ts';
import { azureStandIn } from './index.ts';

const tenant = '99999999-8888-4777-8666-555555555555';
const subscription = '11112222-3333-4444-8555-666677778888';
const planApp = '11111111-1111-4111-8111-111111111111';
const applyApp = '22222222-2222-4222-8222-222222222222';
const audience = 'api://AzureADTokenExchange';
const tokenPath = `/${tenant}/oauth2/v2.0/token`;
const group = `/subscriptions/${subscription}/resourceGroups/payments`;
const version = 'api-version=2022-09-01';

let key: TestKey;
let otherKey: TestKey;
let issuer: TestIssuer;
let standIn: StandIn;
let now: Date;
const log: SandboxLogLine[] = [];

const credential = (phase: string): object => ({
  name: `payments-${phase}`,
  issuer: issuer.url,
  subject: testSubject.replace('plan', phase),
  audiences: [audience],
});

async function open(azure: Record<string, unknown> = {}): Promise<StandIn> {
  const part = {
    applications: [
      { name: 'payments-plan', client_id: planApp, federated_credentials: [credential('plan')], roles: ['Reader'] },
      {
        name: 'payments-apply',
        client_id: applyApp,
        federated_credentials: [credential('apply')],
        roles: ['Contributor'],
      },
      { name: 'nobody', client_id: '33333333-3333-4333-8333-333333333333' },
    ],
    resource_groups: { payments: 'westeurope' },
    ...azure,
  };
  const config = await readSandboxConfig(JSON.stringify({ azure: part }), '/');
  return azureStandIn.open(config.azure!, { now: () => now, fetch, log: (line) => log.push(line) });
}

interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

async function ask(path: string, { method = 'GET', headers = {}, body = '' }: Sent = {}, at = standIn) {
  const [before, query = ''] = path.split('?');
  const all = { host: 'localhost:4000', ...headers };
  const call: HttpCall = {
    method,
    path: before!,
    query,
    headers: new Map(Object.entries(all).map(([name, value]) => [name, [value]])),
    body: Buffer.from(body),
    remoteAddress: '127.0.0.1',
  };
  const answer = await at.answer(call);
  const response = new Response([204, 304].includes(answer.status) ? null : answer.body, answer);
  const text = answer.body;
  return {
    status: answer.status,
    headers: answer.headers,
    json: text === '' ? null : JSON.parse(text),
    reasons: reasonsOf(response),
  };
}

/** Asks for an access token; every parameter may be replaced, and taken out with undefined. */
function exchange(
  assertion: string | undefined,
  change: Record<string, string | undefined> = {},
  at = standIn,
  path = tokenPath,
) {
  const all = {
    grant_type: 'client_credentials',
    client_id: planApp,
    scope: 'https://management.azure.com/.default',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
    ...change,
  };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return ask(path, { method: 'POST', headers, body: new URLSearchParams(given).toString() }, at);
}

const sign = (claims: Record<string, unknown> = {}, header = {}) => issuer.sign({ aud: audience, ...claims }, header);

async function bearer(phase: 'plan' | 'apply', change: Record<string, string> = {}): Promise<Record<string, string>> {
  const assertion = await sign({ sub: testSubject.replace('plan', phase) });
  const { json } = await exchange(assertion, { client_id: phase === 'plan' ? planApp : applyApp, ...change });
  return { authorization: `Bearer ${json.access_token}` };
}

beforeAll(async () => {
  [key, otherKey] = await Promise.all([testKey(), testKey('RS256', 'other')]);
});
beforeEach(async () => {
  now = new Date('2026-03-01T12:00:00Z');
  log.length = 0;
  await issuer?.close();
  issuer = await openTestIssuer({ key, now: () => now });
  standIn = await open();
});
afterAll(() => issuer.close());

describe('the token endpoint', () => {
  it('gives an access token for an assertion that a federated credential names', async () => {
    const { status, json, headers } = await exchange(await sign());
    expect(status).toBe(200);
    expect(json).toMatchObject({ token_type: 'Bearer', access_token: expect.stringMatching(/^eyJ/) });
    expect(json.expires_in).toBe(json.ext_expires_in);
    expect(json.expires_in).toBeGreaterThanOrEqual(3599);
    expect(json.expires_in).toBeLessThan(5400);
    expect(headers['cache-control']).toContain('no-store');
    const claims = JSON.parse(Buffer.from(json.access_token.split('.')[1], 'base64url').toString()) as object;
    expect(claims).toMatchObject({ aud: 'https://management.azure.com', tid: tenant, appid: planApp, idtyp: 'app' });
    expect(log.at(-1)).toMatchObject({
      platform: 'azure',
      action: 'entra:token',
      role: planApp,
      principal: testSubject,
      resource: 'https://management.azure.com',
      outcome: 'ok',
    });
  });

  it("refuses with Entra's seven members, ids of its own, and our reasons", async () => {
    const { status, json, reasons, headers } = await exchange(
      await sign({ sub: testSubject.replace('plan', 'apply') }),
    );
    expect(status).toBe(401);
    expect(Object.keys(json)).toEqual([
      'error',
      'error_description',
      'error_codes',
      'timestamp',
      'trace_id',
      'correlation_id',
      'error_uri',
    ]);
    expect(json).toMatchObject({
      error: 'invalid_client',
      error_codes: [700213],
      timestamp: '2026-03-01 12:00:00Z',
      trace_id: headers['x-ms-request-id'],
      error_uri: 'https://login.microsoftonline.com/error?code=700213',
    });
    expect(json.error_description).toBe(
      `AADSTS700213: No matching federated identity record found for presented assertion subject '${testSubject.replace('plan', 'apply')}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation Trace ID: ${json.trace_id} Correlation ID: ${json.correlation_id} Timestamp: 2026-03-01 12:00:00Z`,
    );
    expect(reasons.join()).toContain('run_phase:apply');
  });

  it.each<[string, Record<string, unknown>, number]>([
    ['another workspace', { sub: testSubject.replace('prod', 'dev') }, 700213],
    ['another case', { sub: testSubject.replace('acme', 'ACME') }, 7002138],
    ['another audience', { aud: 'aws.workload.identity' }, 700212],
    ['another issuer', { iss: 'https://evil.example.com' }, 700211],
    ['a slash behind the issuer', { iss: 'http://127.0.0.1:1/' }, 700211],
    ['an expired token', { exp: 1 }, 700024],
    ['a token of 26 hours', { exp: Math.floor(Date.parse('2026-03-02T14:00:00Z') / 1000) }, 70023],
    ['a token without an end', { exp: undefined }, 50027],
  ])('refuses %s', async (_, claims, code) => {
    expect((await exchange(await sign(claims))).json).toMatchObject({ error_codes: [code] });
    expect(issuer.requests.length).toBe(code === 700211 ? 0 : 2);
  });

  it.each<[string, (good: string) => Promise<string> | string, number]>([
    ['no JWT at all', () => 'x', 50027],
    ['a signature that was cut', (good) => good.slice(0, -8), 700027],
    [
      'claims of another token',
      async (good) => {
        const [head, , signature] = good.split('.');
        return `${head}.${(await sign({ jti: 'other' })).split('.')[1]}.${signature}`;
      },
      700027,
    ],
    ['no kid', () => sign({}, { kid: undefined }), 50027],
    ['a kid that is not published', () => sign({}, { kid: 'nowhere' }), 7000272],
    [
      'no algorithm',
      (good) => `${Buffer.from('{"alg":"none","kid":"x"}').toString('base64url')}.${good.split('.')[1]}.AAAA`,
      50027,
    ],
  ])('refuses %s', async (_, bend, code) => {
    const { json } = await exchange(await bend(await sign()));
    expect(json).toMatchObject({ error_codes: [code] });
  });

  it('refuses a key of its own kind that is not the published one', async () => {
    issuer.documents.set('/.well-known/jwks', { keys: [{ ...otherKey.jwk, kid: key.kid }] });
    expect((await exchange(await sign())).json).toMatchObject({ error_codes: [700027] });
  });

  it('reads keys again for a new kid, as often as its settings say', async () => {
    await exchange(await sign());
    issuer.documents.set('/.well-known/jwks', { keys: [key.jwk, otherKey.jwk] });
    const next = await openTestIssuer({ key: otherKey, now: () => now });
    const rotated = await next.sign({ iss: issuer.url, aud: audience });
    await next.close();
    const early = await exchange(rotated);
    expect(early.json).toMatchObject({ error_codes: [7000272] });
    expect(early.json.error_description).toContain(`The certificate with identifier ${otherKey.kid} used to sign`);
    now = new Date(now.getTime() + 11_000);
    expect((await exchange(rotated)).status).toBe(200);
  });

  it('takes no other algorithm than RS256', async () => {
    const elliptic = await testKey('ES256');
    const other = await openTestIssuer({ key: elliptic, now: () => now });
    issuer.documents.set('/.well-known/jwks', { keys: [elliptic.jwk] });
    const { json, reasons } = await exchange(await other.sign({ iss: issuer.url, aud: audience }));
    await other.close();
    expect(json).toMatchObject({ error_codes: [700027] });
    expect(reasons.join()).toContain('alg is ES256');
  });

  it('reads an issuer elsewhere when it is told so, and believes only what is said of that issuer', async () => {
    const url = 'https://id.example.com';
    const applications = [
      { name: 'a', client_id: planApp, federated_credentials: [{ ...credential('plan'), issuer: url }] },
    ];
    const at = await open({ applications, issuers: [{ url, fetch_from: issuer.url }] });
    const assertion = await sign({ iss: url });
    expect((await exchange(assertion, {}, at)).json).toMatchObject({ error_codes: [50166] });
    issuer.documents.set('/.well-known/openid-configuration', { issuer: url, jwks_uri: `${url}/.well-known/jwks` });
    expect((await exchange(assertion, {}, at)).status).toBe(200);
  });

  it('says that the issuer cannot be read', async () => {
    issuer.documents.set('/.well-known/openid-configuration', 500);
    expect((await exchange(await sign())).json).toMatchObject({ error: 'invalid_request', error_codes: [50166] });
  });

  it.each<[string, Record<string, string | undefined>, number, string]>([
    ['another application', { client_id: applyApp }, 700213, 'invalid_client'],
    ['an unknown application', { client_id: '44444444-4444-4444-8444-444444444444' }, 700016, 'unauthorized_client'],
    [
      'an application without credentials',
      { client_id: '33333333-3333-4333-8333-333333333333' },
      70025,
      'invalid_client',
    ],
    ['no application', { client_id: undefined }, 900144, 'invalid_request'],
    ['another grant', { grant_type: 'password' }, 70003, 'unsupported_grant_type'],
    ['no scope', { scope: undefined }, 900144, 'invalid_request'],
    [
      'two resources',
      { scope: 'https://management.azure.com/.default https://graph.microsoft.com/.default' },
      28000,
      'invalid_request',
    ],
    ['a single permission', { scope: 'https://graph.microsoft.com/User.Read' }, 1002012, 'invalid_scope'],
    ['a resource that nobody has', { scope: 'https://evil.example.com/.default' }, 500011, 'invalid_resource'],
    ['no assertion', { client_assertion: undefined }, 7000216, 'invalid_client'],
    ['a secret', { client_assertion: undefined, client_secret: 's' }, 7000215, 'invalid_client'],
    ['an assertion of another type', { client_assertion_type: 'urn:x' }, 7000216, 'invalid_client'],
    ['an assertion without its type', { client_assertion_type: undefined }, 900144, 'invalid_request'],
  ])('refuses %s', async (_, change, code, error) => {
    expect((await exchange(await sign(), change)).json).toMatchObject({ error_codes: [code], error });
  });

  it('refuses what is no form, a parameter twice, another tenant and another method', async () => {
    const good = await sign();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const json = await ask(tokenPath, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
    expect(json.json).toMatchObject({ error_codes: [900144] });
    const twice = await ask(tokenPath, { method: 'POST', headers, body: 'scope=a&scope=b' });
    expect(twice.json).toMatchObject({ error_codes: [9000411] });
    const elsewhere = await exchange(good, {}, standIn, `/${planApp}/oauth2/v2.0/token`);
    expect(elsewhere.json).toMatchObject({ error_codes: [90002] });
    expect((await ask(tokenPath)).json).toMatchObject({ error_codes: [900561] });
  });

  it('takes exact credentials beside a flexible one, and refuses the flexible one alone', async () => {
    const flexible = {
      name: 'flexible',
      issuer: issuer.url,
      subject: null,
      audiences: [audience],
      claimsMatchingExpression: { value: "claims['sub'] matches '*'", languageVersion: 1 },
    };
    const withBoth = await open({
      applications: [{ name: 'a', client_id: planApp, federated_credentials: [flexible, credential('plan')] }],
    });
    expect((await exchange(await sign(), {}, withBoth)).status).toBe(200);
    const alone = await open({ applications: [{ name: 'a', client_id: planApp, federated_credentials: [flexible] }] });
    const { json } = await exchange(await sign(), {}, alone);
    expect(json).toMatchObject({ error_codes: [7002241] });
    expect(json.error_description).toContain(`Issuer '${issuer.url}' may not use credentials matching via expression.`);
  });

  it('never writes a token into its log', async () => {
    const good = await sign();
    await exchange(good);
    await exchange(`${good}x`);
    await ask(group, { headers: { authorization: `Bearer ${good}` } });
    for (const part of good.split('.')) expect(JSON.stringify(log)).not.toContain(part);
  });
});

describe('documents', () => {
  it('lead from discovery to the keys that sign access tokens', async () => {
    const { json } = await ask(`/${tenant}/v2.0/.well-known/openid-configuration`);
    expect(json).toMatchObject({
      issuer: `https://localhost:4000/${tenant}/v2.0`,
      token_endpoint: `https://localhost:4000${tokenPath}`,
    });
    const keys = await ask(new URL(json.jwks_uri).pathname);
    expect(Object.keys(keys.json.keys[0]).sort()).toEqual(['e', 'kid', 'kty', 'n', 'use']);
    expect((await ask('/common/discovery/v2.0/keys')).json).toEqual(keys.json);
    expect((await ask(`/${planApp}/v2.0/.well-known/openid-configuration`)).json).toMatchObject({
      error_codes: [90002],
    });
  });

  it('name the instance and its endpoints', async () => {
    expect((await ask('/common/discovery/instance?api-version=1.1')).json.metadata[0].aliases).toEqual([
      'localhost:4000',
    ]);
    expect((await ask('/metadata/endpoints?api-version=2022-09-01')).json).toMatchObject({
      name: expect.any(String),
      authentication: { loginEndpoint: 'https://localhost:4000', tenant: 'common', identityProvider: 'AAD' },
      resourceManager: 'https://localhost:4000/',
      microsoftGraphResourceId: 'https://localhost:4000/graph',
    });
  });
});

/** Makes a resource group. */
const put = (
  headers: Record<string, string>,
  body: object = { location: 'West Europe', tags: { a: 'b' } },
  path = `${group}-new`,
) => ask(`${path}?${version}`, { method: 'PUT', headers, body: JSON.stringify(body) });

describe('resource groups', () => {
  it('are read by a reader and written by a contributor', async () => {
    const plan = await bearer('plan');
    expect(
      (await ask(`${group.toUpperCase().replace('SUBSCRIPTIONS', 'subscriptions')}?${version}`, { headers: plan }))
        .json,
    ).toMatchObject({
      name: 'payments',
      location: 'westeurope',
    });
    expect(
      (await ask(`/subscriptions/${subscription}/resourcegroups?${version}`, { headers: plan })).json.value,
    ).toHaveLength(1);
    const refused = await put(plan);
    expect(refused.status).toBe(403);
    expect(refused.json.error.message).toMatch(
      /does not have authorization to perform action 'Microsoft.Resources\/subscriptions\/resourceGroups\/write' over scope '\/subscriptions\/\S+\/resourceGroups\/payments-new'/,
    );
    expect(refused.reasons.join()).toContain('only Reader');
    const apply = await bearer('apply');
    expect(await put(apply)).toMatchObject({ status: 201, json: { location: 'westeurope', tags: { a: 'b' } } });
    expect(await put(apply, { location: 'westeurope' })).toMatchObject({ status: 200, json: { tags: {} } });
    expect(await put(apply, { location: 'northeurope' })).toMatchObject({ status: 409 });
    expect((await ask(`${group}-new/resources?${version}`, { headers: apply })).json).toEqual({ value: [] });
    expect((await ask(`${group}-new?${version}`, { method: 'HEAD', headers: apply })).status).toBe(204);
    expect((await ask(`${group}-new?${version}`, { method: 'DELETE', headers: apply })).status).toBe(200);
    expect((await ask(`${group}-new?${version}`, { headers: plan })).json.error.code).toBe('ResourceGroupNotFound');
    expect((await ask(`${group}-new?${version}`, { method: 'HEAD', headers: apply })).status).toBe(404);
  });

  it('are for nobody without a token for this resource', async () => {
    const code = async (headers: Record<string, string>) => {
      const { status, json } = await ask(`${group}?${version}`, { headers });
      return [status, json.error.code];
    };
    expect(await code({})).toEqual([401, 'AuthenticationFailed']);
    expect(await code({ authorization: 'Basic eDp5' })).toEqual([401, 'AuthenticationFailed']);
    expect(await code({ authorization: `Bearer ${await sign()}` })).toEqual([401, 'InvalidAuthenticationToken']);
    const graph = await bearer('plan', { scope: 'https://graph.microsoft.com/.default' });
    expect(await code(graph)).toEqual([401, 'InvalidAuthenticationTokenAudience']);
    const good = await bearer('plan');
    const elsewhere = await open();
    expect((await ask(`${group}?${version}`, { headers: good }, elsewhere)).json.error.code).toBe(
      'InvalidAuthenticationToken',
    );
    now = new Date(now.getTime() + 5_400_000);
    expect(await code(good)).toEqual([401, 'ExpiredAuthenticationToken']);
  });

  it('are for nobody without a role; the list of subscriptions is empty then', async () => {
    const federated = [credential('plan')];
    standIn = await open({ applications: [{ name: 'a', client_id: planApp, federated_credentials: federated }] });
    const nobody = await bearer('plan');
    expect((await ask(`/subscriptions?${version}`, { headers: nobody })).json).toEqual({ value: [] });
    const refused = await ask(`/subscriptions/${subscription}?${version}`, { headers: nobody });
    expect(refused).toMatchObject({ status: 403, json: { error: { code: 'AuthorizationFailed' } } });
    expect(refused.reasons.join()).toContain('has no role');
    standIn = await open();
    const reader = await bearer('plan');
    expect((await ask(`/subscriptions?${version}`, { headers: reader })).json.value).toHaveLength(1);
    expect((await ask(`/subscriptions/${subscription}?${version}`, { headers: reader })).json).toMatchObject({
      subscriptionId: subscription,
      tenantId: tenant,
    });
    const providers = await ask(`/subscriptions/${subscription}/providers?${version}`, { headers: reader });
    expect(providers.json.value[0].namespace).toBe('Microsoft.Resources');
  });

  it('refuse other subscriptions, versions and bodies', async () => {
    const apply = await bearer('apply');
    expect((await ask(group, { headers: apply })).json.error.code).toBe('MissingApiVersionParameter');
    expect((await ask(`/subscriptions/${tenant}?${version}`, { headers: apply })).json.error.code).toBe(
      'SubscriptionNotFound',
    );
    expect((await put(apply, {})).json.error.code).toBe('LocationRequired');
    expect((await put(apply, { location: 'x', tags: { a: 1 } })).json.error.code).toBe('InvalidTags');
    expect((await put(apply, { location: 'x' }, `${group}%3A`)).json.error.code).toBe('InvalidParameter');
    const text = await ask(`${group}?${version}`, { method: 'PUT', headers: apply, body: '<html>' });
    expect(text.json.error.code).toBe('InvalidRequestContent');
    expect((await ask('/v1.0/me')).json.error.code).toBe('Request_ResourceNotFound');
    expect((await ask('/')).json.error.code).toBe('InvalidResourceType');
  });
});

describe('whatever comes', () => {
  it('is answered with JSON, and logged on one line', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'x'),
        fc.webPath(),
        fc.string(),
        async (method, path, body) => {
          const { status, headers } = await ask(path || '/', { method, body });
          expect(status).toBeGreaterThanOrEqual(200);
          expect(headers['content-type']).toContain('application/json');
          expect(log.at(-1)!.action).not.toMatch(/[^\x20-\x7e]/);
        },
      ),
    );
    expect((await standIn.answer(null)).status).toBe(413);
  });
});

describe('its configuration', () => {
  it.each<[string, Record<string, unknown>, RegExp]>([
    [
      '21 federated credentials',
      {
        applications: [
          {
            name: 'a',
            client_id: planApp,
            federated_credentials: Array.from({ length: 21 }, (_, index) => ({
              name: `n-${index}`,
              issuer: 'https://id.example.com',
              subject: `s${index}`,
              audiences: ['a'],
            })),
          },
        ],
      },
      /at most 20/,
    ],
    [
      'an application twice',
      {
        applications: [
          { name: 'a', client_id: planApp },
          { name: 'b', client_id: planApp },
        ],
      },
      /there twice/,
    ],
    ['a client id that is none', { applications: [{ name: 'a', client_id: 'x' }] }, /GUID/],
    ['an unknown role', { applications: [{ name: 'a', client_id: planApp, roles: ['Owner'] }] }, /roles/],
    ['a misspelt key', { tennant: tenant }, /did you mean tenant/],
    ['a misspelt action', { latency_milliseconds: { 'entra:tokens': 1 } }, /did you mean entra:token/],
  ])('refuses %s', async (_, azure, message) => {
    await expect(open(azure)).rejects.toThrow(
      expect.objectContaining({ problem: expect.objectContaining({}) as unknown }),
    );
    const problem = await open(azure).catch((error: { problem: { what: string; mend?: string } }) => error.problem);
    expect(JSON.stringify(problem)).toMatch(message);
  });

  it('says what it plays, and where clients find it', async () => {
    expect(standIn.summary).toBe(`tenant ${tenant} with 3 applications`);
    const files = { caFile: '/ca.pem', bundleFile: '/bundle.pem', ca: 'x' };
    expect(standIn.environment({ endpoint: 'https://localhost:4000', ...files })).toEqual({
      ARM_METADATA_HOSTNAME: 'localhost:4000',
      ARM_TENANT_ID: tenant,
      ARM_SUBSCRIPTION_ID: subscription,
      AZURE_AUTHORITY_HOST: 'https://localhost:4000',
      NODE_EXTRA_CA_CERTS: '/ca.pem',
      SSL_CERT_FILE: '/bundle.pem',
      REQUESTS_CA_BUNDLE: '/bundle.pem',
    });
    expect((await open({ token_seconds: 10 })).notes.join()).toContain('10 s');
  });
});
