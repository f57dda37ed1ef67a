import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../domain/errors.ts';
import { errnoOf, fileFailure } from '../files/file-failure.ts';
import { makeDirectories } from '../files/make-directories.ts';
import { writePublicFile } from '../files/private-file.ts';
import { wellKnownPaths } from './discovery.ts';
import { readKeySet, type ReadKeySet } from './key-set.ts';
import { parseStrictJson } from './strict-json.ts';

/** What lies in a directory of published documents. */
export interface PublishedDirectory {
  /** `issuer` of the discovery document; null when there is none. */
  readonly issuer: string | null;
  /** Null when there is none. */
  readonly keySet: ReadKeySet | null;
}

/**
 * Reads published documents from a directory. Both names of the key set are looked at; where they differ, both sets' keys
 * count, so that nothing is overlooked.
 *
 * @throws {AppError} `directory_invalid` when a document there cannot be read
 */
export async function readPublishedDirectory(directory: string): Promise<PublishedDirectory> {
  const at = (path: string): string => join(directory, path);
  const configuration = await textAt(at(wellKnownPaths.configuration));
  const sets: ReadKeySet[] = [];
  for (const path of [at(wellKnownPaths.jwks), at(wellKnownPaths.jwksJson)]) {
    const text = await textAt(path);
    if (text !== null) sets.push(keySetIn(text, path));
  }
  return {
    issuer: configuration === null ? null : issuerIn(configuration, at(wellKnownPaths.configuration)),
    keySet: sets.length === 0 ? null : joined(sets),
  };
}

/** Writes the key set under both names, then, if given, the discovery document: never a pointer to keys that are not there. */
export async function writePublishedDirectory(
  directory: string,
  documents: { jwks: string; configuration?: string },
): Promise<readonly string[]> {
  const files = [
    [wellKnownPaths.jwks, documents.jwks],
    [wellKnownPaths.jwksJson, documents.jwks],
    ...(documents.configuration === undefined ? [] : [[wellKnownPaths.configuration, documents.configuration]]),
  ].map(([path, text]) => [join(directory, path!), text!] as const);
  const folder = join(directory, '.well-known');
  await makeDirectories(folder, 0o755).catch((error: unknown) => {
    throw fileFailure('make', folder, error);
  });
  for (const [path, text] of files) await writePublicFile(path, text);
  return files.map(([path]) => path);
}

async function textAt(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw fileFailure('read', path, error);
  }
}

function keySetIn(text: string, path: string): ReadKeySet {
  try {
    return readKeySet(text);
  } catch {
    throw notOurs(path, `${path} is not a key set`);
  }
}

function issuerIn(text: string, path: string): string {
  try {
    const issuer = (parseStrictJson(text) as { issuer?: unknown } | null)?.issuer;
    if (typeof issuer === 'string') return issuer;
  } catch {
    // Said below.
  }
  throw notOurs(path, `${path} is not a discovery document`);
}

function joined(sets: readonly ReadKeySet[]): ReadKeySet {
  return {
    entries: oncePerKid(sets.flatMap((set) => set.entries)),
    keys: oncePerKid(sets.flatMap((set) => set.keys)),
    problems: [...new Set(sets.flatMap((set) => set.problems))],
  };
}

function oncePerKid<T extends { readonly kid?: unknown }>(keys: readonly T[]): readonly T[] {
  return keys.filter((key, index) => keys.findIndex((other) => other.kid === key.kid) === index);
}

function notOurs(where: string, what: string): AppError {
  return new AppError('directory_invalid', { what, where, mend: 'choose another directory, or move the file away' });
}
