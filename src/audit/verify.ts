import { closeSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AppError } from '../domain/errors.ts';
import { withLock } from '../files/lock.ts';
import { auditPaths, listChainFiles, listStrangeFiles, readLines } from './chain-files.ts';
import { ChainWalk, type Place } from './chain-walk.ts';
import { AuditDamagedError } from './damage.ts';
import type { AuditDamageAccepted, AuditRecord, FileRecord } from './event.ts';
import { checkDirectories, fileRecord, listSetAside, openEvidence } from './evidence.ts';
import type { Anchor } from './head-line.ts';
import { parseHead, type Head } from './head.ts';
import { isAcceptable, problemText, type AuditProblem, type ProblemKind } from './problem.ts';
import type { ChainLink } from './record.ts';

/** What `verify` found. */
export interface Verification {
  /** Records that are as they were written. */
  readonly records: number;
  readonly files: readonly string[];
  /** The last of these; sequence 0 when there is none. */
  readonly last: ChainLink;
  /** What is wrong. */
  readonly problems: readonly AuditProblem[];
  /** What was wrong when somebody accepted it, and has not changed since. */
  readonly accepted: readonly AuditProblem[];
  readonly acceptances: readonly AuditDamageAccepted[];
  /** Worth knowing, and no damage. */
  readonly notes: readonly string[];
  /** The latest of the given anchors that stands in the chain; null when none was given or found. */
  readonly anchor: Anchor | null;
}

/**
 * Walks the whole chain, as far as it was when the walk began, and reports everything that is not as it was written. Null
 * when there is no audit yet.
 *
 * @param options.anchors heads that were kept elsewhere; each must be found
 */
export async function verifyAudit(
  dataDirectory: string,
  options: { readonly anchors?: readonly Anchor[] } = {},
): Promise<Verification | null> {
  const paths = auditPaths(dataDirectory);
  if (!existsSync(paths.directory)) return null;
  const snapshot = await lockedIfWritable(paths.lock, () => Promise.resolve(takeSnapshot(paths.directory)));
  return verifySnapshot(dataDirectory, snapshot, options.anchors ?? []);
}

/** The same for a caller that holds the lock. */
export function verifyUnderLock(dataDirectory: string): Verification | null {
  const { directory } = auditPaths(dataDirectory);
  return existsSync(directory) ? verifySnapshot(dataDirectory, takeSnapshot(directory), []) : null;
}

/**
 * Walks the whole chain for a caller that holds the lock.
 *
 * @throws {AuditDamagedError} with the first problem
 * @throws {AppError} `data_directory_insecure` when a file is open to others
 */
export function requireWholeUnderLock(directory: string): void {
  const problem = verifyUnderLock(dirname(directory))?.problems[0];
  if (problem === undefined) return;
  const where = join(directory, problem.file);
  if (isAcceptable(problem)) throw new AuditDamagedError(where, problemText(problem));
  const { sentence, mend } = problem;
  throw new AppError('data_directory_insecure', { what: sentence, where, ...(mend ? { mend } : {}) });
}

/** A copy on a medium that cannot be written has no writers either. */
async function lockedIfWritable<T>(lock: string, work: () => Promise<T>): Promise<T> {
  try {
    return await withLock(lock, work);
  } catch (error) {
    if (error instanceof AppError && error.code === 'file_write_failed') return work();
    throw error;
  }
}

interface Snapshot {
  readonly files: readonly { readonly file: string; readonly size: number }[];
  readonly headText: string | null;
}

/** How far the files go at this moment; what is appended later is not looked at. */
function takeSnapshot(directory: string): Snapshot {
  const sizes = listChainFiles(directory).map((file) => {
    const opened = openEvidence(directory, file, []);
    if (opened !== null) closeSync(opened.descriptor);
    return { file, size: opened?.size ?? 0 };
  });
  return { files: sizes, headText: textOf(directory, 'head.json') };
}

