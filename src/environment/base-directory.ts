import { constants } from 'node:fs';
import { access, lstat, mkdir, realpath, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../domain/errors.ts';
import { failureReason } from '../files/file-failure.ts';
import { makeDirectories } from '../files/make-directories.ts';

const tmpfsMagic = 0x01021994;
const ramfsMagic = 0x858458f6;

/** Where big and short-lived things go, whatever TMPDIR the caller has: providers download archives there. */
const disk = '/tmp';

/**
 * Chooses and checks the base of the private directories: `HALLPASS_RUN_DIR`, else `/dev/shm` where it is RAM that we
 * can write to, else `/tmp`.
 *
 * @returns its real path
 * @throws {AppError} `directory_invalid` when somebody else could put another directory in its place
 */
export async function openBase(runDirectory: string | null): Promise<string> {
  if (runDirectory !== null) {
    await makeDirectories(runDirectory, 0o700).catch((cause: unknown) => {
      throw unusable(runDirectory, `it cannot be made: ${failureReason(cause).what}`, cause);
    });
    return checkedBase(runDirectory);
  }
  return checkedBase((await isWritableRam('/dev/shm')) ? '/dev/shm' : disk);
}

/** The base as it is, without making or checking it; null when it is not there. */
export async function findBase(runDirectory: string | null): Promise<string | null> {
  const path = runDirectory ?? ((await isWritableRam('/dev/shm')) ? '/dev/shm' : disk);
  return realpath(path).catch(() => null);
}

const mostDiskBases = 9;

/**
 * Makes the directory on disk that holds this user's TMPDIRs, `/tmp/hallpass-tmp-<uid>`: one for all phases, so that a
 * mask hides also those that begin later. A name that another user has taken is passed over.
 *
 * @throws {AppError} `directory_invalid`
 */
export async function openDiskBase(): Promise<string> {
  const parent = await checkedBase(disk);
  for (const path of diskBases(parent)) {
    await mkdir(path, { mode: 0o700 }).catch(() => undefined);
    if (await isOurs(path)) return path;
  }
  throw unusable(join(parent, `hallpass-tmp-${process.getuid!()}`), 'other users have taken every name for it');
}

/** The directories that {@link openDiskBase} has made and that are still there. */
export async function findDiskBases(): Promise<string[]> {
  const parent = await realpath(disk).catch(() => disk);
  const ours = await Promise.all(diskBases(parent).map(async (path) => ((await isOurs(path)) ? [path] : [])));
  return ours.flat();
}

/** Whether a path is one that {@link openDiskBase} makes, there or not. */
export async function isDiskBase(path: string): Promise<boolean> {
  return diskBases(await realpath(disk).catch(() => disk)).includes(path);
}

function diskBases(parent: string): string[] {
  const first = join(parent, `hallpass-tmp-${process.getuid!()}`);
  return [first, ...Array.from({ length: mostDiskBases - 1 }, (_, index) => `${first}-${index + 2}`)];
}

/** Whether a path is a directory of this user's, no link, that nobody else can enter. */
export async function isOurs(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => null);
  return found !== null && found.isDirectory() && found.uid === process.getuid!() && (found.mode & 0o077) === 0;
}

/** Checks that every level down to a base belongs to us or to root, and that no other user can replace one of them. */
export async function checkedBase(path: string): Promise<string> {
  const real = await realpath(path).catch((cause: unknown) => {
    throw unusable(path, `it cannot be opened: ${failureReason(cause).what}`, cause);
  });
  for (const level of levels(real)) await checkLevel(level, path);
  await access(real, constants.W_OK | constants.X_OK).catch((cause: unknown) => {
    throw unusable(real, `it cannot be written to: ${failureReason(cause).what}`, cause);
  });
  return real;
}

/** Whether a path lies on a file system that is RAM. */
export async function isRam(path: string): Promise<boolean> {
  const { type } = await statfs(path);
  return type === tmpfsMagic || type === ramfsMagic;
}

/** Bytes that an ordinary user may still write there. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

async function isWritableRam(path: string): Promise<boolean> {
  try {
    await access(path, constants.W_OK | constants.X_OK);
    return await isRam(path);
  } catch {
    return false;
  }
}

async function checkLevel(level: string, base: string): Promise<void> {
  const found = await lstat(level);
  if (!found.isDirectory()) throw unusable(base, `${level} is not a directory`);
  if (found.uid !== 0 && found.uid !== process.getuid!())
    throw unusable(base, `${level} belongs to another user (uid ${found.uid})`);
  const othersMayWrite = (found.mode & 0o022) !== 0;
  const sticky = (found.mode & 0o1000) !== 0;
  if (othersMayWrite && !sticky)
    throw unusable(base, `${level} may be written to by others (mode ${(found.mode & 0o7777).toString(8)})`);
}

/** A path and all its parents, from the root down. */
function levels(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [path] : [...levels(parent), path];
}

function unusable(base: string, why: string, cause?: unknown): AppError {
  return new AppError(
    'directory_invalid',
    {
      what: `the run directory cannot be used: ${why}`,
      where: base,
      mend: `set HALLPASS_RUN_DIR to a directory of your own: mkdir -m 700 ${join('$HOME', '.hallpass-run')} && export HALLPASS_RUN_DIR=$HOME/.hallpass-run`,
    },
    { cause },
  );
}
