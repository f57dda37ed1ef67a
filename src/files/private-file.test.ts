import {
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startModule } from '../../test/support/module-process.ts';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import {
  createPrivateFile,
  openPrivateDirectory,
  openPrivateFileSync,
  openShelteringDirectory,
  readPrivateFile,
  readPrivateFileIfThere,
  writePrivateFile,
} from './private-file.ts';
import { shellQuoted } from './shell-quoted.ts';

const isRoot = process.geteuid!() === 0;

function privateFile(mode = 0o600, contents = 'secret'): string {
  const path = join(temporaryDirectory(), 'file');
  writeFileSync(path, contents);
  chmodSync(path, mode);
  return path;
}

async function* brokenPieces() {
  yield 'a';
  throw new Error('no more');
}

describe('readPrivateFile', () => {
  it.each([0o600, 0o400, 0o700])('reads a file of mode %o', async (mode) => {
    expect(await readPrivateFile(privateFile(mode), 'the key ring')).toBe('secret');
  });

  it.each([0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666, 0o777])(
    'refuses a file of mode %o, with the command that mends it',
    async (mode) => {
      const path = privateFile(mode);
      await expect(readPrivateFile(path, 'the key ring')).rejects.toMatchObject({
        code: 'data_directory_insecure',
        problem: {
          what: `the key ring ${path} can be reached by other users (mode 0${mode.toString(8)})`,
          mend: `chmod 600 ${path}`,
        },
      });
    },
  );

  it('is mended by the command that it names', async () => {
    const path = privateFile(0o644);
    const error = await readPrivateFile(path, 'the key ring').catch((refusal: unknown) => refusal);
    execFileSync('sh', ['-c', (error as { problem: { mend: string } }).problem.mend]);
    expect(await readPrivateFile(path, 'the key ring')).toBe('secret');
  });

  it('refuses a symbolic link, even to a private file', async () => {
    const link = join(temporaryDirectory(), 'link');
    symlinkSync(privateFile(), link);
    await expect(readPrivateFile(link, 'the key ring')).rejects.toMatchObject({
      code: 'data_directory_insecure',
      problem: { what: `the key ring ${link} is a symbolic link, which is not followed` },
    });
  });

  it.each([
    ['a directory', (path: string) => mkdirSync(path, 0o700)],
    ['a pipe, without waiting for its other end', (path: string) => execFileSync('mkfifo', ['-m', '600', path])],
  ])('refuses %s', async (_name, make) => {
    const path = join(temporaryDirectory(), 'thing');
    make(path);
    await expect(readPrivateFile(path, 'the key ring')).rejects.toMatchObject({
      code: 'data_directory_insecure',
      problem: { what: `the key ring ${path} is not a plain file` },
    });
  });

  it.runIf(isRoot)('refuses a file of another user', async () => {
    const path = privateFile();
    chownSync(path, 12345, 12345);
    await expect(readPrivateFile(path, 'the key ring')).rejects.toMatchObject({
      problem: { what: `the key ring ${path} belongs to another user (uid 12345)`, mend: `sudo chown root ${path}` },
    });
  });

  it.skipIf(isRoot)('says why when it may not even be opened', async () => {
    await expect(readPrivateFile(privateFile(0o000), 'the key ring')).rejects.toMatchObject({
      code: 'file_read_failed',
      problem: { what: expect.stringContaining('permission denied') },
    });
  });

  it("leaves the system's own error to a file that is missing", async () => {
    const path = join(temporaryDirectory(), 'file');
    await expect(readPrivateFile(path, 'the key ring')).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await readPrivateFileIfThere(path, 'the key ring')).toBeNull();
    expect(() => openPrivateFileSync(path, 'the key ring')).toThrow('ENOENT');
  });

  it('does not take a refusal for a missing file', async () => {
    await expect(readPrivateFileIfThere(privateFile(0o644), 'the key ring')).rejects.toMatchObject({
      code: 'data_directory_insecure',
    });
  });

  it('refuses the same when it opens a file without giving up the thread', () => {
    const link = join(temporaryDirectory(), 'link');
    symlinkSync(privateFile(), link);
    expect(() => openPrivateFileSync(link, 'the key ring')).toThrow('symbolic link');
    expect(() => openPrivateFileSync(privateFile(0o640), 'the key ring')).toThrow('can be reached by other users');
  });
});

