import { AppError } from '../domain/errors.ts';
import { jsonText } from '../domain/json.ts';
import { quoted } from '../domain/printable.ts';
import { readPublishedDirectory, writePublishedDirectory } from './published-directory.ts';

/**
 * Takes a key out of published documents. Needs no data directory: this is what is left to do when that was lost.
 *
 * @returns the keys that stay, and the files written
 * @throws {AppError} `directory_invalid` when there are no documents, no such key, or no other key: a key set is never
 *   empty, since some platforms would then keep what they have
 */
export async function withdrawKey(
  kid: string,
  directory: string,
): Promise<{ remainingKids: readonly string[]; files: readonly string[] }> {
  const { keySet } = await readPublishedDirectory(directory);
  if (keySet === null)
    throw refused(directory, `there is no key set in ${directory}`, 'name the directory that holds .well-known');
  const remaining = keySet.entries.filter((entry) => entry['kid'] !== kid);
  const kids = keySet.entries.map((entry) => String(entry['kid']));
  if (remaining.length === kids.length)
    throw refused(
      directory,
      `the key ${quoted(kid)} is not published in ${directory}`,
      `published there: ${kids.join(', ')}`,
    );
  if (remaining.length === 0) {
    throw refused(
      directory,
      `${kid} is the only key published in ${directory}; a key set is never empty`,
      'publish another one first: hallpass keys init in a new data directory, then hallpass issuer export DIR --merge',
    );
  }
  const files = await writePublishedDirectory(directory, { jwks: jsonText({ keys: remaining }) });
  return { remainingKids: remaining.map((entry) => String(entry['kid'])), files };
}

function refused(where: string, what: string, mend: string): AppError {
  return new AppError('directory_invalid', { what, where, mend });
}
