import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { errnoOf } from './file-failure.ts';

/**
 * Makes a directory and the missing levels above it. Node's own `recursive` never returns where a file system answers
 * ENOENT although the level above is there, as `/proc` does.
 *
 * @param path any; relative to the working directory
 * @returns the topmost level that was made, or null when all were there
 */
export async function makeDirectories(path: string, mode: number): Promise<string | null> {
  const level = resolve(path);
  try {
    await mkdir(level, { mode });
    return level;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return null;
    if (errnoOf(error) !== 'ENOENT' || dirname(level) === level) throw error;
  }
  const above = await makeDirectories(dirname(level), mode);
  const made = await mkdir(level, { mode }).then(
    () => level,
    (error: unknown) => {
      // Another process was faster.
      if (errnoOf(error) === 'EEXIST') return null;
      throw error;
    },
  );
  return above ?? made;
}
