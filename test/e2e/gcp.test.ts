import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { readSandboxConfig } from '../../src/sandbox/config.ts';
import type { SandboxLogLine } from '../../src/sandbox/log.ts';
import { openSandbox, type Sandbox } from '../../src/sandbox/open.ts';
import {
  applyAccount,
  applySubject,
  binding,
  gcpAudience,
  gcpPart,
  planAccount,
  planPrincipal,
  pool,
  principalOf,
  projectId,
} from '../support/gcp-project.ts';
import { googleClients, googleEnvironment, type GoogleClient } from '../support/google-clients.ts';
import { run, type ChildResult } from '../support/hallpass.ts';
import { openTestIssuer, testKey, testSubject, type TestIssuer } from '../support/issuer.ts';
import { describeWith } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

let issuer: TestIssuer;
let sandbox: Sandbox;
let directory: string;
const log: SandboxLogLine[] = [];

async function openGcp(changes: Record<string, unknown>, tell: (line: SandboxLogLine) => void): Promise<Sandbox> {
  const config = await readSandboxConfig(JSON.stringify({ gcp: gcpPart(issuer.url, changes) }), '/');
  return openSandbox({ config, log: tell });
}

const anybodyMayRead = binding('roles/secretmanager.secretAccessor', `principalSet://iam.googleapis.com/${pool}/*`);

beforeAll(async () => {
  directory = temporaryDirectory('gcp');
  issuer = await openTestIssuer({ key: await testKey() });
  sandbox = await openGcp({}, (line) => log.push(line));
});

afterAll(async () => {
  await sandbox.close();
  await issuer.close();
});

// gcloud keeps access tokens of service accounts in its home between calls, so that every test has its own.
let home: string;
beforeEach(() => {
  log.length = 0;
  home = join(directory, `home-${Math.random().toString(36).slice(2)}`);
  mkdirSync(home);
});

/** The files that a run environment has for Google, written by hand, with a token of these claims. */
async function credentials(
  claims: Record<string, unknown> = {},
  account: string | null = planAccount,
  at = sandbox,
): Promise<Record<string, string>> {
  const endpoint = at.endpoint('gcp');
  const [token, file] = [join(home, 'token'), join(home, 'credentials.json')];
  writeFileSync(token, await issuer.sign({ aud: gcpAudience, ...claims }));
  const credential = {
    type: 'external_account',
    universe_domain: 'googleapis.com',
    audience: gcpAudience,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `${endpoint}/v1/token`,
    ...(account !== null && {
      service_account_impersonation_url: `${endpoint}/v1/projects/-/serviceAccounts/${account}:generateAccessToken`,
    }),
    credential_source: { file: token, format: { type: 'text' } },
  };
  writeFileSync(file, JSON.stringify(credential));
  return {
    ...googleEnvironment,
    ...at.environment,
    HOME: home,
    CLOUDSDK_CONFIG: join(home, 'gcloud'),
    GOOGLE_APPLICATION_CREDENTIALS: file,
    CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE: file,
  };
}

const read = (client: GoogleClient, env: Record<string, string>, waitSeconds?: number): Promise<ChildResult> => {
  const [file, ...args] = client.command('region', waitSeconds);
  return run(file!, args, { env });
};

