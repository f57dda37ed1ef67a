import { join } from 'node:path';
import { AppError } from '../domain/errors.ts';
import { randomId } from '../domain/ids.ts';
import type { Actor } from '../domain/lease.ts';
import { withLock } from '../files/lock.ts';
import { createPrivateFile, openPrivateDirectory, writePrivateFile } from '../files/private-file.ts';
import { auditPaths, fileAfterDamage, listChainFiles } from './chain-files.ts';
import type { AuditRecord, FileRecord, NewAuditEvent } from './event.ts';
import { fileRecord, listSetAside } from './evidence.ts';
import { parseHead, readHeadText, renderHead } from './head.ts';
import { isAcceptable, problemText } from './problem.ts';
import { seal } from './record.ts';
import { keepAside } from './set-aside.ts';
import { verifyUnderLock, type Verification } from './verify.ts';

/** Problems told in the record itself; all are counted, and all files are pinned by their SHA-256. */
const toldProblems = 20;

/** A head that claims more records than this beyond the last one is damaged itself. */
const mostLost = 1e9;

/**
 * Accepts the damage that there is: a new file begins with a record that pins every file as it is now, and the chain goes on
 * from there. No file of the audit is changed but `head.json`, of which a copy is set aside.
 *
 * @returns the record, or null when there is no damage
 * @throws {AppError} `data_directory_insecure` when a file is open to others: that is mended, not accepted
 */
export async function acceptDamage(options: {
  readonly dataDirectory: string;
  readonly actor: Actor;
  readonly now: () => Date;
}): Promise<AuditRecord | null> {
  const { directory, lock } = auditPaths(options.dataDirectory);
  await openPrivateDirectory(options.dataDirectory, 'the data directory');
  await openPrivateDirectory(directory, 'the audit directory');
  return withLock(lock, async () => {
    const found = verifyUnderLock(options.dataDirectory);
    if (found === null || found.problems.length === 0) return null;
    const inTheWay = found.problems.find((problem) => !isAcceptable(problem));
    if (inTheWay) {
      const { sentence, mend } = inTheWay;
      throw new AppError('data_directory_insecure', {
        what: sentence,
        where: inTheWay.file,
        ...(mend ? { mend } : {}),
      });
    }
    return goOn(directory, found, options.actor, options.now());
  });
}

async function goOn(directory: string, found: Verification, actor: Actor, now: Date): Promise<AuditRecord> {
  const headText = readHeadText(join(directory, 'head.json'));
  if (headText !== null) await keepAside(directory, 'head.json', Buffer.from(headText, 'latin1'));
  const head = headText === null ? null : parseHead(headText);
  const lost = (head?.sequence ?? 0) - found.last.sequence;
  const sequence = found.last.sequence + (lost > 0 && lost < mostLost ? lost : 0);
  const stamp = { id: randomId('evt'), at: now.toISOString() };
  const { record, line } = seal(acceptance(directory, found, actor), { ...found.last, sequence }, stamp);
  const file = fileAfterDamage(now, listChainFiles(directory).at(-1) ?? null);
  await createPrivateFile(join(directory, file), [line]);
  const end = { sequence: record.sequence, hash: record.hash, file, size: Buffer.byteLength(line) };
  await writePrivateFile(join(directory, 'head.json'), renderHead(end));
  return record;
}

function acceptance(directory: string, found: Verification, actor: Actor): NewAuditEvent {
  const files = [...listChainFiles(directory), ...listSetAside(directory)]
    .map((file) => fileRecord(directory, file))
    .filter((record): record is FileRecord => record !== null);
  const there = new Set(files.map(({ file }) => file));
  return {
    type: 'audit_damage_accepted',
    outcome: 'ok',
    known_by: 'issuer',
    actor,
    workload: null,
    lease: null,
    problem_count: found.problems.length,
    problems: found.problems.slice(0, toldProblems).map(problemText),
    files,
    missing: [...new Set(found.problems.map(({ file }) => file))].filter(
      (file) => file !== 'head.json' && !there.has(file),
    ),
  };
}
