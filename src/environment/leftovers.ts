import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuditLog } from '../audit/log.ts';
import { withLock } from '../files/lock.ts';
import { findBase, findDiskBases } from './base-directory.ts';
import { isSlotName, removeSlot, slotState } from './directory.ts';
import { commandOf, ownPart, readOwner, writeOwner, type OwnerNote } from './owner.ts';
import type { EnvironmentSettings, PhaseEvent } from './phase.ts';
import {
  bootId,
  isRunning,
  pidNamespace,
  processesOfPhase,
  signalProcess,
  until,
  type ProcessNote,
} from './process-table.ts';

export interface LeftoversOptions {
  readonly settings: Pick<EnvironmentSettings, 'runDirectory'>;
  readonly audit: AuditLog;
  readonly now: () => Date;
  readonly report: (event: PhaseEvent) => void;
}

/** What was cleared. */
export interface ClearedLeftovers {
  readonly directories: readonly string[];
  /** Commands that still ran without their Hallpass and were ended. */
  readonly orphans: number;
}

/**
 * Clears what a killed Hallpass has left: its command is interrupted, and after 10 s killed; then its private directories
 * are removed. What belongs to a living Hallpass, or to another user, is never touched. Several may do it at once.
 */
export async function clearLeftovers(options: LeftoversOptions): Promise<ClearedLeftovers> {
  const directories: string[] = [];
  let orphans = 0;
  for (const directory of await privateDirectories(options)) {
    if ((await slotState(directory, options.now())) !== 'dead') continue;
    const cleared = await clearDead(directory, options.now);
    if (cleared === null) continue;
    directories.push(directory);
    orphans += cleared.orphans;
  }
  await tell(options, { directories, orphans });
  return { directories, orphans };
}

/** Clears one private directory whose owner is dead; for whoever needs its name. */
export async function clearSlot(directory: string, options: LeftoversOptions): Promise<void> {
  const cleared = await clearDead(directory, options.now);
  if (cleared !== null) await tell(options, { directories: [directory], orphans: cleared.orphans });
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

async function privateDirectories({ settings }: LeftoversOptions): Promise<string[]> {
  const main = await findBase(settings.runDirectory);
  const bases = [...(main === null ? [] : [main]), ...(await findDiskBases())];
  const found: string[] = [];
  for (const base of bases) {
    const names = await readdir(base).catch(() => []);
    found.push(...names.filter(isSlotName).map((name) => join(base, name)));
  }
  return found;
}

/** Under the directory's own lock, so that an orphan is asked once: Terraform takes a second interrupt for "at once". */
async function clearDead(directory: string, now: () => Date): Promise<{ orphans: number } | null> {
  try {
    return await withLock(
      join(directory, ownPart, 'clear.lock'),
      async () => {
        if ((await slotState(directory, now())) !== 'dead') return null;
        const note = await readOwner(directory);
        const orphans = note === null ? 0 : await endOrphans(directory, note, now);
        await removeSlot(directory);
        return { orphans };
      },
      { waitMilliseconds: 20_000 },
    );
  } catch (error) {
    // Somebody else has removed it before we could lock it.
    if ((await slotState(directory, now())) === 'gone') return null;
    if ((await readOwner(directory)) !== null) throw error;
    await removeSlot(directory);
    return { orphans: 0 };
  }
}

const graceMilliseconds = 10_000;

/** Interrupts what still runs, once, and after the grace kills the rest. */
async function endOrphans(directory: string, note: OwnerNote, now: () => Date): Promise<number> {
  if (note.bootId !== bootId() || note.pidNamespace !== pidNamespace()) return 0;
  const left = (): readonly ProcessNote[] => remaining(note);
  if (left().length === 0) return 0;
  if (note.interruptedAt === null) {
    await writeOwner(directory, { ...note, interruptedAt: now().toISOString() });
    const command = commandOf(note);
    const asked = command !== null && signalProcess(command, 'SIGINT');
    if (!asked) for (const one of left()) signalProcess(one, 'SIGTERM');
  }
  await until(() => left().length === 0, graceMilliseconds);
  for (const one of left()) signalProcess(one, 'SIGKILL');
  await until(() => left().length === 0, 1000);
  return 1;
}

/** A session is looked at only while its leader lives: later its number may be another's. */
function remaining(note: OwnerNote): readonly ProcessNote[] {
  const noted = [note.command, note.init, note.child].filter((one) => one !== null && isRunning(one)) as ProcessNote[];
  const session = note.child !== null && isRunning(note.child) ? note.child.pid : null;
  const found = processesOfPhase(session, note.temporaryDirectory);
  return [...noted, ...found.filter((one) => !noted.some((other) => other.pid === one.pid))];
}