for (const client of googleClients) {
  describeWith(client.needs, `${client.name} with an external account`, () => {
    it('reads a secret as the service account of the plan', async () => {
      const { stdout, stderr, code } = await read(client, await credentials());
      expect({ stdout: stdout.trim(), stderr, code }).toEqual({ stdout: 'eu-north-1', stderr: '', code: 0 });
      expect(log.map(({ action, outcome }) => [action, outcome])).toEqual([
        ['sts:token', 'ok'],
        ['iamcredentials:generateAccessToken', 'ok'],
        ['secretmanager:versions.access', 'ok'],
      ]);
      expect(log.at(-1)).toMatchObject({ role: planAccount, principal: planPrincipal });
    });

    it('reads it as the federated identity itself', async () => {
      const { stdout, code } = await read(client, await credentials({}, null));
      expect({ stdout: stdout.trim(), code }).toEqual({ stdout: 'eu-north-1', code: 0 });
      expect(log.at(-1)).toMatchObject({ role: null, principal: planPrincipal });
    });

    const seconds = Math.floor(Date.now() / 1000);
    it.each<[string, Record<string, unknown>, RegExp]>([
      [
        'the wrong phase',
        { sub: applySubject },
        /Permission \\?'iam\.serviceAccounts\.getAccessToken\\?' denied on resource \(or it may not exist\)\./,
      ],
      [
        'a neighbour workspace',
        { sub: testSubject.replace('payments-prod', 'payments-prod2') },
        /unauthorized_client.*The given credential is rejected by the attribute condition\./s,
      ],
      [
        'another audience',
        { aud: 'aws.workload.identity' },
        /invalid_grant.*The audience in ID Token \[aws\.workload\.identity\] does not match the expected audience\./s,
      ],
      [
        'a token that has ended',
        { iat: seconds - 700, nbf: seconds - 700, exp: seconds - 100 },
        /invalid_grant.*ID Token issued at \d+ is stale to sign-in\./s,
      ],
    ])('shows Google’s refusal of %s', async (_, claims, words) => {
      const { stdout, stderr, code } = await read(client, await credentials(claims));
      expect(code).not.toBe(0);
      expect(stdout).not.toContain('eu-north-1');
      expect(stderr).toMatch(words);
      expect(log.at(-1)).toMatchObject({ outcome: 'refused', reasons: [expect.any(String)] });
      expect(stderr).not.toContain(readFileSync(join(home, 'token'), 'utf8'));
    });

    it('shows that a secret is not there', async () => {
      const [file, ...args] = client.command('nothere');
      const { stderr, code } = await run(file!, args, { env: await credentials() });
      expect(code).not.toBe(0);
      expect(stderr).toContain('Secret [projects/123456789012/secrets/nothere] not found.');
      expect(stderr).toContain('NOT_FOUND');
    });

    it('reads the token file again when its access token has ended', async () => {
      const principals: (string | null)[] = [];
      await using short = await openGcp({ token_seconds: 2, iam_policy: anybodyMayRead }, (line) => {
        if (line.action !== 'secretmanager:versions.access') return;
        principals.push(line.principal);
        writeFileSync(join(home, 'token'), renewed);
      });
      const renewed = await issuer.sign({ aud: gcpAudience, sub: applySubject });
      const { stdout, stderr, code } = await read(client, await credentials({}, null, short), 3);
      expect({ values: stdout.trim().split('\n'), stderr, code }).toEqual({
        values: ['eu-north-1', 'eu-north-1'],
        stderr: '',
        code: 0,
      });
      expect(principals).toEqual([planPrincipal, principalOf(applySubject)]);
    });
  });
}

const gcloud = (args: readonly string[], env: Record<string, string>, input?: string): Promise<ChildResult> =>
  run('gcloud', [...args, `--project=${projectId}`], { env, ...(input !== undefined && { input }) });

describeWith(['gcloud'], 'gcloud as the service account of the apply', () => {
  it('creates, fills, lists, describes, disables and deletes a secret', async () => {
    const env = await credentials({ sub: applySubject }, applyAccount);
    const steps: [readonly string[], string?][] = [
      [['secrets', 'create', 'db', '--data-file=-', '--replication-policy=automatic', '--labels=team=payments'], 'one'],
      [['secrets', 'versions', 'add', 'db', '--data-file=-'], 'zwei ä'],
      [['secrets', 'versions', 'list', 'db']],
      [['secrets', 'versions', 'disable', '1', '--secret=db']],
      [['secrets', 'update', 'db', '--update-labels=team=risk']],
      [['secrets', 'describe', 'db']],
    ];
    for (const [args, input] of steps) {
      const { code, stderr } = await gcloud(args, env, input);
      expect({ args, code, stderr }).toMatchObject({ args, code: 0 });
    }
    const value = await gcloud(['secrets', 'versions', 'access', 'latest', '--secret=db'], env);
    expect(value.stdout).toBe('zwei ä');
    const listed = await gcloud(['secrets', 'list', '--format=value(name,labels.team)'], env);
    expect(listed.stdout).toContain('db\trisk');
    expect(await gcloud(['secrets', 'delete', 'db', '--quiet'], env)).toMatchObject({ code: 0 });
    const gone = await gcloud(['secrets', 'describe', 'db'], env);
    expect(gone.stderr).toContain('NOT_FOUND: Secret [projects/123456789012/secrets/db] not found.');
  });

  it('is refused the same under the account of the plan', async () => {
    const create = ['secrets', 'create', 'db', '--data-file=-', '--replication-policy=automatic'];
    const { stderr, code } = await gcloud(create, await credentials(), 'x');
    expect(code).toBe(1);
    expect(stderr).toContain(
      `Permission 'secretmanager.secrets.create' denied for resource 'projects/${projectId}' (or it may not exist).`,
    );
  });

  it('prints an access token, which is not Google’s', async () => {
    const { stdout } = await gcloud(['auth', 'print-access-token'], await credentials());
    expect(stdout).toMatch(/^ya29\.hallpass-[\w-]+\n$/);
  });
});
