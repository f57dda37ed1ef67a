import { createHash, randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { readPrivateFile } from '../files/private-file.ts';
import { checkedBase, isOurs, isRam } from './base-directory.ts';
import { writeSecretFile } from './directory.ts';
import type { OwnerNote } from './owner.ts';

/**
 * Where keys of revocation notes may lie: on file systems that are RAM, so that a copy of the disk, or the disk after a
 * restart, holds notes without their keys. Best first.
 */
export function keyPlaces(parentEnvironment: Readonly<Record<string, string>>): readonly string[] {
  const runtime = parentEnvironment['XDG_RUNTIME_DIR'];
  const places = [...(runtime && isAbsolute(runtime) ? [runtime] : []), `/run/user/${process.getuid!()}`, '/dev/shm'];
  return [...new Set(places)];
}

/**
 * Makes this user's directory for keys (0700) in the first place that is RAM and that nobody else can replace. It stays
 * when it is empty: a mask that hides it would not hide one that is made later.
 *
 * @returns its absolute real path; null where there is no such place
 */
export async function openKeyDirectory(places: readonly string[]): Promise<string | null> {
  for (const place of places) {
    const directory = await keyDirectoryIn(place);
    if (directory === null) continue;
    await mkdir(directory, { mode: 0o700 }).catch(() => undefined);
    if (await isUsable(directory)) return directory;
  }
  return null;
}

/** The directories for keys that are there: an earlier phase may have had another `XDG_RUNTIME_DIR`. */
export async function findKeyDirectories(places: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const place of places) {
    const directory = await keyDirectoryIn(place);
    if (directory !== null && (await isUsable(directory))) found.push(directory);
  }
  return found;
}

async function keyDirectoryIn(place: string): Promise<string | null> {
  try {
    const real = await checkedBase(place);
    return (await isRam(real)) ? join(real, `hallpass-keys-${process.getuid!()}`) : null;
  } catch {
    return null;
  }
}

async function isUsable(directory: string): Promise<boolean> {
  return (await isOurs(directory)) && (await isRam(directory));
}

/** The name of a phase's key. It follows from the owner's note, so that whoever clears up finds the key without notes. */
export function keyNameOf(note: OwnerNote): string {
  const parts = [note.bootId, note.diskDirectory, note.createdAt, note.hallpass.pid, note.hallpass.startTime];
  return createHash('sha256')
    .update(`hallpass revocation key v1\n${parts.join('\n')}`)
    .digest('hex')
    .slice(0, 32);
}

/** Whether a text is such a name, and so no path. */
export function isKeyName(name: unknown): name is string {
  return typeof name === 'string' && /^[0-9a-f]{32}$/.test(name);
}

/** Makes a key of 256 bits. */
export async function makeKey(directory: string, name: string): Promise<Buffer> {
  const key = randomBytes(32);
  await writeSecretFile(join(directory, name), key.toString('hex'));
  return key;
}

/** Reads a key, from whichever directory holds it; null when none does, as after a restart of the machine. */
export async function readKey(directories: readonly string[], name: string): Promise<Buffer | null> {
  for (const directory of directories) {
    try {
      const text = await readPrivateFile(join(directory, name), 'the key of a revocation note');
      const key = Buffer.from(text, 'hex');
      if (key.length === 32) return key;
    } catch {
      // Not there, or not as we made it: the next one.
    }
  }
  return null;
}

/** Removes a key wherever it may lie, as far as it can be. */
export async function removeKey(directories: readonly string[], name: string): Promise<void> {
  for (const directory of directories) await rm(join(directory, name), { force: true }).catch(() => undefined);
}
