import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import { findCommand } from './find-command.ts';

function place() {
  const directory = temporaryDirectory('find');
  const make = (path: string, mode: number): string => {
    const full = join(directory, path);
    mkdirSync(join(full, '..'), { recursive: true });
    writeFileSync(full, '#!/bin/sh\n');
    chmodSync(full, mode);
    return full;
  };
  return { directory, make };
}

describe('finding a command', () => {
  it('takes the first executable along PATH', async () => {
    const { directory, make } = place();
    make('a/tool', 0o644);
    const good = make('b/tool', 0o755);
    make('c/tool', 0o755);
    const path = ['a', 'b', 'c'].map((name) => join(directory, name)).join(':');
    expect(await findCommand({ file: 'tool', args: [] }, { path, workingDirectory: '/' })).toEqual({ path: good });
  });

  it('takes a path with a slash as it is, from the working directory', async () => {
    const { directory, make } = place();
    const good = make('bin/tool', 0o755);
    expect(await findCommand({ file: 'bin/tool', args: [] }, { path: '', workingDirectory: directory })).toEqual({
      path: good,
    });
  });

  it('does not follow a program to what it links to: shims look at their own name', async () => {
    const { directory, make } = place();
    make('shim', 0o755);
    symlinkSync('shim', join(directory, 'terraform'));
    const found = await findCommand({ file: 'terraform', args: [] }, { path: directory, workingDirectory: '/' });
    expect(found.path).toBe(join(directory, 'terraform'));
  });

  it.each([
    ['nowhere', '/usr/bin'],
    ['nowhere', undefined],
    ['', '/usr/bin'],
    ['./nowhere', '/usr/bin'],
  ])('says 127 for %j', async (file, path) => {
    const found = await findCommand({ file, args: [] }, { path, workingDirectory: '/' });
    expect(found).toMatchObject({ path: null, exitCode: 127 });
  });

  it('says 126 for a file that is not executable, and for a directory', async () => {
    const { directory, make } = place();
    make('tool', 0o644);
    mkdirSync(join(directory, 'folder'));
    for (const file of ['./tool', './folder']) {
      const found = await findCommand({ file, args: [] }, { path: '', workingDirectory: directory });
      expect(found).toMatchObject({ path: null, exitCode: 126 });
    }
  });

  it.skipIf(process.getuid!() === 0)('passes over directories that it may not look into (not as root)', async () => {
    const { directory, make } = place();
    make('closed/tool', 0o755);
    chmodSync(join(directory, 'closed'), 0);
    const path = join(directory, 'closed');
    expect(await findCommand({ file: 'tool', args: [] }, { path, workingDirectory: '/' })).toMatchObject({
      exitCode: 127,
    });
    const named = await findCommand({ file: `${path}/tool`, args: [] }, { path, workingDirectory: '/' });
    expect(named).toMatchObject({ exitCode: 126 });
    chmodSync(path, 0o700);
  });

  it('does not look in the working directory for a name without a slash', async () => {
    const { directory, make } = place();
    make('tool', 0o755);
    const found = await findCommand({ file: 'tool', args: [] }, { path: ':.:', workingDirectory: directory });
    expect(found).toMatchObject({ exitCode: 127 });
  });
});
