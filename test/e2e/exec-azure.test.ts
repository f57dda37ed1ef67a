import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAwsStory, type AwsStory } from '../support/aws-story.ts';
import { azureClients, azureEnvironment } from '../support/azure-clients.ts';
import { applyApplication, azurePart, planApplication } from '../support/azure-tenant.ts';
import type { ChildResult } from '../support/hallpass.ts';
import { describeWith, requireProgram } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const variables = {
  TFC_AWS_PROVIDER_AUTH: 'false',
  TFC_AZURE_PROVIDER_AUTH: 'true',
  TFC_AZURE_PLAN_CLIENT_ID: planApplication,
  TFC_AZURE_APPLY_CLIENT_ID: applyApplication,
};

let root: string;
let story: AwsStory;
beforeAll(async () => {
  root = temporaryDirectory('azure');
  story = await openAwsStory(root, variables, {
    env: azureEnvironment,
    // Of what the endpoint gives; the file lasts as long as the phase may.
    file: { token_lifetime: '10s' },
    parts: (issuer) => ({ azure: azurePart(issuer) }),
  });
});
afterAll(async () => {
  await story[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

interface Run {
  readonly phase?: 'plan' | 'apply';
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

function exec(command: readonly string[], { phase = 'plan', flags = [], env = {} }: Run = {}): Promise<ChildResult> {
  // HOME is the machine's own: shims of version managers may have their roots there.
  const home = { HOME: process.env['HOME'], PYENV_ROOT: process.env['PYENV_ROOT'] };
  return story.hallpass(['exec', '--phase', phase, ...flags, '--', ...command], {
    env: { ...home, ...env },
  });
}

/** The token that a test looks for must not be anywhere in what people see. */
const token = /eyJ[A-Za-z0-9_-]{20,}\.eyJ/;

/** Fetches a token that lives ten seconds, keeps it for longer, and gives it to the command that follows. */
const tooLate = `
  "$1" -e 'fetch(process.env.ARM_OIDC_REQUEST_URL, { headers: { authorization: "Bearer " + process.env.ARM_OIDC_REQUEST_TOKEN } })
    .then((answer) => answer.json()).then(({ value }) => process.stdout.write(value))' > "$HOME/kept"
  export AZURE_FEDERATED_TOKEN_FILE="$HOME/kept" ARM_OIDC_TOKEN="$(cat "$HOME/kept")"
  sleep 11
  shift
  exec "$@"`;

for (const client of azureClients) {
  describeWith(client.needs, `exec with ${client.name}`, () => {
    it('reads in a plan, writes in an apply', async () => {
      const read = await exec(client.command('read', 'payments'));
      expect(read).toMatchObject({ stdout: 'westeurope\n', code: 0 });
      expect(read.stderr).toContain(`azure → ${planApplication}`);
      expect(read.stderr.match(/warning: .*/g)).toEqual([
        'warning: the token for azure is not short-lived: azure reads it once, so it has to last for the phase',
      ]);
      const refused = await exec(client.command('write', 'new'));
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain('AuthorizationFailed');
      const written = await exec(client.command('write', 'new'), { phase: 'apply' });
      expect(written).toMatchObject({ stdout: 'northeurope\n', code: 0 });
      expect(JSON.stringify([read, refused, written])).not.toMatch(token);
    });

    it.each<[string, Run, string, RegExp]>([
      [
        'the wrong phase',
        { env: { TFC_AZURE_PLAN_CLIENT_ID: applyApplication } },
        'AADSTS700213',
        /checks: .*subject sub: wanted "\S+:run_phase:apply", was "\S+:run_phase:plan"/s,
      ],
      [
        'another workspace',
        { flags: ['--workspace', 'payments-prod2'] },
        'AADSTS700213',
        /checks: .*subject sub: wanted "\S+:payments-prod:run_phase:plan", was "\S+:payments-prod2:run_phase:plan"/s,
      ],
      [
        'a workspace in other case',
        { flags: ['--workspace', 'Payments-prod'] },
        'AADSTS7002138',
        /differ in upper and lower case only/,
      ],
      [
        'another audience',
        { env: { TFC_AZURE_WORKLOAD_IDENTITY_AUDIENCE: 'api://Other' } },
        'AADSTS700212',
        /checks: .*audience aud: wanted "api:\/\/AzureADTokenExchange", was "api:\/\/Other"/s,
      ],
    ])("shows Entra's refusal of %s, and explains it", async (_, how, code, reason) => {
      const { stdout, stderr, code: exitCode } = await exec(client.command('read', 'payments'), how);
      expect(exitCode).toBe(1);
      expect(stdout).toBe('');
      // Of the client itself, then ours.
      expect(stderr).toContain(`${code}: `);
      expect(stderr).toContain("error: azure refused this phase's token");
      expect(stderr).toContain(`iss:     ${story.issuer}`);
      expect(stderr).toMatch(reason);
      expect(stderr).toMatch(/likely: +1\. .*\n +2\. .*\n +3\. /);
      expect(stdout + stderr).not.toMatch(token);
    });

    it("shows Entra's refusal of a token that was kept too long", async () => {
      const command = ['sh', '-c', tooLate, 'sh', process.execPath, ...client.command('read', 'payments')];
      const { stderr, code } = await exec(command, { flags: ['--token-endpoint'] });
      expect(code).toBe(1);
      expect(stderr).toContain('AADSTS700024: Client assertion is not within its valid time range. Current time: ');
    });
  });
}

describe('exec with Azure', () => {
  it('gives tags files only, and doctor asks Entra', async () => {
    const script = 'env; cat "$HALLPASS_TEST_DIRECTORY"/* 2>/dev/null; true';
    const env = { TFC_AZURE_PROVIDER_AUTH_B: 'true', TFC_AZURE_RUN_CLIENT_ID_B: planApplication };
    const { stdout } = await exec(['sh', '-c', script], { env });
    expect(stdout).not.toMatch(/^(?:ARM_CLIENT_ID|ARM_OIDC_TOKEN|ARM_USE_OIDC|AZURE_CLIENT_ID)=/m);
    expect(stdout).toMatch(/^TF_VAR_tfc_azure_dynamic_credentials=.*client_id_file_path.*oidc_token_file_path/m);
    const good = await story.hallpass(['doctor', '--phase', 'plan']);
    expect(good.stdout).toContain(`azure → ${planApplication}: accepted`);
  });
});

/** How many tokens the audit tells of, for the run that a command was. */
async function minted({ stderr }: ChildResult): Promise<number> {
  const run = /run-\w{16}/.exec(stderr)![0];
  const { stdout } = await story.hallpass(['audit', 'export']);
  expect(stdout).not.toMatch(token);
  return stdout.split('\n').filter((line) => line.includes(run) && line.includes('"token_minted"')).length;
}

const command = (times: number): string[] => [requireProgram('go-azure-sdk'), 'read', 'payments', String(times)];

describeWith(['go-azure-sdk'], "exec with the token endpoint and the library of Terraform's providers", () => {
  it('fetches a fresh token before every exchange, each audited', async () => {
    const result = await exec(command(3), { flags: ['--token-endpoint'] });
    expect(result).toMatchObject({ stdout: 'westeurope\n'.repeat(3), code: 0 });
    // One for the file, and one for each exchange.
    expect(await minted(result)).toBe(4);
  });

  it('fetches for another audience, too', async () => {
    const env = { TFC_AZURE_WORKLOAD_IDENTITY_AUDIENCE: 'api://Other' };
    const { stderr, code } = await exec(command(1), { flags: ['--token-endpoint'], env });
    expect(code).toBe(1);
    expect(stderr).toContain(
      "AADSTS700212: No matching federated identity record found for presented assertion audience 'api://Other'",
    );
  });

  it('prefers a token over the endpoint where both are there, so only one is given', async () => {
    const file = ['sh', '-c', 'ARM_OIDC_TOKEN=$(cat "$AZURE_FEDERATED_TOKEN_FILE") exec "$@"', 'sh', ...command(3)];
    const result = await exec(file, { flags: ['--token-endpoint'] });
    expect(result.code).toBe(0);
    expect(await minted(result)).toBe(1);
  });

  it('takes the two files that an alias has', async () => {
    const script = `
      unset ARM_CLIENT_ID ARM_OIDC_TOKEN
      ARM_OIDC_TOKEN_FILE_PATH=$AZURE_FEDERATED_TOKEN_FILE ARM_CLIENT_ID_FILE_PATH=$(dirname "$AZURE_FEDERATED_TOKEN_FILE")/client_id
      export ARM_OIDC_TOKEN_FILE_PATH ARM_CLIENT_ID_FILE_PATH
      exec "$@"`;
    expect(await exec(['sh', '-c', script, 'sh', ...command(1)])).toMatchObject({ stdout: 'westeurope\n', code: 0 });
  });
});
