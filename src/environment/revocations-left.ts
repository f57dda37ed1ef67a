import { lstat, mkdir, readdir, rmdir, unlink, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readPrivateFile } from '../files/private-file.ts';
import { isOurs } from './base-directory.ts';
import { writeSecretFile } from './directory.ts';
import { ownPart, type OwnerNote } from './owner.ts';
import { findKeyDirectories, keyNameOf, readKey, removeKey } from './revocation-key.ts';
import { openNote, readNote, type SealedNote } from './revocation-note.ts';
import { revoke, tellRevocation, type Revocable, type RevocationWorld } from './revoke.ts';

/** For all notes found together: a platform that is down keeps nobody from working. */
const limitMilliseconds = 5000;
/** Certificates make the longest ones. Longer than any is none of ours. */
const longestNote = 1_000_000;
/** A note that waits is not tried with every command. */
const pauseMilliseconds = 60_000;

/**
 * Where notes wait whose platform could not be reached: beside the private directories, since whoever has another
 * `HALLPASS_RUN_DIR` clears other phases.
 */
export function waitingDirectory(base: string): string {
  return join(base, `hallpass-revocations-${process.getuid!()}`);
}

/** Moves a note to where following commands find it; says whether it lies there now. */
export async function keepForLater(file: string, base: string): Promise<boolean> {
  const directory = waitingDirectory(base);
  try {
    const text = await readPrivateFile(file, noteName);
    await mkdir(directory, { mode: 0o700 }).catch(() => undefined);
    if (!(await isOurs(directory))) return false;
    await writeSecretFile(join(directory, basename(file)), text);
    await unlink(file);
    return true;
  } catch {
    return false;
  }
}

const noteName = 'a revocation note';

/** What clearing up needs beyond the world: where keys may lie. */
export interface LeftRevocationsWorld extends RevocationWorld {
  /** @see keyPlaces */
  readonly keyPlaces: readonly string[];
  /** Where private directories lie; null where nothing is there yet. */
  readonly base: string | null;
}

/**
 * Ends the credentials that a dead phase has noted, before its directories are removed. Throws nothing.
 */
export async function revokeNoted(note: OwnerNote, directory: string, world: LeftRevocationsWorld): Promise<void> {
  const files = await notesIn(join(directory, ownPart));
  const keys = await findKeyDirectories(world.keyPlaces);
  const key = keyNameOf(note);
  const means = { world, keys, stop: AbortSignal.timeout(limitMilliseconds) };
  const ends = await Promise.all(
    files.map(async (file) => {
      const found = await readSealed(file);
      // A note is about the phase in whose directory it lies; one that was carried here is damaged.
      const own = found?.facts.key === key ? found : null;
      return settle(file, own, means, async () => world.base !== null && keepForLater(file, world.base));
    }),
  );
  if (!ends.some(({ isKept }) => isKept)) await removeKey(keys, key);
}

/** Tries the notes again whose platforms could not be reached before, until their credentials have ended by themselves. */
export async function revokeWaiting(world: LeftRevocationsWorld): Promise<void> {
  if (world.base === null) return;
  const directory = waitingDirectory(world.base);
  const files = await notesIn(directory);
  if (files.length === 0) return;
  const keys = await findKeyDirectories(world.keyPlaces);
  const means = { world, keys, stop: AbortSignal.timeout(limitMilliseconds) };
  const ends = await Promise.all(files.map((file) => tryAgain(file, means)));
  const left = await Promise.all((await notesIn(directory)).map(readSealed));
  const needed = new Set(left.map((note) => note?.facts.key));
  for (const { key } of ends) if (key !== null && !needed.has(key)) await removeKey(keys, key);
  await rmdir(directory).catch(() => undefined);
}

async function notesIn(directory: string): Promise<readonly string[]> {
  // The child of another phase, without a mask, could have put a link in its place.
  if (!(await isOurs(directory))) return [];
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => /^[0-9a-f]{16}\.revocation$/.test(name)).map((name) => join(directory, name));
}

async function readSealed(file: string): Promise<SealedNote | null> {
  try {
    if ((await lstat(file)).size > longestNote) return null;
    return readNote(await readPrivateFile(file, noteName));
  } catch {
    return null;
  }
}

async function tryAgain(file: string, means: Means): Promise<Settled> {
  const now = means.world.now();
  const found = await lstat(file).catch(() => null);
  if (found === null) return untouched;
  const note = await readSealed(file);
  const isEarly = Math.abs(now.getTime() - found.mtimeMs) < pauseMilliseconds;
  if (note !== null && isEarly && !hasEnded(note, now)) return untouched;
  return settle(file, note, means, () =>
    utimes(file, now, now).then(
      () => true,
      () => false,
    ),
  );
}

interface Means {
  readonly world: RevocationWorld;
  readonly keys: readonly string[];
  readonly stop: AbortSignal;
}

interface Settled {
  /** The note waits for a following command. */
  readonly isKept: boolean;
  /** Name of the key that has opened it. */
  readonly key: string | null;
}

const untouched: Settled = { isKept: true, key: null };

/** Does what can be done about one note, and tells it. */
async function settle(
  file: string,
  note: SealedNote | null,
  { world, keys, stop }: Means,
  keep: () => Promise<boolean>,
): Promise<Settled> {
  if (note === null) return drop(file, unknown, 'its note is damaged', world);
  const key = await readKey(keys, note.facts.key);
  const text = key === null ? null : openNote(note, key);
  const opened = text === null ? null : note.facts.key;
  if (hasEnded(note, world.now())) {
    await unlink(file).catch(() => undefined);
    return { isKept: false, key: opened };
  }
  // Nobody vouches for what such a note says: only what cannot be anything else is told.
  const { platform, expiresAt } = note.facts;
  const unproved = { ...unknown, platform: world.platforms.some(({ id }) => id === platform) ? platform : 'unknown' };
  if (key === null) {
    const moment = expiresAt === null ? null : new Date(expiresAt).toISOString();
    return drop(file, { ...unproved, expiresAt: moment }, 'the key of its note is gone, as after a restart', world);
  }
  if (text === null) return drop(file, unproved, 'its note is damaged', world);
  const failure = await revoke(note.facts, text, world, stop);
  if (failure?.mayPass === true && (await keep())) {
    await tellRevocation(note.facts, { ...failure, triedAgain: true }, world);
    return { isKept: true, key: opened };
  }
  // Two that clear at once may both revoke, which is no harm; one of them tells.
  if (await removed(file)) {
    await tellRevocation(note.facts, failure === null ? null : { ...failure, triedAgain: false }, world);
  }
  return { isKept: false, key: opened };
}

const unknown: Revocable = { platform: 'unknown', tag: null, offered: null, expiresAt: null, by: null };

async function drop(file: string, one: Revocable, reason: string, world: RevocationWorld): Promise<Settled> {
  if (await removed(file)) await tellRevocation(one, { reason, mayPass: false, triedAgain: false }, world);
  return { isKept: false, key: null };
}

async function removed(file: string): Promise<boolean> {
  return unlink(file).then(
    () => true,
    () => false,
  );
}

function hasEnded({ facts }: SealedNote, now: Date): boolean {
  // Those without an end are tried for as long as their key is there.
  return facts.expiresAt !== null && Date.parse(facts.expiresAt) <= now.getTime();
}