function textOf(directory: string, file: string): string | null {
  const opened = openEvidence(directory, file, []);
  if (opened === null) return null;
  try {
    const parts = [...readLines(opened.descriptor, 0, opened.size)].map(
      ({ bytes, ended }) => bytes.toString('latin1') + (ended ? '\n' : ''),
    );
    return parts.join('');
  } finally {
    closeSync(opened.descriptor);
  }
}

/** What is gathered on the walk. */
interface Findings {
  readonly walk: ChainWalk;
  readonly problems: AuditProblem[];
  readonly notes: string[];
  readonly setAside: Map<string, FileRecord>;
  readonly acceptances: AuditDamageAccepted[];
  readonly anchors: readonly Anchor[];
  readonly anchorsFound: Anchor[];
  readonly head: Head | null;
  headFound: boolean;
}

function verifySnapshot(dataDirectory: string, snapshot: Snapshot, anchors: readonly Anchor[]): Verification | null {
  const { directory } = auditPaths(dataDirectory);
  if (snapshot.files.length === 0 && snapshot.headText === null && anchors.length === 0) return null;
  const findings: Findings = {
    walk: new ChainWalk(),
    problems: [],
    notes: [],
    setAside: new Map(),
    acceptances: [],
    anchors,
    anchorsFound: [],
    head: snapshot.headText === null ? null : parseHead(snapshot.headText),
    headFound: false,
  };
  checkDirectories(dataDirectory, directory, findings.problems);
  for (const { file, size } of snapshot.files)
    walkFile(directory, file, size, file === snapshot.files.at(-1)?.file, findings);
  findings.problems.push(...findings.walk.problems);
  checkHead(snapshot, findings);
  checkSetAside(directory, findings);
  const current = checkAcceptedFiles(directory, findings);
  checkAnchors(findings);
  for (const file of listStrangeFiles(directory))
    findings.notes.push(`${file} is no file of the audit, and was not read`);
  const { problems, accepted } = sortOut(findings, current);
  return {
    records: findings.walk.records,
    files: snapshot.files.map(({ file }) => file),
    last: findings.walk.last,
    problems,
    accepted,
    acceptances: findings.acceptances,
    notes: findings.notes,
    anchor: findings.anchorsFound.at(-1) ?? null,
  };
}

function walkFile(directory: string, file: string, size: number, isLast: boolean, findings: Findings): void {
  const opened = openEvidence(directory, file, findings.problems);
  if (opened === null) return;
  try {
    let line = 0;
    for (const stored of readLines(opened.descriptor, 0, size)) {
      line += 1;
      const place = { file, line, end: stored.offset + stored.bytes.length + 1 };
      if (stored.ended) {
        const record = findings.walk.take(stored, place);
        if (record !== null) noteRecord(record, place, findings);
      } else if (isLast && isAfterHead(file, stored.offset, findings.head)) {
        findings.notes.push(`${file}:${line}: the last line was cut off and never acknowledged; it will be set aside`);
      } else {
        findings.walk.takeTorn(place);
      }
    }
  } finally {
    closeSync(opened.descriptor);
  }
}

/** Only what was written after the last head can have been cut off without anybody having been told that it is there. */
function isAfterHead(file: string, offset: number, head: Head | null): boolean {
  return head === null || head.file !== file || offset >= head.size;
}

function noteRecord(record: AuditRecord, place: Place, findings: Findings): void {
  const { head } = findings;
  if (record.sequence === head?.sequence && record.hash === head.hash) {
    findings.headFound ||= place.file === head.file && place.end === head.size;
  }
  for (const anchor of findings.anchors) {
    if (anchor.sequence === record.sequence && anchor.hash === record.hash) findings.anchorsFound.push(anchor);
  }
  if (record.type === 'audit_line_set_aside') findings.setAside.set(record.set_aside.file, record.set_aside);
  if (record.type === 'audit_damage_accepted') findings.acceptances.push(record);
}

