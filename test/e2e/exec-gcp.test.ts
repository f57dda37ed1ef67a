import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAwsStory, type AwsStory, type StoryChanges } from '../support/aws-story.ts';
import { applyAccount, gcpPart, planAccount, projectId, providerName } from '../support/gcp-project.ts';
import { googleClients, googleEnvironment } from '../support/google-clients.ts';
import type { ChildResult } from '../support/hallpass.ts';
import { describeWith } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const variables = {
  TFC_AWS_PROVIDER_AUTH: 'false',
  TFC_GCP_PROVIDER_AUTH: 'true',
  TFC_GCP_PLAN_SERVICE_ACCOUNT_EMAIL: planAccount,
  TFC_GCP_APPLY_SERVICE_ACCOUNT_EMAIL: applyAccount,
  TFC_GCP_WORKLOAD_PROVIDER_NAME: providerName,
};

/** Shims of version managers have their roots in the machine's own home. */
const env = { ...googleEnvironment, PYENV_ROOT: process.env['PYENV_ROOT'] };

const openStory = (
  changes: StoryChanges & { readonly gcp?: Record<string, unknown> } = {},
  directory = temporaryDirectory('exec-gcp'),
): Promise<AwsStory> =>
  openAwsStory(directory, variables, {
    ...changes,
    parts: (issuer) => ({ gcp: gcpPart(issuer, changes.gcp) }),
  });

/** The token that a test looks for must not be anywhere in what people see. */
const token = /eyJ[A-Za-z0-9_-]{20,}\.eyJ/;

for (const client of googleClients) {
  describeWith(client.needs, `exec with ${client.name}`, () => {
    let story: AwsStory;
    beforeAll(async () => {
      story = await openStory();
    });
    afterAll(() => story[Symbol.asyncDispose]());

    const exec = (args: readonly string[] = [], more: Record<string, string> = {}): Promise<ChildResult> =>
      story.hallpass(['exec', '--phase', 'plan', ...args, '--', ...client.command('region')], {
        env: { ...env, ...more },
      });

    it('lets the plan in as its service account', async () => {
      const { stdout, stderr, code } = await exec();
      expect({ stdout: stdout.trim(), code }).toEqual({ stdout: 'eu-north-1', code: 0 });
      expect(stderr).toContain(`gcp → ${planAccount}`);
      expect(stderr).not.toMatch(token);
    });

    it('lets it in as itself where the pool is the principal', async () => {
      const { stdout, code } = await exec([], { TFC_GCP_PRINCIPAL_TYPE: 'workload_pool' });
      expect({ stdout: stdout.trim(), code }).toEqual({ stdout: 'eu-north-1', code: 0 });
    });

    it.each<[string, readonly string[], Record<string, string>, RegExp, RegExp]>([
      [
        'the wrong phase',
        ['--phase', 'apply'],
        { TFC_GCP_APPLY_SERVICE_ACCOUNT_EMAIL: planAccount },
        /Permission \\?'iam\.serviceAccounts\.getAccessToken\\?' denied on resource/,
        /run_phase:apply/,
      ],
      [
        'a neighbour workspace',
        ['--workspace', 'payments-prod2'],
        {},
        /The given credential is rejected by the attribute condition\./,
        /payments-prod2/,
      ],
      [
        'another audience',
        [],
        { TFC_GCP_WORKLOAD_IDENTITY_AUDIENCE: 'gcp.workload.identity' },
        /The audience in ID Token \[gcp\.workload\.identity\] does not match the expected audience\./,
        /aud: +gcp\.workload\.identity/,
      ],
    ])('shows the refusal of %s, and explains it', async (_, args, more, words, explained) => {
      const { stdout, stderr, code } = await exec(args, more);
      expect(code).not.toBe(0);
      expect(stdout).not.toContain('eu-north-1');
      const [told, explanation = ''] = stderr.split("error: gcp refused this phase's token");
      expect(told).toMatch(words);
      expect(explanation).toMatch(words);
      expect(explanation).toMatch(explained);
      expect(explanation).toMatch(/likely: +1\. /);
      expect(stderr).not.toMatch(token);
    });

    it('leaves nothing of Google’s behind', async () => {
      await exec();
      const left = readdirSync(story.env['HOME']!, { recursive: true }).map(String);
      expect(left.filter((name) => /gcloud|access_tokens|credentials/.test(name))).toEqual([]);
    });
  });
}

