import { readFile } from 'node:fs/promises';
import { Command } from '@commander-js/extra-typings';
import { acceptDamage } from '../audit/accept-damage.ts';
import type { AuditRecord } from '../audit/event.ts';
import { findHeadLines, renderHeadLine, type Anchor } from '../audit/head-line.ts';
import { openAuditLog } from '../audit/log.ts';
import { dayOf, timeOf, zoneName, type Zone } from '../audit/moment.ts';
import { isAcceptable, problemText } from '../audit/problem.ts';
import { hasAudit, readRecords, type StoredLine } from '../audit/read.ts';
import { sentenceOf } from '../audit/sentence.ts';
import { runsMeant, traceRun } from '../audit/trace.ts';
import { verifyAudit, type Verification } from '../audit/verify.ts';
import { AppError, UsageError } from '../domain/errors.ts';
import { createPrivateFile } from '../files/private-file.ts';
import { currentActor } from './actor.ts';
import { inChunks, wantedLines, writeLines, type ReadableLine } from './audit/lines.ts';
import { addFilterOptions, filterFrom, zoneFrom } from './audit/options.ts';
import { traceText } from './audit/trace-report.ts';
import { acceptanceText, verificationJson, verificationText } from './audit/verify-report.ts';
import { isConfirmed } from './confirm.ts';
import type { CliContext, CommandFactory } from './context.ts';

const help = `
Without a subcommand it lists; "hallpass audit list --help" shows the filters.

Examples:
  $ hallpass audit --since 2h --workspace 'payments-*'      what happened lately
  $ hallpass audit --outcome refused                        what was refused
  $ hallpass audit trace run-8KxZk5uNq8xTg2sV               one run from start to end
  $ hallpass audit head >> somewhere-else.txt               a line that proves later that nothing was rewritten
  $ hallpass audit verify --head somewhere-else.txt`;

export const command: CommandFactory = (context) =>
  new Command('audit')
    .description('Tells what was minted, for whom, and what became of it.')
    .addHelpText('after', help)
    .addCommand(listCommand(context), { isDefault: true })
    .addCommand(verifyCommand(context))
    .addCommand(headCommand(context))
    .addCommand(traceCommand(context))
    .addCommand(exportCommand(context));

function listCommand(context: CliContext) {
  return addFilterOptions(new Command('list').description('Lists events as sentences, newest last.'))
    .option('--json', 'print each event on a line, exactly as it is stored', false)
    .addHelpText('after', "\nExample:\n  $ hallpass audit list --since 7d --phase apply --role '*/payments-apply'")
    .action(async (options) => {
      const { dataDirectory } = context.settings;
      if (!hasAudit(dataDirectory)) return nothingYet(context, options.json);
      const broken = unreadableLines(context);
      const lines = wantedLines(dataDirectory, filterFrom(options, context.now()), options.limit, broken.note);
      await writeLines(
        context.stdout,
        options.json ? storedTexts(lines) : sentences(lines, zoneFrom(options), context),
      );
      broken.report();
    });
}

function* storedTexts(lines: Iterable<ReadableLine>): Generator<string, void> {
  for (const { text } of lines) yield text;
}

/** A line an event, and a line for the date when the day changes. */
function* sentences(lines: Iterable<ReadableLine>, zone: Zone, context: CliContext): Generator<string, void> {
  let day = '';
  for (const { record } of lines) {
    const at = new Date(record.at);
    const date = `${dayOf(at, zone)} (${zoneName(at, zone)})`;
    if (date !== day) yield context.color ? `\u001B[1m${date}\u001B[0m` : date;
    day = date;
    const sentence = `${timeOf(at, zone)} ${sentenceOf(record, zone)}`;
    yield context.color && record.outcome !== 'ok' ? `\u001B[31m${sentence}\u001B[0m` : sentence;
  }
}

/** Lines that are no records are told, not hidden: one warning for all, and exit code 1. */
function unreadableLines(context: CliContext) {
  const found: string[] = [];
  return {
    note: (line: StoredLine) => void found.push(`${line.file}:${line.line}`),
    report: () => {
      if (found.length === 0) return;
      const places = `${found.slice(0, 3).join(', ')}${found.length > 3 ? ', …' : ''}`;
      const lines = found.length === 1 ? '1 audit line' : `${found.length} audit lines`;
      context.stderr.write(`warning: ${lines} cannot be read (${places})\n`);
      context.stderr.write('  hint:  hallpass audit verify\n');
      context.exit(1);
    },
  };
}

function nothingYet(context: CliContext, json: boolean): void {
  // For a program, no lines say the same.
  (json ? context.stderr : context.stdout).write(`nothing audited yet in ${context.settings.dataDirectory}\n`);
}

