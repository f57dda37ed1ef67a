import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import { ownerNote } from './owner.ts';
import {
  findKeyDirectories,
  isKeyName,
  keyNameOf,
  keyPlaces,
  makeKey,
  openKeyDirectory,
  readKey,
  removeKey,
} from './revocation-key.ts';

const own = `hallpass-keys-${process.getuid!()}`;
const name = 'ab'.repeat(16);

/** A directory on a file system that is RAM. */
function ram(): string {
  const directory = mkdtempSync('/dev/shm/hallpass-test-');
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

describe.runIf(existsSync('/dev/shm'))('the place of keys', () => {
  it('is the first that is RAM, private', async () => {
    const [disk, first, second] = [temporaryDirectory('disk'), ram(), ram()];
    expect(await openKeyDirectory(['/no/such/place', disk, first, second])).toBe(join(first, own));
    expect(statSync(join(first, own)).mode & 0o777).toBe(0o700);
    expect([readdirSync(disk), readdirSync(second)]).toEqual([[], []]);
    expect(await findKeyDirectories([disk, second, first])).toEqual([join(first, own)]);
  });

  it.each<[string, (path: string) => void]>([
    ['a link', (path) => symlinkSync('/dev/shm', path)],
    ['a file', (path) => writeFileSync(path, '')],
    [
      'a directory that others may enter',
      (path) => {
        mkdirSync(path);
        chmodSync(path, 0o755);
      },
    ],
  ])('is none where %s stands in its way', async (_what, make) => {
    const place = ram();
    make(join(place, own));
    expect(await openKeyDirectory([place])).toBeNull();
    expect(await findKeyDirectories([place])).toEqual([]);
  });

  it('is none where others may replace it', async () => {
    const place = ram();
    chmodSync(place, 0o777);
    expect(await openKeyDirectory([place])).toBeNull();
  });

  it('is none on a disk', async () => {
    expect(await openKeyDirectory([temporaryDirectory('disk'), '/', '/etc', '/proc', ''])).toBeNull();
  });

  it('is looked for in XDG_RUNTIME_DIR first, when that is a path', () => {
    const user = `/run/user/${process.getuid!()}`;
    expect(keyPlaces({ XDG_RUNTIME_DIR: '/run/mine' })).toEqual(['/run/mine', user, '/dev/shm']);
    expect(keyPlaces({ XDG_RUNTIME_DIR: user })).toEqual([user, '/dev/shm']);
    expect(keyPlaces({ XDG_RUNTIME_DIR: 'relative' })).toEqual([user, '/dev/shm']);
    expect(keyPlaces({})).toEqual([user, '/dev/shm']);
  });
});

describe.runIf(existsSync('/dev/shm'))('a key', () => {
  it('is 256 bits, private, and gone when it is removed', async () => {
    const directory = (await openKeyDirectory([ram()]))!;
    const key = await makeKey(directory, name);
    expect(key).toHaveLength(32);
    expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
    expect(await readKey(['/no/such/place', directory], name)).toEqual(key);
    await removeKey(['/no/such/place', directory], name);
    expect(await readKey([directory], name)).toBeNull();
    await removeKey([directory], name);
  });

  it.each<[string, (path: string) => void]>([
    ['not there', () => undefined],
    ['empty', (path) => writeFileSync(path, '', { mode: 0o600 })],
    ['short', (path) => writeFileSync(path, 'ab'.repeat(31), { mode: 0o600 })],
    ['long', (path) => writeFileSync(path, 'ab'.repeat(33), { mode: 0o600 })],
    ['no hex', (path) => writeFileSync(path, 'xy'.repeat(32), { mode: 0o600 })],
    ['open to others', (path) => writeFileSync(path, 'ab'.repeat(32), { mode: 0o644 })],
    ['a directory', (path) => mkdirSync(path)],
    [
      'a link',
      (path) => {
        writeFileSync(`${path}-other`, 'ab'.repeat(32), { mode: 0o600 });
        symlinkSync(`${path}-other`, path);
      },
    ],
  ])('is none when it is %s', async (_what, make) => {
    const directory = (await openKeyDirectory([ram()]))!;
    make(join(directory, name));
    expect(await readKey([directory], name)).toBeNull();
  });

  it('has a name that is no path, and another for each phase', () => {
    const note = { ...ownerNote({ lease: '', now: new Date(0) }), diskDirectory: '/tmp/a' };
    const names = [
      note,
      { ...note, diskDirectory: '/tmp/b' },
      { ...note, createdAt: '1970-01-01T00:00:00.001Z' },
      { ...note, bootId: 'other' },
      { ...note, hallpass: { ...note.hallpass, startTime: '1' } },
    ].map(keyNameOf);
    expect(new Set(names).size).toBe(names.length);
    expect(names.every(isKeyName)).toBe(true);
    expect(keyNameOf({ ...note, child: note.hallpass, directory: '/x', interruptedAt: 'now' })).toBe(names[0]);
  });

  it.each(['', '..', '../x', 'ab', `${name}a`, name.toUpperCase(), `${name}\n`, null, 5])(
    'is not called %j',
    (text) => {
      expect(isKeyName(text)).toBe(false);
    },
  );
});
