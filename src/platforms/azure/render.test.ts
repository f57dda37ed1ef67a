import { describe, expect, it } from 'vitest';
import { Secret, revealed } from '../../domain/secret.ts';
import { canary, exampleIo, exampleToken } from '../conformance.ts';
import { renderAzure } from './render.ts';

const configuration = { clientId: '11111111-2222-3333-4444-555555555555', audience: 'api://AzureADTokenExchange' };
const tenantId = '99999999-8888-7777-6666-555555555555';
const render = (io = exampleIo(), tag: string | null = null) => renderAzure(configuration, tag, exampleToken(), io);

describe('renderAzure', () => {
  it('gives the providers client, token and switches, and the files of both', () => {
    const { environment, files, input } = render();
    expect(Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, revealed(value)]))).toEqual({
      ARM_CLIENT_ID: configuration.clientId,
      ARM_USE_OIDC: 'true',
      ARM_USE_CLI: 'false',
      ARM_OIDC_TOKEN: canary,
      AZURE_CLIENT_ID: configuration.clientId,
      AZURE_FEDERATED_TOKEN_FILE: `${exampleIo().directory}/token`,
    });
    expect(environment['ARM_OIDC_TOKEN']).toBeInstanceOf(Secret);
    expect(files.map(({ name, contents }) => [name, revealed(contents)])).toEqual([
      ['token', canary],
      ['client_id', configuration.clientId],
    ]);
    expect(input).toEqual({
      client_id_file_path: `${exampleIo().directory}/client_id`,
      oidc_token_file_path: `${exampleIo().directory}/token`,
    });
  });

  it('names the tenant for the SDKs where the run has one', () => {
    expect(render(exampleIo({ environment: { ARM_TENANT_ID: tenantId } })).environment).toMatchObject({
      AZURE_TENANT_ID: tenantId,
    });
  });

  it.each<Record<string, string>>([{ AZURE_CLIENT_ID: 'x' }, { AZURE_FEDERATED_TOKEN_FILE: '/x' }])(
    'leaves %s to a run that has its own',
    (environment) => {
      const given = render(exampleIo({ environment })).environment;
      expect(Object.keys(given).filter((name) => name.startsWith('AZURE_'))).toEqual([]);
    },
  );

  it('warns of a missing tenant, where the environment is what counts', () => {
    expect(render().warnings).toHaveLength(1);
    expect(render().warnings![0]!.mend).toContain('unless every provider block names tenant_id');
    expect(render(exampleIo(), 'BLUE').warnings).toBeUndefined();
    expect(render(exampleIo({ environment: { ARM_TENANT_ID: tenantId } })).warnings).toBeUndefined();
  });

  it('offers an address for fresh tokens in place of the token, for its own audience only', () => {
    const tokenEndpoint = { url: 'http://127.0.0.1:4000/token', bearer: new Secret('b'.repeat(43)) };
    const { environment, files } = renderAzure(
      { ...configuration, audience: 'api://Other&x=1' },
      null,
      exampleToken(),
      exampleIo({ tokenEndpoint }),
    );
    expect(environment['ARM_OIDC_REQUEST_URL']).toBe('http://127.0.0.1:4000/token?audience=api%3A%2F%2FOther%26x%3D1');
    expect(environment['ARM_OIDC_REQUEST_TOKEN']).toBe(tokenEndpoint.bearer);
    expect(environment).not.toHaveProperty('ARM_OIDC_TOKEN');
    expect(files.map(({ name }) => name)).toEqual(['token', 'client_id']);
  });

  it('renews nothing: the providers read the token once', () => {
    expect(render()).not.toHaveProperty('renew');
    expect(render()).not.toHaveProperty('renewAt');
  });
});