// They wait for most of their time, so that they may do so together.
describe.concurrent('a long phase with short tokens', () => {
  for (const client of googleClients) {
    describeWith(client.needs, client.name, () => {
      it('goes on beyond the first token, since the file is read again', async ({ onTestFinished }) => {
        // Renewed at 16 s. Not shorter: google-auth fails when Google leaves expires_in out, in a token's last two seconds.
        const directory = temporaryDirectory('exec-gcp', onTestFinished);
        await using story = await openStory({ file: { token_lifetime: '20s' }, gcp: { token_seconds: 5 } }, directory);
        const { stdout, stderr, code } = await story.hallpass(
          ['exec', '--phase', 'plan', '--', ...client.command('region', 21)],
          { env },
        );
        expect(stderr).not.toMatch(/error/i);
        expect({ values: stdout.trim().split('\n'), code }).toEqual({ values: ['eu-north-1', 'eu-north-1'], code: 0 });
      });

      it('is refused with a copy of a token whose life is over', async ({ onTestFinished }) => {
        const directory = temporaryDirectory('exec-gcp', onTestFinished);
        await using story = await openStory({ file: { token_lifetime: '10s' } }, directory);
        // What a careless script does: it keeps the token of the beginning, and a file that points to it.
        const keep = [
          'cp "$(dirname "$GOOGLE_APPLICATION_CREDENTIALS")/token" kept',
          'sed "s|\\"file\\": *\\"[^\\"]*\\"|\\"file\\": \\"$PWD/kept\\"|" "$GOOGLE_APPLICATION_CREDENTIALS" > kept.json',
          'sleep 12',
          'export GOOGLE_APPLICATION_CREDENTIALS=$PWD/kept.json CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE=$PWD/kept.json',
          'exec "$@"',
        ].join(' && ');
        const { stderr, code } = await story.hallpass(
          ['exec', '--phase', 'plan', '--', 'sh', '-c', keep, 'sh', ...client.command('region')],
          { env },
        );
        rmSync(join(story.workDirectory, 'kept'));
        expect(code).not.toBe(0);
        expect(stderr).toMatch(/ID Token issued at \d+ is stale to sign-in\./);
      });
    });
  }
});

describeWith(['gcloud'], 'two platforms in one run', () => {
  it('give each client its own, and the apply may write', async () => {
    await using story = await openAwsStory(
      temporaryDirectory('exec-gcp'),
      { ...variables, TFC_AWS_PROVIDER_AUTH: 'true' },
      { parts: (issuer) => ({ gcp: gcpPart(issuer) }) },
    );
    const script = [
      'test -n "$AWS_ROLE_ARN"',
      `printf two | gcloud secrets versions add region --data-file=- --project=${projectId}`,
      `gcloud secrets versions access latest --secret=region --project=${projectId}`,
    ].join(' && ');
    const apply = await story.hallpass(['exec', '--phase', 'apply', '--', 'sh', '-c', script], { env });
    expect({ stdout: apply.stdout.trim(), code: apply.code }).toMatchObject({ stdout: 'two', code: 0 });
    expect(apply.stderr).toContain(`gcp → ${applyAccount}`);
    const plan = await story.hallpass(['exec', '--phase', 'plan', '--', 'sh', '-c', script], { env });
    expect(plan.code).not.toBe(0);
    expect(plan.stderr).toContain("Permission 'secretmanager.versions.add' denied");
  });
});

describe('under --intercept, with nothing but the proxy and its CA', () => {
  let story: AwsStory;
  beforeAll(async () => {
    story = await openStory({ isIntercepting: true });
  });
  afterAll(() => story[Symbol.asyncDispose]());

  for (const client of googleClients) {
    describeWith(client.needs, client.name, () => {
      it('reads a secret at Google’s own hosts', async () => {
        const { stdout, stderr, code } = await story.hallpass(
          ['exec', '--phase', 'plan', '--', ...client.command('region')],
          {
            env: {
              PYENV_ROOT: process.env['PYENV_ROOT'],
              GOOGLE_SECRET_MANAGER_CUSTOM_ENDPOINT: 'https://secretmanager.googleapis.com/v1/',
            },
          },
        );
        expect({ stdout: stdout.trim(), stderr, code }).toMatchObject({ stdout: 'eu-north-1', code: 0 });
      });
    });
  }
});
