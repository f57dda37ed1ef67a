import { basename } from 'node:path';
import { shellQuoted } from '../files/shell-quoted.ts';

/** A command line of Terraform or OpenTofu, taken apart as far as Hallpass needs it. */
export interface TerraformCommand {
  /** The program as it was written: a name or a path. */
  readonly program: string;
  /** Global options before the subcommand, as written. */
  readonly globals: readonly string[];
  /** Value of the last `-chdir=DIR`, or null. */
  readonly chdir: string | null;
  /** One or two words, such as `plan` or `state list`; empty when there is none. */
  readonly subcommand: string;
  /** What follows the subcommand, as written. */
  readonly args: readonly string[];
  /** Whether only help or the version is asked for: nothing will be planned or changed. */
  readonly asksForHelp: boolean;
}

const programName = /^(?:terraform|tofu)(?:[-_]?v?1(?:\.\d+){0,2})?$/;
const families: readonly string[] = ['state', 'workspace', 'env', 'providers', 'metadata'];
const help: readonly string[] = ['-help', '--help', '-h'];
const version: readonly string[] = ['-version', '--version', '-v'];

/** Whether a program is Terraform or OpenTofu by its base name: `terraform`, `tofu`, `terraform1.9`, `terraform_1.9.8`, with or without a path. */
export function isTerraform(program: string): boolean {
  return programName.test(basename(program));
}

/** Reads a command line; null when the program is not Terraform. Pure: nothing is looked up. */
export function readTerraformCommand(command: readonly string[]): TerraformCommand | null {
  const [program, ...rest] = command;
  if (program === undefined || !isTerraform(program)) return null;
  const start = rest.findIndex((word) => !word.startsWith('-'));
  const globals = start === -1 ? rest : rest.slice(0, start);
  const words = start === -1 ? [] : rest.slice(start);
  const length = families.includes(words[0] ?? '') && words[1] !== undefined && !words[1].startsWith('-') ? 2 : 1;
  const args = words.slice(length);
  return {
    program,
    globals,
    chdir: globals.findLast((word) => word.startsWith('-chdir='))?.slice('-chdir='.length) ?? null,
    subcommand: words.slice(0, length).join(' '),
    args,
    asksForHelp:
      globals.some((word) => help.includes(word) || version.includes(word)) || args.some((word) => help.includes(word)),
  };
}

/** The command line that a {@link TerraformCommand} stands for, with other arguments or another subcommand if given. */
export function commandLine(
  command: TerraformCommand,
  change: { subcommand?: string; args?: readonly string[] } = {},
): readonly string[] {
  const words = (change.subcommand ?? command.subcommand).split(' ').filter((word) => word !== '');
  return [command.program, ...command.globals, ...words, ...(change.args ?? command.args)];
}

/**
 * The beginning of a command line for an error: enough to recognise and to repeat it, without the arguments, since
 * those may hold values that nobody wants in a log.
 */
export function shownCommand(command: readonly string[]): string {
  const end = command.findIndex((word, index) => index > 0 && word.startsWith('-'));
  const shown = command.slice(0, Math.min(end === -1 ? command.length : end, 3)).map(shellQuoted);
  return shown.length < command.length ? `${shown.join(' ')} …` : shown.join(' ');
}
