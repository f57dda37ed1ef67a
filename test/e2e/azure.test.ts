import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { readSandboxConfig } from '../../src/sandbox/config.ts';
import type { SandboxLogLine } from '../../src/sandbox/log.ts';
import { openSandbox, type Sandbox } from '../../src/sandbox/open.ts';
import { azureClients, azureEnvironment } from '../support/azure-clients.ts';
import { azurePart, planApplication, subscription, tenant } from '../support/azure-tenant.ts';
import { run, type ChildResult } from '../support/hallpass.ts';
import { openTestIssuer, testKey, testSubject, type TestIssuer } from '../support/issuer.ts';
import { describeWith } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const audience = 'api://AzureADTokenExchange';

let issuer: TestIssuer;
let sandbox: Sandbox;
/** Answers under Microsoft's own names. */
let intercepting: Sandbox;
let directory: string;
const log: SandboxLogLine[] = [];

beforeAll(async () => {
  directory = temporaryDirectory('azure');
  issuer = await openTestIssuer({ key: await testKey() });
  const config = await readSandboxConfig(JSON.stringify({ azure: azurePart(issuer.url) }), '/');
  sandbox = await openSandbox({ config, log: (line) => log.push(line) });
  intercepting = await openSandbox({ config, intercept: true, log: (line) => log.push(line) });
});
afterAll(async () => {
  await sandbox.close();
  await intercepting.close();
  await issuer.close();
});

let home: string;
beforeEach(() => {
  log.length = 0;
  home = join(directory, `home-${Math.random().toString(36).slice(2)}`);
  mkdirSync(home);
});

/** The variables that a run environment has for Azure, written by hand, with a token of these claims. */
async function credentials(claims: Record<string, unknown> = {}, at = sandbox): Promise<Record<string, string>> {
  const file = join(home, 'token');
  writeFileSync(file, await issuer.sign({ aud: audience, ...claims }));
  return {
    ...azureEnvironment,
    ...at.environment,
    ARM_TENANT_ID: tenant,
    ARM_SUBSCRIPTION_ID: subscription,
    HOME: home,
    AZURE_CLIENT_ID: planApplication,
    AZURE_TENANT_ID: tenant,
    AZURE_FEDERATED_TOKEN_FILE: file,
    ARM_CLIENT_ID: planApplication,
    ARM_OIDC_TOKEN: readFileSync(file, 'utf8'),
    ARM_USE_OIDC: 'true',
    ARM_USE_CLI: 'false',
  };
}

const start = ([file, ...args]: readonly string[], env: Record<string, string>): Promise<ChildResult> =>
  run(file!, args, { env });

for (const client of azureClients) {
  describeWith(client.needs, `${client.name} with a federated credential`, () => {
    it('reads a resource group as the application of the plan', async () => {
      const { stdout, stderr, code } = await start(client.command('read', 'payments'), await credentials());
      expect({ stdout: stdout.trim(), stderr, code }).toEqual({ stdout: 'westeurope', stderr: '', code: 0 });
      expect(log.at(-1)).toMatchObject({ outcome: 'ok', role: planApplication });
    });

    it("reads it under Microsoft's own names, with nothing set but proxy and CA", async () => {
      const env = await credentials({}, intercepting);
      expect(Object.keys(intercepting.environment).filter((name) => /^(?:ARM|AZURE)_/.test(name))).toEqual([]);
      const { stdout, stderr, code } = await start(client.command('read', 'payments'), env);
      expect({ stdout: stdout.trim(), stderr, code }).toEqual({ stdout: 'westeurope', stderr: '', code: 0 });
    });

    it('writes nothing', async () => {
      const { stderr, code } = await start(client.command('write', 'new'), await credentials());
      expect(code).toBe(1);
      expect(stderr).toContain('AuthorizationFailed');
    });

    const seconds = Math.floor(Date.now() / 1000);
    it.each<[string, Record<string, unknown>, string]>([
      ['the wrong phase', { sub: testSubject.replace('plan', 'apply') }, 'AADSTS700213'],
      ['a neighbour workspace', { sub: testSubject.replace('payments-prod', 'payments-prod2') }, 'AADSTS700213'],
      ['a subject in other case', { sub: testSubject.replace('acme', 'Acme') }, 'AADSTS7002138'],
      ['another audience', { aud: 'aws.workload.identity' }, 'AADSTS700212'],
      ['a token that has ended', { iat: seconds - 700, nbf: seconds - 700, exp: seconds - 100 }, 'AADSTS700024'],
      ['a token of more than 25 hours', { exp: seconds + 90_100 }, 'AADSTS70023'],
    ])("shows Entra's refusal of %s", async (_, claims, words) => {
      const env = await credentials(claims);
      const { stdout, stderr, code } = await start(client.command('read', 'payments'), env);
      expect(code).toBe(1);
      expect(stdout).toBe('');
      expect(stderr).toContain(`${words}: `);
      expect(stderr).toContain('Trace ID: ');
      expect(log.at(-1)).toMatchObject({ outcome: 'refused', code: words, reasons: [expect.any(String)] });
      expect(stderr).not.toContain(readFileSync(env['AZURE_FEDERATED_TOKEN_FILE']!, 'utf8'));
    });

    const { renewing } = client;
    if (renewing === undefined) return;
    it('keeps the token that it has read for some minutes, then reads the file again', async () => {
      const env = await credentials();
      const other = join(home, 'other');
      writeFileSync(other, await issuer.sign({ aud: audience, sub: `${testSubject}-of-the-new-token` }));
      const { stdout, stderr, code } = await start(renewing('payments', other), env);
      expect(stdout.trim().split('\n')).toEqual(['westeurope', 'the first token is kept']);
      expect(stderr).toContain('-of-the-new-token');
      expect(code).toBe(1);
    });
  });
}
