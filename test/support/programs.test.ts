import { describe, expect, it } from 'vitest';
import { hallpass } from './hallpass.ts';
import { program } from './programs.ts';

describe('programs', () => {
  it('says why a program cannot be used', () => {
    const { path, missing } = program('terraform');
    expect(path === undefined ? missing : path).toMatch(/terraform$|not on PATH/);
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
