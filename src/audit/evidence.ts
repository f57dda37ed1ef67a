import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../domain/errors.ts';
import { errnoOf } from '../files/file-failure.ts';
import { requirePrivateDirectory, requirePrivateFile } from '../files/private-file.ts';
import { auditFile } from './chain-files.ts';
import type { FileRecord } from './event.ts';
import type { AuditProblem } from './problem.ts';

/**
 * Opens a file to look at it, whatever is wrong with its owner or mode; that becomes a problem instead of an error. Null
 * when it cannot be opened at all.
 */
export function openEvidence(
  directory: string,
  file: string,
  problems: AuditProblem[],
): { readonly descriptor: number; readonly size: number } | null {
  const path = join(directory, file);
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') {
      problems.push({ kind: 'insecure', file, line: null, sentence: `it cannot be opened (${errnoOf(error)})` });
    }
    return null;
  }
  const stats = fstatSync(descriptor);
  noteInsecurity(problems, file, () => requirePrivateFile(stats, path, auditFile));
  if (stats.isFile()) return { descriptor, size: stats.size };
  closeSync(descriptor);
  return null;
}

/** Notes what is wrong with owner and mode of the directories that hold the audit. */
export function checkDirectories(dataDirectory: string, directory: string, problems: AuditProblem[]): void {
  for (const [path, name] of [
    [dataDirectory, 'the data directory'],
    [directory, 'the audit directory'],
  ] as const) {
    noteInsecurity(problems, path, () => requirePrivateDirectory(lstatSync(path), path, name));
  }
}

function noteInsecurity(problems: AuditProblem[], file: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { what, mend } = error.problem;
    problems.push({ kind: 'insecure', file, line: null, sentence: what, ...(mend === undefined ? {} : { mend }) });
  }
}

/** Size and SHA-256 of a file as it is now; null when it is not there. */
export function fileRecord(directory: string, file: string): FileRecord | null {
  const opened = openEvidence(directory, file, []);
  if (opened === null) return null;
  try {
    const digest = createHash('sha256');
    const chunk = Buffer.allocUnsafe(1024 * 1024);
    let size = 0;
    for (let count = -1; count !== 0; size += count) {
      count = readSync(opened.descriptor, chunk, 0, chunk.length, size);
      digest.update(chunk.subarray(0, count));
    }
    return { file, size, sha256: digest.digest('hex') };
  } finally {
    closeSync(opened.descriptor);
  }
}

/** What lies in `set-aside/`, relative to the audit directory. Leftovers of a killed write do not count. */
export function listSetAside(directory: string): string[] {
  try {
    return readdirSync(join(directory, 'set-aside'))
      .filter((name) => !name.startsWith('.'))
      .map((name) => `set-aside/${name}`)
      .sort();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}
