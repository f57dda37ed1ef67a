import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { ExchangeRefused } from '../domain/credential.ts';
import { AppError, UsageError } from '../domain/errors.ts';
import { phases, type Phase } from '../domain/workload.ts';
import { effectiveArguments } from '../terraform/arguments.ts';
import { readTerraformCommand, type TerraformCommand } from '../terraform/command.ts';
import { hasEphemeralVariables, readConfiguration } from '../terraform/configuration.ts';
import { findProgram } from '../terraform/find-program.ts';
import { phaseOfCommand } from '../terraform/phases.ts';
import { planApply, type ApplyPlan } from '../terraform/two-phase-apply.ts';
import type { CliContext, CommandFactory } from './context.ts';
import { applyInTwoPhases, variablesForTerraform } from './exec/apply.ts';
import { warnOfConfiguration } from './exec/hints.ts';
import {
  newExecution,
  requestsOf,
  runCommand,
  warnWithoutRequests,
  type ExecOptions,
  type Execution,
} from './exec/run.ts';
import { findSavedPlan, keepSavedPlan, planOutput } from './exec/saved-plans.ts';
import { warningText, eventText } from './explain.ts';
import { openWorkload } from './open-workload.ts';
import { printError } from './print-error.ts';
import { addWorkloadOptions } from './workload-options.ts';

const help = `
Examples:
  hallpass exec -- terraform init
  hallpass exec -- terraform plan -out=plan.bin
  hallpass exec -- terraform apply plan.bin       the same run, under the apply identity
  hallpass exec -- terraform apply                two phases: planned, asked, applied
  hallpass exec --phase plan -- aws sts get-caller-identity
  hallpass exec --phase apply -- make deploy

The phase comes from the subcommand of terraform or tofu; anything else needs --phase, which always wins and keeps
"apply" one phase. With "terraform -chdir=DIR", hallpass.yaml is looked for from DIR upwards.

Of your own variables only those reach the command that say where and how (PATH, LANG, proxies, regions, TF_* …) and
those that you name with --pass-env; HOME and TMPDIR are private to the phase.

Exit codes: the command's own; 125 Hallpass refused or was misused, 126 the command cannot be executed, 127 it was not
found, 128+n a signal ended it.
`;

/** `hallpass exec`: runs a command with the workspace's identity. */
export const command: CommandFactory = (context) =>
  addWorkloadOptions(
    new Command('exec')
      .description("Run a command with the workspace's identity: a token, a role and credentials for this phase only.")
      .argument('[command...]', 'the command and its arguments, after --')
      .addOption(new Option('--phase <phase>', 'plan (reads) or apply (writes)').choices(phases))
      .option('--pass-env <name>', 'pass this variable of yours on to the command (repeatable)', collected)
      .addOption(
        new Option('--home <which>', 'private, or your own')
          .choices(['private', 'inherit'] as const)
          .default('private' as const),
      )
      .addOption(
        new Option('--isolation <how>', 'mask hides keys and other phases from the command')
          .choices(['auto', 'mask', 'off'] as const)
          .default('auto' as const),
      )
      .option('--token-endpoint', 'let the command fetch fresh tokens (azurerm, azuread; HALLPASS_TOKEN_ENDPOINT)')
      .option('--redact', 'redact output on a terminal too (elsewhere it always is)')
      .option('--no-explain', 'do not ask the platform why, when the command fails')
      .addHelpText('after', help)
      .passThroughOptions(),
  ).action(async (words, options) => {
    const chosen: ExecOptions = {
      passEnvironment: options.passEnv ?? [],
      inheritHome: options.home === 'inherit',
      isolation: options.isolation,
      redact: options.redact ?? 'auto',
      explain: options.explain,
    };
    try {
      context.exit(await exec(context, { words, phase: options.phase ?? null, chosen, flags: options }));
    } catch (error) {
      // It has been shown with the token's claims, as the phase told of it.
      if (error instanceof ExchangeRefused) return context.exit(125);
      const exitCode = cannotRun(error);
      if (exitCode === null) throw error;
      printError(context.stderr, error);
      context.exit(exitCode);
    }
  });

interface ExecCall {
  readonly words: readonly string[];
  /** As `--phase` says, or null. */
  readonly phase: Phase | null;
  readonly chosen: ExecOptions;
  readonly flags: Parameters<typeof openWorkload>[1];
}

