import type { AuditRecord } from '../../audit/event.ts';
import { isAcceptable, problemText, type AuditProblem } from '../../audit/problem.ts';
import type { Verification } from '../../audit/verify.ts';
import { counted } from '../../domain/counted.ts';

/** What `verify` found, as text. Pure. */
export function verificationText(found: Verification): string {
  return [
    ...found.problems.flatMap((problem) => [
      `damaged: ${problemText(problem)}`,
      ...(problem.mend === undefined ? [] : [`  hint:  ${problem.mend}`]),
    ]),
    ...found.acceptances.map(
      (acceptance) =>
        `accepted on ${acceptance.at} by ${acceptance.actor?.name ?? 'nobody named'}: ` +
        `${counted(acceptance.problem_count, 'problem')}, since record ${acceptance.sequence} as it is now`,
    ),
    ...found.accepted.map((problem) => `  accepted: ${problemText(problem)}`),
    ...found.notes.map((note) => `note: ${note}`),
    summary(found),
    ...advice(found.problems),
    anchoring(found),
    '',
  ].join('\n');
}

function summary({ records, files, problems, last }: Verification): string {
  const walked = `${counted(records, 'record')} in ${counted(files.length, 'file')}`;
  if (problems.length > 0) return `${walked}: ${counted(problems.length, 'problem')}`;
  return records === 0 ? walked : `${walked}, unbroken up to record ${last.sequence} of ${last.at}`;
}

function advice(problems: readonly AuditProblem[]): string[] {
  if (!problems.some(isAcceptable)) return [];
  return [
    'Nothing was changed. Keep a copy of the audit directory, and find out who could write to it.',
    'To go on in a new file, with a record of this: hallpass audit verify --accept-damage',
  ];
}

function anchoring({ anchor, last }: Verification): string {
  if (anchor === null) {
    return 'tail not anchored: who owns the files could have rewritten them; keep what "hallpass audit head" prints elsewhere, and check with --head';
  }
  const after = last.sequence - anchor.sequence;
  const rest = after === 0 ? '' : `; ${counted(after, 'record')} after it not anchored`;
  return `anchored at record ${anchor.sequence} of ${anchor.at}${rest}`;
}

/** What was done about the damage. */
export function acceptanceText({ sequence }: AuditRecord): string {
  return `accepted: the chain goes on with record ${sequence}, in a new file\n`;
}

/** The same for programs; `acceptance` is the record of damage that was accepted just now. */
export function verificationJson(found: Verification, acceptance: AuditRecord | null): object {
  return {
    ok: found.problems.length === 0,
    records: found.records,
    files: found.files,
    last: found.last.sequence === 0 ? null : found.last,
    anchored: found.anchor,
    problems: found.problems,
    accepted: found.accepted,
    notes: found.notes,
    acceptance,
  };
}
