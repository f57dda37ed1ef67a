import { lstat, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findBase, openBase } from '../../environment/base-directory.ts';
import { isPlanName, planPrefix } from '../../environment/directory.ts';
import { ownerIsAlive, ownerNote, ownPart, readOwner, writeOwner } from '../../environment/owner.ts';

/** The saved plan between the two phases of an apply; removed when its scope is left. */
export interface PrivatePlan extends AsyncDisposable {
  /** Absolute path; Terraform makes the file. */
  readonly file: string;
}

/**
 * Makes a private directory (0700) for a saved plan, which holds the values of all variables, beside the phases'
 * directories: in RAM where there is some.
 *
 * @throws {AppError} `directory_invalid` when the base of run directories cannot be used
 */
export async function openPrivatePlan(settings: { readonly runDirectory: string | null }): Promise<PrivatePlan> {
  const directory = await mkdtemp(join(await openBase(settings.runDirectory), planPrefix));
  await mkdir(join(directory, ownPart), { mode: 0o700 });
  await writeOwner(directory, ownerNote({ lease: '', now: new Date() }));
  return {
    file: join(directory, 'plan'),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

/** Removes the private plans whose Hallpass has died. */
export async function clearPrivatePlans(settings: { readonly runDirectory: string | null }): Promise<void> {
  const base = await findBase(settings.runDirectory);
  if (base === null) return;
  const names = await readdir(base).catch(() => []);
  for (const name of names.filter(isPlanName)) {
    const directory = join(base, name);
    if (await isAbandoned(directory)) await rm(directory, { recursive: true, force: true });
  }
}

/** A directory of ours that nobody holds; one without a note is being made, unless it is a minute old. */
async function isAbandoned(directory: string): Promise<boolean> {
  const found = await lstat(directory).catch(() => null);
  if (found === null || !found.isDirectory() || found.uid !== process.getuid?.()) return false;
  const note = await readOwner(directory);
  return note === null ? Date.now() - found.mtimeMs > 60_000 : !ownerIsAlive(note, new Date());
}
