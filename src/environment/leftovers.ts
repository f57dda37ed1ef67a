import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { AuditLog } from '../audit/log.ts';
import { withLock } from '../files/lock.ts';
import { findBase, findDiskBases, isDiskBase } from './base-directory.ts';
import { isSlotName, removeSlot, slotState } from './directory.ts';
import { commandOf, isSamePhase, ownPart, readOwner, writeOwner, type OwnerNote } from './owner.ts';
import { platforms as allPlatforms } from '../platforms/index.ts';
import type { Platform } from '../platforms/platform.ts';
import type { EnvironmentSettings, PhaseEvent } from './phase.ts';
import {
  bootId,
  isRunning,
  pidNamespace,
  processesOfPhase,
  signalProcess,
  topmost,
  until,
  type ProcessNote,
} from './process-table.ts';
import { keyPlaces } from './revocation-key.ts';
import { revokeNoted, revokeWaiting, type LeftRevocationsWorld } from './revocations-left.ts';

export interface LeftoversOptions {
  readonly settings: Pick<EnvironmentSettings, 'runDirectory' | 'parentEnvironment'>;
  readonly audit: AuditLog;
  readonly now: () => Date;
  readonly fetch: typeof fetch;
  readonly report: (event: PhaseEvent) => void;
  /** How long an interrupted command may take to stop in order; 10 s by default. */
  readonly graceMilliseconds?: number;
  /** Default: all that there are. */
  readonly platforms?: readonly Platform[];
}

/** What was cleared. */
export interface ClearedLeftovers {
  readonly directories: readonly string[];
  /** Commands that still ran without their Hallpass and were ended. */
  readonly orphans: number;
}

/**
 * Clears what a killed Hallpass has left: its command is interrupted, and after 10 s killed; then the credentials that it
 * has noted are ended at their platforms, and its private directories removed. What belongs to a living Hallpass, or to another user, is never touched. Several may do it at once.
 */
export async function clearLeftovers(options: LeftoversOptions): Promise<ClearedLeftovers> {
  const all: ClearedLeftovers[] = [];
  for (const directory of await deadDirectories(options)) {
    all.push(await clearDead(directory, options).catch((error: unknown) => notCleared(directory, error, options)));
  }
  const cleared = {
    directories: all.flatMap(({ directories }) => directories),
    orphans: all.reduce((sum, { orphans }) => sum + orphans, 0),
  };
  await tell(options, cleared);
  await revokeWaiting(await revocationWorld(options));
  return cleared;
}

async function revocationWorld(options: LeftoversOptions): Promise<LeftRevocationsWorld> {
  const { audit, now, report, settings, platforms = allPlatforms } = options;
  return {
    platforms,
    fetch: options.fetch,
    now,
    audit,
    report,
    keyPlaces: keyPlaces(settings.parentEnvironment),
    base: await findBase(settings.runDirectory),
  };
}

/** One that cannot be cleared, damaged or forged, keeps nobody from working, but is told each time. */
function notCleared(directory: string, error: unknown, { report }: LeftoversOptions): ClearedLeftovers {
  report({
    type: 'warning',
    text: `what a dead phase left in ${directory} could not be cleared: ${(error as Error).message}`,
    mend: `look into it, then remove it: rm -r ${directory}`,
  });
  return nothing;
}

/** Clears one private directory whose owner is dead; for whoever needs its name. */
export async function clearSlot(directory: string, options: LeftoversOptions): Promise<void> {
  await tell(options, await clearDead(directory, options));
}

async function tell(options: LeftoversOptions, cleared: ClearedLeftovers): Promise<void> {
  if (cleared.directories.length === 0) return;
  options.report({
    type: 'leftovers_cleared',
    directories: cleared.directories,
    interrupted: cleared.orphans > 0,
  });
  await options.audit.append({
    type: 'leftovers_cleared',
    outcome: 'ok',
    actor: null,
    workload: null,
    lease: null,
    known_by: 'runner',
    directories: cleared.directories,
    orphans: cleared.orphans,
  });
}

/**
 * Dead directories in the base, and on disk those that go with it: with another `HALLPASS_RUN_DIR` a phase is another
 * one's to clear.
 */
async function deadDirectories({ settings, now }: LeftoversOptions): Promise<string[]> {
  const base = await findBase(settings.runDirectory);
  const inBase = base === null ? [] : await slotsIn(base);
  const onDisk = (await Promise.all((await findDiskBases()).map(slotsIn))).flat();
  const dead: string[] = [];
  for (const directory of [...inBase, ...onDisk]) {
    if ((await slotState(directory, now())) !== 'dead') continue;
    const partner = (await readOwner(directory))?.directory ?? '';
    const isElsewhere = partner !== '' && dirname(partner) !== base;
    if (!isElsewhere || (await slotState(partner, now())) === 'gone') dead.push(directory);
  }
  return dead;
}

