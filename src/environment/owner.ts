import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { bootId, isRunning, noteProcess, pidNamespace, type ProcessNote } from './process-table.ts';

/** The part of a private directory that is Hallpass' own: its note and raw output. Hidden from the child under `mask`. */
export const ownPart = '.hallpass';

const processSchema = z.object({ pid: z.number().int().positive(), startTime: z.string() });

const ownerSchema = z.object({
  bootId: z.string(),
  pidNamespace: z.string(),
  createdAt: z.string(),
  lease: z.string(),
  hallpass: processSchema,
  /** The process that Hallpass started: the command, or bubblewrap around it. */
  child: processSchema.nullable(),
  /** Under `mask`: process 1 of the namespace. With its death all others in it end. */
  init: processSchema.nullable(),
  /** Under `mask`: the command itself, seen from outside. */
  command: processSchema.nullable(),
  /**
   * The phase's directory on disk. Whoever clears up takes its lock, whichever directory was found first: an orphan must
   * be interrupted once.
   */
  diskDirectory: z.string(),
  /** The phase's private directory; empty until there is one. */
  directory: z.string(),
  /** TMPDIR of the phase: its processes carry it in their environment. */
  temporaryDirectory: z.string(),
  /** When whoever clears up has asked an orphan to stop; it is asked once, since twice means at once. */
  interruptedAt: z.string().nullable(),
});

/** Who holds a private directory, and which processes it has started there. */
export type OwnerNote = z.infer<typeof ownerSchema>;

/** A first note, about this process. */
export function ownerNote(about: { lease: string; now: Date }): OwnerNote {
  return {
    bootId: bootId(),
    pidNamespace: pidNamespace(),
    createdAt: about.now.toISOString(),
    lease: about.lease,
    hallpass: noteProcess(process.pid) ?? { pid: process.pid, startTime: '' },
    child: null,
    init: null,
    command: null,
    diskDirectory: '',
    directory: '',
    temporaryDirectory: '',
    interruptedAt: null,
  };
}

/** Reads the note of a private directory; null when there is none, or it cannot be read. */
export async function readOwner(directory: string): Promise<OwnerNote | null> {
  try {
    const text = await readFile(join(directory, ownPart, 'owner.json'), 'utf8');
    return ownerSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** Writes the note so that a reader sees the old or the new one, never a part. */
export async function writeOwner(directory: string, note: OwnerNote): Promise<void> {
  const path = join(directory, ownPart, 'owner.json');
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, JSON.stringify(note), { mode: 0o600 });
  await rename(temporary, path);
}

/** No phase may last longer than this, so an owner that cannot be asked is taken for gone after it. */
const longestPhaseMilliseconds = 24 * 60 * 60 * 1000;

/**
 * Whether the Hallpass process that holds a directory still runs. From another container its processes cannot be seen,
 * so there it counts as running for as long as a phase may last.
 */
export function ownerIsAlive(note: OwnerNote, now: Date): boolean {
  if (note.bootId !== bootId()) return false;
  if (note.pidNamespace !== pidNamespace()) {
    return now.getTime() - Date.parse(note.createdAt) < longestPhaseMilliseconds;
  }
  return isRunning(note.hallpass);
}

/** Whether two notes are of one phase. */
export function isSamePhase(one: OwnerNote, other: OwnerNote | null): boolean {
  return (
    other !== null &&
    one.createdAt === other.createdAt &&
    one.hallpass.pid === other.hallpass.pid &&
    one.hallpass.startTime === other.hallpass.startTime
  );
}

/** The command that an owner has started, seen from here. */
export function commandOf(note: OwnerNote): ProcessNote | null {
  return note.command ?? note.child;
}
