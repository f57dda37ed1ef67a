import { resolve } from 'node:path';
import { AppError } from '../../domain/errors.ts';
import { effectiveArguments, isOn, lastValue, readArguments } from '../../terraform/arguments.ts';
import type { TerraformCommand } from '../../terraform/command.ts';
import { findPlanRecord, recordPlan } from '../../terraform/plan-records.ts';
import { markSavedPlan, readSavedPlan, type PlanMark } from '../../terraform/saved-plan.ts';
import { warningText } from '../explain.ts';
import type { Execution } from './run.ts';

/** Where `terraform plan` saves its plan, and which exit codes mean that it did. */
export interface PlanOutput {
  readonly file: string;
  readonly detailedExitCode: boolean;
}

/** The saved plan that `terraform plan -out=FILE` will write; null for any other command. */
export function planOutput(
  command: TerraformCommand,
  environment: Readonly<Record<string, string>>,
  directory: string,
): PlanOutput | null {
  if (command.subcommand !== 'plan' || command.asksForHelp) return null;
  const read = readArguments(effectiveArguments(command, environment));
  const file = lastValue(read, 'out');
  if (file === undefined || file === '') return null;
  return { file: resolve(directory, file), detailedExitCode: isOn(read, 'detailed-exitcode', false) };
}

/**
 * Notes in a new saved plan, and in the data directory, what it must keep until it is applied. The plan is done by
 * now, so that a failure is a warning.
 */
export async function keepSavedPlan(execution: Execution, file: string, mark: PlanMark): Promise<void> {
  const { open, context } = execution;
  try {
    const plan = await markSavedPlan(file, mark);
    if (plan === null) return;
    await recordPlan(open.settings.dataDirectory, { sha256: plan.sha256, mark, at: context.now() });
    if (!plan.isZip) {
      context.stderr.write(
        warningText({
          what: `the saved plan cannot carry its run id, since it is no zip file (is it encrypted?)`,
          where: file,
          mend: 'apply it with this data directory: its hash is noted there',
        }),
      );
    }
  } catch (error) {
    const reason =
      error instanceof AppError ? error.problem.what : error instanceof Error ? error.message : String(error);
    context.stderr.write(
      warningText({
        what: `the saved plan could not be marked with its run id: ${reason}`,
        where: file,
        mend: 'applying it starts a new run; with tags, plan again',
      }),
    );
  }
}

/**
 * Finds the run and the private directory that a saved plan belongs to: in the plan itself, else by its hash in the
 * data directory. Null for a plan that was made without Hallpass, or when both were lost.
 *
 * @throws {AppError} `directory_invalid` when there is no such file, or its mark cannot be used; nothing was minted
 */
export async function findSavedPlan(dataDirectory: string, file: string): Promise<PlanMark | null> {
  const plan = await readSavedPlan(file);
  if (plan === null) {
    throw new AppError('directory_invalid', {
      what: 'there is no saved plan of this name',
      where: file,
      mend: 'make it first: hallpass exec -- terraform plan -out=FILE; no token was minted',
    });
  }
  return plan.mark ?? (await findPlanRecord(dataDirectory, plan.sha256));
}
