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

/** The packages that a command reads, in a workspace that variables alone describe. */
async function packagesReadBy(args: readonly string[]): Promise<readonly string[]> {
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
    },
  });
  expect(result).toMatchObject({ code: 0 });
  const names = readFileSync(list, 'utf8').matchAll(/\/node_modules\/((?:@[^/\n]+\/)?[^/\n]+)\//g);
  return [...new Set([...names].map(([, name]) => name!))].sort();
}

describe('the start', () => {
  it('of exec reads no package but those that every phase needs', async () => {
    expect(await packagesReadBy(['exec', '--phase', 'plan', '--', 'true'])).toEqual([
      '@commander-js/extra-typings',
      'commander',
      'jose',
    ]);
  });

  it('of a question for help reads the option parser alone', async () => {
    expect(await packagesReadBy(['--help'])).toEqual(['@commander-js/extra-typings', 'commander']);
  });
});
