import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hallpassProgram, run } from '../support/hallpass.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** Types a line in a directory of its own, in a workspace that variables alone describe. */
async function typed(line: string) {
  const directory = temporaryDirectory('output');
  const runDirectory = join(directory, 'run');
  const work = join(directory, 'work');
  for (const made of [runDirectory, work]) mkdirSync(made, { mode: 0o700 });
  const result = await run('sh', ['-c', line], {
    cwd: work,
    env: {
      HALLPASS: hallpassProgram,
      HALLPASS_DATA_DIR: join(directory, 'data'),
      HALLPASS_KEK_FILE: join(directory, 'kek/kek'),
      HALLPASS_RUN_DIR: runDirectory,
      HALLPASS_ISSUER: 'http://127.0.0.1:9',
      HALLPASS_ORGANIZATION: 'acme',
      HALLPASS_WORKSPACE: 'output',
      TFC_WORKLOAD_IDENTITY_AUDIENCE: 'somebody',
    },
  });
  return { ...result, work, left: readdirSync(runDirectory) };
}

const cannotWrite = /^error: cannot write the output: the disk is full\n {2}where: standard output\n {2}hint: {2}.+\n$/;

describe.skipIf(!existsSync('/dev/full'))('output that cannot be written', () => {
  it.each(['--help', 'keys list', 'token mint --audience a --phase plan', 'audit --json'])(
    'is one error of %s, said once',
    async (args) => {
      const { code, stderr } = await typed(`"$HALLPASS" keys init >/dev/null; "$HALLPASS" ${args} >/dev/full`);
      expect(stderr).toMatch(cannotWrite);
      expect(code).toBe(1);
    },
  );

  it('does not stop the command of exec, and nothing is left; success it is not', async () => {
    const { code, stderr, work, left } = await typed(
      `"$HALLPASS" exec --phase plan -- sh -c 'seq 1 50000; mkdir end' >/dev/full`,
    );
    expect(stderr.split('\n').filter((text) => text.startsWith('error:'))).toEqual([
      'error: cannot write the output: the disk is full',
    ]);
    expect([code, readdirSync(work), left]).toEqual([125, ['end'], []]);
  });

  it('leaves the exit code of a command that failed itself', async () => {
    const { code, left } = await typed(`"$HALLPASS" exec --phase plan -- sh -c 'echo; exit 4' >/dev/full 2>/dev/full`);
    expect([code, left]).toEqual([4, []]);
  });
});

describe('output whose reader has gone', () => {
  it('is no fault', async () => {
    const { stdout, stderr } = await typed(`{ "$HALLPASS" --help; echo "code $?" >&2; } | head -n 1`);
    expect([stdout.split('\n').length, stderr]).toEqual([2, 'code 0\n']);
  });

  it('does not end the command of exec', async () => {
    const { stderr, work, left } = await typed(
      `{ "$HALLPASS" exec --phase plan -- sh -c 'seq 1 200000; mkdir end; exit 5'; echo "code $?" >&2; } | head -n 1`,
    );
    expect(stderr).toContain('code 5\n');
    expect([readdirSync(work), left]).toEqual([['end'], []]);
  });
});

describe('a working directory', () => {
  it('that was removed meanwhile is said to be', async () => {
    const { code, stderr } = await typed(
      `mkdir gone; cd gone; rmdir ../gone; "$HALLPASS" exec --phase plan -- true 2>&1 | grep -v '^sh: ' >&2; ` +
        `"$HALLPASS" keys list 2>/dev/null`,
    );
    expect(stderr).toBe('error: the working directory is not there any more\n  hint:  cd to one that is\n');
    expect(code).toBe(1);
  });
});
