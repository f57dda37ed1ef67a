import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { AppError, type Problem } from '../domain/errors.ts';
import { revealed, type Secret } from '../domain/secret.ts';
import { noteProcess, processesOfSession, signalProcess, until, type ProcessNote } from './process-table.ts';

/** A program to start: all of it decided. */
export interface ProgramStart {
  /** Absolute path. */
  readonly path: string;
  readonly args: readonly string[];
  readonly variables: ReadonlyMap<string, Secret | string>;
  readonly workingDirectory: string;
  readonly stdin: Readable & { readonly fd?: number };
  readonly output: { readonly stdout: number; readonly stderr: number };
}

/** How a program ended. */
export interface ProgramEnd {
  readonly exitCode: number;
  readonly signal: string | null;
  /** Why it never ran, although it was started. */
  readonly problem?: Problem;
}

/** The processes that a start made, for the owner's note. */
export interface StartedProcesses {
  readonly child: ProcessNote | null;
  readonly init: ProcessNote | null;
  readonly command: ProcessNote | null;
}

/** A program that runs. */
export interface RunningProgram {
  readonly pid: number;
  readonly processes: StartedProcesses;
  readonly ended: Promise<ProgramEnd>;
  /** Sends a signal to the program itself, not to what it has started. */
  signal(signal: NodeJS.Signals): boolean;
  /** Ends what it has left running. Its credentials are about to be removed. */
  endRemaining(): Promise<void>;
}

/** Starts a program in a session of its own, so that a key press at the terminal reaches it only through us, once. */
export async function startProgram(start: ProgramStart): Promise<RunningProgram> {
  const environment = Object.fromEntries([...start.variables].map(([name, value]) => [name, revealed(value)]));
  const child = spawn(start.path, [...start.args], {
    cwd: start.workingDirectory,
    env: environment,
    detached: true,
    stdio: [inputOf(start.stdin), start.output.stdout, start.output.stderr],
  });
  const pid = await started(child, start);
  const note = noteProcess(pid);
  return {
    pid,
    processes: { child: note, init: null, command: null },
    ended: ended(child),
    signal: (signal) => note !== null && signalProcess(note, signal),
    endRemaining: () => endSession(pid),
  };
}

/** How long a background process may take to stop, whose command has ended. */
const backgroundMilliseconds = 1000;

/** What runs on in the session could write into directories that are being deleted. */
async function endSession(session: number): Promise<void> {
  const left = (): readonly ProcessNote[] => processesOfSession(session);
  if (left().length === 0) return;
  for (const one of left()) signalProcess(one, 'SIGTERM');
  await until(() => left().length === 0, backgroundMilliseconds);
  for (const one of left()) signalProcess(one, 'SIGKILL');
}

/** A stream without a file descriptor, as tests have it, cannot be handed on. */
export function inputOf(stdin: Readable & { readonly fd?: number }): number | 'ignore' {
  return stdin.fd ?? 'ignore';
}

/** Waits until the system has taken the program. */
export async function started(
  child: ChildProcess,
  start: { path: string; variables: ReadonlyMap<string, unknown> },
): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error: NodeJS.ErrnoException) => reject(cannotStart(error, start)));
  });
  return child.pid!;
}

/** How a child ended, in the words of a shell: a signal counts as 128 and its number. */
export function ended(child: ChildProcess): Promise<ProgramEnd> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      resolve(signal === null ? { exitCode: code ?? 1, signal: null } : { exitCode: signalExitCode(signal), signal });
    });
  });
}

export function signalExitCode(signal: string): number {
  return 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
}

/** The system would not run the program, although it is there and executable. */
export class CannotStartError extends AppError {
  readonly exitCode: 126 | 127;

  constructor(exitCode: 126 | 127, what: string, mend: string, cause: unknown) {
    super('command_failed', { what, where: 'the command', mend }, { cause });
    this.exitCode = exitCode;
  }
}

function cannotStart(
  error: NodeJS.ErrnoException,
  start: { path: string; variables: ReadonlyMap<string, unknown> },
): CannotStartError {
  const path = JSON.stringify(start.path);
  switch (error.code) {
    case 'ENOENT':
      return new CannotStartError(
        127,
        `${path} cannot be run: its interpreter, or the program itself, is missing`,
        'look at the first line of the script',
        error,
      );
    case 'E2BIG':
      return new CannotStartError(
        126,
        `${path} cannot be run: arguments and variables (${start.variables.size}) together are too large`,
        'hand large values over in files',
        error,
      );
    case 'ENOEXEC':
      return new CannotStartError(
        126,
        `${path} is neither a program nor a script with a first line like #!/bin/sh`,
        'run it by its interpreter',
        error,
      );
    default:
      return new CannotStartError(
        126,
        `${path} cannot be run (${error.code ?? error.message})`,
        'try it without Hallpass',
        error,
      );
  }
}