describe('openPrivateDirectory', () => {
  it('makes missing levels, closed to others', async () => {
    const top = temporaryDirectory();
    await openPrivateDirectory(join(top, 'a', 'b'), 'the data directory');
    expect([join(top, 'a'), join(top, 'a', 'b')].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o700]);
    await openPrivateDirectory(join(top, 'a', 'b'), 'the data directory');
  });

  it.each([0o750, 0o705, 0o755, 0o770, 0o711, 0o777])(
    'refuses mode %o, with the command that mends it',
    async (mode) => {
      const path = temporaryDirectory();
      chmodSync(path, mode);
      await expect(openPrivateDirectory(path, 'the data directory')).rejects.toMatchObject({
        code: 'data_directory_insecure',
        problem: { what: expect.stringContaining(`(mode 0${mode.toString(8)})`), mend: `chmod 700 ${path}` },
      });
    },
  );

  it('refuses a symbolic link, and a link to nowhere', async () => {
    const top = temporaryDirectory();
    symlinkSync(temporaryDirectory(), join(top, 'link'));
    symlinkSync(join(top, 'missing'), join(top, 'dangling'));
    for (const name of ['link', 'dangling']) {
      await expect(openPrivateDirectory(join(top, name), 'the data directory')).rejects.toMatchObject({
        code: 'data_directory_insecure',
        problem: { what: expect.stringContaining('is a symbolic link') },
      });
    }
  });

  it('refuses a file', async () => {
    const path = privateFile();
    await expect(openPrivateDirectory(path, 'the data directory')).rejects.toMatchObject({
      problem: { what: `the data directory ${path} is not a directory` },
    });
  });

  it('says so when a part of the path is a file', async () => {
    const path = join(privateFile(), 'below');
    await expect(openPrivateDirectory(path, 'the data directory')).rejects.toMatchObject({
      problem: { what: `cannot open ${path}: a part of the path is not a directory` },
    });
  });

  it.runIf(isRoot)('refuses a directory of another user', async () => {
    const path = temporaryDirectory();
    chownSync(path, 12345, 12345);
    await expect(openPrivateDirectory(path, 'the data directory')).rejects.toMatchObject({
      problem: { mend: `sudo chown root ${path}` },
    });
  });
});

describe('writePrivateFile', () => {
  it('writes a file of mode 600 whatever the umask and the old mode, with nothing beside it', async () => {
    const path = privateFile(0o644, 'old');
    await writePrivateFile(path, 'new');
    expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777]).toEqual(['new', 0o600]);
    expect(readdirSync(join(path, '..'))).toEqual(['file']);
  });

  it('replaces a symbolic link instead of following it', async () => {
    const [target, link] = [privateFile(), join(temporaryDirectory(), 'link')];
    symlinkSync(target, link);
    await writePrivateFile(link, 'new');
    expect([readFileSync(target, 'utf8'), readFileSync(link, 'utf8')]).toEqual(['secret', 'new']);
  });

  it('says so when the directory is missing', async () => {
    const path = join(temporaryDirectory(), 'nowhere', 'file');
    await expect(writePrivateFile(path, 'new')).rejects.toMatchObject({
      code: 'file_write_failed',
      problem: { what: `cannot write ${path}: it does not exist` },
    });
  });

  it('leaves the old contents and no trace when the space runs out', async () => {
    const path = privateFile(0o600, 'old');
    const source = `
      import { writePrivateFile } from 'SRC/files/private-file.ts';
      try { await writePrivateFile(${JSON.stringify(path)}, 'x'.repeat(100_000)); }
      catch (error) { process.stdout.write(JSON.stringify({ code: error.code, ...error.problem })); }`;
    const { stdout, code } = await startModule(source, 'ulimit -f 4;').ended();
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      {
        code: 'file_write_failed',
        what: `cannot write ${path}: the file would be larger than the limit`,
        where: path,
        mend: 'raise the limit (ulimit -f), then try again',
      },
    ]);
    expect([readFileSync(path, 'utf8'), readdirSync(join(path, '..'))]).toEqual(['old', ['file']]);
  });

  it('leaves whole contents, old or new, wherever it is killed', async () => {
    const path = privateFile(0o600, 'a'.repeat(200_000));
    const source = `
      import { writePrivateFile } from 'SRC/files/private-file.ts';
      process.stdout.write('ready');
      for (let round = 0; ; round += 1) await writePrivateFile(${JSON.stringify(path)}, 'ab'[round % 2].repeat(200_000));`;
    for (let kill = 0; kill < 12; kill += 1) {
      const writer = startModule(source);
      while (!writer.output.stdout.includes('ready')) await sleep(2);
      await sleep(Math.random() * 12);
      writer.child.kill('SIGKILL');
      await writer.ended();
      const contents = readFileSync(path, 'utf8');
      expect(contents.length).toBe(200_000);
      expect(contents).toBe(contents[0]!.repeat(200_000));
    }
  });

  it('clears what a killed writer left, and nothing else', async () => {
    const path = privateFile();
    const directory = join(path, '..');
    const old = '.file.4194305.0123456789ab.tmp'; // above the largest pid of Linux
    const kept = [
      '.file.4194305.ba9876543210.tmp', // of this moment
      `.file.${process.pid}.0123456789ab.tmp`, // of a process that runs
      '.other.4194305.0123456789ab.tmp',
      '.file.4194305.tmp',
      'file.tmp',
    ];
    for (const name of [old, ...kept]) writeFileSync(join(directory, name), '');
    for (const name of [old, ...kept.slice(1)]) utimesSync(join(directory, name), 1000, 1000);
    await writePrivateFile(path, 'new');
    expect(readdirSync(directory).sort()).toEqual([...kept, 'file'].sort());
  });
});

