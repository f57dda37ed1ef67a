import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { reasonsOf } from '../../../test/support/aws-client.ts';
import { accountToken, callApi, federated, impersonate } from '../../../test/support/gcp-client.ts';
import {
  applyAccount,
  applySubject,
  binding,
  gcpAudience,
  gcpPart,
  planAccount,
  planPrincipal,
  pool,
  projectId,
  projectNumber,
  providerName,
} from '../../../test/support/gcp-project.ts';
import { openTestIssuer, testKey, type TestIssuer } from '../../../test/support/issuer.ts';
import { readSandboxConfig } from '../config.ts';
import type { SandboxLogLine } from '../log.ts';
import { openSandbox, type Sandbox } from '../open.ts';

let issuer: TestIssuer;
let sandbox: Sandbox;
let now: Date;
let key: Awaited<ReturnType<typeof testKey>>;
const log: SandboxLogLine[] = [];
const denied = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).";

async function open(changes: Record<string, unknown> = {}): Promise<Sandbox> {
  const config = await readSandboxConfig(JSON.stringify({ gcp: gcpPart(issuer.url, changes) }), '/');
  return openSandbox({ config, now: () => now, log: (line) => log.push(line) });
}

const endpoint = (at = sandbox): string => at.endpoint('gcp');
const sign = (claims: Record<string, unknown> = {}): Promise<string> => issuer.sign({ aud: gcpAudience, ...claims });

async function refusal(answer: Response | Promise<Response>) {
  const response = await answer;
  const { error } = (await response.json()) as { error: Record<string, unknown> };
  return { http: response.status, ...error, reasons: reasonsOf(response) };
}