function verifyCommand(context: CliContext) {
  return new Command('verify')
    .description('Checks every record and the whole chain; exit code 1 when anything is not as it was written.')
    .option('--head <LINE>', 'what "hallpass audit head" printed earlier, or a file with such lines')
    .option('--accept-damage', 'go on in a new file, with a record of what is damaged; nothing is overwritten', false)
    .option('-y, --yes', 'do not ask', false)
    .option('--json', 'print the result as JSON', false)
    .addHelpText('after', '\nExample:\n  $ hallpass audit verify --head kept-elsewhere.txt')
    .action(async (options) => {
      const { dataDirectory } = context.settings;
      const anchors = options.head === undefined ? [] : await readAnchors(options.head);
      const found = await verifyAudit(dataDirectory, { anchors });
      if (found === null) return nothingYet(context, options.json);
      if (!options.json) context.stdout.write(verificationText(found));
      const acceptance = options.acceptDamage ? await accept(context, found, options.yes) : null;
      if (options.json) context.stdout.write(`${JSON.stringify(verificationJson(found, acceptance))}\n`);
      else if (acceptance) context.stdout.write(acceptanceText(acceptance));
      if (!found.problems.every((problem) => acceptance !== null && isAcceptable(problem))) context.exit(1);
    });
}

async function readAnchors(given: string): Promise<Anchor[]> {
  const inText = findHeadLines(given);
  const anchors = inText.length > 0 ? inText : findHeadLines(await readFile(given, 'utf8').catch(() => ''));
  if (anchors.length > 0) return anchors;
  throw new UsageError({
    what: `--head is neither a line of "hallpass audit head" nor a file that holds one`,
    where: '--head',
    mend: 'give the whole line in quotes, or the path of the file where you keep it',
  });
}

/** Accepts what can be accepted; null when there is nothing of that kind. */
async function accept(context: CliContext, found: Verification, withoutAsking: boolean): Promise<AuditRecord | null> {
  if (!found.problems.some(isAcceptable)) return null;
  if (!withoutAsking) await confirmDamage(context, found);
  const { dataDirectory } = context.settings;
  return acceptDamage({ dataDirectory, actor: currentActor(context.settings), now: context.now });
}

async function confirmDamage(context: CliContext, found: Verification): Promise<void> {
  const refusal = new AppError('audit_damaged', {
    what: `the damage was not accepted (${problemText(found.problems[0]!)})`,
    mend: 'hallpass audit verify --accept-damage --yes',
  });
  if (!(await isConfirmed(context, 'Accept the audit as it is, and go on in a new file?', refusal))) throw refusal;
}

function headCommand(context: CliContext) {
  return new Command('head')
    .description('Prints one line (sequence, hash, time of the last record) to keep where nobody here can change it.')
    .option('--json', 'print it as JSON', false)
    .addHelpText('after', '\nExample:\n  $ hallpass audit head | mail -s "audit head" auditor@example.com')
    .action(async (options) => {
      const { dataDirectory } = context.settings;
      if (!hasAudit(dataDirectory)) return nothingYet(context, true);
      await using log = await openAuditLog({ dataDirectory, now: context.now });
      const { sequence, hash, at } = log.head();
      context.stdout.write(
        options.json ? `${JSON.stringify({ sequence, hash, at })}\n` : `${renderHeadLine({ sequence, hash, at })}\n`,
      );
    });
}

function traceCommand(context: CliContext) {
  return new Command('trace')
    .description('Tells the story of one run, from its id (or how it begins) or the jti of one of its tokens.')
    .argument('<jti-or-run>', 'such as run-8KxZk5uNq8xTg2sV')
    .option('--utc', 'show times in UTC, not in the zone of this machine', false)
    .option('--json', 'print it as JSON', false)
    .addHelpText('after', '\nExample:\n  $ hallpass audit trace run-8KxZ')
    .action((text, options) => {
      const { dataDirectory } = context.settings;
      const run = oneRun(runsMeant(readRecords(dataDirectory), text), text);
      const trace = traceRun(readRecords(dataDirectory), run);
      context.stdout.write(
        options.json
          ? `${JSON.stringify({ run_id: trace.runId, events: trace.records, lookups: trace.lookups })}\n`
          : traceText(trace, zoneFrom(options)),
      );
    });
}

function oneRun(runs: ReadonlySet<string>, text: string): string {
  const [run, ...others] = runs;
  if (run !== undefined && others.length === 0) return run;
  if (run === undefined) {
    throw new AppError('audit_nothing_found', {
      what: `the audit knows no run and no token ${JSON.stringify(text)}`,
      mend: '"hallpass audit" lists what it knows; a run may be given by its first 8 characters or more',
    });
  }
  throw new UsageError({
    what: `${JSON.stringify(text)} may be any of ${runs.size} runs`,
    where: [...runs].slice(0, 5).join(', '),
    mend: 'give more of it',
  });
}

function exportCommand(context: CliContext) {
  return addFilterOptions(new Command('export').description('Writes events as JSON Lines, exactly as they are stored.'))
    .option('-o, --output <FILE>', 'a new file that only you can read; standard output when left out')
    .addHelpText(
      'after',
      '\nExample:\n  $ hallpass audit export --since 2026-05-01 --until 2026-05-31 --output may.jsonl',
    )
    .action(async (options) => {
      const broken = unreadableLines(context);
      const { dataDirectory } = context.settings;
      const lines = wantedLines(dataDirectory, filterFrom(options, context.now()), options.limit, broken.note);
      if (options.output === undefined) await writeLines(context.stdout, storedTexts(lines));
      else await createPrivateFile(options.output, inChunks(storedTexts(lines)));
      broken.report();
    });
}
