import { access, constants, realpath, stat } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { exists } from '../files/exists.ts';
import { ProgramError, type ProgramPlaces } from './program-error.ts';
import { resolveShim } from './version-managers.ts';

/** A program that was found, and through whom. */
export interface FoundProgram {
  /** Absolute path of what will be executed. */
  readonly file: string;
  /** The version manager's shim that stood on PATH in its place, or null. */
  readonly shim: { readonly path: string; readonly manager: string } | null;
}

/**
 * Finds a program as execvp(3) does, and looks through shims of version managers: a phase has another HOME, in which
 * they would not find their way.
 *
 * @throws {ProgramError} `program_missing`, before anything was minted
 */
export async function findProgram(name: string, places: ProgramPlaces): Promise<FoundProgram> {
  const path = name.includes('/') ? resolve(places.workingDirectory, name) : await searchPath(name, places);
  await requireExecutable(path, name);
  const resolved = await resolveShim(path, places);
  if (resolved === null) return { file: path, shim: null };
  await requireExecutable(resolved.file, name);
  return { file: resolved.file, shim: { path, manager: resolved.manager } };
}

async function searchPath(name: string, places: ProgramPlaces): Promise<string> {
  const path = places.environment['PATH'];
  // One without PATH, or with an empty one, does not mean the working directory.
  const directories = path ? path.split(delimiter) : [];
  let notExecutable: string | undefined;
  for (const directory of directories) {
    // An empty entry means the working directory (POSIX, XBD 8.3).
    const candidate = join(resolve(places.workingDirectory, directory), name);
    if (!(await isFile(candidate))) continue;
    if (await isExecutable(candidate)) return candidate;
    notExecutable ??= candidate;
  }
  if (notExecutable !== undefined) return notExecutable;
  throw new ProgramError(127, {
    what: `${JSON.stringify(name)} is not on PATH`,
    where: path
      ? `PATH, with ${directories.length === 1 ? 'one directory' : `${directories.length} directories`}`
      : 'PATH, which is empty',
    mend: mendFor(name),
  });
}

function mendFor(name: string): string {
  return ['terraform', 'tofu'].includes(name)
    ? `install ${name}, or name it with its path: hallpass exec -- /path/to/${name} …; no token was minted`
    : 'install it, or name it with its path; no token was minted';
}

async function requireExecutable(path: string, name: string): Promise<void> {
  if (!(await exists(path))) {
    throw new ProgramError(127, { what: `${JSON.stringify(name)} does not exist`, where: path, mend: mendFor(name) });
  }
  if (!(await isFile(path))) {
    throw new ProgramError(126, { what: `${JSON.stringify(name)} is not a program`, where: path, mend: 'name a file' });
  }
  if (!(await isExecutable(path))) {
    throw new ProgramError(126, {
      what: `${JSON.stringify(name)} may not be executed`,
      where: await realpath(path),
      mend: `chmod +x ${path}, if it is meant to be a program`,
    });
  }
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