/** The whole of `exec`. Its `await`s matter: without them the scope, and with it the audit, would close at once. */
async function exec(context: CliContext, call: ExecCall): Promise<number> {
  const [name] = call.words;
  if (name === undefined) {
    throw new UsageError({ what: 'exec needs a command', mend: 'hallpass exec -- terraform plan' });
  }
  const phase = call.phase ?? phaseOfCommand(call.words);
  const { parentEnvironment, workingDirectory } = context.settings;
  const terraform = readTerraformCommand(call.words);
  const directory = resolve(workingDirectory, terraform?.chdir ?? '');
  const { file } = await findProgram(name, { workingDirectory, environment: parentEnvironment });
  await using open = await openWorkload(context, call.flags, {
    directory,
    report: (event) => context.stderr.write(eventText(event) ?? ''),
  });
  for (const problem of await open.warnings()) context.stderr.write(warningText(problem));
  const running = newExecution(context, open, call.chosen);
  const work: Work = { phase, forced: call.phase !== null, terraform, directory, line: [file, ...call.words.slice(1)] };
  const apply = await applyPlan(running, work);
  if (apply?.kind === 'two_phases') {
    warnOfConfiguration(context, requestsOf(open, 'plan'), await readConfiguration(directory));
    return await applyInTwoPhases(running, { steps: apply.steps, program: file });
  }
  return await inOnePhase(running, work, apply?.file ?? null);
}

/** A command whose phase and program are known. */
interface Work {
  readonly phase: Phase;
  /** `--phase` was given: nothing is taken apart. */
  readonly forced: boolean;
  readonly terraform: TerraformCommand | null;
  /** The directory in which Terraform looks for its configuration. */
  readonly directory: string;
  readonly line: readonly string[];
}

/** What becomes of `terraform apply` or `destroy`; null for all other commands. */
async function applyPlan(running: Execution, work: Work): Promise<ApplyPlan | null> {
  const { terraform } = work;
  if (terraform === null || terraform.asksForHelp || !['apply', 'destroy'].includes(terraform.subcommand)) return null;
  const environment = variablesForTerraform(running);
  try {
    const planned = planApply(terraform, {
      args: effectiveArguments(terraform, environment),
      hasEphemeralVariables: hasEphemeralVariables(await readConfiguration(work.directory)),
      terraformInput: environment['TF_INPUT'],
    });
    return work.forced && planned.kind === 'two_phases' ? null : planned;
  } catch (error) {
    // One phase, as asked for: Terraform itself judges its arguments.
    if (work.forced) return null;
    throw error;
  }
}

async function inOnePhase(running: Execution, work: Work, savedPlan: string | null): Promise<number> {
  const { open, context } = running;
  const requests = requestsOf(open, work.phase);
  warnWithoutRequests(context, requests);
  const output =
    work.terraform === null ? null : planOutput(work.terraform, variablesForTerraform(running), work.directory);
  if (['plan', 'refresh', 'import', 'console'].includes(work.terraform?.subcommand ?? '')) {
    warnOfConfiguration(context, requests, await readConfiguration(work.directory));
  }
  const mark =
    savedPlan === null ? null : await findSavedPlan(open.settings.dataDirectory, resolve(work.directory, savedPlan));
  const lease = open.leaseFor(work.phase, mark?.runId);
  const outcome = await runCommand(running, {
    lease,
    requests,
    line: work.line,
    alsoFine: usesDetailedExitCode(work) ? [2] : [],
    ...(mark === null ? {} : { directory: mark.directory }),
  });
  const saved = output !== null && (outcome.exitCode === 0 || (output.detailedExitCode && outcome.exitCode === 2));
  if (saved && lease.workload.kind === 'workspace_run') {
    await keepSavedPlan(running, output.file, { runId: lease.workload.runId, directory: outcome.directory });
  }
  return outcome.exitCode;
}

/** `-detailed-exitcode` anywhere: `plan` and `test` of wrappers know it too. */
function usesDetailedExitCode(work: Work): boolean {
  return work.line.some((word) => /^--?detailed-exitcode(?:=|$)/.test(word));
}

/** The exit code of an error that says that the command cannot be run (126, 127); null for all others. */
function cannotRun(error: unknown): number | null {
  if (!(error instanceof AppError) || !('exitCode' in error)) return null;
  return typeof error.exitCode === 'number' ? error.exitCode : null;
}

function collected(name: string, before: readonly string[] = []): string[] {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    throw new InvalidArgumentError('it takes the name of a variable, without a value.');
  return [...before, name];
}