beforeAll(async () => {
  key = await testKey();
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

describe('a service account that the identity may act as', () => {
  it('gives an access token for as long as is asked', async () => {
    const response = await impersonate(endpoint(), planAccount, await federated(endpoint(), await sign()), {
      lifetime: '600s',
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      accessToken: expect.stringMatching(/^ya29\.hallpass-/),
      expireTime: '2026-11-21T12:10:00Z',
    });
    expect(log.at(-1)).toMatchObject({
      action: 'iamcredentials:generateAccessToken',
      role: planAccount,
      principal: planPrincipal,
      outcome: 'ok',
    });
  });

  it('gives an hour when nothing is said, and outlives the token that it was bought with', async () => {
    const token = await federated(endpoint(), await sign({ exp: now.getTime() / 1000 + 100.5 }));
    const response = await impersonate(endpoint(), planAccount, token, { lifetime: undefined });
    expect(await response.json()).toMatchObject({ expireTime: '2026-11-21T13:00:00Z' });
  });

  it('ends sooner where the configuration says so', async () => {
    await using short = await open({ token_seconds: 10 });
    const token = await federated(endpoint(short), await sign());
    const body = await (await impersonate(endpoint(short), planAccount, token)).json();
    expect(body).toMatchObject({ expireTime: '2026-11-21T12:00:10Z' });
  });

  it('may be acted as by another that is its token creator, and by no other', async () => {
    await using chained = await open({
      service_accounts: {
        [planAccount]: binding('roles/iam.workloadIdentityUser', `principalSet://iam.googleapis.com/${pool}/*`),
        [applyAccount]: binding('roles/iam.serviceAccountTokenCreator', `serviceAccount:${planAccount}`),
      },
    });
    const plan = await accountToken(endpoint(chained), planAccount, await sign());
    expect((await impersonate(endpoint(chained), applyAccount, plan)).status).toBe(200);
    expect(await refusal(impersonate(endpoint(chained), planAccount, plan))).toMatchObject({ message: denied });
  });

  it.each([
    ['a set of one attribute', 'attribute.run_phase/plan', 200],
    ['the set of another value', 'attribute.run_phase/apply', 403],
    ['the set of two attributes, which is none', 'attribute.run_phase/plan/attribute.run_phase/plan', 403],
    ['the whole pool', '*', 200],
  ])('may be bound to %s', async (_, member, status) => {
    const policy = binding('roles/iam.workloadIdentityUser', `principalSet://iam.googleapis.com/${pool}/${member}`);
    await using bound = await open({ service_accounts: { [planAccount]: policy } });
    const token = await federated(endpoint(bound), await sign());
    expect((await impersonate(endpoint(bound), planAccount, token)).status).toBe(status);
  });
});

describe('an impersonation is refused', () => {
  it('to the wrong phase, with Google’s body', async () => {
    const token = await federated(endpoint(), await sign({ sub: applySubject }));
    const refused = await refusal(impersonate(endpoint(), planAccount, token));
    expect(refused).toMatchObject({
      http: 403,
      code: 403,
      status: 'PERMISSION_DENIED',
      message: denied,
      details: [
        {
          '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
          reason: 'IAM_PERMISSION_DENIED',
          domain: 'iam.googleapis.com',
          metadata: { permission: 'iam.serviceAccounts.getAccessToken' },
        },
      ],
    });
    expect(refused.reasons.join()).toContain('run_phase:apply');
  });

  it('for an account that is not there, in the same words', async () => {
    const token = await federated(endpoint(), await sign());
    const nobody = 'nobody@acme-payments.iam.gserviceaccount.com';
    expect(await refusal(impersonate(endpoint(), nobody, token))).toMatchObject({ http: 403, message: denied });
  });

  it('under a role that does not let anybody act as it', async () => {
    const policy = binding('roles/iam.serviceAccountUser', planPrincipal);
    await using other = await open({ service_accounts: { [planAccount]: policy } });
    const token = await federated(endpoint(other), await sign());
    expect(await refusal(impersonate(endpoint(other), planAccount, token))).toMatchObject({ message: denied });
  });

  it('to a provider’s name as a member, which is none', async () => {
    const policy = binding('roles/iam.workloadIdentityUser', `principalSet://iam.googleapis.com/${providerName}/*`);
    await using other = await open({ service_accounts: { [planAccount]: policy } });
    const token = await federated(endpoint(other), await sign());
    expect((await impersonate(endpoint(other), planAccount, token)).status).toBe(403);
  });

  it('through delegates, and with a project in the path', async () => {
    const token = await federated(endpoint(), await sign());
    const delegates = [`projects/-/serviceAccounts/${planAccount}`];
    expect(await refusal(impersonate(endpoint(), planAccount, token, { delegates }))).toMatchObject({ http: 403 });
    const path = `/v1/projects/${projectId}/serviceAccounts/${planAccount}:generateAccessToken`;
    expect((await callApi(endpoint(), { path, token, body: { scope: ['openid'] } })).status).toBe(403);
  });

  it.each([
    ['nothing to do', '0s', /^Lifetime of access token must be larger then zero\.$/],
    ['a negative life', '-5s', /^Lifetime of access token must be larger then zero\.$/],
    ['more than an hour', '3601s', /constraints\/iam\.allowServiceAccountCredentialLifetimeExtension/],
    ['minutes', '10m', /^Invalid value at 'lifetime'/],
    ['a number', 600, /^Invalid value at 'lifetime'/],
  ])('with %s', async (_, lifetime, message) => {
    const token = await federated(endpoint(), await sign());
    expect(await refusal(impersonate(endpoint(), planAccount, token, { lifetime }))).toMatchObject({
      http: 400,
      status: 'INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
  });

  it.each([[undefined], [[]], ['https://www.googleapis.com/auth/cloud-platform'], [['']], [[1]]])(
    'with %j for a scope',
    async (scope) => {
      const token = await federated(endpoint(), await sign());
      expect(await refusal(impersonate(endpoint(), planAccount, token, { scope }))).toMatchObject({
        http: 400,
        status: 'INVALID_ARGUMENT',
      });
    },
  );
});

describe('an API call without a live access token is refused', () => {
  const missing = /^Request is missing required authentication credential\. Expected OAuth 2 access token/;
  const invalid = /^Request had invalid authentication credentials\. Expected OAuth 2 access token/;

  it('without any', async () => {
    const response = await impersonate(endpoint(), planAccount, undefined);
    expect(response.headers.get('www-authenticate')).toContain('Bearer realm="https://accounts.google.com/"');
    expect(await refusal(response)).toMatchObject({
      http: 401,
      status: 'UNAUTHENTICATED',
      message: expect.stringMatching(missing),
    });
  });

  it('with one that nobody issued, and with our own token', async () => {
    expect(await refusal(impersonate(endpoint(), planAccount, 'ya29.x'))).toMatchObject({
      http: 401,
      message: expect.stringMatching(invalid),
    });
    const ours = await sign();
    const refused = await refusal(impersonate(endpoint(), planAccount, ours));
    expect(refused.reasons).toEqual([expect.stringContaining('must be exchanged')]);
    expect(JSON.stringify(log)).not.toContain(ours);
  });

  it('after it has ended, to the second', async () => {
    const token = await federated(endpoint(), await sign({ exp: now.getTime() / 1000 + 100.5 }));
    now = new Date(now.getTime() + 99_000);
    expect((await impersonate(endpoint(), planAccount, token)).status).toBe(200);
    now = new Date(now.getTime() + 1_000);
    expect(await refusal(impersonate(endpoint(), planAccount, token))).toMatchObject({
      http: 401,
      details: [{ reason: 'ACCESS_TOKEN_EXPIRED' }],
    });
  });

  it('when its scopes do not cover the call', async () => {
    const token = await federated(endpoint(), await sign());
    const narrow = (await (await impersonate(endpoint(), planAccount, token, { scope: ['email'] })).json()) as {
      accessToken: string;
    };
    const path = `/v1/projects/${projectId}/secrets`;
    expect(await refusal(callApi(endpoint(), { path, token: narrow.accessToken }))).toMatchObject({
      http: 403,
      message: 'Request had insufficient authentication scopes.',
      details: [{ reason: 'ACCESS_TOKEN_SCOPE_INSUFFICIENT' }],
    });
  });
});

describe('what clients ask beside it', () => {
  it('a service account has token and user information, a federated identity has none', async () => {
    const account = await accountToken(endpoint(), planAccount, await sign());
    const info = await callApi(endpoint(), { path: `/tokeninfo?access_token=${account}` });
    expect(await info.json()).toMatchObject({ email: planAccount, expires_in: '3599' });
    const user = await callApi(endpoint(), { path: '/v1/userinfo', token: account });
    expect(await user.json()).toEqual({
      sub: expect.stringMatching(/^1\d{20}$/),
      email: planAccount,
      email_verified: true,
    });
    const pooled = await federated(endpoint(), await sign());
    expect((await callApi(endpoint(), { path: `/tokeninfo?access_token=${pooled}` })).status).toBe(400);
    expect((await callApi(endpoint(), { path: '/v1/userinfo', token: pooled })).status).toBe(401);
    expect(JSON.stringify(log)).not.toContain('ya29.');
  });

  it('the project is named to whoever may see it', async () => {
    const token = await accountToken(endpoint(), planAccount, await sign());
    const project = await callApi(endpoint(), { path: `/v1/projects/${projectNumber}`, token });
    expect(await project.json()).toMatchObject({ projectId, projectNumber, lifecycleState: 'ACTIVE' });
    const stranger = await federated(endpoint(), await sign({ sub: applySubject }));
    expect((await callApi(endpoint(), { path: `/v1/projects/${projectNumber}`, token: stranger })).status).toBe(403);
    expect((await callApi(endpoint(), { path: '/v1/projects/other-project', token })).status).toBe(403);
  });

  it('a token is narrowed to no locations, whatever it is', async () => {
    const token = await federated(endpoint(), await sign());
    const ask = (about: string, bearer?: string) =>
      callApi(endpoint(), { path: `/v1/projects/${about}/allowedLocations`, token: bearer });
    const answer = await ask(`-/serviceAccounts/${planAccount}`, token);
    expect(await answer.json()).toEqual({ locations: [], encodedLocations: '0x0' });
    expect((await ask(`${projectNumber}/locations/global/workloadIdentityPools/hallpass`, token)).status).toBe(200);
    expect((await ask(`-/serviceAccounts/${planAccount}`)).status).toBe(401);
  });

  it('what is not played is a JSON 404, and a host of Google has only its own methods', async () => {
    const answer = await callApi(endpoint(), { path: '/compute/v1/projects/x/zones' });
    expect(await refusal(answer)).toMatchObject({ http: 404, message: 'Method not found.', status: 'NOT_FOUND' });
    expect((await callApi(endpoint(), { path: '/v1/token' })).status).toBe(404);
    expect((await callApi(endpoint(), { path: '/v1/projects/%zz' })).status).toBe(404);
    const { standIn } = sandbox.playing[0]!;
    const call = (host: string) =>
      standIn.answer({
        method: 'POST',
        path: '/v1/token',
        query: '',
        headers: new Map([['host', [host]]]),
        body: Buffer.alloc(0),
        remoteAddress: '127.0.0.1',
      });
    expect((await call('sts.googleapis.com')).status).toBe(400);
    expect((await call('sts.googleapis.com:443')).status).toBe(400);
    expect((await call('secretmanager.googleapis.com')).status).toBe(404);
    expect((await standIn.answer(null)).status).toBe(400);
    expect(standIn.hosts).toContain('iamcredentials.googleapis.com');
  });
});
