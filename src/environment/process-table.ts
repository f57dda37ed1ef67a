import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessNote {
  readonly pid: number;
  /** Field 22 of `/proc/PID/stat`: clock ticks since boot; empty where there is no `/proc`. */
  readonly startTime: string;
}

interface ProcessState extends ProcessNote {
  readonly parent: number;
  readonly session: number;
  /** Ended, but not yet collected by its parent. */
  readonly isOver: boolean;
}

/** Notes a running process; null when there is none with this number, or it is over. */
export function noteProcess(pid: number): ProcessNote | null {
  const state = processState(pid);
  return state === null || state.isOver ? null : { pid, startTime: state.startTime };
}

/** Whether the noted process, and not another with its number, still runs. */
export function isRunning(note: ProcessNote): boolean {
  const state = processState(note.pid);
  return state !== null && !state.isOver && state.startTime === note.startTime;
}

/** Sends a signal to exactly the noted process; says whether it was there. */
export function signalProcess(note: ProcessNote, signal: NodeJS.Signals): boolean {
  if (!isRunning(note)) return false;
  try {
    return process.kill(note.pid, signal);
  } catch {
    return false;
  }
}

/** Direct children, oldest first. */
export function childrenOf(pid: number): readonly ProcessNote[] {
  const listed = readText(`/proc/${pid}/task/${pid}/children`);
  if (listed !== null) {
    return listed
      .split(' ')
      .filter((text) => text !== '')
      .flatMap((text) => noteProcess(Number(text)) ?? []);
  }
  return allProcesses()
    .filter((state) => state.parent === pid && !state.isOver)
    .map(({ pid: child, startTime }) => ({ pid: child, startTime }));
}

/**
 * The processes that a phase has left behind: those of the session that its child led, and those that carry the
 * phase's own TMPDIR, where it is known, in their environment. Known by what they hold, never by name.
 */
export function processesOfPhase(session: number | null, temporaryDirectory: string | null): readonly ProcessNote[] {
  const marker = temporaryDirectory === null ? null : `TMPDIR=${temporaryDirectory}`;
  return allProcesses()
    .filter((state) => !state.isOver && state.pid !== process.pid)
    .filter(
      (state) =>
        (marker !== null && hasVariable(state.pid, marker)) || (state.session === session && isReadable(state.pid)),
    )
    .map(({ pid, startTime }) => ({ pid, startTime }));
}

/** The processes of a session that have not left it: what a command has started and not ended. */
export function processesOfSession(session: number): readonly ProcessNote[] {
  return allProcesses()
    .filter((state) => state.session === session && !state.isOver)
    .map(({ pid, startTime }) => ({ pid, startTime }));
}

/** Those of some processes that none of the others has started. */
export function topmost(processes: readonly ProcessNote[]): readonly ProcessNote[] {
  const numbers = new Set(processes.map(({ pid }) => pid));
  return processes.filter(({ pid }) => !numbers.has(processState(pid)?.parent ?? 0));
}

/** Waits until something is so, or the time is over. */
export async function until(condition: () => boolean, milliseconds: number, everyMilliseconds = 20): Promise<void> {
  const deadline = performance.now() + milliseconds;
  while (!condition() && performance.now() < deadline) await sleep(everyMilliseconds);
}

/** Identifies this boot: process numbers and start times of another one mean nothing. */
export function bootId(): string {
  return readText('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
}

/** Identifies the set of processes that we can see; in a container others have the same numbers. */
export function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

/** @see proc_pid_stat(5): the name in parentheses may hold blanks and parentheses, so fields count from the last one */
function processState(pid: number): ProcessState | null {
  const text = readText(`/proc/${pid}/stat`);
  if (text === null) return withoutProc(pid);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return {
    pid,
    isOver: fields[0] === 'Z' || fields[0] === 'X',
    parent: Number(fields[1]),
    session: Number(fields[3]),
    startTime: fields[19] ?? '',
  };
}

/** Systems without `/proc` (macOS): only whether there is a process with this number. */
function withoutProc(pid: number): ProcessState | null {
  if (readText('/proc/self/stat') !== null) return null;
  try {
    process.kill(pid, 0);
    return { pid, isOver: false, parent: 0, session: 0, startTime: '' };
  } catch {
    return null;
  }
}

function allProcesses(): ProcessState[] {
  return numericEntries('/proc')
    .map(processState)
    .filter((state) => state !== null)
    .sort((a, b) => Number(a.startTime) - Number(b.startTime) || a.pid - b.pid);
}

function numericEntries(directory: string): number[] {
  try {
    return readdirSync(directory)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

function hasVariable(pid: number, assignment: string): boolean {
  return readText(`/proc/${pid}/environ`)?.split('\0').includes(assignment) ?? false;
}

function isReadable(pid: number): boolean {
  return readText(`/proc/${pid}/environ`) !== null;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
