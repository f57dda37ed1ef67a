import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../domain/errors.ts';
import { revealed } from '../../domain/secret.ts';
import { canary, exampleIo, exampleToken } from '../conformance.ts';
import { variableReader, type WorkloadVariables } from '../variables.ts';
import { configureGcp, gcpVariables, type GcpConfiguration } from './configure.ts';
import { gcpHosts, googleHosts } from './hosts.ts';
import { gcp } from './index.ts';
import { renderGcp } from './render.ts';

const provider = 'projects/123456789012/locations/global/workloadIdentityPools/tf-example-com/providers/tf-main';
const email = 'tf-plan@my-project.iam.gserviceaccount.com';
const configuration: GcpConfiguration = { provider, email, audience: 'https://gcp.example.com/' };
const directory = '/run/creds/gcp/0-default';

function credentials(changes: Partial<GcpConfiguration> = {}, environment: Record<string, string> = {}): unknown {
  const set = renderGcp({ ...configuration, ...changes }, exampleToken(), { directory, environment });
  return JSON.parse(revealed(set.files[1]!.contents));
}

describe('renderGcp', () => {
  it('gives token, external account, variables and input', () => {
    const set = renderGcp(configuration, exampleToken(), { directory, environment: {} });
    expect(set.files.map(({ name }) => name)).toEqual(['token', 'credentials.json']);
    expect(revealed(set.files[0]!.contents)).toBe(canary);
    // The audience is the provider, although the token is for another one.
    expect(credentials()).toEqual({
      type: 'external_account',
      universe_domain: 'googleapis.com',
      audience: `//iam.googleapis.com/${provider}`,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: 'https://sts.googleapis.com/v1/token',
      service_account_impersonation_url: `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${email}:generateAccessToken`,
      credential_source: { file: `${directory}/token`, format: { type: 'text' } },
    });
    expect(set.environment).toEqual({
      GOOGLE_APPLICATION_CREDENTIALS: `${directory}/credentials.json`,
      CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE: `${directory}/credentials.json`,
    });
    expect(set.input).toEqual({ credentials: `${directory}/credentials.json` });
    expect(JSON.stringify(set.input) + revealed(set.files[1]!.contents)).not.toContain(canary);
  });

  it('leaves impersonation out for a workload pool', () => {
    expect(credentials({ email: null })).not.toHaveProperty('service_account_impersonation_url');
  });

  it('points at the hosts that the run names for gcloud', () => {
    const environment = {
      CLOUDSDK_API_ENDPOINT_OVERRIDES_STS: 'http://127.0.0.1:9/a',
      CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS: 'https://iam.example.com/',
    };
    expect(credentials({}, environment)).toMatchObject({
      token_url: 'http://127.0.0.1:9/a/v1/token',
      token_info_url: 'http://127.0.0.1:9/a/v1/introspect',
      service_account_impersonation_url: `https://iam.example.com/v1/projects/-/serviceAccounts/${email}:generateAccessToken`,
    });
  });

  it.each([
    'http://evil.example/',
    'ftp://127.0.0.1/',
    'file:///etc',
    'x',
    '',
    'https://u:p@h/',
    'https://h/?a',
    'https://h/#a',
  ])('takes no host from %j', (address) => {
    const environment = {
      CLOUDSDK_API_ENDPOINT_OVERRIDES_STS: address,
      CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS: address,
    };
    expect(gcpHosts(environment)).toEqual(googleHosts);
  });
});

function configure(variables: Readonly<Record<string, string>>, tag: string | null = null): GcpConfiguration {
  const all: WorkloadVariables = new Map(Object.entries(variables));
  return configureGcp(variableReader(gcpVariables, all, { tag, phase: 'plan', workspace: 'web' }));
}