describe('createPrivateFile', () => {
  it('writes a new file in pieces', async () => {
    const path = join(temporaryDirectory(), 'file');
    await createPrivateFile(path, ['a', Buffer.from('b'), 'c']);
    expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777]).toEqual(['abc', 0o600]);
    expect(readdirSync(join(path, '..'))).toEqual(['file']);
  });

  it('refuses to overwrite a file, or a link to nowhere', async () => {
    const path = privateFile();
    const link = join(temporaryDirectory(), 'link');
    symlinkSync('nowhere', link);
    for (const target of [path, link]) {
      await expect(createPrivateFile(target, ['new'])).rejects.toMatchObject({ code: 'file_exists' });
    }
    expect([readFileSync(path, 'utf8'), readdirSync(join(path, '..'))]).toEqual(['secret', ['file']]);
  });

  it('leaves nothing when a piece cannot be made', async () => {
    const path = join(temporaryDirectory(), 'file');
    await expect(createPrivateFile(path, brokenPieces())).rejects.toMatchObject({ code: 'file_write_failed' });
    expect(readdirSync(join(path, '..'))).toEqual([]);
  });
});

describe('shellQuoted', () => {
  it.each(['/a/b', "/a b/it's", '/$HOME/`id`', '/a\nb', '/*', '', '-rf'])('keeps %j one word of a shell', (path) => {
    const shown = execFileSync('sh', ['-c', `printf %s ${shellQuoted(path)}`]).toString();
    expect(shown).toBe(path === '-rf' ? shown : path);
  });
});

describe('openShelteringDirectory', () => {
  it('makes a missing directory with mode 0700', async () => {
    const path = join(temporaryDirectory(), 'a', 'b');
    await openShelteringDirectory(path, 'the directory of the key');
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  it.each([0o700, 0o755, 0o750, 0o1777])(
    'takes a directory of mode %o, in which others cannot replace a file',
    async (mode) => {
      const path = temporaryDirectory();
      chmodSync(path, mode);
      await expect(openShelteringDirectory(path, 'the directory of the key')).resolves.toBeUndefined();
    },
  );

  it.each([0o777, 0o770, 0o722])('refuses a directory of mode %o, with the command that mends it', async (mode) => {
    const path = temporaryDirectory();
    chmodSync(path, mode);
    await expect(openShelteringDirectory(path, 'the directory of the key')).rejects.toMatchObject({
      code: 'data_directory_insecure',
      problem: { mend: `chmod go-w ${path}` },
    });
  });
});
