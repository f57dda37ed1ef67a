import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import { makeDirectories } from './make-directories.ts';

describe('directories', () => {
  it('are made with every missing level, for the owner only', async () => {
    const root = temporaryDirectory('directories');
    expect(await makeDirectories(join(root, 'a/b/c'), 0o700)).toBe(join(root, 'a'));
    for (const level of ['a', 'a/b', 'a/b/c']) expect(statSync(join(root, level)).mode & 0o777).toBe(0o700);
  });

  it('that are there stay as they are', async () => {
    const root = temporaryDirectory('directories');
    mkdirSync(join(root, 'a'), { mode: 0o755 });
    expect(await makeDirectories(join(root, 'a'), 0o700)).toBeNull();
    expect(statSync(join(root, 'a')).mode & 0o777).toBe(0o755);
  });

  it('are made once when several ask at once', async () => {
    const path = join(temporaryDirectory('directories'), 'a/b/c');
    await Promise.all(Array.from({ length: 8 }, () => makeDirectories(path, 0o700)));
    expect(statSync(path).isDirectory()).toBe(true);
  });

  it('are not made below a file', async () => {
    const root = temporaryDirectory('directories');
    writeFileSync(join(root, 'file'), '');
    await expect(makeDirectories(join(root, 'file/a/b'), 0o700)).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  it.skipIf(process.platform !== 'linux')('are an error at once where none can be made (/proc)', async () => {
    await expect(makeDirectories('/proc/hallpass/a', 0o700)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