describe('the name of the provider', () => {
  const parts = {
    TFC_GCP_PRINCIPAL_TYPE: 'workload_pool',
    TFC_GCP_PROJECT_NUMBER: '123456789012',
    TFC_GCP_WORKLOAD_POOL_ID: 'tf-example-com',
    TFC_GCP_WORKLOAD_PROVIDER_ID: 'tf-main',
  };

  it('is made of three parts, and is the audience', () => {
    expect(configure(parts)).toEqual({ provider, email: null, audience: `//iam.googleapis.com/${provider}` });
  });

  it('wins over the parts, which are not even looked at', () => {
    const name = provider.replace('tf-main', 'other');
    const all = { ...parts, TFC_GCP_PROJECT_NUMBER: 'my-project', TFC_GCP_WORKLOAD_PROVIDER_NAME: name };
    expect(configure(all).provider).toBe(name);
  });

  it.each<[readonly (keyof typeof parts)[]]>([
    [['TFC_GCP_PROJECT_NUMBER']],
    [['TFC_GCP_WORKLOAD_POOL_ID', 'TFC_GCP_WORKLOAD_PROVIDER_ID']],
    [['TFC_GCP_PROJECT_NUMBER', 'TFC_GCP_WORKLOAD_POOL_ID', 'TFC_GCP_WORKLOAD_PROVIDER_ID']],
  ])('names each missing part: %j', (missing) => {
    const left = Object.fromEntries(Object.entries(parts).filter(([name]) => !(missing as string[]).includes(name)));
    expect(() => configure(left)).toThrow(ConfigurationError);
    expect(() => configure(left)).toThrow(
      `TFC_GCP_WORKLOAD_PROVIDER_NAME is not set, and of the parts that could stand for it ${missing.join(', ')} `,
    );
  });

  it('names them with their tag', () => {
    expect(() => configure({ TFC_GCP_PRINCIPAL_TYPE_A: 'workload_pool' }, 'A')).toThrow('TFC_GCP_PROJECT_NUMBER_A, ');
  });

  it.each([
    ['TFC_GCP_PROJECT_NUMBER', 'my-project', 'number'],
    ['TFC_GCP_PROJECT_NUMBER', '012', 'number'],
    ['TFC_GCP_WORKLOAD_POOL_ID', 'gcp-pool', 'TFC_GCP_WORKLOAD_POOL_ID'],
    ['TFC_GCP_WORKLOAD_POOL_ID', 'a/b/c', 'TFC_GCP_WORKLOAD_POOL_ID'],
    ['TFC_GCP_WORKLOAD_PROVIDER_ID', 'abc', 'TFC_GCP_WORKLOAD_PROVIDER_ID'],
    ['TFC_GCP_WORKLOAD_PROVIDER_ID', '', 'TFC_GCP_WORKLOAD_PROVIDER_ID'],
  ])('refuses %s = %j', (name, value, said) => {
    expect(() => configure({ ...parts, [name]: value })).toThrow(said);
  });

  it('wants an email unless it is a workload pool', () => {
    expect(() => configure({ ...parts, TFC_GCP_PRINCIPAL_TYPE: 'service_account' })).toThrow(
      'TFC_GCP_RUN_SERVICE_ACCOUNT_EMAIL',
    );
  });
});

describe('the platform', () => {
  const variables = new Map([
    ['TFC_GCP_WORKLOAD_PROVIDER_NAME', provider],
    ['TFC_GCP_RUN_SERVICE_ACCOUNT_EMAIL', email],
  ]);
  const request = gcp.request(variableReader(gcpVariables, variables, { tag: null, phase: 'plan', workspace: 'web' }));

  it('offers the token to the service account', () => {
    expect(request).toMatchObject({ offered: email, audience: `//iam.googleapis.com/${provider}`, rereadsToken: true });
  });

  it('renews the token file alone', async () => {
    const set = await request.obtain(exampleToken(), exampleIo());
    const renewed = await set.renew!(async () => exampleToken('a.b.c'));
    expect(renewed.files.map(({ name, contents }) => [name, revealed(contents)])).toEqual([['token', 'a.b.c']]);
    expect(renewed).toHaveProperty('renew');
  });

  it('judges a native document', async () => {
    const document = JSON.stringify({
      provider: {
        name: provider,
        attributeMapping: { 'google.subject': 'assertion.sub' },
        oidc: { issuerUri: 'https://id.example.com' },
      },
      serviceAccounts: { [email]: { bindings: [{ role: 'roles/iam.workloadIdentityUser', members: ['allUsers'] }] } },
    });
    const { claims } = exampleToken(undefined, `//iam.googleapis.com/${provider}`);
    const at = new Date(claims.iat * 1000);
    expect(await gcp.trust.judge(document, { claims, at, offered: email })).toMatchObject({
      allowed: true,
      identity: `${email}, as principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/tf-example-com/subject/${claims.sub}`,
    });
    expect(await gcp.trust.judge(document, { claims, at, offered: `x${email}` })).toMatchObject({
      allowed: false,
      error: { code: 'PERMISSION_DENIED' },
    });
    expect(await gcp.trust.judge(document, { claims, at, offered: provider })).toMatchObject({ allowed: true });
    const { checks } = await gcp.trust.judge(document, { claims, at, offered: email });
    // The call is not ours to judge here: it names the provider of the document.
    expect(checks.map(({ step }) => step)).not.toContain('request');
    const long = { ...claims, sub: 's'.repeat(128) };
    expect(await gcp.trust.judge(document, { claims: long, at, offered: email })).toMatchObject({
      allowed: false,
      error: { code: 'invalid_request' },
      reasons: [expect.stringContaining('128 bytes')],
    });
  });
});
