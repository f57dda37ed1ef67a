import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { playedServer, type PlayedAnswer } from '../../../test/support/played-server.ts';
import type { Refusal } from '../../domain/credential.ts';
import { canary, exampleIo, exampleToken } from '../conformance.ts';
import { explainAzure } from './exchange.ts';

const configuration = { clientId: '11111111-2222-3333-4444-555555555555', audience: 'api://AzureADTokenExchange' };
const tenant = '99999999-8888-7777-6666-555555555555';

const server = playedServer();
const { calls } = server;

async function explain(answer: PlayedAnswer, environment: Record<string, string> = {}): Promise<Refusal | null> {
  const AZURE_AUTHORITY_HOST = await server.answer(answer);
  const io = exampleIo({
    fetch: globalThis.fetch,
    environment: { ARM_TENANT_ID: tenant, AZURE_AUTHORITY_HOST, ...environment },
  });
  return explainAzure(configuration, 'BLUE', exampleToken(), io);
}

const error = (code: number, text: string): string =>
  JSON.stringify({
    error: 'invalid_client',
    error_description: `AADSTS${code}: ${text} Trace ID: 7d12638d-0536 Correlation ID: f9d5d90b-8121 Timestamp: 2022-01-25 16:05:00Z`,
    error_codes: [code],
    timestamp: '2022-01-25 16:05:00Z',
    trace_id: '7d12638d-0536',
    correlation_id: 'f9d5d90b-8121',
    error_uri: `https://login.microsoftonline.com/error?code=${code}`,
  });

