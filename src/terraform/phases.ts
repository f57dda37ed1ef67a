import { UsageError } from '../domain/errors.ts';
import { nearest } from '../domain/nearest.ts';
import type { Phase } from '../domain/workload.ts';
import { readTerraformCommand, shownCommand, type TerraformCommand } from './command.ts';

interface PhaseRow {
  readonly subcommand: string;
  readonly phase: Phase;
  /** The row holds only when this argument is given; such rows stand before the plain one. */
  readonly when?: string;
}

const rows = (phase: Phase, ...subcommands: readonly string[]): readonly PhaseRow[] =>
  subcommands.map((subcommand) => ({ subcommand, phase }));

/**
 * Which identity a subcommand needs: `plan` reads, `apply` writes. Subcommands that touch neither platform nor state
 * (`fmt`, `version`) are plan too, since that is the smaller right. `workspace select` only notes a choice in this
 * directory; with `-or-create` it makes a state. `test` is missing on purpose: it creates and destroys real things.
 */
export const phaseTable: readonly PhaseRow[] = [
  // A migration writes the state to its new place.
  { subcommand: 'init', when: '-migrate-state', phase: 'apply' },
  { subcommand: 'init', when: '-force-copy', phase: 'apply' },
  { subcommand: 'workspace select', when: '-or-create', phase: 'apply' },
  { subcommand: 'env select', when: '-or-create', phase: 'apply' },
  ...rows('plan', 'plan', 'init', 'validate', 'show', 'output', 'console', 'graph', 'get', 'query'),
  ...rows('plan', 'providers', 'providers lock', 'providers mirror', 'providers schema'),
  ...rows('plan', 'fmt', 'version', 'metadata', 'metadata functions', 'modules', 'login', 'logout'),
  ...rows('plan', 'state', 'state list', 'state show', 'state pull'),
  ...rows('plan', 'workspace', 'workspace list', 'workspace show', 'workspace select'),
  ...rows('plan', 'env', 'env list', 'env select'),
  ...rows('apply', 'apply', 'destroy', 'import', 'taint', 'untaint', 'refresh', 'force-unlock'),
  ...rows('apply', 'state mv', 'state rm', 'state push', 'state replace-provider'),
  ...rows('apply', 'workspace new', 'workspace delete', 'env new', 'env delete'),
];

/**
 * Tells the phase of a command line from {@link phaseTable}.
 *
 * @throws {UsageError} when it cannot be told: another program, or a subcommand that is not in the table. The error
 *   carries the command line with `--phase`
 */
export function phaseOfCommand(command: readonly string[]): Phase {
  const terraform = readTerraformCommand(command);
  if (terraform === null)
    throw unknownPhase(command, `the phase of ${quotedCommand(command)} cannot be told from its name`);
  const phase = phaseOfTerraform(terraform);
  if (phase !== null) return phase;
  if (terraform.subcommand === 'test') {
    throw unknownPhase(command, '"terraform test" creates and destroys real resources, so its phase must be said');
  }
  const close = nearest(terraform.subcommand, [...new Set(phaseTable.map((row) => row.subcommand))]);
  const hint = close === undefined ? '' : ` (did you mean "${close}"?)`;
  throw unknownPhase(command, `the phase of ${quotedCommand(command)} is not known${hint}`);
}

/** The phase of a Terraform subcommand, or null when the table does not hold it. */
export function phaseOfTerraform(command: TerraformCommand): Phase | null {
  if (command.asksForHelp || command.subcommand === '') return 'plan';
  const row = phaseTable.find(
    ({ subcommand, when }) =>
      subcommand === command.subcommand && (when === undefined || command.args.some((word) => isSwitch(word, when))),
  );
  return row?.phase ?? null;
}

/** `-or-create`, `--or-create` and `-or-create=true` are one switch to Go's flag package. */
function isSwitch(word: string, name: string): boolean {
  return word.replace(/^--/, '-').replace(/=(?:true|1|t|T|TRUE|True)$/, '') === name;
}

function quotedCommand(command: readonly string[]): string {
  return `"${shownCommand(command)}"`;
}

function unknownPhase(command: readonly string[], what: string): UsageError {
  return new UsageError({
    what,
    where: 'hallpass exec',
    mend: `say which identity it gets, plan (reads) or apply (writes): hallpass exec --phase plan -- ${shownCommand(command)}`,
  });
}
