import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { revealed } from '../domain/secret.ts';
import { ended, inputOf, started, type ProgramEnd, type ProgramStart, type RunningProgram } from './process.ts';
import { childrenOf, isRunning, noteProcess, signalProcess, until, type ProcessNote } from './process-table.ts';

/** A masked program: bubblewrap, and what it is told. */
export interface MaskedStart extends ProgramStart {
  readonly bubblewrap: string;
  readonly maskArguments: readonly string[];
}

/**
 * Starts a program in bubblewrap. Bubblewrap itself gets an empty environment, and everything else through a pipe: its
 * command line and variables could be read from inside or by others. Without `--die-with-parent`: an apply goes on when
 * Hallpass dies.
 */
export async function startMasked(start: MaskedStart): Promise<RunningProgram> {
  const child = spawn(
    start.bubblewrap,
    ['--args', '3', '--json-status-fd', '4', '--block-fd', '5', '--', start.path, ...start.args],
    {
      cwd: '/',
      env: {},
      detached: true,
      stdio: [inputOf(start.stdin), start.output.stdout, start.output.stderr, 'pipe', 'pipe', 'pipe'],
    },
  );
  const status = readStatus(child);
  const pid = await started(child, start);
  const outer = noteProcess(pid);
  const end = ended(child);
  tell(child, 3, argumentsOf(start));
  const init = await status.init;
  // Held at the block until its pid is known; bubblewrap goes on by itself if we die here.
  tell(child, 5, 'go');
  const command = init === null ? null : await firstChild(init);
  const running = { outer, init, command };
  return {
    pid: command?.pid ?? pid,
    processes: { child: outer, init, command },
    ended: programEnd(end, status, start.path),
    signal: (signal) => signalCommand(running, signal),
    endRemaining: () => endNamespace(running, status),
  };
}

function argumentsOf(start: MaskedStart): string {
  const variables = [...start.variables].flatMap(([name, value]) => ['--setenv', name, revealed(value)]);
  return [...start.maskArguments, ...variables].map((argument) => `${argument}\0`).join('');
}

function tell(child: ChildProcess, descriptor: number, text: string): void {
  const stream = child.stdio[descriptor] as Writable;
  // It may have ended already; its exit code says so.
  stream.on('error', () => undefined);
  stream.end(text);
}

/** What bubblewrap says of itself, one JSON object after the other. */
interface Status {
  /** Process 1 of the namespace, as seen from here; null when there never was one. */
  readonly init: Promise<ProcessNote | null>;
  /** Whether the command has run to its end: otherwise bubblewrap has failed. */
  readonly hasRun: Promise<boolean>;
}

function readStatus(child: ChildProcess): Status {
  const init = Promise.withResolvers<ProcessNote | null>();
  const hasRun = Promise.withResolvers<boolean>();
  const lines = createInterface({ input: child.stdio[4] as Readable });
  lines.on('line', (line) => {
    const pid = /"child-pid"\s*:\s*(\d+)/.exec(line)?.[1];
    if (pid !== undefined) init.resolve(noteProcess(Number(pid)));
    if (/"exit-code"\s*:/.test(line)) hasRun.resolve(true);
  });
  lines.on('close', () => {
    init.resolve(null);
    hasRun.resolve(false);
  });
  (child.stdio[4] as Readable).on('error', () => lines.close());
  return { init: init.promise, hasRun: hasRun.promise };
}

const findMilliseconds = 500;

/** The command is the first child of process 1; it appears moments after the block is lifted. */
async function firstChild(init: ProcessNote): Promise<ProcessNote | null> {
  const deadline = performance.now() + findMilliseconds;
  while (performance.now() < deadline && isRunning(init)) {
    const first = childrenOf(init.pid)[0];
    if (first !== undefined) return first;
    await sleep(1);
  }
  return null;
}

interface Running {
  readonly outer: ProcessNote | null;
  readonly init: ProcessNote | null;
  command: ProcessNote | null;
}

/** To the command itself: process 1 would ignore it, and the outer one would not pass it on. */
function signalCommand(running: Running, signal: NodeJS.Signals): boolean {
  if (running.command === null && running.init !== null && isRunning(running.init))
    running.command = childrenOf(running.init.pid)[0] ?? null;
  const target = running.command ?? running.outer;
  return target !== null && signalProcess(target, signal);
}

/** How long Terraform may take to stop in order, if somebody has killed bubblewrap around it. */
const graceMilliseconds = 10_000;

/** All that is in a namespace ends with its process 1. */
async function endNamespace({ init, command }: Running, status: Status): Promise<void> {
  if (init === null) return;
  const isOver = await status.hasRun;
  if (!isOver && command !== null && signalProcess(command, 'SIGINT'))
    await until(() => !isRunning(command), graceMilliseconds);
  if (signalProcess(init, 'SIGKILL')) await until(() => !isRunning(init), 1000);
}

async function programEnd(end: Promise<ProgramEnd>, status: Status, path: string): Promise<ProgramEnd> {
  const own = await end;
  const { exitCode } = own;
  const signal = own.signal ?? signalOf(exitCode);
  // A signal may come between bubblewrap's last step and the program's first: that is no failure of bubblewrap.
  if (!(await status.hasRun) && signal === null) {
    const what = `${JSON.stringify(path)} could not be run in bubblewrap`;
    return { exitCode: 126, signal, problem: { what, mend: 'its message stands above; try --isolation off' } };
  }
  return { exitCode, signal };
}

/** Bubblewrap passes a signal on as a shell would: 128 and its number. */
function signalOf(exitCode: number): string | null {
  const number = exitCode - 128;
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? null;
}