function checkHead({ headText, files }: Snapshot, findings: Findings): void {
  const { head, walk } = findings;
  const note = (kind: ProblemKind, sentence: string) =>
    findings.problems.push({ kind, file: 'head.json', line: null, sentence });
  if (headText === null) {
    if (files.length > 0) note('head_missing', 'it is missing: whether the chain was shortened cannot be told');
  } else if (head === null) {
    note('head_damaged', 'it is not as it was written: whether the chain was shortened cannot be told');
  } else if (head.sequence > walk.last.sequence) {
    note(
      'chain_shortened',
      `the chain had ${head.sequence} records (the last in ${head.file}); it ends at record ${walk.last.sequence}`,
    );
  } else if (head.sequence > 0 && !findings.headFound) {
    note('head_wrong', `record ${head.sequence}, as it stands here, is not where ${head.file} should have it`);
  }
}

function checkSetAside(directory: string, findings: Findings): void {
  const known = new Set([
    ...findings.setAside.keys(),
    ...findings.acceptances.flatMap((acceptance) => acceptance.files.map(({ file }) => file)),
  ]);
  for (const kept of findings.setAside.values()) {
    const found = fileRecord(directory, kept.file);
    if (found === null) {
      findings.problems.push({ kind: 'set_aside_missing', file: kept.file, line: null, sentence: 'it is missing' });
    } else if (found.sha256 !== kept.sha256) {
      const sentence = 'it was changed after it was set aside';
      findings.problems.push({ kind: 'set_aside_changed', file: kept.file, line: null, sentence });
    }
  }
  for (const file of listSetAside(directory)) {
    if (!known.has(file))
      findings.notes.push(`${file} is mentioned by no record: Hallpass was stopped while it set it aside`);
  }
}

/** Holds every file that was accepted as damaged against what it was then. Gives what the files are now. */
function checkAcceptedFiles(directory: string, findings: Findings): ReadonlyMap<string, FileRecord | null> {
  const current = new Map<string, FileRecord | null>();
  const changed = new Map<string, AuditProblem>();
  for (const acceptance of findings.acceptances) {
    for (const then of acceptance.files) {
      if (!current.has(then.file)) current.set(then.file, fileRecord(directory, then.file));
      const now = current.get(then.file);
      const since = `since damage was accepted on ${acceptance.at}`;
      if (!now) {
        const sentence = `it went missing ${since}`;
        changed.set(then.file, { kind: 'accepted_file_missing', file: then.file, line: null, sentence });
      } else if (now.sha256 !== then.sha256) {
        const sentence = `it was changed ${since}`;
        changed.set(then.file, { kind: 'accepted_file_changed', file: then.file, line: null, sentence });
      }
    }
  }
  findings.problems.push(...changed.values());
  return current;
}

function checkAnchors({ anchors, anchorsFound, walk, problems }: Findings): void {
  for (const anchor of anchors) {
    if (anchorsFound.includes(anchor)) continue;
    const missing = anchor.sequence > walk.last.sequence;
    problems.push({
      kind: missing ? 'anchor_missing' : 'anchor_wrong',
      file: 'head that was kept',
      line: null,
      sentence: missing
        ? `there were ${anchor.sequence} records on ${anchor.at}; the chain ends at record ${walk.last.sequence}`
        : `record ${anchor.sequence} is another one than on ${anchor.at}: the chain was rewritten`,
    });
  }
}

/** Parts problems that somebody accepted, in files that are still as they were then, from all others. */
function sortOut(findings: Findings, current: ReadonlyMap<string, FileRecord | null>) {
  const isAccepted = ({ file, kind }: AuditProblem) =>
    kind !== 'insecure' &&
    findings.acceptances.some(({ files, missing }) => {
      const then = files.find((candidate) => candidate.file === file);
      return then ? current.get(file)?.sha256 === then.sha256 : missing.includes(file) && !current.get(file);
    });
  return {
    problems: findings.problems.filter((problem) => !isAccepted(problem)),
    accepted: findings.problems.filter(isAccepted),
  };
}
