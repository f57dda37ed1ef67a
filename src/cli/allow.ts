import { Command } from '@commander-js/extra-typings';
import { openAuditLog } from '../audit/log.ts';
import { AppError, SettingsError } from '../domain/errors.ts';
import { printable } from '../domain/printable.ts';
import { jsonText } from '../domain/json.ts';
import { changesSinceAllowed, describedChange, type IdentityChange } from '../settings/allowance.ts';
import type { FileIdentity, IdentityStatement } from '../settings/file-identity.ts';
import type { Settings } from '../settings/settings.ts';
import { isTemplate, uses } from '../settings/template.ts';
import { type Claim, recordAllowed, resolveClaim } from '../settings/workload.ts';
import { currentActor } from './actor.ts';
import { columns } from './columns.ts';
import { isConfirmed } from './confirm.ts';
import type { CliContext, CommandFactory } from './context.ts';
import { addWorkloadOptions } from './workload-options.ts';

const help = `
A repository does not choose its identity by itself: what hallpass.yaml says about issuer, names and ids, and where it has
Hallpass send tokens, counts once you have allowed it, and again after a change. What you give by HALLPASS_… variables
and flags are your own words.

Example:
  $ hallpass allow            shows what the file says, and asks
  $ hallpass allow --yes      for scripts that have read it`;

export const command: CommandFactory = (context) =>
  addWorkloadOptions(
    new Command('allow')
      .description('Lets the hallpass.yaml in force choose an identity; recorded in the data directory.')
      .option('-y, --yes', 'do not ask', false)
      .option('--json', 'print what was allowed as JSON', false),
  )
    .addHelpText('after', help)
    .action(async (options) => {
      const claim = await resolveClaim(context.settings, options);
      const identity = claimedIdentity(claim, context.settings);
      if (identity === null) {
        print(context, options.json, { allowed: true, directory: null, statements: [] }, nothingToAllow);
        return;
      }
      const changes = await changesSinceAllowed(context.settings, claim);
      if (changes !== 'allowed') {
        if (!options.json) context.stdout.write(description(claim, identity, changes, context.settings));
        if (!options.yes) await ask(context);
        await recordWithAudit(context, claim);
      }
      print(
        context,
        options.json,
        { allowed: true, directory: identity.directory, statements: identity.statements.map(statementRecord) },
        changes === 'allowed' ? `Already allowed for ${identity.directory}.\n` : `Allowed for ${identity.directory}.\n`,
      );
    });

const nothingToAllow =
  'Nothing to allow: variables and flags alone decide the identity, and no file takes values of yours or says where tokens go.\n';

function claimedIdentity(claim: Claim, settings: Settings): FileIdentity | null {
  if (claim.files.length > 0) return claim.claimedByFile;
  throw new SettingsError({
    what: 'there is no hallpass.yaml to allow',
    where: `${settings.workingDirectory} and the directories above it`,
    mend: 'hallpass init writes one',
  });
}

function description(
  claim: Claim,
  identity: FileIdentity,
  changes: 'never allowed' | readonly IdentityChange[],
  settings: Settings,
): string {
  const [names, references, addresses] = (['identity', 'reference', 'address'] as const).map((about) =>
    identity.statements.filter((statement) => statement.about === about),
  ) as [IdentityStatement[], IdentityStatement[], IdentityStatement[]];
  const also = names.length === 0 ? '' : 'It also ';
  return [
    claim.files.join(', '),
    ...(names.length === 0
      ? []
      : [
          `says who runs under ${identity.directory} are:`,
          '',
          ...table(names.map((statement) => [statement.field, shownValue(statement, claim, settings)])),
          '',
        ]),
    ...section(`${also}hands these values of yours to the command:`, pairs(references)),
    ...section(`${also}has tokens sent to:`, pairs(addresses)),
    ...(changes === 'never allowed'
      ? []
      : section(
          'Changed since you allowed it:',
          changes.map((change) => `  ${describedChange(change)}`),
        )),
    '',
  ]
    .map(printable)
    .join('\n');
}

function pairs(statements: readonly IdentityStatement[]): string[] {
  return table(statements.map(({ field, value }) => [field, value]));
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length > 0 ? [title, '', ...lines, ''] : [];
}

function shownValue({ field, value, file, isInForce }: IdentityStatement, claim: Claim, settings: Settings): string {
  const notes = [
    ...(file === null ? ['since no file names one'] : []),
    ...(field === 'workspace' && isTemplate(value) && isInForce ? [`here: ${claim.workspace ?? ''}`] : []),
    ...(uses(value, 'dir') ? [`allowed in ${settings.workingDirectory} only`] : []),
    ...(isInForce ? [] : ['not in force now: a variable or flag says otherwise']),
  ];
  return notes.length > 0 ? `${value}  (${notes.join('; ')})` : value;
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  return columns(rows).map((line) => `  ${line}`);
}

async function ask(context: CliContext): Promise<void> {
  const nobodyThere = new AppError('identity_not_allowed', {
    what: 'this must be allowed by a person, and nobody is at a terminal',
    mend: 'read the hallpass.yaml, then run "hallpass allow --yes"',
  });
  if (await isConfirmed(context, 'Let it choose this identity?', nobodyThere)) return;
  throw new AppError('identity_not_allowed', { what: 'not allowed; nothing was recorded' });
}

async function recordWithAudit(context: CliContext, claim: Claim): Promise<void> {
  const { dataDirectory } = context.settings;
  const audit = await openAuditLog({ dataDirectory, now: context.now });
  try {
    await recordAllowed(context.settings, claim, audit, { actor: currentActor(context.settings), at: context.now() });
  } finally {
    await audit.close();
  }
}

function statementRecord({ field, value, file, isInForce }: IdentityStatement) {
  return { field, value, file, in_force: isInForce };
}

function print(context: CliContext, json: boolean, record: object, text: string): void {
  context.stdout.write(json ? jsonText(record) : text);
}
