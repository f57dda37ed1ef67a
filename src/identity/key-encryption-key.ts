import { createHash, randomBytes } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { AppError } from '../domain/errors.ts';
import { errnoOf } from '../files/file-failure.ts';
import { withLock } from '../files/lock.ts';
import {
  createPrivateFile,
  openShelteringDirectory,
  readPrivateFileIfThere,
  writePrivateFile,
} from '../files/private-file.ts';

/** A key that encrypts signing keys at rest: 256 random bits. */
export interface KeyEncryptionKey {
  /** Tells keys apart without giving anything away. */
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** Where the key-encryption key lies, and the directory that it must not lie in. */
export interface KeyEncryptionKeyPlace {
  readonly file: string;
  readonly dataDirectory: string;
}

const what = 'the key-encryption key';
const line = /^[A-Za-z0-9_-]{43}$/;

/**
 * Reads the key-encryption keys. The file holds one key, base64url, on its first line; further lines are earlier ones,
 * by which other data directories may still be encrypted.
 *
 * @returns the current key first; empty when there is no such file
 * @throws {AppError} `key_encryption_key_invalid`, `data_directory_insecure`
 */
export async function readKeyEncryptionKeys(place: KeyEncryptionKeyPlace): Promise<readonly KeyEncryptionKey[]> {
  await refuseInsideDataDirectory(place);
  const text = await readPrivateFileIfThere(place.file, what);
  return text === null ? [] : parseKeys(text, place.file);
}

/** Like {@link readKeyEncryptionKeys}, but makes a key where there is none. Two that do so at once get the same one. */
export async function ensureKeyEncryptionKey(place: KeyEncryptionKeyPlace): Promise<KeyEncryptionKey> {
  const [current] = await readKeyEncryptionKeys(place);
  if (current !== undefined) return current;
  await openShelteringDirectory(dirname(place.file), `the directory of ${what}`);
  try {
    await createPrivateFile(place.file, [rendered([newKey()])]);
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'file_exists')) throw error;
  }
  return (await readKeyEncryptionKeys(place))[0]!;
}

/**
 * Puts a new key in front; the earlier ones stay below it, so that whatever they encrypt can be read at every moment.
 * Gives the new key back.
 */
export async function addKeyEncryptionKey(place: KeyEncryptionKeyPlace): Promise<KeyEncryptionKey> {
  return underLock(place, async () => {
    const key = newKey();
    await writePrivateFile(place.file, rendered([key, ...(await readKeyEncryptionKeys(place))]));
    return key;
  });
}

/** Takes every key but the current one out of the file. */
export async function forgetEarlierKeys(place: KeyEncryptionKeyPlace): Promise<void> {
  await underLock(place, async () => {
    const [current] = await readKeyEncryptionKeys(place);
    if (current !== undefined) await writePrivateFile(place.file, rendered([current]));
  });
}

/** The file may serve several data directories, so their own locks are not enough. */
async function underLock<T>(place: KeyEncryptionKeyPlace, work: () => Promise<T>): Promise<T> {
  await openShelteringDirectory(dirname(place.file), `the directory of ${what}`);
  return withLock(`${place.file}.lock`, work);
}

function parseKeys(contents: string, file: string): readonly KeyEncryptionKey[] {
  const lines = contents.trim().split('\n');
  if (lines.every((entry) => line.test(entry)))
    return lines.map((entry) => identified(Buffer.from(entry, 'base64url')));
  throw new AppError('key_encryption_key_invalid', {
    what: `${what} in ${file} is damaged: it must be 43 characters of base64url`,
    where: file,
    mend: 'restore the file; if it is lost, so are the signing keys: "hallpass keys compromise --all" makes new ones',
  });
}

function identified(bytes: Uint8Array): KeyEncryptionKey {
  const digest = createHash('sha256').update('hallpass key-encryption key v1\n').update(bytes).digest('base64url');
  return { id: digest.slice(0, 16), bytes };
}

function newKey(): KeyEncryptionKey {
  return identified(randomBytes(32));
}

function rendered(keys: readonly KeyEncryptionKey[]): string {
  return keys.map(({ bytes }) => `${Buffer.from(bytes).toString('base64url')}\n`).join('');
}

/** Beside the data it protects, the key would protect nothing: a copy of the one would be a copy of both. */
async function refuseInsideDataDirectory({ file, dataDirectory }: KeyEncryptionKeyPlace): Promise<void> {
  const [lies, data] = await Promise.all([realPath(file), realPath(dataDirectory)]);
  if (lies !== data && !lies.startsWith(data.endsWith(sep) ? data : data + sep)) return;
  throw new AppError('key_encryption_key_invalid', {
    what: `${what} ${file} lies in the data directory ${dataDirectory}, which it is to protect`,
    where: file,
    mend: 'keep it elsewhere, and name the place with HALLPASS_KEK_FILE',
  });
}

/** The path without links, as far down as it exists. */
async function realPath(path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    return await realpath(absolute);
  } catch (error) {
    const parent = dirname(absolute);
    if (errnoOf(error) !== 'ENOENT' || parent === absolute) return absolute;
    return join(await realPath(parent), basename(absolute));
  }
}
