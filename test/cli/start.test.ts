import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { run } from '../support/hallpass.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Notes every module that is read, one URL a line. */
const recorder = `
import { registerHooks } from 'node:module';
import { appendFileSync } from 'node:fs';
registerHooks({ load(url, context, next) { appendFileSync(process.env.MODULES, url + '\\n'); return next(url, context); } });
`;

/** What a command reads, in a workspace that variables alone describe: packages, and files of `src/platforms`. */
async function readBy(
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<{ readonly packages: readonly string[]; readonly platforms: readonly string[] }> {
  const directory = temporaryDirectory('start');
  const list = join(directory, 'modules');
  const hook = `data:text/javascript,${encodeURIComponent(recorder)}`;
  const result = await run(process.execPath, ['--import', hook, main, ...args], {
    cwd: directory,
    env: {
      HOME: directory,
      MODULES: list,
      HALLPASS_ISSUER: 'http://127.0.0.1:9',
      HALLPASS_ORGANIZATION: 'acme',
      HALLPASS_WORKSPACE: 'start',
      TFC_WORKLOAD_IDENTITY_AUDIENCE: 'somebody',
      ...variables,
    },
  });
  expect(result).toMatchObject({ code: 0 });
  const read = readFileSync(list, 'utf8');
  const found = (pattern: RegExp): readonly string[] =>
    [...new Set([...read.matchAll(pattern)].map(([, name]) => name!))].sort();
  return {
    packages: found(/\/node_modules\/((?:@[^/\n]+\/)?[^/\n]+)\//g),
    platforms: found(/\/src\/platforms\/([^\n]+)\.ts\n/g),
  };
}

const packagesOfExec = ['@commander-js/extra-typings', 'commander', 'jose'];
const exec = ['exec', '--phase', 'plan', '--', 'true'];

describe('the start', () => {
  it('of exec reads no package but those that every phase needs', async () => {
    expect((await readBy(exec)).packages).toEqual(packagesOfExec);
  });

  it('of exec reads of the platforms what makes requests and files, and nothing that judges, explains or calls', async () => {
    const { packages, platforms } = await readBy(exec, {
      TFC_AWS_PROVIDER_AUTH: 'true',
      TFC_AWS_RUN_ROLE_ARN: 'arn:aws:iam::111122223333:role/x',
      TFC_AZURE_PROVIDER_AUTH: 'true',
      TFC_AZURE_RUN_CLIENT_ID: '11111111-2222-3333-4444-555555555555',
      TFC_GCP_PROVIDER_AUTH: 'true',
      TFC_GCP_PRINCIPAL_TYPE: 'workload_pool',
      TFC_GCP_WORKLOAD_PROVIDER_NAME:
        'projects/123456789012/locations/global/workloadIdentityPools/hallpass/providers/hallpass',
      TFC_KUBERNETES_PROVIDER_AUTH: 'true',
      TFC_KUBERNETES_WORKLOAD_IDENTITY_AUDIENCE: 'kubernetes',
    });
    expect(packages).toEqual(packagesOfExec);
    expect(platforms.filter((file) => file.includes('/'))).toEqual([
      'aws/arn',
      'aws/configure',
      'aws/index',
      'aws/render',
      'azure/configure',
      'azure/index',
      'azure/render',
      'gcp/configure',
      'gcp/hosts',
      'gcp/index',
      'gcp/render',
      'gcp/resource-name',
      'gcp/subject',
      'kubernetes/api-server',
      'kubernetes/configure',
      'kubernetes/index',
      'kubernetes/render',
      'vault/configure',
      'vault/index',
    ]);
  });

  it('of a question for help reads the option parser alone', async () => {
    expect((await readBy(['--help'])).packages).toEqual(['@commander-js/extra-typings', 'commander']);
  });
});
