import { existsSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { leaseRecord } from '../audit/event-members.ts';
import { revealed } from '../domain/secret.ts';
import { failureReason } from '../files/file-failure.ts';
import { explainFailure } from './explain.ts';
import { findCommand } from './find-command.ts';
import { maskArguments, pathsIn, planMask } from './isolation.ts';
import { startMasked } from './masked-process.ts';
import { noteProcesses } from './open.ts';
import { childVariables, linkHome } from './install.ts';
import { warn, type OpenEnvironment } from './open-environment.ts';
import type { Command, PhaseOutcome } from './phase.ts';
import type { PhaseSignals } from './phase-signals.ts';
import { findKeyDirectories, keyPlaces, openKeyDirectory } from './revocation-key.ts';
import { waitingDirectory } from './revocations-left.ts';
import { CannotStartError, startProgram, type ProgramEnd, type ProgramStart, type RunningProgram } from './process.ts';

/** Runs one command in an open environment, waits for it, and ends what it has left running. */
export async function runCommand(
  environment: OpenEnvironment,
  signals: PhaseSignals,
  command: Command,
): Promise<PhaseOutcome> {
  signals.starting();
  const { run, io, directory } = environment;
  const { variables, links, warnings } = childVariables(environment, command);
  for (const warning of warnings) warn(environment, warning);
  await linkHome(environment.home, links);
  const found = await findCommand(command, {
    path: revealed(variables.get('PATH') ?? ''),
    workingDirectory: run.settings.workingDirectory,
  });
  if (found.path === null) {
    warn(environment, found.problem);
    return { exitCode: found.exitCode, signal: null, refusals: [], directory };
  }
  const start: ProgramStart = {
    path: found.path,
    args: command.args,
    variables,
    workingDirectory: run.settings.workingDirectory,
    stdin: io.stdin,
    output: environment.output.plan,
  };
  await auditStart(environment, command);
  const startedAt = performance.now();
  const end = await runToEnd(environment, signals, command, start);
  await auditEnd(environment, end, performance.now() - startedAt);
  const refusals = signals.wasForwarded() ? [] : await explainFailure(environment, signals, end.exitCode);
  return { ...end, refusals, directory };
}

/** Starts the program and stays with it; one that the system will not start has ended too. */
async function runToEnd(
  environment: OpenEnvironment,
  signals: PhaseSignals,
  command: Command,
  start: ProgramStart,
): Promise<ProgramEnd> {
  try {
    const program = await startIsolated(environment, start);
    const stopForwarding = signals.forwardTo(program);
    try {
      await noteStarted(environment, program);
      environment.run.report({ type: 'command_started', command, pid: program.pid });
      return await endOf(environment, program);
    } finally {
      stopForwarding();
    }
  } catch (error) {
    if (!(error instanceof CannotStartError)) throw error;
    await passOutputOn(environment);
    warn(environment, error.problem);
    return { exitCode: error.exitCode, signal: null };
  }
}

/** The command runs already: it is not ended because the note about it cannot be written. */
async function noteStarted(environment: OpenEnvironment, program: RunningProgram): Promise<void> {
  try {
    await noteProcesses(environment, program.processes);
  } catch (error) {
    const { what, mend } = failureReason(error);
    warn(environment, {
      what: `the processes of the command were not noted (${what}): the next Hallpass could not end them if this one were killed`,
      mend,
    });
  }
}

async function endOf(environment: OpenEnvironment, program: RunningProgram): Promise<ProgramEnd> {
  const end = await program.ended;
  await program.endRemaining();
  await passOutputOn(environment);
  const { exitCode, signal, problem } = end;
  if (problem !== undefined) warn(environment, problem);
  environment.run.report({ type: 'command_ended', exitCode, signal });
  return { exitCode, signal };
}

/** How long credentials wait for a reader that does not read. Its output is not lost: the rest comes after teardown. */
const readerMilliseconds = 5000;

async function passOutputOn(environment: OpenEnvironment): Promise<void> {
  const enough = new AbortController();
  await Promise.race([
    environment.output.drain(),
    sleep(readerMilliseconds, undefined, { signal: enough.signal }).catch(() => undefined),
  ]);
  enough.abort();
}

async function startIsolated(environment: OpenEnvironment, start: ProgramStart): Promise<RunningProgram> {
  const { isolation, run, directory, diskDirectory, bases } = environment;
  if (isolation.mask === null) return startProgram(start);
  // A hallpass.yaml is no reason to show what is hidden.
  const written = [...run.variables.keys(), ...[...run.terraformVariables.keys()].map((name) => `TF_VAR_${name}`)];
  const values = [...start.variables]
    .filter((entry): entry is [string, string] => typeof entry[1] === 'string' && !written.includes(entry[0]))
    .map(([, value]) => value);
  const plan = await planMask({
    settings: run.settings,
    own: [directory, diskDirectory],
    bases,
    secret: await secretPlaces(environment),
    needed: [start.path, ...pathsIn([...values, ...start.args])],
  });
  const program = await startMasked({
    ...start,
    bubblewrap: isolation.mask.program,
    maskArguments: maskArguments(plan, start.workingDirectory),
  });
  // One that had ended just before was made anew by bubblewrap, as an empty directory to mount on.
  for (const path of plan.fleeting) await rmdir(path).catch(() => undefined);
  return program;
}

/** One directory for keys is there from now on, so that those of later phases are hidden from this one's command too. */
async function secretPlaces({ run, bases }: OpenEnvironment): Promise<readonly string[]> {
  const places = keyPlaces(run.settings.parentEnvironment);
  await openKeyDirectory(places);
  return [...(await findKeyDirectories(places)), ...bases.map(waitingDirectory).filter(existsSync)];
}

async function auditStart(environment: OpenEnvironment, command: Command): Promise<void> {
  await environment.run.audit.append({
    type: 'phase_started',
    ...common(environment),
    outcome: 'ok',
    command: shownCommand(command),
    directory: environment.directory,
    isolation: environment.isolation.mask === null ? 'off' : 'mask',
  });
}

/** The command has run: an audit that cannot be written any more does not undo that. */
async function auditEnd(environment: OpenEnvironment, end: ProgramEnd, milliseconds: number): Promise<void> {
  try {
    await environment.run.audit.append({
      type: 'phase_ended',
      ...common(environment),
      outcome: end.exitCode === 0 ? 'ok' : 'failed',
      exit_code: end.exitCode,
      signal: end.signal,
      duration_seconds: Math.round(milliseconds) / 1000,
    });
  } catch (error) {
    warn(environment, { what: `the end of the command was not recorded: ${(error as Error).message}` });
  }
}

function common({ run }: OpenEnvironment) {
  return { ...leaseRecord(run.lease), known_by: 'runner' as const };
}

/** Program and subcommand; never further arguments, which may hold secrets. */
function shownCommand(command: Command): string {
  const program = basename(command.file);
  if (!/^(?:terraform|tofu)/.test(program)) return program;
  const subcommand = command.args.find((argument) => !argument.startsWith('-'));
  return subcommand === undefined ? program : `${program} ${subcommand}`;
}
