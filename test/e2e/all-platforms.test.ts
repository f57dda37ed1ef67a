import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { worldParts } from '../../src/cli/demo/world.ts';
import { openAwsStory, planRole, type AwsStory } from '../support/aws-story.ts';
import { azureClients } from '../support/azure-clients.ts';
import type { ChildResult } from '../support/hallpass.ts';
import { describeWith } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const names = { organization: 'acme', project: 'payments', workspace: 'payments-prod' };
const azureClient = azureClients.find(({ name }) => name.includes('@azure/identity'))!;

let root: string;
let runs: string;
let story: AwsStory;

beforeAll(async () => {
  root = temporaryDirectory('all');
  runs = join(root, 'runs');
  mkdirSync(runs, { mode: 0o700 });
  const variables = Object.assign({}, ...worldParts.map((part) => part.variables)) as Record<string, string>;
  const tagged = { TFC_AWS_PROVIDER_AUTH_AUDIT: 'true', TFC_AWS_RUN_ROLE_ARN_AUDIT: planRole };
  story = await openAwsStory(
    root,
    { ...variables, ...tagged },
    {
      env: { HALLPASS_RUN_DIR: runs },
      parts: (issuer) => Object.fromEntries(worldParts.map((part) => [part.id, part.sandbox(issuer, names)])),
    },
  );
});
afterAll(async () => {
  await story?.[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

/** One shell script in one phase; each line is a program that people use. */
function exec(
  phase: 'plan' | 'apply',
  script: readonly string[],
  env: Record<string, string> = {},
): Promise<ChildResult> {
  // HOME is the machine's own: shims of version managers may have their roots there.
  const home = { HOME: process.env['HOME'], PYENV_ROOT: process.env['PYENV_ROOT'] };
  return story.hallpass(['exec', '--phase', phase, '--', 'sh', '-ec', script.join('\n')], { env: { ...home, ...env } });
}

const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(' ');

const callers = [
  'aws --profile 0-default sts get-caller-identity --query Arn --output text',
  'aws --profile AUDIT sts get-caller-identity --query Arn --output text',
  'gcloud secrets versions access latest --secret=greeting --quiet',
  quoted(azureClient.command('read', 'payments')),
  'bao kv get -mount=secret -field=text payments/greeting',
  'kubectl get configmap greeting --namespace=payments --output=jsonpath={.data.text}',
];

/** What the Vault stand-in says to a token. */
async function lookUp(token: string): Promise<number> {
  const { TFC_VAULT_ADDR: address } = JSON.parse(
    (await story.hallpass(['doctor', '--platform', 'vault', '--phase', 'plan', '--json'])).stdout,
  ).platforms[0].settings.reduce(
    (all: Record<string, string>, { name, value }: { name: string; value: string }) => ({ ...all, [name]: value }),
    {},
  ) as Record<string, string>;
  const answer = await fetch(`${address}/v1/auth/token/lookup-self`, { headers: { 'x-vault-token': token } });
  await answer.body?.cancel();
  return answer.status;
}

describeWith(['aws', 'gcloud', 'bao', 'kubectl', ...azureClient.needs], 'every platform in one run', () => {
  it('lets each of their programs in, and takes everything away afterwards', async () => {
    const kept = join(root, 'vault-token');
    const result = await exec('plan', [
      // Some end their answer with a line feed, others do not.
      ...callers.map((caller) => `printf '%s\\n' "$(${caller})"`),
      // As a careless script would: the token outlives the phase in a file, and must not open anything any more.
      `printf %s "$VAULT_TOKEN" > ${kept}`,
    ]);
    expect(result).toMatchObject({ code: 0 });
    expect(result.stdout.trim().split('\n')).toEqual([
      expect.stringMatching(/assumed-role\/payments-plan\/run-\w+-plan$/),
      expect.stringMatching(/assumed-role\/payments-plan\/run-\w+-plan$/),
      'made without a stored key',
      'westeurope',
      'made without a stored key',
      'made without a stored key',
    ]);
    const token = readFileSync(kept, 'utf8');
    expect(token.length).toBeGreaterThan(20);
    expect(await lookUp(token)).toBe(403);
    expect(readdirSync(runs)).toEqual([]);
    const audit = await story.hallpass(['audit', '--json']);
    const events = audit.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; platform?: string; outcome?: string });
    expect(events.filter(({ type }) => type === 'credentials_revoked')).toMatchObject([
      { platform: 'vault', outcome: 'ok' },
    ]);
    expect(events.filter(({ type }) => type === 'token_minted').length).toBeGreaterThanOrEqual(6);
  });

  it('writes in an apply what a plan may not', async () => {
    const writers = [
      'bao kv put -mount=secret payments/fresh text=new >/dev/null',
      'kubectl create configmap fresh --namespace=payments --from-literal=text=new >/dev/null',
    ];
    for (const writer of writers) {
      const refused = await exec('plan', [writer]);
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toMatch(/permission denied|forbidden/);
    }
    expect(await exec('apply', [...writers, 'echo done'])).toMatchObject({ code: 0, stdout: 'done\n' });
    expect(readdirSync(runs)).toEqual([]);
  });

  it('leaves no credentials behind when one platform of five fails', async () => {
    const marker = join(root, 'ran');
    const failed = await exec('plan', [`touch ${marker}`], { TFC_VAULT_PLAN_ROLE: 'payments-apply' });
    expect(failed.code).toBe(125);
    expect(failed.stderr).toContain('error: vault refused this phase');
    expect(existsSync(marker)).toBe(false);
    expect(readdirSync(runs)).toEqual([]);
  });

  it('says of each platform by doctor what it will say', async () => {
    const files: Record<string, unknown> = Object.fromEntries(
      worldParts.map((part) => [part.id, part.sandbox(story.issuer, names)]),
    );
    const kubernetes = files['kubernetes'] as { authentication: object; rbac: object[] };
    const documents = {
      gcp: JSON.stringify({
        provider: (files['gcp'] as { providers: { provider: object }[] }).providers[0]!.provider,
        serviceAccounts: (files['gcp'] as { service_accounts: object }).service_accounts,
      }),
      azure: JSON.stringify(
        (files['azure'] as { applications: { federated_credentials: object }[] }).applications[0]!
          .federated_credentials,
      ),
      vault: JSON.stringify({
        config: (files['vault'] as { auth: { jwt: { config: object } } }).auth.jwt.config,
        role: (files['vault'] as { auth: { jwt: { roles: Record<string, object> } } }).auth.jwt.roles['payments-plan'],
      }),
      kubernetes: [kubernetes.authentication, ...kubernetes.rbac].map((one) => JSON.stringify(one)).join('\n---\n'),
    };
    const given = ['--phase', 'plan', '--trust', 'trust.json', '--json'];
    for (const [platform, text] of Object.entries(documents)) {
      writeFileSync(join(story.workDirectory, 'trust.json'), text);
      const { stdout, stderr, code } = await story.hallpass(['doctor', '--platform', platform, ...given]);
      expect([platform, stderr]).toEqual([platform, '']);
      expect([platform, code]).toEqual([platform, 0]);
      const report = JSON.parse(stdout) as {
        platforms: { trust: { allowed: boolean; reasons: string[] } }[];
        exchanges: { state: string }[];
      };
      expect([platform, report.platforms[0]!.trust]).toMatchObject([platform, { allowed: true, reasons: [] }]);
      expect([platform, report.exchanges[0]!.state]).toEqual([platform, 'accepted']);
      const other = await story.hallpass(['doctor', '--workspace', 'payments-prod2', '--platform', platform, ...given]);
      const refused = JSON.parse(other.stdout) as { platforms: { trust: { allowed: boolean; reasons: string[] } }[] };
      expect([platform, refused.platforms[0]!.trust.allowed]).toEqual([platform, false]);
      expect(refused.platforms[0]!.trust.reasons.join()).toContain('payments-prod');
    }
  });
});
