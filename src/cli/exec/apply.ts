import { setTimeout as sleep } from 'node:timers/promises';
import { UsageError } from '../../domain/errors.ts';
import { randomId } from '../../domain/ids.ts';
import { revealed } from '../../domain/secret.ts';
import { slotState } from '../../environment/directory.ts';
import type { PhaseOutcome } from '../../environment/phase.ts';
import { argumentVariables } from '../../terraform/arguments.ts';
import { approvalQuestion, planVerdict, type TwoPhaseApply } from '../../terraform/two-phase-apply.ts';
import type { CliContext } from '../context.ts';
import { printError } from '../print-error.ts';
import { openPrivatePlan } from './private-plan.ts';
import { requestsOf, runCommand, warnWithoutRequests, type Execution } from './run.ts';

/** A two-phase apply of one configuration. */
export interface ApplyInTwoPhases {
  readonly steps: TwoPhaseApply;
  /** Absolute path of Terraform. */
  readonly program: string;
}

/**
 * Runs `apply` or `destroy` as two phases of one run: planned under the plan identity into a private saved plan, the
 * usual question, applied under the apply identity.
 *
 * @returns the exit code that Terraform would have given
 */
export async function applyInTwoPhases(execution: Execution, { steps, program }: ApplyInTwoPhases): Promise<number> {
  const { open, context } = execution;
  // Both are checked before anything happens: a wrong apply role must not show up only after a long plan.
  const [planRequests, applyRequests] = [requestsOf(open, 'plan'), requestsOf(open, 'apply')];
  warnWithoutRequests(context, [...planRequests, ...applyRequests]);
  const runId = randomId('run');
  const ours = withoutArgumentVariables(execution);
  await using stop = stopNotice(execution);
  await using plan = await openPrivatePlan(open.settings);
  const line = (words: readonly string[]): readonly string[] => [program, ...words.slice(1)];

  const planned = await runCommand(inAutomation(ours), {
    lease: open.leaseFor('plan', runId),
    requests: planRequests,
    line: line(steps.plan(plan.file)),
    alsoFine: [2],
  });
  const verdict = planVerdict(planned.exitCode);
  if (verdict === 'failed') return planned.exitCode;
  if (verdict === 'changes' && !steps.approved && !(await isApproved(context, steps, stop.signal))) return 1;
  await untilFree(context, planned.directory, stop.signal);
  if (stop.signal.aborted) return cancelled(context, steps);
  const applied: PhaseOutcome = await runCommand(ours, {
    lease: open.leaseFor('apply', runId),
    requests: applyRequests,
    line: line(steps.apply(plan.file)),
    directory: planned.directory,
  });
  return applied.exitCode;
}

/** Terraform must not add `TF_CLI_ARGS…` again: they have been parted among the halves. */
function withoutArgumentVariables(execution: Execution): Execution {
  const names = new Set(['plan', 'apply', 'destroy'].flatMap((subcommand) => argumentVariables(subcommand)));
  return {
    ...execution,
    parentEnvironment: Object.fromEntries(
      Object.entries(execution.parentEnvironment).filter(([name]) => !names.has(name)),
    ),
    childVariables: new Map([...execution.childVariables].filter(([name]) => !names.has(name))),
  };
}

/** Else the plan would end with advice to apply a file that nobody will find. */
function inAutomation(execution: Execution): Execution {
  return { ...execution, childVariables: new Map([['TF_IN_AUTOMATION', '1'], ...execution.childVariables]) };
}

/** Notices a wish to stop between the phases; within them, the phase passes it on. */
function stopNotice(execution: Execution): AsyncDisposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const unlisten = execution.signals.listen(() => controller.abort());
  return { signal: controller.signal, [Symbol.asyncDispose]: async () => unlisten() };
}

/**
 * Waits while another phase of the workspace, begun during the question, has the directory whose paths are among the
 * planned values. A plan that somebody has just read and approved must not be lost over that.
 */
async function untilFree(context: CliContext, directory: string, stop: AbortSignal): Promise<void> {
  let told = false;
  while (!stop.aborted && (await slotState(directory, context.now())) === 'alive') {
    if (!told) context.stderr.write('hallpass: waiting for another phase of this workspace to end\n');
    told = true;
    await sleep(200);
  }
}

async function isApproved(context: CliContext, steps: TwoPhaseApply, stop: AbortSignal): Promise<boolean> {
  const reason = !steps.mayAsk
    ? 'the changes need approval, but -input=false (or TF_INPUT) forbids to ask'
    : context.stdin.isTTY !== true
      ? 'the changes need approval, but standard input is not a terminal'
      : null;
  if (reason !== null) {
    printError(context.stderr, approvalError(reason));
    return false;
  }
  if ((await answer(context, approvalQuestion(steps.destroys), stop)) === 'yes') return true;
  cancelled(context, steps);
  return false;
}

function approvalError(what: string) {
  return new UsageError({
    what,
    where: 'nothing was applied',
    mend: 'add -auto-approve, or plan with -out=FILE and apply FILE later',
  });
}

function cancelled(context: CliContext, steps: TwoPhaseApply): number {
  context.stderr.write(`\n${steps.destroys ? 'Destroy' : 'Apply'} cancelled.\n`);
  return 1;
}

/** Asks on the terminal; an end of input, an interrupt or a stop is no answer. */
async function answer(context: CliContext, question: string, stop: AbortSignal): Promise<string | null> {
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: context.stdin, output: context.stderr, terminal: true });
  const interrupted = new AbortController();
  const end = (): void => interrupted.abort();
  terminal.once('SIGINT', end);
  terminal.once('close', end);
  try {
    return (await terminal.question(question, { signal: AbortSignal.any([stop, interrupted.signal]) })).trim();
  } catch {
    return null;
  } finally {
    terminal.close();
  }
}

/** The caller's and the workload's variables as Terraform will see them, for reading `TF_CLI_ARGS…` and `TF_INPUT`. */
export function variablesForTerraform(execution: Pick<Execution, 'parentEnvironment' | 'childVariables'>) {
  const own = [...execution.childVariables].map(([name, value]) => [name, revealed(value)] as const);
  return { ...execution.parentEnvironment, ...Object.fromEntries(own) };
}
