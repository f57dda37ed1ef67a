import { describe, expect, it } from 'vitest';
import { hallpass, run } from './hallpass.ts';
import { describeWith, program } from './programs.ts';
import { temporaryDirectory } from './temporary-directory.ts';

describe('programs', () => {
  it('says why a program cannot be used', () => {
    const { path, missing } = program('terraform');
    expect(path === undefined ? missing : path).toMatch(/terraform$|not on PATH/);
  });
});

describeWith(['setpriv'], 'bin/hallpass as another user', () => {
  it.runIf(process.getuid?.() === 0)('runs', async () => {
    const directory = temporaryDirectory();
    const child = await run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', 'true'], {
      cwd: directory,
    });
    expect(child.code).toBe(0);
  });
});

describe('hallpass', () => {
  it('gives output and exit code of bin/hallpass', async () => {
    const { stdout, stderr, code } = await hallpass(['--version']);
    expect({ stdout, stderr, code }).toEqual({
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      stderr: '',
      code: 0,
    });
  });
});
