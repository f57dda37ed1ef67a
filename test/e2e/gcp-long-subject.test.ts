import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAwsStory, type AwsStory } from '../support/aws-story.ts';
import { binding, gcpPart, planAccount, pool, providerDocument, providerName } from '../support/gcp-project.ts';
import type { ChildResult } from '../support/hallpass.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

// With these, sub has 13 + 4 + 9 + 8 + 11 + LENGTH + 11 + 4 = 60 + LENGTH bytes.
const workspaceOf = (bytes: number): string => 'w'.repeat(bytes - 60);

const variables = {
  TFC_AWS_PROVIDER_AUTH: 'false',
  TFC_GCP_PROVIDER_AUTH: 'true',
  TFC_GCP_RUN_SERVICE_ACCOUNT_EMAIL: planAccount,
  TFC_GCP_WORKLOAD_PROVIDER_NAME: providerName,
};

const openStory = (mapping: string, more: Readonly<Record<string, string>> = {}): Promise<AwsStory> =>
  openAwsStory(
    temporaryDirectory('gcp-long'),
    { ...variables, ...more },
    {
      parts: (issuer) => ({
        gcp: gcpPart(issuer, {
          providers: [
            {
              provider: providerDocument(issuer, {
                attributeMapping: { 'google.subject': mapping },
                attributeCondition: '',
              }),
            },
          ],
          service_accounts: {
            [planAccount]: binding('roles/iam.workloadIdentityUser', `principalSet://iam.googleapis.com/${pool}/*`),
          },
        }),
      }),
    },
  );

function exec(story: AwsStory, bytes: number): Promise<ChildResult> {
  const command = ['sh', '-c', 'echo started'];
  return story.hallpass(['exec', '--phase', 'plan', '--workspace', workspaceOf(bytes), '--', ...command]);
}

describe('a subject of 128 bytes', () => {
  let names: AwsStory;
  let ids: AwsStory;
  beforeAll(async () => {
    names = await openStory('assertion.sub');
    ids = await openStory("assertion.terraform_workspace_id + ':' + assertion.terraform_run_phase");
  });
  afterAll(async () => {
    await names[Symbol.asyncDispose]();
    await ids[Symbol.asyncDispose]();
  });

  it('stops the run before it starts, with its length and the mend', async () => {
    const { stdout, stderr, code } = await exec(names, 128);
    expect({ stdout, code }).toEqual({ stdout: '', code: 125 });
    expect(stderr).toContain('The size of mapped attribute google.subject exceeds the 127 bytes limit.');
    expect(stderr).toContain('sub has 128 bytes');
    expect(stderr).toContain("assertion.terraform_workspace_id + ':' + assertion.terraform_run_phase");
    expect(stderr).not.toMatch(/eyJ/);
  });

  it('is one byte too many', async () => {
    expect(await exec(names, 127)).toMatchObject({ stdout: 'started\n', code: 0 });
  });

  it('is no hindrance where the provider maps ids', async () => {
    const { stdout, stderr, code } = await exec(ids, 128);
    expect({ stdout, code }).toEqual({ stdout: 'started\n', code: 0 });
    expect(stderr).not.toMatch(/warning|127/);
  });

  it('is a warning where nobody can be asked', async () => {
    await using alone = await openStory('assertion.sub', {
      CLOUDSDK_API_ENDPOINT_OVERRIDES_STS: 'http://127.0.0.1:1/',
    });
    const { stdout, stderr, code } = await exec(alone, 128);
    expect({ stdout, code }).toEqual({ stdout: 'started\n', code: 0 });
    expect(stderr).toContain('sub has 128 bytes; Google takes 127 as google.subject');
  });
});
