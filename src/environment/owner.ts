import { randomBytes } from 'node:crypto';
import { lstat, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readPrivateFile } from '../files/private-file.ts';
import { bootId, isRunning, noteProcess, pidNamespace, type ProcessNote } from './process-table.ts';

/** The part of a private directory that is Hallpass' own: its note and raw output. Hidden from the child under `mask`. */
export const ownPart = '.hallpass';

/** Who holds a private directory, and which processes it has started there. */
export interface OwnerNote {
  readonly bootId: string;
  readonly pidNamespace: string;
  readonly createdAt: string;
  readonly lease: string;
  readonly hallpass: ProcessNote;
  /** The process that Hallpass started: the command, or bubblewrap around it. */
  readonly child: ProcessNote | null;
  /** Under `mask`: process 1 of the namespace. With its death all others in it end. */
  readonly init: ProcessNote | null;
  /** Under `mask`: the command itself, seen from outside. */
  readonly command: ProcessNote | null;
  /**
   * The phase's directory on disk. Whoever clears up takes its lock, whichever directory was found first: an orphan must
   * be interrupted once.
   */
  readonly diskDirectory: string;
  /** The phase's private directory; empty until there is one. */
  readonly directory: string;
  /** TMPDIR of the phase: its processes carry it in their environment. */
  readonly temporaryDirectory: string;
  /** When whoever clears up has asked an orphan to stop; it is asked once, since twice means at once. */
  readonly interruptedAt: string | null;
}

/** What each member of a note must be. By hand: every command that opens a phase loads this file. */
const members: Readonly<Record<keyof OwnerNote, (value: unknown) => boolean>> = {
  bootId: isText,
  pidNamespace: isText,
  createdAt: isText,
  lease: isText,
  hallpass: isProcess,
  child: orNull(isProcess),
  init: orNull(isProcess),
  command: orNull(isProcess),
  diskDirectory: isText,
  directory: isText,
  temporaryDirectory: isText,
  interruptedAt: orNull(isText),
};

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

/** Number 0 and below would mean groups of processes. */
function isProcess(value: unknown): boolean {
  const { pid, startTime } = (value ?? {}) as Partial<ProcessNote>;
  return Number.isInteger(pid) && pid! > 0 && isText(startTime);
}

function orNull(check: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => value === null || check(value);
}

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

/**
 * Reads the note of a private directory; null when there is none, or it cannot be read. Follows no links: a command could
 * have made a directory that looks like one of ours, to have its next reader or writer reach what it cannot.
 */
export async function readOwner(directory: string): Promise<OwnerNote | null> {
  try {
    if (!(await lstat(join(directory, ownPart))).isDirectory()) return null;
    const text = await readPrivateFile(join(directory, ownPart, 'owner.json'), 'the note of a phase');
    const note = JSON.parse(text) as Record<string, unknown>;
    const isWhole = Object.entries(members).every(([name, check]) => check(note[name]));
    return isWhole ? (note as unknown as OwnerNote) : null;
  } catch {
    return null;
  }
}

/** Writes the note so that a reader sees the old or the new one, never a part. Writes through no link. */
export async function writeOwner(directory: string, note: OwnerNote): Promise<void> {
  const path = join(directory, ownPart, 'owner.json');
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  await writeFile(temporary, JSON.stringify(note), { mode: 0o600, flag: 'wx' });
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
