import { chmodSync, chownSync, cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import { checkedBase, findDiskBases, openBase, openDiskBase } from './base-directory.ts';
import {
  directoryName,
  isSlotName,
  phaseDirectory,
  removeSlot,
  slotState,
  takeSlot,
  type SlotWish,
} from './directory.ts';
import { ownerIsAlive, ownerNote, readOwner, writeOwner } from './owner.ts';

const isRoot = process.getuid!() === 0;
const now = (): Date => new Date();
const note = () => ownerNote({ lease: 'lease-1', now: now() });

const wish = (base: string, changes: Partial<SlotWish> = {}): SlotWish => ({
  base,
  stem: 'hallpass-abcdefghij',
  note: note(),
  now,
  passOverForeign: false,
  clear: removeSlot,
  ...changes,
});

describe('the name of a private directory', () => {
  it('depends on the names only', () => {
    const names = { organization: 'acme', project: 'payments', workspace: 'prod' };
    expect(phaseDirectory(names, '/dev/shm')).toBe(phaseDirectory({ ...names }, '/dev/shm'));
    expect(phaseDirectory(names, '/dev/shm')).toMatch(/^\/dev\/shm\/hallpass-[a-z0-9]{10}$/);
  });

  it('never changes: saved plans hold it', () => {
    expect(directoryName(['acme', 'payments', 'payments-prod'])).toBe('hallpass-jv3aivdnp4');
  });

  it.each([
    [
      ['a', 'b', 'c'],
      ['a', 'b', 'd'],
    ],
    [
      ['a', 'bc', 'd'],
      ['a', 'b', 'cd'],
    ],
    [
      ['A', 'b', 'c'],
      ['a', 'b', 'c'],
    ],
  ])('differs between %j and %j', (one, other) => {
    expect(directoryName(one)).not.toBe(directoryName(other));
  });

  it.each([
    'hallpass-abcdefghij',
    'hallpass-abcdefghij-2',
    'hallpass-abcdefghij-99',
    'hallpass-abcdefghij.new-AbC123',
    'hallpass-abcdefghij-2.old-0f1e2d',
  ])('is known again: %s', (name) => expect(isSlotName(name)).toBe(true));

  it.each([
    'hallpass',
    'hallpass-data',
    'hallpass-tmp-1000',
    'hallpass-test-exec-aBcDeF',
    'hallpass-abcdefghij-x',
    'hallpass-abcdefghij/..',
    'xhallpass-abcdefghij',
    'hallpass-abcdefghij\n',
  ])('is not %j', (name) => expect(isSlotName(name)).toBe(false));
});

describe('taking a private directory', () => {
  it('makes it with the note inside, readable by its owner only', async () => {
    const base = temporaryDirectory('slot');
    const slot = await takeSlot(wish(base));
    expect(slot).toBe(join(base, 'hallpass-abcdefghij'));
    expect(await readOwner(slot)).toMatchObject({ lease: 'lease-1', hallpass: { pid: process.pid } });
    expect(readdirSync(base)).toEqual(['hallpass-abcdefghij']);
  });

  it('takes the next when it is taken', async () => {
    const base = temporaryDirectory('slot');
    await takeSlot(wish(base));
    expect(await takeSlot(wish(base))).toBe(join(base, 'hallpass-abcdefghij-2'));
  });

  it('clears what a dead one has left', async () => {
    const base = temporaryDirectory('slot');
    const slot = await takeSlot(wish(base));
    await writeOwner(slot, { ...note(), hallpass: { pid: process.pid, startTime: '1' } });
    writeFileSync(join(slot, 'left'), 'x');
    expect(await takeSlot(wish(base))).toBe(slot);
    expect(readdirSync(slot)).toEqual(['.hallpass']);
  });

  it('does not touch a directory that is just being made, and takes the next', async () => {
    const base = temporaryDirectory('slot');
    mkdirSync(join(base, 'hallpass-abcdefghij'), { mode: 0o700 });
    writeFileSync(join(base, 'hallpass-abcdefghij/something'), '');
    expect(await takeSlot(wish(base))).toBe(join(base, 'hallpass-abcdefghij-2'));
  });

  it.each([
    ['a symbolic link', (path: string) => symlinkSync('/tmp', path)],
    ['a file', (path: string) => writeFileSync(path, '')],
    [
      'a directory that others may read',
      (path: string) => {
        mkdirSync(path);
        writeFileSync(join(path, 'x'), '');
        chmodSync(path, 0o755);
      },
    ],
  ])('refuses %s in its place, with the mend', async (_, make) => {
    const base = temporaryDirectory('slot');
    make(join(base, 'hallpass-abcdefghij'));
    await expect(takeSlot(wish(base))).rejects.toMatchObject({
      code: 'directory_invalid',
      problem: { where: join(base, 'hallpass-abcdefghij'), mend: expect.stringContaining('rm -r') },
    });
    expect(await takeSlot(wish(base, { passOverForeign: true }))).toBe(join(base, 'hallpass-abcdefghij-2'));
  });

  it.skipIf(!isRoot)('names the user who made it first (as root)', async () => {
    const base = temporaryDirectory('slot');
    const slot = join(base, 'hallpass-abcdefghij');
    mkdirSync(slot, { mode: 0o700 });
    writeFileSync(join(slot, 'x'), '');
    chownSync(slot, 65_534, 65_534);
    await expect(takeSlot(wish(base))).rejects.toMatchObject({
      problem: {
        what: expect.stringMatching(/^the private directory was made by another user, \S+ \(uid 65534\)$|uid 65534/),
        mend: expect.stringContaining('HALLPASS_RUN_DIR'),
      },
    });
  });

  it('says that too many are running after 99', async () => {
    const base = temporaryDirectory('slot');
    const first = await takeSlot(wish(base));
    for (let number = 2; number <= 99; number += 1) {
      cpSync(first, `${first}-${number}`, { recursive: true });
      chmodSync(`${first}-${number}`, 0o700);
    }
    await expect(takeSlot(wish(base))).rejects.toThrow('99 phases of this workspace are running on this machine');
  });

  it('makes its base again when that was removed as empty', async () => {
    const base = join(temporaryDirectory('slot'), 'base');
    expect(await takeSlot(wish(base))).toBe(join(base, 'hallpass-abcdefghij'));
  });
});

describe('an owner', () => {
  it('of another boot is dead', () => {
    expect(ownerIsAlive({ ...note(), bootId: 'other' }, now())).toBe(false);
  });

  it('in another container lives for as long as a phase may last', () => {
    const elsewhere = { ...note(), pidNamespace: 'pid:[1]', hallpass: { pid: 1, startTime: '0' } };
    expect(ownerIsAlive(elsewhere, now())).toBe(true);
    expect(ownerIsAlive(elsewhere, new Date(Date.now() + 25 * 3_600_000))).toBe(false);
  });

  it('is nobody when the note is damaged', async () => {
    const slot = temporaryDirectory('slot');
    mkdirSync(join(slot, '.hallpass'));
    for (const text of ['', '{', '{}', '[]', JSON.stringify({ ...note(), hallpass: { pid: -1, startTime: '' } })]) {
      writeFileSync(join(slot, '.hallpass/owner.json'), text);
      expect(await readOwner(slot)).toBeNull();
    }
  });

  it('leaves a directory in a state that can be told', async () => {
    const base = temporaryDirectory('slot');
    const slot = await takeSlot(wish(base));
    expect(await slotState(slot, now())).toBe('alive');
    rmSync(join(slot, '.hallpass'), { recursive: true });
    expect(await slotState(slot, now())).toBe('unknown');
    expect(await slotState(slot, new Date(Date.now() + 61_000))).toBe('dead');
    await removeSlot(slot);
    expect(await slotState(slot, now())).toBe('gone');
  });
});

describe('the base', () => {
  it('is made when it was named and is not there', async () => {
    const base = join(temporaryDirectory('base'), 'a/b');
    expect(await openBase(base)).toBe(base);
  });

  it('is the directory that a link leads to, so that all levels can be checked', async () => {
    const root = temporaryDirectory('base');
    mkdirSync(join(root, 'real'), { mode: 0o700 });
    symlinkSync('real', join(root, 'link'));
    expect(await openBase(join(root, 'link'))).toBe(join(root, 'real'));
  });

  it('is refused when one of its levels may be written to by others', async () => {
    const root = temporaryDirectory('base');
    mkdirSync(join(root, 'open/base'), { recursive: true });
    chmodSync(join(root, 'open'), 0o777);
    await expect(openBase(join(root, 'open/base'))).rejects.toMatchObject({
      code: 'directory_invalid',
      problem: {
        what: expect.stringContaining('may be written to by others (mode 777)'),
        mend: expect.stringContaining('HALLPASS_RUN_DIR'),
      },
    });
    chmodSync(join(root, 'open'), 0o1777);
    expect(await openBase(join(root, 'open/base'))).toBe(join(root, 'open/base'));
  });

  it.skipIf(!isRoot)('is refused when one of its levels belongs to another user (as root)', async () => {
    const root = temporaryDirectory('base');
    mkdirSync(join(root, 'theirs/base'), { recursive: true });
    chownSync(join(root, 'theirs'), 65_534, 65_534);
    await expect(openBase(join(root, 'theirs/base'))).rejects.toThrow(/belongs to another user \(uid 65534\)/);
  });

  it('is refused when it is a file', async () => {
    const path = join(temporaryDirectory('base'), 'file');
    writeFileSync(path, '');
    await expect(openBase(path)).rejects.toMatchObject({ code: 'directory_invalid' });
    await expect(checkedBase(path)).rejects.toThrow(/is not a directory/);
  });

  it('on disk is short and ours', async () => {
    const base = await openDiskBase();
    expect(base.length).toBeLessThan(30);
    expect(await findDiskBases()).toContain(base);
  });
});
