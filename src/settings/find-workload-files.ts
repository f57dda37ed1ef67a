import type { Stats } from 'node:fs';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { SettingsError } from '../domain/errors.ts';
import { exists } from '../files/exists.ts';
import { errnoOf } from '../files/file-failure.ts';

export const workloadFileName = 'hallpass.yaml';

/** Larger files are refused unread: settings written by people stay far below. */
export const maximumFileBytes = 1024 * 1024;

/** A `hallpass.yaml` as found: read, but not parsed. */
export interface FoundFile {
  readonly path: string;
  readonly text: string;
}

/**
 * Finds every `hallpass.yaml` from a directory upwards, nearest first. The search ends at the repository's root (the
 * directory that holds `.git`); without a repository at the home directory if it lies above, else at the file
 * system's root.
 *
 * @throws {SettingsError} `settings_invalid` for a file that another user owns or may write
 */
export async function findWorkloadFiles(start: string, homeDirectory: string): Promise<readonly FoundFile[]> {
  const found: FoundFile[] = [];
  for (const directory of await searchedDirectories(start, homeDirectory)) {
    const text = await readWorkloadFileText(join(directory, workloadFileName));
    if (text !== null) found.push({ path: join(directory, workloadFileName), text });
  }
  return found;
}

/** The directories that are searched, nearest first. */
export async function searchedDirectories(start: string, homeDirectory: string): Promise<readonly string[]> {
  const upwards = [start];
  for (let here = start; dirname(here) !== here; here = dirname(here)) upwards.push(dirname(here));
  for (const [index, directory] of upwards.entries()) {
    if (await exists(join(directory, '.git'))) return upwards.slice(0, index + 1);
  }
  const home = upwards.indexOf(homeDirectory);
  return home === -1 ? upwards : upwards.slice(0, home + 1);
}

/** The text of one file, or null when there is none. */
async function readWorkloadFileText(path: string): Promise<string | null> {
  let handle: FileHandle;
  try {
    // Judged and read through the same handle, so that nobody can exchange the file in between.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    return missing(path, error);
  }
  try {
    checkOwner(path, await handle.stat());
    checkLinkOwner(path, await lstat(path));
    return decoded(path, await handle.readFile());
  } finally {
    await handle.close();
  }
}

async function missing(path: string, error: unknown): Promise<null> {
  const code = errnoOf(error);
  const dangling =
    code === 'ENOENT' &&
    (await lstat(path).then(
      () => true,
      () => false,
    ));
  if ((code === 'ENOENT' || code === 'ENOTDIR') && !dangling) return null;
  throw new SettingsError(
    {
      what: dangling ? `${path} is a link to a file that is not there` : `${path} cannot be read (${code})`,
      where: path,
      mend: dangling ? `rm ${path}` : `ls -l ${path}`,
    },
    { cause: error },
  );
}

function checkOwner(path: string, stats: Stats): void {
  if (!stats.isFile()) {
    throw new SettingsError({
      what: `${path} is not a regular file`,
      where: path,
      mend: `see what it is: ls -ld ${path}`,
    });
  }
  if (stats.size > maximumFileBytes) {
    throw new SettingsError({
      what: `${path} has ${stats.size} bytes; at most ${maximumFileBytes} are read`,
      where: path,
      mend: 'is this the right file? one that says who runs here has a few lines',
    });
  }
  refuseForeign(path, stats);
  const groupIsOurs = stats.gid === process.getgid?.();
  // The user's own group may write: many systems give every user one and make files 0664.
  const writers =
    (stats.mode & 0o002) !== 0 ? 'everybody' : (stats.mode & 0o020) !== 0 && !groupIsOurs ? 'a group' : null;
  if (writers !== null) {
    throw new SettingsError({
      what: `${path} may be written by ${writers}, so its words are not yours`,
      where: path,
      mend: `chmod go-w ${path}`,
    });
  }
}

/** A link in a directory of ours may lead anywhere, but must be ours as well. */
function checkLinkOwner(path: string, stats: Stats): void {
  if (stats.isSymbolicLink()) refuseForeign(path, stats);
}

function refuseForeign(path: string, stats: Stats): void {
  const us = process.getuid?.();
  if (us === undefined || stats.uid === us || stats.uid === 0) return;
  throw new SettingsError({
    what: `${path} belongs to another user (uid ${stats.uid}; you are ${us}), so its words are not yours`,
    where: path,
    mend: `read it; if it is what you want: sudo chown ${us} ${path}`,
  });
}

function decoded(path: string, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new SettingsError(
      { what: `${path} is not UTF-8 text`, where: path, mend: 'save it as UTF-8' },
      { cause: error },
    );
  }
}

/** A path as people like to read it: relative to the working directory where that is shorter. */
export function shownPath(path: string, workingDirectory: string): string {
  const short = relative(workingDirectory, path);
  return short !== '' && short.length < path.length ? short : path;
}
