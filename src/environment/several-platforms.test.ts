import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readdirSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { testPhase, type TestPhase } from '../../test/support/phase.ts';
import { runPhase } from './run-phase.ts';

/** As much of Vault as a phase needs: logins and revocations. */
async function startVault() {
  const alive = new Set<string>();
  const server = createServer((request, response) => {
    request.resume();
    const given = String(request.headers['x-vault-token'] ?? '');
    const isLogin = request.url === '/v1/auth/jwt/login';
    const token = isLogin ? `hvs.login${alive.size}` : given;
    if (isLogin) alive.add(token);
    if (request.url === '/v1/auth/token/revoke-self') alive.delete(token);
    const auth = { client_token: token, accessor: 'a', lease_duration: 1200, renewable: true, token_type: 'service' };
    response.writeHead(isLogin ? 200 : 204, { 'content-type': 'application/json' });
    response.end(isLogin ? JSON.stringify({ auth: { ...auth, num_uses: 0 } }) : undefined);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, alive };
}

const configurations: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  AWS: { RUN_ROLE_ARN: 'arn:aws:iam::111122223333:role/plan' },
  AZURE: { RUN_CLIENT_ID: '11111111-2222-3333-4444-555555555555' },
  GCP: {
    RUN_SERVICE_ACCOUNT_EMAIL: 'plan@payments.iam.gserviceaccount.com',
    WORKLOAD_PROVIDER_NAME: 'projects/123/locations/global/workloadIdentityPools/pool/providers/hallpass',
  },
  KUBERNETES: { WORKLOAD_IDENTITY_AUDIENCE: 'kubernetes' },
  VAULT: { RUN_ROLE: 'plan' },
};

/** Variables that switch a platform on, with or without a tag. */
function switchedOn(platform: string, tag: string | null, vault: string): Record<string, string> {
  const all = { PROVIDER_AUTH: 'true', ...configurations[platform], ...(platform === 'VAULT' ? { ADDR: vault } : {}) };
  const suffix = tag === null ? '' : `_${tag}`;
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [`TFC_${platform}_${name}${suffix}`, value]));
}

const names = Object.keys(configurations);

/** What tells each platform's own variables: one that is always there. */
const marks: Readonly<Record<string, string>> = {
  AWS: 'AWS_ROLE_ARN',
  AZURE: 'ARM_CLIENT_ID',
  GCP: 'GOOGLE_APPLICATION_CREDENTIALS',
  KUBERNETES: 'KUBE_TOKEN',
  VAULT: 'VAULT_TOKEN',
};

const variablesOf = (phase: TestPhase): Map<string, string> =>
  new Map(
    phase
      .stdout()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );

/** Runs `env` with some platforms' default configurations and some platforms' tags. */
async function environmentOf(defaults: readonly string[], tagged: readonly string[]) {
  const vault = await startVault();
  const tfc = Object.assign(
    {},
    ...defaults.map((name) => switchedOn(name, null, vault.address)),
    ...tagged.map((name) => switchedOn(name, 'PROD', vault.address)),
  ) as Record<string, string>;
  const phase = testPhase({ tfc, io: { fetch }, command: ['env'] });
  expect(await runPhase(phase.run, phase.io)).toMatchObject({ exitCode: 0 });
  return { phase, vault, variables: variablesOf(phase) };
}

const input = (variables: ReadonlyMap<string, string>, platform: string): { default: unknown; aliases: object } =>
  JSON.parse(variables.get(`TF_VAR_tfc_${platform.toLowerCase()}_dynamic_credentials`) ?? 'null');

describe('several platforms at once', () => {
  it('each have their variables, their input, and a token for their own audience', async () => {
    const { phase, vault, variables } = await environmentOf(names, []);
    for (const name of names) {
      expect([name, variables.has(marks[name]!)]).toEqual([name, true]);
      expect(input(variables, name)).toEqual({ default: expect.anything(), aliases: {} });
    }
    expect(new Set(phase.minted.map(({ audience }) => audience)).size).toBe(names.length);
    expect(vault.alive.size).toBe(0);
    expect(readdirSync(phase.run.settings.runDirectory!)).toEqual([]);
  });

  it.each(names)('%s alone loses its variables with its first tag, the others keep theirs', async (name) => {
    const { vault, variables } = await environmentOf(names, [name]);
    for (const other of names) expect([other, variables.has(marks[other]!)]).toEqual([other, other !== name]);
    expect(Object.keys(input(variables, name).aliases)).toEqual(['PROD']);
    expect(input(variables, name).default).not.toBeNull();
    expect(vault.alive.size).toBe(0);
  });

  it('all with a tag only: no default, no variables, everything revoked', async () => {
    const { vault, phase, variables } = await environmentOf([], names);
    for (const name of names) {
      expect([name, variables.has(marks[name]!)]).toEqual([name, false]);
      expect(input(variables, name)).toEqual({ default: null, aliases: { PROD: expect.anything() } });
    }
    expect(vault.alive.size).toBe(0);
    expect(phase.events.filter(({ type }) => type === 'credentials_revoked')).toEqual([
      { type: 'credentials_revoked', platform: 'vault', tag: 'PROD' },
    ]);
  });
});
