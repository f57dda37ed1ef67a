import { basename } from 'node:path';
import { performance } from 'node:perf_hooks';
import { workloadRecord } from '../audit/event.ts';
import { revealed } from '../domain/secret.ts';
import { findCommand } from './find-command.ts';
import { childVariables, linkHome, noteProcesses, warn, type OpenEnvironment } from './open.ts';
import type { Command, PhaseOutcome } from './phase.ts';
import type { PhaseSignals } from './phase-signals.ts';
import { CannotStartError, startProgram, type ProgramEnd } from './process.ts';

/** Runs one command in an open environment and waits for it. */
export async function runCommand(
  environment: OpenEnvironment,
  signals: PhaseSignals,
  command: Command,
): Promise<PhaseOutcome> {
  signals.stopped.throwIfAborted();
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
  await auditStart(environment, command);
  const startedAt = performance.now();
  try {
    const program = await startProgram({
      path: found.path,
      args: command.args,
      variables,
      workingDirectory: run.settings.workingDirectory,
      stdin: io.stdin,
      output: environment.output.plan,
    });
    const stopForwarding = signals.forwardTo(program);
    await noteProcesses(environment, program.processes);
    run.report({ type: 'command_started', command, pid: program.pid });
    const end = await program.ended;
    stopForwarding();
    await environment.output.drain();
    run.report({ type: 'command_ended', ...end });
    await auditEnd(environment, end, performance.now() - startedAt);
    return { ...end, refusals: [], directory };
  } catch (error) {
    if (!(error instanceof CannotStartError)) throw error;
    warn(environment, error.problem);
    return { exitCode: error.exitCode, signal: null, refusals: [], directory };
  }
}

async function auditStart(environment: OpenEnvironment, command: Command): Promise<void> {
  await environment.run.audit.append({
    type: 'phase_started',
    ...common(environment),
    outcome: 'ok',
    command: shownCommand(command),
    directory: environment.directory,
    isolation: 'off',
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
    warn(environment, { what: `the end of the phase was not recorded: ${(error as Error).message}` });
  }
}

function common({ run }: OpenEnvironment) {
  return {
    actor: run.lease.actor,
    workload: workloadRecord(run.lease.workload),
    lease: run.lease.id,
    known_by: 'runner' as const,
  };
}

/** Program and subcommand; never further arguments, which may hold secrets. */
function shownCommand(command: Command): string {
  const program = basename(command.file);
  if (!/^(?:terraform|tofu)/.test(program)) return program;
  const subcommand = command.args.find((argument) => !argument.startsWith('-'));
  return subcommand === undefined ? program : `${program} ${subcommand}`;
}
