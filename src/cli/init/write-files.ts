import { lstat, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError, SettingsError } from '../../domain/errors.ts';
import { errnoOf } from '../../files/file-failure.ts';
import { makeDirectories } from '../../files/make-directories.ts';
import type { NewFile } from './platform.ts';

/**
 * Refuses when any of the files is there already.
 *
 * @throws {SettingsError} `settings_invalid`, naming all of them
 */
export async function refuseExisting(directory: string, files: readonly NewFile[]): Promise<void> {
  const there: string[] = [];
  for (const { path } of files) {
    const exists = await lstat(join(directory, path)).then(
      () => true,
      (error: unknown) => errnoOf(error) !== 'ENOENT',
    );
    if (exists) there.push(path);
  }
  if (there.length === 0) return;
  throw new SettingsError({
    what: `${there.join(', ')} ${there.length === 1 ? 'is' : 'are'} there already, and hallpass init overwrites nothing`,
    where: directory,
    mend: 'move them away, or take another directory with --directory; nothing was written',
  });
}

/** Writes all files or none: what was written before a failure is removed again. */
export async function writeNewFiles(directory: string, files: readonly NewFile[]): Promise<void> {
  const undo: (() => Promise<void>)[] = [];
  try {
    for (const { path, text } of files) {
      const target = join(directory, path);
      const made = await makeDirectories(dirname(target), 0o777);
      if (made !== null) undo.push(() => rmdir(made));
      await writeFile(target, text, { flag: 'wx', mode: 0o644 });
      undo.push(() => rm(target));
    }
  } catch (error) {
    for (const step of undo.toReversed()) await step().catch(() => undefined);
    throw new AppError(
      'directory_invalid',
      {
        what: `the files cannot be written (${errnoOf(error) ?? 'unknown'})`,
        where: directory,
        mend: 'nothing was left behind; mend the directory and try again',
      },
      { cause: error },
    );
  }
}
