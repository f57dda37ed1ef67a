import { UsageError } from '../domain/errors.ts';
import type { TerraformCommand } from './command.ts';
import { splitShellWords } from './shell-words.ts';

interface ArgumentRow {
  readonly name: string;
  /** `switch`: alone or `=true|false`; `value`: `-x=y` or `-x y` (Go's flag package). */
  readonly kind: 'switch' | 'value';
  /** Which half of a two-phase apply gets it. `asked`: neither, Hallpass itself heeds it. */
  readonly belongsTo: 'plan' | 'apply' | 'both' | 'plan and ephemeral' | 'asked';
}

const row = (belongsTo: ArgumentRow['belongsTo'], kind: ArgumentRow['kind'], ...names: readonly string[]) =>
  names.map((name): ArgumentRow => ({ name, kind, belongsTo }));

/**
 * The arguments of `terraform apply` and `destroy`, and which half gets them when Hallpass makes two phases of one.
 * Seen with Terraform 1.11; those of OpenTofu alone stand in lines of their own.
 */
export const applyArguments: readonly ArgumentRow[] = [
  ...row('asked', 'switch', 'auto-approve'),
  ...row('plan', 'switch', 'destroy', 'refresh', 'refresh-only', 'allow-deferral'),
  ...row('plan', 'value', 'target', 'replace', 'invoke'),
  // A saved plan holds the values of variables, except ephemeral ones, which apply must be given again.
  ...row('plan and ephemeral', 'value', 'var', 'var-file'),
  ...row('both', 'switch', 'compact-warnings', 'input', 'json', 'lock', 'no-color'),
  ...row('both', 'value', 'lock-timeout', 'parallelism', 'state'),
  ...row('apply', 'value', 'backup', 'state-out'),
  // OpenTofu
  ...row('plan', 'value', 'exclude', 'exclude-file', 'target-file'),
  ...row('both', 'switch', 'concise', 'consolidate-errors', 'consolidate-warnings', 'show-sensitive'),
  ...row('both', 'value', 'deprecation'),
  ...row('apply', 'switch', 'suppress-forget-errors'),
];

const planOnly: readonly ArgumentRow[] = [
  ...row('plan', 'switch', 'detailed-exitcode'),
  ...row('plan', 'value', 'out', 'generate-config-out'),
];

/** One argument as it was written, with what the table says of it. */
export interface ReadArgument {
  readonly row: ArgumentRow;
  /** The words that it was written with: one, or two for `-x y`. */
  readonly words: readonly string[];
  /** Text of the value; for a switch `true` or what was written. */
  readonly value: string;
}

export interface ReadArguments {
  readonly options: readonly ReadArgument[];
  readonly positional: readonly string[];
  /** Names of arguments that the table does not hold; they are taken for switches. */
  readonly unknown: readonly string[];
}

/** Reads the arguments of `plan`, `apply` or `destroy` as Go's flag package does: options end at the first other word. */
export function readArguments(args: readonly string[]): ReadArguments {
  const options: ReadArgument[] = [];
  const unknown: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const word = args[index]!;
    if (word === '--') return { options, positional: args.slice(index + 1), unknown };
    if (!word.startsWith('-') || word === '-') return { options, positional: args.slice(index), unknown };
    const [, name = '', equals, written = ''] = /^--?([^=]*)(=?)([^]*)$/.exec(word)!;
    const known = [...applyArguments, ...planOnly].find((candidate) => candidate.name === name);
    if (known === undefined) unknown.push(name);
    else if (equals === '=') options.push({ row: known, words: [word], value: written });
    else if (known.kind === 'switch') options.push({ row: known, words: [word], value: 'true' });
    else {
      const next = args[(index += 1)];
      if (next === undefined) throw new UsageError({ what: `-${name} needs a value`, mend: `write -${name}=VALUE` });
      options.push({ row: known, words: [word, next], value: next });
    }
  }
  return { options, positional: [], unknown };
}

/** The last value given to an argument, as Go's flag package takes it; undefined when it is absent. */
export function lastValue(read: ReadArguments, name: string): string | undefined {
  return read.options.findLast((option) => option.row.name === name)?.value;
}

/** Whether a switch is on, `otherwise` when it is absent. Accepts what Go's strconv.ParseBool does. */
export function isOn(read: ReadArguments, name: string, otherwise: boolean): boolean {
  const value = lastValue(read, name);
  if (value === undefined) return otherwise;
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
  throw new UsageError({
    what: `-${name}=${JSON.stringify(value)} is neither true nor false`,
    mend: `write -${name}=true or -${name}=false`,
  });
}

/** Names of the variables with which Terraform adds arguments to a subcommand. */
export function argumentVariables(subcommand: string): readonly [string, string] {
  return ['TF_CLI_ARGS', `TF_CLI_ARGS_${subcommand.replaceAll(/[ -]/g, '_')}`];
}

/**
 * The arguments that Terraform will see: those of the command line, with `TF_CLI_ARGS_<subcommand>` and `TF_CLI_ARGS`
 * before them, in the order in which Terraform inserts them.
 *
 * @see Terraform documentation, "Environment Variables", TF_CLI_ARGS
 */
export function effectiveArguments(
  command: TerraformCommand,
  environment: Readonly<Record<string, string>>,
): readonly string[] {
  const [general, particular] = argumentVariables(command.subcommand);
  const words = (name: string): readonly string[] => splitShellWords(environment[name] ?? '', name);
  return [...words(particular), ...words(general), ...command.args];
}