describe('explainAzure', () => {
  it('sends the one request that the providers send', async () => {
    await explain({ status: 401, body: error(700213, 'x') });
    expect(
      calls.map(({ url, method, body }) => ({ url, method, form: Object.fromEntries(new URLSearchParams(body)) })),
    ).toEqual([
      {
        url: `/${tenant}/oauth2/v2.0/token`,
        method: 'POST',
        form: {
          grant_type: 'client_credentials',
          client_id: configuration.clientId,
          scope: 'https://management.azure.com/.default',
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: canary,
        },
      },
    ]);
  });

  it("gives Entra's own words without the noise behind them, and three causes with our values", async () => {
    const refusal = await explain({ status: 401, body: error(700213, "No matching record for subject 'x'.") });
    expect(refusal).toMatchObject({
      platform: 'azure',
      tag: 'BLUE',
      role: configuration.clientId,
      code: 'AADSTS700213',
      message: "No matching record for subject 'x'.",
      status: 401,
      requestId: '7d12638d-0536',
      reasons: [],
    });
    expect(refusal!.causes).toHaveLength(3);
    expect(refusal!.causes[0]).toContain(exampleToken().claims.sub);
    expect(refusal!.causes.join()).not.toMatch(/\{(client|tenant|iss|aud|sub)\}/);
  });

  it.each<[number, RegExp]>([
    [700211, /no federated credential .* has the issuer https:\/\/id\.example\.com/],
    [700212, /TFC_AZURE_WORKLOAD_IDENTITY_AUDIENCE/],
    [700213, /compared exactly/],
    [7002131, /compared exactly/],
    [7002138, /only in upper and lower case/],
    [70021, /all of issuer/],
    [70025, /no federated credential at all/],
    [7000272, /30 minutes/],
    [50166, /hallpass issuer check/],
    [700024, /reads it only once/],
    [70023, /25 hours/],
    [700027, /signature does not hold/],
    [700016, /no application .* in the tenant 99999999/],
    [90002, /no tenant 99999999/],
    [7000215, /ARM_CLIENT_SECRET/],
    [7002241, /own list of issuers/],
    [700233, /claims\['sub'\] eq/],
    [53003, /Conditional Access/],
    [1, /look the code up/],
  ])('explains AADSTS%i', async (code, cause) => {
    const refusal = await explain({ status: 400, body: error(code, 'x') });
    expect(refusal!.causes.join('\n')).toMatch(cause);
  });

  it('gives the reasons of a stand-in', async () => {
    const reasons = Buffer.from(JSON.stringify(['subject sub: wanted "a", was "b"'])).toString('base64url');
    const refusal = await explain({
      status: 401,
      body: error(700213, 'x'),
      headers: { 'x-hallpass-reasons': reasons },
    });
    expect(refusal!.reasons).toEqual(['subject sub: wanted "a", was "b"']);
  });

  it('never shows the token, whatever comes back', async () => {
    const refusal = await explain({
      status: 401,
      body: error(700213, `got '${canary}'\u001b[31m`),
      headers: { 'x-ms-request-id': canary },
    });
    expect(JSON.stringify(refusal)).not.toContain(canary.split('.')[2]);
    expect(refusal!.message).not.toContain('\u001b');
  });

  it.each<[string, PlayedAnswer]>([
    ['an acceptance', { status: 200, body: '{"access_token":"x"}' }],
    ['too many requests', { status: 429, body: '{}' }],
    ['a failure of its own', { status: 503, body: '<html>' }],
    ['a redirect', { status: 302, body: '', headers: { location: 'http://127.0.0.1:1/' } }],
  ])('says nothing after %s', async (_, answer) => {
    expect(await explain(answer)).toBeNull();
  });

  it('makes something of any other answer', async () => {
    expect(await explain({ status: 400, body: '<html>no</html>' })).toMatchObject({
      code: 'HTTP 400',
      message: 'the answer is not one of Entra',
    });
    expect(await explain({ status: 400, body: '{"error":"invalid_request"}' })).toMatchObject({
      code: 'invalid_request',
    });
  });

  it.each<[string, Record<string, string>]>([
    ['no tenant', {}],
    ['a tenant that would leave the path', { ARM_TENANT_ID: '../x' }],
    ['an authority without https', { ARM_TENANT_ID: tenant, AZURE_AUTHORITY_HOST: 'http://login.example.com' }],
    ['an authority with a user', { ARM_TENANT_ID: tenant, AZURE_AUTHORITY_HOST: 'https://a:b@login.example.com' }],
    ['an unknown cloud', { ARM_TENANT_ID: tenant, ARM_ENVIRONMENT: 'moon' }],
    ['a metadata host that is none', { ARM_TENANT_ID: tenant, ARM_METADATA_HOSTNAME: 'a/b?c' }],
  ])('asks nobody with %s', async (_, environment) => {
    let asked = 0;
    const io = exampleIo({ environment, fetch: () => Promise.reject(new Error(String((asked += 1)))) });
    expect(await explainAzure(configuration, null, exampleToken(), io)).toBeNull();
    expect(asked).toBe(0);
  });

  it.each<[string, Record<string, string>, string, string]>([
    ['the public cloud', {}, 'https://login.microsoftonline.com', 'https://management.azure.com/.default'],
    [
      'the government',
      { ARM_ENVIRONMENT: 'usgovernment' },
      'https://login.microsoftonline.us',
      'https://management.usgovcloudapi.net/.default',
    ],
    [
      'China',
      { ARM_ENVIRONMENT: 'China' },
      'https://login.partner.microsoftonline.cn',
      'https://management.chinacloudapi.cn/.default',
    ],
    [
      'an authority by its host',
      { AZURE_AUTHORITY_HOST: 'login.microsoftonline.us/' },
      'https://login.microsoftonline.us',
      'https://management.usgovcloudapi.net/.default',
    ],
  ])('goes to %s', async (_, environment, authority, scope) => {
    const asked: string[] = [];
    const io = exampleIo({
      environment: { AZURE_TENANT_ID: tenant, ...environment },
      fetch: async (address, init) => {
        asked.push(address as string, new URLSearchParams(init!.body as string).get('scope')!);
        return new Response(error(700016, 'x'), { status: 400 });
      },
    });
    expect(await explainAzure(configuration, null, exampleToken(), io)).toMatchObject({ code: 'AADSTS700016' });
    expect(asked).toEqual([`${authority}/${tenant}/oauth2/v2.0/token`, scope]);
  });

  it('asks a metadata host where to go, and sends a token nowhere that is not https', async () => {
    const ask = async (metadata: unknown) => {
      const asked: string[] = [];
      const io = exampleIo({
        environment: { ARM_TENANT_ID: tenant, ARM_METADATA_HOSTNAME: 'localhost:4000' },
        fetch: async (address) => {
          asked.push(address as string);
          return asked.length === 1 ? Response.json(metadata) : new Response(error(700016, 'x'), { status: 400 });
        },
      });
      await explainAzure(configuration, null, exampleToken(), io);
      return asked;
    };
    const resourceManager = 'https://localhost:4000/';
    const metadata = 'https://localhost:4000/metadata/endpoints?api-version=2022-09-01';
    expect(await ask({ authentication: { loginEndpoint: 'https://localhost:4000/' }, resourceManager })).toEqual([
      metadata,
      `https://localhost:4000/${tenant}/oauth2/v2.0/token`,
    ]);
    expect(await ask({ authentication: { loginEndpoint: 'http://evil.example.com' }, resourceManager })).toEqual([
      metadata,
    ]);
    expect(await ask({ resourceManager })).toEqual([metadata]);
    expect(await ask([])).toEqual([metadata]);
  });

  it('survives any body', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (body) => {
        const io = exampleIo({
          environment: { ARM_TENANT_ID: tenant },
          fetch: async () => new Response(body, { status: 400 }),
        });
        expect(await explainAzure(configuration, null, exampleToken(), io)).toMatchObject({
          platform: 'azure',
          status: 400,
        });
      }),
    );
  });
});
