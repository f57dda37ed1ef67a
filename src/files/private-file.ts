import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs';
import { link, lstat, open, readdir, rename, stat, unlink, type FileHandle } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { AppError } from '../domain/errors.ts';
import { errnoOf, fileFailure } from './file-failure.ts';
import { makeDirectories } from './make-directories.ts';
import { shellQuoted } from './shell-quoted.ts';

/** Bits of the mode that give the group or others anything. */
const forOthers = 0o077;

/** Not following a link at the last level; not waiting for the other end of a pipe. */
const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const createFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Reads a file that only its owner may read: a plain file, ours or root's, with no rights for group and others.
 *
 * @param what the file's name for people, such as `the key ring`
 * @throws {AppError} `data_directory_insecure` with the command that mends it; the system's own error (`ENOENT`) when it is missing
 */
export async function readPrivateFile(path: string, what: string): Promise<string> {
  await using file = await openPrivateFile(path, what);
  try {
    return await file.readFile('utf8');
  } catch (error) {
    throw fileFailure('read', path, error);
  }
}

/** Like {@link readPrivateFile}, but null when there is no such file. */
export async function readPrivateFileIfThere(path: string, what: string): Promise<string | null> {
  try {
    return await readPrivateFile(path, what);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Opens a private file for reading after the checks of {@link readPrivateFile}; the caller closes it. */
export async function openPrivateFile(path: string, what: string): Promise<FileHandle> {
  const file = await open(path, readFlags).catch((error: unknown) => {
    throw openFailure(path, what, error);
  });
  try {
    requirePrivateFile(await file.stat(), path, what);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * Opens a private file after the same checks without giving up the thread, for the few lines that run under a lock.
 *
 * @param flags of `open(2)`; `O_NOFOLLOW` is added
 */
export function openPrivateFileSync(path: string, what: string, flags: number = constants.O_RDONLY): number {
  let descriptor: number;
  try {
    descriptor = openSync(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600);
  } catch (error) {
    throw openFailure(path, what, error);
  }
  try {
    requirePrivateFile(fstatSync(descriptor), path, what);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** The error for a file that could not be opened: a link is insecure, a missing file stays the system's own error. */
export function openFailure(path: string, what: string, error: unknown): unknown {
  if (errnoOf(error) === 'ELOOP') return isALink(path, what);
  return errnoOf(error) === 'ENOENT' ? error : fileFailure('open', path, error);
}

/** @throws {AppError} `data_directory_insecure` unless it is a plain file, ours or root's, closed to all others */
export function requirePrivateFile(stats: Stats, path: string, what: string): void {
  if (!stats.isFile()) {
    throw insecure(`${what} ${path} is not a plain file`, path, `see what it is: ls -ld ${shellQuoted(path)}`);
  }
  requireOwnerOnly(stats, path, what, '600');
}

/**
 * Makes sure that a directory is there and that only its owner can enter it. Missing levels are made with mode 0700.
 *
 * @throws {AppError} `data_directory_insecure` with the command that mends it, `file_write_failed` when it cannot be made
 */
export async function openPrivateDirectory(path: string, what: string): Promise<void> {
  let stats = await lstat(path).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return null;
    throw fileFailure('open', path, error);
  });
  if (stats === null) {
    await makePrivateDirectory(path).catch((error: unknown) => {
      throw fileFailure('make', path, error);
    });
    stats = await lstat(path);
  }
  requirePrivateDirectory(stats, path, what);
}

/**
 * Makes a directory with mode 0700 when it is missing; takes an existing one that others may look into, since the files
 * in it are private themselves, but not one in which others could put files in their place.
 *
 * @throws {AppError} `data_directory_insecure`, with the command that mends it
 */
export async function openShelteringDirectory(path: string, what: string): Promise<void> {
  const stats = await stat(path).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return null;
    throw fileFailure('open', path, error);
  });
  if (stats === null) {
    await openPrivateDirectory(path, what);
    return;
  }
  const isSticky = (stats.mode & 0o1000) !== 0;
  if ((stats.mode & 0o022) === 0 || isSticky) return;
  throw insecure(
    `${what} ${path} can be written by other users (mode ${(stats.mode & 0o7777).toString(8).padStart(4, '0')})`,
    path,
    `chmod go-w ${shellQuoted(path)}`,
  );
}

/** Makes missing levels, each on disk before anything in it can be. */
async function makePrivateDirectory(path: string): Promise<void> {
  const first = await makeDirectories(path, 0o700);
  if (first === null) return;
  const above = dirname(resolve(first));
  for (let level = resolve(path); level !== above && level !== dirname(level); level = dirname(level)) {
    // A directory above ours may be closed to reading, and is not ours to insist on.
    await syncDirectory(dirname(level)).catch(() => undefined);
  }
}

/** @throws {AppError} `data_directory_insecure` unless it is a directory, ours or root's, closed to all others */
export function requirePrivateDirectory(stats: Stats, path: string, what: string): void {
  if (stats.isSymbolicLink()) throw isALink(path, what);
  if (!stats.isDirectory()) {
    throw insecure(`${what} ${path} is not a directory`, path, `see what it is: ls -ld ${shellQuoted(path)}`);
  }
  requireOwnerOnly(stats, path, what, '700');
}

function requireOwnerOnly(stats: Stats, path: string, what: string, mode: string): void {
  const self = process.geteuid!();
  if (stats.uid !== self && stats.uid !== 0) {
    throw insecure(
      `${what} ${path} belongs to another user (uid ${stats.uid})`,
      path,
      `sudo chown ${ownName(self)} ${shellQuoted(path)}`,
    );
  }
  if ((stats.mode & forOthers) === 0) return;
  throw insecure(
    `${what} ${path} can be reached by other users (mode ${(stats.mode & 0o7777).toString(8).padStart(4, '0')})`,
    path,
    `chmod ${mode} ${shellQuoted(path)}`,
  );
}

function ownName(uid: number): string {
  try {
    return userInfo().username;
  } catch {
    return String(uid); // a uid without an entry in the user database
  }
}

function isALink(path: string, what: string): AppError {
  return insecure(
    `${what} ${path} is a symbolic link, which is not followed`,
    path,
    `put the real one in its place, or name the place that "readlink -f ${shellQuoted(path)}" prints`,
  );
}

function insecure(what: string, where: string, mend: string): AppError {
  return new AppError('data_directory_insecure', { what, where, mend });
}

/**
 * Writes a private file so that at every moment either the old or the new contents are there, whole: a file beside it with
 * mode 0600, fsync, rename, fsync of the directory. The directory must exist.
 *
 * @throws {AppError} `file_write_failed`; the old contents then stand
 */
export async function writePrivateFile(path: string, data: string | Uint8Array): Promise<void> {
  await removeLeftovers(path);
  await replacing(path, 0o600, [data], (temporary) => rename(temporary, path));
}

/**
 * Writes a file that everybody may read (mode 0644, whatever the umask), so that a web server sees either the old or the
 * new contents, whole.
 *
 * @throws {AppError} `file_write_failed`; the old contents then stand
 */
export async function writePublicFile(path: string, data: string): Promise<void> {
  await replacing(path, 0o644, [data], (temporary) => rename(temporary, path));
}

/**
 * Writes a private file that must not exist yet; it appears whole or not at all.
 *
 * @throws {AppError} `file_exists`, `file_write_failed`
 */
export async function createPrivateFile(
  path: string,
  data: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): Promise<void> {
  await replacing(path, 0o600, data, async (temporary) => {
    // link, unlike rename, refuses an existing target.
    await link(temporary, path);
    await unlink(temporary);
  });
}

async function replacing(
  path: string,
  mode: number,
  data: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
  install: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await writeNewFile(temporary, mode, data);
    await install(temporary);
    await syncDirectory(dirname(path));
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    if (errnoOf(error) === 'EEXIST') {
      throw new AppError('file_exists', {
        what: `${path} exists already, and is not overwritten`,
        where: path,
        mend: 'choose another name, or move it away',
      });
    }
    throw fileFailure('write', path, error);
  }
}

async function writeNewFile(
  path: string,
  mode: number,
  data: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): Promise<void> {
  await using file = await open(path, createFlags, mode);
  await file.chmod(mode);
  for await (const part of data) await file.writeFile(part);
  await file.sync();
}

/** Makes renames and new names in a directory survive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  await directory.sync();
}

function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`);
}

const leftoverAgeMilliseconds = 10_000;

/** Removes files that a killed process left beside `path` on its way to {@link writePrivateFile}. */
async function removeLeftovers(path: string): Promise<void> {
  const prefix = `.${basename(path)}.`;
  const names = await readdir(dirname(path)).catch(() => []);
  for (const name of names) {
    const pid = name.startsWith(prefix) ? /^(\d+)\.[0-9a-f]{12}\.tmp$/.exec(name.slice(prefix.length))?.[1] : undefined;
    if (pid === undefined || isRunning(Number(pid))) continue;
    const leftover = join(dirname(path), name);
    const stats = await lstat(leftover).catch(() => null);
    // A process of another PID namespace looks dead from here; it does not take seconds to rename its file.
    if (stats && Math.abs(Date.now() - stats.mtimeMs) > leftoverAgeMilliseconds) {
      await unlink(leftover).catch(() => undefined);
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}
