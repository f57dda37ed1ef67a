import { describe, expect, it } from 'vitest';
import { gcpPart, providerDocument } from '../../../test/support/gcp-project.ts';
import { readSandboxConfig, type SandboxConfig } from '../config.ts';
import { openSandbox } from '../open.ts';

const issuer = 'https://issuer.example';

const read = (changes: Record<string, unknown>): Promise<SandboxConfig> =>
  readSandboxConfig(JSON.stringify({ gcp: gcpPart(issuer, changes) }, null, 2), '/');

describe('the part gcp of a sandbox file', () => {
  it('is read with its documents, as mappings or as text', async () => {
    const { gcp } = await read({ providers: [{ provider: JSON.stringify(providerDocument(issuer)) }] });
    expect(gcp).toMatchObject({
      project: { id: 'acme-payments', number: '123456789012' },
      providers: [{ provider: { issuerUri: issuer }, fetchFrom: null }],
    });
    expect([...gcp!.secrets.keys()]).toEqual(['region']);
  });

  it('needs nothing', async () => {
    const { gcp } = await readSandboxConfig('gcp: {}', '/');
    expect(gcp).toMatchObject({ clock_skew_seconds: 60, token_seconds: 3600, providers: [] });
  });

  const provider = providerDocument(issuer);
  const bad: Record<string, [Record<string, unknown>, RegExp]> = {
    'a provider twice': [{ providers: [{ provider }, { provider }] }, /is there twice/],
    'a provider of another project': [{ project: { number: '999999999999' } }, /is not in project 999999999999/],
    'a provider without an issuer': [{ providers: [{ provider: { ...provider, oidc: {} } }] }, /issuer/i],
    'an issuer over plain http': [
      { providers: [{ provider: providerDocument('http://issuer.example') }] },
      /scheme must be https/,
    ],
    'a mapping that is no CEL': [
      { providers: [{ provider: { ...provider, attributeMapping: { 'google.subject': 'assertion.' } } }] },
      /google\.subject/,
    ],
    'a project id for a number': [{ project: { number: 'acme-payments' } }, /must be the number of a project/],
    'an account that is none': [{ service_accounts: { plan: {} } }, /is not the email of a service account/],
    'a secret’s name with a slash': [{ secrets: { 'a/b': 'x' } }, /is not the name of a secret/],
    'an unknown key': [{ provider: [] }, /did you mean providers\?/],
    'a life beyond an hour': [{ token_seconds: 3601 }, /token_seconds/],
  };
  for (const [what, [changes, problem]] of Object.entries(bad)) {
    it(`is refused with ${what}, and says where`, async () => {
      const error: unknown = await read(changes).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ problem: { where: expect.stringContaining('sandbox.yaml:') } });
      expect(JSON.stringify((error as { problem: object }).problem)).toMatch(problem);
    });
  }

  it('is refused with a latency of an action that is not there', async () => {
    const config = await read({ latency_milliseconds: { 'secretmanager:versions.acces': 1 } });
    await expect(openSandbox({ config, log: () => {} })).rejects.toMatchObject({
      problem: { mend: 'did you mean secretmanager:versions.access?' },
    });
  });

  it('points real clients at the stand-in', async () => {
    await using sandbox = await openSandbox({ config: await read({ token_seconds: 10 }), log: () => {} });
    const endpoint = sandbox.endpoint('gcp');
    expect(sandbox.environment).toEqual({
      GOOGLE_SECRET_MANAGER_CUSTOM_ENDPOINT: `${endpoint}/v1/`,
      CLOUDSDK_API_ENDPOINT_OVERRIDES_STS: `${endpoint}/`,
      CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS: `${endpoint}/`,
      CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER: `${endpoint}/`,
      CLOUDSDK_AUTH_TOKEN_INTROSPECTION_ENDPOINT: `${endpoint}/v1/introspect`,
    });
    expect(sandbox.playing[0]!.standIn.summary).toBe(
      'project acme-payments (123456789012) with 1 provider and 2 service accounts',
    );
    expect(sandbox.playing[0]!.standIn.notes).toEqual(['Access tokens end after 10 s, whatever the caller asks for.']);
  });
});