async function slotsIn(base: string): Promise<string[]> {
  const names = await readdir(base).catch(() => []);
  return names.filter(isSlotName).map((name) => join(base, name));
}

const nothing: ClearedLeftovers = { directories: [], orphans: 0 };

/**
 * Clears a dead phase, whichever of its directories was found, under one lock: its orphan must be asked once, since
 * Terraform takes a second interrupt for "at once".
 */
async function clearDead(found: string, options: LeftoversOptions): Promise<ClearedLeftovers> {
  const { now } = options;
  const note = await readOwner(found);
  const onDisk = note?.diskDirectory ?? '';
  const main = onDisk !== '' && (await slotState(onDisk, now())) === 'dead' ? onDisk : found;
  if ((await readOwner(main)) === null) return removeUnowned(main, now);
  try {
    return await withLock(join(main, ownPart, 'clear.lock'), () => clearLocked(main, options));
  } catch (error) {
    // Somebody else has removed it before we could lock it.
    if ((await slotState(main, now())) !== 'dead') return nothing;
    throw error;
  }
}

/** Half made, half removed, or damaged: nothing runs there. */
async function removeUnowned(directory: string, now: () => Date): Promise<ClearedLeftovers> {
  if ((await slotState(directory, now())) !== 'dead') return nothing;
  await removeSlot(directory);
  return { directories: [directory], orphans: 0 };
}

async function clearLocked(main: string, options: LeftoversOptions): Promise<ClearedLeftovers> {
  const note = await readOwner(main);
  if (note === null || (await slotState(main, options.now())) !== 'dead') return nothing;
  const orphans = await endOrphans(main, note, options);
  await revokeNoted(note, main, await revocationWorld(options));
  const directories: string[] = [];
  // The one whose lock we hold goes last: while it is there, nobody takes another for the only one.
  for (const directory of new Set([note.directory, main])) {
    if (!isSlotName(basename(directory)) || !isSamePhase(note, await readOwner(directory))) continue;
    await removeSlot(directory);
    directories.push(directory);
  }
  return { directories, orphans };
}

const graceMilliseconds = 10_000;
/** Each look goes through all processes. */
const lookMilliseconds = 100;

/** Interrupts what still runs, once, and after the grace kills the rest. */
async function endOrphans(directory: string, note: OwnerNote, options: LeftoversOptions): Promise<number> {
  if (note.bootId !== bootId() || note.pidNamespace !== pidNamespace()) return 0;
  const temporaryDirectory = (await isPhaseDirectory(note.temporaryDirectory)) ? note.temporaryDirectory : null;
  const left = (): readonly ProcessNote[] => remaining(note, temporaryDirectory);
  if (left().length === 0) return 0;
  if (note.interruptedAt === null) {
    await writeOwner(directory, { ...note, interruptedAt: options.now().toISOString() });
    const command = commandOf(note);
    const asked = command !== null && signalProcess(command, 'SIGINT');
    // Killed before it could note the command, or the command has ended. Terraform's plugins must outlive it.
    if (!asked) for (const one of topmost(left())) signalProcess(one, 'SIGINT');
  }
  const isOver = (): boolean => left().length === 0;
  await until(isOver, options.graceMilliseconds ?? graceMilliseconds, lookMilliseconds);
  for (const one of left()) signalProcess(one, 'SIGKILL');
  await until(isOver, 1000, lookMilliseconds);
  return 1;
}

/** Only a TMPDIR of ours tells a phase's processes: a forged note could name one that all of the user's share. */
async function isPhaseDirectory(temporaryDirectory: string): Promise<boolean> {
  const slot = dirname(temporaryDirectory);
  return isSlotName(basename(slot)) && (await isDiskBase(dirname(slot)));
}

/** A session is looked at only while its leader lives: later its number may be another's. */
function remaining(note: OwnerNote, temporaryDirectory: string | null): readonly ProcessNote[] {
  const noted = [note.command, note.init, note.child].filter((one) => one !== null && isRunning(one)) as ProcessNote[];
  const session = note.child !== null && isRunning(note.child) ? note.child.pid : null;
  const found = processesOfPhase(session, temporaryDirectory);
  return [...noted, ...found.filter((one) => !noted.some((other) => other.pid === one.pid))];
}
