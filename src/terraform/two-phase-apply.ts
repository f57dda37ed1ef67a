import { UsageError } from '../domain/errors.ts';
import { isOn, readArguments, type ReadArgument, type ReadArguments } from './arguments.ts';
import { commandLine, type TerraformCommand } from './command.ts';

/** `terraform apply` or `destroy` without a plan file, taken apart into a plan and the apply of what it saved. */
export interface TwoPhaseApply {
  /** Command line of the first half; writes its plan to `planFile` and exits 0 without changes, 2 with. */
  plan(planFile: string): readonly string[];
  /** Command line of the second half. */
  apply(planFile: string): readonly string[];
  readonly destroys: boolean;
  /** `-auto-approve` was given: nobody is asked. */
  readonly approved: boolean;
  /** False with `-input=false` or `TF_INPUT=0`: nobody may be asked. */
  readonly mayAsk: boolean;
  readonly json: boolean;
}

/** What becomes of an `apply` or `destroy`: the saved plan that it names, or two phases. */
export type ApplyPlan =
  | { readonly kind: 'saved_plan'; readonly file: string }
  | { readonly kind: 'two_phases'; readonly steps: TwoPhaseApply };

export interface ApplyFacts {
  /** Arguments as Terraform sees them, those of `TF_CLI_ARGS…` included ({@link effectiveArguments}). */
  readonly args: readonly string[];
  /** The configuration has ephemeral variables, so that apply needs their values again. */
  readonly hasEphemeralVariables: boolean;
  /** Value of `TF_INPUT`, if set. */
  readonly terraformInput: string | undefined;
}

/**
 * Decides what an `apply` or `destroy` becomes. Pure.
 *
 * @throws {UsageError} on an argument that is not in the table, two plan files, `destroy` of a plan file, and `-json`
 *   without `-auto-approve`; nothing has been minted then
 */
export function planApply(command: TerraformCommand, facts: ApplyFacts): ApplyPlan {
  const read = readArguments(facts.args);
  const unknown = read.unknown[0] ?? read.options.find((option) => isPlanOnly(option))?.row.name;
  if (unknown !== undefined) throw unknownArgument(command, unknown);
  if (read.positional.length > 0) return { kind: 'saved_plan', file: savedPlanFile(command, read) };
  const approved = isOn(read, 'auto-approve', false);
  const json = isOn(read, 'json', false);
  if (json && !approved) {
    throw new UsageError({
      what: `terraform ${command.subcommand} -json cannot ask whether to go on`,
      where: 'hallpass exec',
      mend: 'add -auto-approve, or plan with -out=FILE and apply FILE',
    });
  }
  return {
    kind: 'two_phases',
    steps: { ...commandLines(command, read, facts), approved, json, mayAsk: mayAsk(read, facts) },
  };
}

function commandLines(command: TerraformCommand, read: ReadArguments, facts: ApplyFacts) {
  const destroys = command.subcommand === 'destroy' || isOn(read, 'destroy', false);
  const wordsFor = (half: 'plan' | 'apply'): string[] =>
    read.options.filter((option) => belongs(option, half, facts)).flatMap((option) => option.words);
  return {
    destroys,
    plan: (planFile: string) =>
      commandLine(command, {
        subcommand: 'plan',
        args: [
          ...(command.subcommand === 'destroy' ? ['-destroy'] : []),
          ...wordsFor('plan'),
          '-detailed-exitcode',
          `-out=${planFile}`,
        ],
      }),
    apply: (planFile: string) => commandLine(command, { subcommand: 'apply', args: [...wordsFor('apply'), planFile] }),
  };
}

function belongs(option: ReadArgument, half: 'plan' | 'apply', facts: ApplyFacts): boolean {
  switch (option.row.belongsTo) {
    case 'both':
      return true;
    case 'asked':
      return false;
    case 'plan and ephemeral':
      return half === 'plan' || facts.hasEphemeralVariables;
    default:
      return option.row.belongsTo === half;
  }
}

function isPlanOnly(option: ReadArgument): boolean {
  return ['out', 'detailed-exitcode', 'generate-config-out'].includes(option.row.name);
}

function savedPlanFile(command: TerraformCommand, read: ReadArguments): string {
  const [file, ...others] = read.positional;
  if (command.subcommand === 'destroy') {
    throw new UsageError({
      what: 'terraform destroy takes no plan file',
      where: 'hallpass exec',
      mend: 'if the plan was made with "terraform plan -destroy", apply it: hallpass exec -- terraform apply FILE',
    });
  }
  if (others.length > 0) {
    throw new UsageError({
      what: 'terraform apply takes one plan file, after all other arguments',
      where: 'hallpass exec',
      mend: 'write hallpass exec -- terraform apply [arguments] FILE',
    });
  }
  return file!;
}

function mayAsk(read: ReadArguments, facts: ApplyFacts): boolean {
  const byVariable = !['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(facts.terraformInput ?? '');
  return isOn(read, 'input', byVariable);
}

function unknownArgument(command: TerraformCommand, name: string): UsageError {
  return new UsageError({
    what: `hallpass does not know the argument -${name} of terraform ${command.subcommand}, so it cannot tell whether it belongs to the plan or to the apply`,
    where: 'hallpass exec',
    mend: `leave it out, or keep plan and apply together under the apply identity: hallpass exec --phase apply -- ${command.program} ${command.subcommand} …`,
  });
}

/** The question before an apply, as Terraform asks it. */
export function approvalQuestion(destroys: boolean): string {
  return destroys
    ? '\nDo you really want to destroy all resources?\n' +
        '  The plan above destroys everything that this configuration manages. There is no way back.\n' +
        "  Only 'yes' will be accepted to confirm.\n\n  Enter a value: "
    : '\nDo you want to perform these actions?\n' +
        '  The plan above will be applied, under the apply identity.\n' +
        "  Only 'yes' will be accepted to approve.\n\n  Enter a value: ";
}

/** What the plan half of a two-phase apply said by its exit code (`-detailed-exitcode`). */
export function planVerdict(exitCode: number): 'no_changes' | 'changes' | 'failed' {
  return exitCode === 0 ? 'no_changes' : exitCode === 2 ? 'changes' : 'failed';
}
