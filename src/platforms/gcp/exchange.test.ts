import { describe, expect, it } from 'vitest';
import { playedServer, type PlayedAnswer } from '../../../test/support/played-server.ts';
import { ExchangeRefused, type CredentialSet, type Refusal } from '../../domain/credential.ts';
import type { IdentityToken } from '../../domain/token.ts';
import { canary, exampleIo, exampleToken } from '../conformance.ts';
import { variableReader } from '../variables.ts';
import { gcpVariables, type GcpConfiguration } from './configure.ts';
import { explainGcp } from './exchange.ts';
import { gcp } from './index.ts';

const provider = 'projects/123456789012/locations/global/workloadIdentityPools/tf-example-com/providers/tf-main';
const email = 'tf-plan@my-project.iam.gserviceaccount.com';
const configuration: GcpConfiguration = { provider, email, audience: `//iam.googleapis.com/${provider}` };
const federated = 'ya29.federated-canary';

const exchanged: PlayedAnswer = {
  status: 200,
  body: JSON.stringify({ access_token: federated, token_type: 'Bearer', expires_in: 600 }),
};
const impersonated: PlayedAnswer = {
  status: 200,
  body: JSON.stringify({ accessToken: 'ya29.account', expireTime: 'x' }),
};

const server = playedServer();
const { calls } = server;

async function answering(answers: readonly PlayedAnswer[]): Promise<Record<string, string>> {
  const base = `${await server.answer(...answers)}/`;
  return { CLOUDSDK_API_ENDPOINT_OVERRIDES_STS: base, CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS: base };
}

async function explain(
  answers: readonly PlayedAnswer[],
  changes: Partial<GcpConfiguration> = {},
): Promise<Refusal | null> {
  const environment = await answering(answers);
  const io = exampleIo({ fetch: globalThis.fetch, environment });
  return explainGcp({ ...configuration, ...changes }, 'A', exampleToken(), io);
}

const refusedByTokens = (error: string, description: string): PlayedAnswer => ({
  status: 400,
  body: JSON.stringify({ error, error_description: description }),
});
const refusedByIam = (status: number, code: string, message: string): PlayedAnswer => ({
  status,
  body: JSON.stringify({ error: { code: status, message, status: code, details: [] } }),
});
const tooLong =
  'The size of mapped attribute google.subject exceeds the 127 bytes limit. Either modify your attribute mapping or the incoming assertion to produce a mapped attribute that is less than 127 bytes.';

describe('explainGcp', () => {
  it('exchanges and impersonates as the libraries do, and gives nothing away', async () => {
    expect(await explain([exchanged, impersonated])).toBeNull();
    expect(calls.map(({ url }) => url)).toEqual([
      '/v1/token',
      `/v1/projects/-/serviceAccounts/${email}:generateAccessToken`,
    ]);
    expect(Object.fromEntries(new URLSearchParams(calls[0]!.body))).toEqual({
      audience: `//iam.googleapis.com/${provider}`,
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      scope: 'https://www.googleapis.com/auth/cloud-platform',
      subject_token: canary,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    });
    expect(calls[0]!.headers['authorization']).toBeUndefined();
    expect(calls[1]!.headers['authorization']).toBe(`Bearer ${federated}`);
    expect(JSON.parse(calls[1]!.body)).toEqual({
      scope: ['https://www.googleapis.com/auth/cloud-platform'],
      lifetime: '3600s',
    });
  });

  it('makes one call for a workload pool', async () => {
    expect(await explain([exchanged], { email: null })).toBeNull();
    expect(calls).toHaveLength(1);
  });

  it('gives the words of the token service, with causes and our values', async () => {
    const description = 'The audience in ID Token [x] does not match the expected audience.';
    expect(await explain([refusedByTokens('invalid_grant', description)])).toMatchObject({
      platform: 'gcp',
      tag: 'A',
      role: email,
      code: 'invalid_grant',
      message: description,
      status: 400,
      causes: [expect.stringContaining('"aws.workload.identity"'), expect.any(String), expect.any(String)],
    });
    expect(calls).toHaveLength(1);
  });

  it.each<[PlayedAnswer, string]>([
    [refusedByTokens('invalid_target', 'The target service …'), 'there is no provider projects/123456789012/'],
    [refusedByTokens('invalid_request', 'Invalid value for "audience". …'), 'do not name a provider'],
    [refusedByTokens('invalid_request', tooLong), 'sub has 73 bytes'],
    [
      refusedByTokens('invalid_grant', 'The issuer in ID Token x does not match the expected one in config: y.'),
      'issuer-uri',
    ],
    [refusedByTokens('invalid_grant', 'ID Token issued at 1 is stale to sign-in.'), 'has expired'],
    [refusedByTokens('invalid_grant', 'Unable to verify the ID Token signature.'), 'keys that were uploaded'],
    [
      refusedByTokens('invalid_grant', "Error connecting to the given credential's issuer."),
      'Google cannot reach https://id.example.com',
    ],
    [
      refusedByTokens('unauthorized_client', 'The given credential is rejected by the attribute condition.'),
      'attribute condition of',
    ],
    [
      refusedByTokens('unauthorized_client', 'Could not obtain a value for google.subject from the given credential.'),
      'mapping of google.subject',
    ],
    [refusedByTokens('something_new', 'x'), 'compare the provider'],
  ])('explains %j', async (answer, cause) => {
    expect((await explain([answer]))?.causes[0]).toContain(cause);
  });

  it.each<[PlayedAnswer, string, string]>([
    [
      refusedByIam(
        403,
        'PERMISSION_DENIED',
        "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
      ),
      'PERMISSION_DENIED',
      'roles/iam.workloadIdentityUser to principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/tf-example-com/subject/',
    ],
    [
      refusedByIam(
        403,
        'PERMISSION_DENIED',
        'IAM Service Account Credentials API has not been used in project 1 before or it is disabled.',
      ),
      'PERMISSION_DENIED',
      'gcloud services enable iamcredentials.googleapis.com',
    ],
    [refusedByIam(404, 'NOT_FOUND', 'x'), 'NOT_FOUND', `there is no service account ${email}`],
  ])('explains a refused impersonation %j', async (answer, code, cause) => {
    const refusal = await explain([exchanged, answer]);
    expect(refusal).toMatchObject({ code, status: answer.status });
    expect(refusal?.causes[0]).toContain(cause);
  });

  it('shows neither token, whatever comes back', async () => {
    const echo = `bad ${canary} and ${federated}\nand \u001b[31m${canary.split('.')[1]}`;
    for (const answers of [[refusedByTokens('invalid_grant', echo)], [exchanged, refusedByIam(403, echo, echo)]]) {
      const shown = JSON.stringify(await explain(answers));
      expect(shown).not.toContain(canary.split('.')[1]);
      expect(shown.includes(federated) && answers.length === 2).toBe(false);
      expect(shown).not.toContain('\\u001b');
    }
  });

  it.each<[string, string]>([
    ['HTML', '<html>proxy says no</html>'],
    ['nothing', ''],
    ['a list', '[]'],
    ['null', 'null'],
    ['an error that is a number', '{"error":7}'],
    ['an empty error', '{"error":""}'],
    ['another shape', '{"error":{"errors":[]}}'],
    ['a text that does not end', 'x'.repeat(200_000)],
  ])('takes %s as a refusal without words', async (_title, body) => {
    const refusal = await explain([{ status: 403, body }]);
    expect(refusal?.code).toBe('HTTP 403');
    expect(refusal?.message).toBe('the answer is not one of Google');
  });

  it('gives the reasons of a stand-in', async () => {
    const reasons = Buffer.from(JSON.stringify(['one', 'two'])).toString('base64url');
    const answer = { ...refusedByTokens('x', 'y'), headers: { 'x-hallpass-reasons': reasons } };
    expect((await explain([answer]))?.reasons).toEqual(['one', 'two']);
  });

  it.each<[string, readonly PlayedAnswer[]]>([
    ['429', [{ status: 429, body: '{"error":"quota_exceeded"}' }]],
    ['500', [{ status: 500, body: '' }]],
    ['a redirect', [{ status: 302, body: '', headers: { location: 'https://evil.example/' } }]],
    ['a success without a token', [{ status: 200, body: '{}' }]],
    ['a success that is HTML', [{ status: 200, body: '<html>' }]],
    ['a token that cannot be a header', [{ status: 200, body: '{"access_token":"a\\nb"}' }]],
    ['503 of the second service', [exchanged, { status: 503, body: '' }]],
  ])('says nothing about %s, and asks no second time', async (_title, answers) => {
    expect(await explain(answers)).toBeNull();
    expect(calls).toHaveLength(answers.length);
  });

  it('says nothing when nobody is there', async () => {
    expect(await explainGcp(configuration, null, exampleToken(), exampleIo())).toBeNull();
  });
});

function tokenFor(sub: string): IdentityToken {
  const token = exampleToken();
  return { ...token, claims: { ...token.claims, sub } };
}

describe('a sub of more than 127 bytes', () => {
  const variables = new Map([
    ['TFC_GCP_WORKLOAD_PROVIDER_NAME', provider],
    ['TFC_GCP_RUN_SERVICE_ACCOUNT_EMAIL', email],
  ]);
  const request = gcp.request(variableReader(gcpVariables, variables, { tag: null, phase: 'plan', workspace: 'web' }));

  async function obtain(sub: string, answers: readonly PlayedAnswer[]): Promise<CredentialSet> {
    const environment = await answering(answers);
    return request.obtain(tokenFor(sub), exampleIo({ fetch: globalThis.fetch, environment }));
  }

  it('is refused before anything runs when Google refuses it, with its length and the mend', async () => {
    const refused = obtain('s'.repeat(128), [refusedByTokens('invalid_request', tooLong)]);
    await expect(refused).rejects.toThrow(ExchangeRefused);
    await expect(refused).rejects.toMatchObject({
      code: 'exchange_refused',
      problem: { mend: expect.stringMatching(/sub has 128 bytes.*map ids instead/) },
      refusal: { code: 'invalid_request', status: 400 },
    });
  });

  it('is no hindrance where the provider maps ids', async () => {
    expect((await obtain('s'.repeat(219), [exchanged, impersonated])).warnings).toEqual([]);
  });

  it('leaves other refusals to the run', async () => {
    expect((await obtain('s'.repeat(219), [refusedByTokens('invalid_grant', 'x')])).warnings).toEqual([]);
  });

  it('is a warning when Google cannot be asked', async () => {
    expect((await obtain('é'.repeat(64), [{ status: 503, body: '' }])).warnings).toEqual([
      expect.objectContaining({ what: expect.stringContaining('sub has 128 bytes') }),
    ]);
  });

  it('is not asked about up to 127', async () => {
    expect((await obtain('s'.repeat(127), [])).warnings).toBeUndefined();
    expect(calls).toHaveLength(0);
  });
});
